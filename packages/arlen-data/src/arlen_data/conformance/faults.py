"""Faults: what the class of an adapter under test gives the suite to break its server with."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Faults"]


class Faults(Protocol):
    """Breaks the server that `adapter`, and what `adapter.again()` makes, are connected to.

    The fixture `engine` yields one. Only who claims `pool` needs it. The checks put right what they broke, but a
    check that fails does not: a fixture that shares its server with other tests starts it again.
    """

    async def terminate(self) -> None:
        """End every connection to this database but one's own, idle or busy, as an operator would."""

    async def stop(self) -> None:
        """Make the server unreachable: connections break, and new ones are refused at once."""

    async def start(self) -> None:
        """Make it reachable again; returns when it accepts connections."""
