"""Promises: what a contract test says about itself, and the adapters that break it on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Any, TypeVar, overload

from msgspec import Struct

from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["Promise", "Saboteur", "claimed", "promise", "promised"]

Test = TypeVar("Test", bound=Callable[..., Any])


class Promise(Struct, frozen=True):
    """What one contract test proves.

    Attributes:
        name: of the test.
        text: the promise, one sentence; the test's docstring.
        since: the version of the contract that brought it.
        needs: capabilities without which it does not apply.
        unless: capabilities with which it does not apply.
        heavy: saboteurs of other promises do not meet it.
    """

    name: str
    text: str
    since: int = 1
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    heavy: bool = False

    def waived(self, version: int, capabilities: frozenset[str]) -> str:
        """Return why an adapter with these claims need not keep it; empty when it must.

        >>> Promise("test_a", "It stands.", since=2).waived(1, frozenset())
        'is newer than version 1'
        """
        if self.since > version:
            return f"is newer than version {version}"
        if lacking := [name for name in self.needs if name not in capabilities]:
            return f"does not claim {' and '.join(lacking)}"
        if present := [name for name in self.unless if name in capabilities]:
            return f"claims {' and '.join(present)}"
        return ""


class Saboteur(Struct, frozen=True):
    """A broken adapter: its name, the test that must catch it, and what makes it out of a good one."""

    name: str
    test: str
    breaks: Callable[[Any], Any]


@overload
def promise(test: Test, /) -> Test: ...


@overload
def promise(
    *, since: int = 1, needs: Iterable[str] = (), unless: Iterable[str] = (), heavy: bool = False
) -> Callable[[Test], Test]: ...


def promise(
    test: Callable[..., Any] | None = None,
    /,
    *,
    since: int = 1,
    needs: Iterable[str] = (),
    unless: Iterable[str] = (),
    heavy: bool = False,
) -> Callable[..., Any]:
    """Mark a method of a contract as a contract test; bare, or with arguments.

    Args:
        test: the method; its name begins with `test_`, its docstring is the promise.
        since: the version of the contract that brings it; adapters that claim an older one need not keep it.
        needs: capabilities that an adapter must claim for it to apply.
        unless: capabilities that an adapter must not claim for it to apply: for tests of the right refusal.
        heavy: it takes long, so that only its own saboteurs meet it: that no other one fails it is not proven then.

    >>> @promise(since=2, needs=("reset",))
    ... def test_reset_begins_at_zero(self, adapter):
    ...     "After a reset the value is zero."
    >>> promised(test_reset_begins_at_zero).text
    'After a reset the value is zero.'
    """

    def mark(function: Test) -> Test:
        made = Promise(function.__name__, _sentence(function), since, _names(needs), _names(unless), heavy)
        function.__promise__ = made  # type: ignore[attr-defined]
        return function

    return mark if test is None else mark(test)


def promised(function: object) -> Promise | None:
    """Return the promise of a function, or None when it makes none."""
    found = getattr(function, "__promise__", None)
    return found if isinstance(found, Promise) else None


def claimed(capabilities: object) -> frozenset[str]:
    """Return the names of the capabilities that an adapter claims.

    Args:
        capabilities: names; or a mapping, or an object, whose names with the value `True` count.

    >>> class Flags:
    ...     reset = True
    ...     negative = False
    ...     limit = 10
    >>> sorted(claimed(Flags())), sorted(claimed(["reset"]))
    (['reset'], ['reset'])
    """
    if isinstance(capabilities, str | Iterator):
        reason = f"capabilities is a {type(capabilities).__name__}, and neither a set of names nor an object"
        raise ContractError(Refusal("capabilities_invalid", reason, "write capabilities = {...}"))
    if isinstance(capabilities, Mapping):
        return frozenset(name for name, value in capabilities.items() if value is True)
    if isinstance(capabilities, Iterable):
        return frozenset(capabilities)
    names = (name for name in dir(capabilities) if not name.startswith("_"))
    return frozenset(name for name in names if getattr(capabilities, name) is True)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _sentence(function: Callable[..., Any]) -> str:
    return " ".join((getdoc(function) or "").partition("\n\n")[0].split())
