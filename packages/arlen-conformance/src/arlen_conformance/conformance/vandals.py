"""Vandals: plugins that keep the contract of plugins but for one promise each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from arlen_conformance.conformance.catches import Catches
from arlen_conformance.conformance.couriers import Courier, Rounds
from arlen_core import App
from arlen_core.errors import StartupError
from arlen_core.requests import Request
from arlen_core.responses import Response, text

__all__ = ["SABOTEURS"]

SABOTEURS = Catches()
Kind = TypeVar("Kind", bound=type[Courier])


def _by(test: str) -> Callable[[Kind], Kind]:
    """Decorate a class of plugins that stands in the place of the good one."""

    def add(kind: Kind) -> Kind:
        def breaks(_: Any) -> Kind:
            return kind

        breaks.__name__ = kind.__name__
        SABOTEURS.by(test)(breaks)
        return kind

    return add


@_by("test_it_says_what_it_is")
class _Nameless(Courier):
    """Has no version."""

    version = ""


@_by("test_it_is_for_this_core")
class _Boundless(Courier):
    """Is for every core that there will ever be."""

    arlen_api = ">=1"


@_by("test_importing_it_does_nothing")
class _Talkative(Courier):
    """Stands in a module that says something when it is imported."""


_Talkative.__module__ = "this"


@_by("test_registering_starts_nothing")
class _Early(Courier):
    """Opens something when it registers."""

    def register(self, app: App) -> None:
        super().register(app)
        self.early = self.opened()

    async def stop(self, app: App) -> None:
        await super().stop(app)
        if self.early:
            os.close(self.early)
        self.early = 0


@_by("test_used_twice_it_counts_once")
class _Unique(Courier):
    """Is never like another one."""

    def __init__(self) -> None:
        self.token = object()


@_by("test_two_applications_are_independent")
class _Jealous(Courier):
    """Knows one application at a time."""

    owners: ClassVar[list[App]] = []

    async def start(self, app: App) -> None:
        await super().start(app)
        self.owners.append(app)

    async def stop(self, app: App) -> None:
        await super().stop(app)
        self.owners.remove(app)

    async def check(self) -> None:
        """Find out whether the application is there."""

    def register(self, app: App) -> None:
        if self.owners:
            app.helper("courier_every", self.often)
        else:
            super().register(app)


@_by("test_two_applications_are_independent")
class _Shared(Courier):
    """Has one state for all applications, which the first one to stop takes away."""

    stopped: ClassVar[bool] = False

    async def start(self, app: App) -> None:
        await super().start(app)
        type(self).stopped = False

    async def stop(self, app: App) -> None:
        await super().stop(app)
        type(self).stopped = True

    async def check(self) -> None:
        if self.stopped:
            raise OSError("closed")


@_by("test_what_it_brings_carries_its_name")
class _Common(Courier):
    """Takes a helper's name that others may want."""

    def register(self, app: App) -> None:
        super().register(app)
        app.helper("every", self.often)


@_by("test_what_it_brings_carries_its_name")
class _Basic(Courier):
    """Is everybody's text."""

    def register(self, app: App) -> None:
        super().register(app)
        app.provide(lambda: "parcel", type=str)


@_by("test_its_paths_begin_with_its_name")
class _Sprawling(Courier):
    """Answers below a path that others may want."""

    def register(self, app: App) -> None:
        super().register(app)
        app.route("/parcels")(self.parcels)


@_by("test_reserved_paths_are_left_alone")
class _Presumptuous(Courier):
    """Answers one of the platform's own paths."""

    def register(self, app: App) -> None:
        super().register(app)
        app.reserve("/openapi.json", self.document)

    async def document(self, request: Request) -> Response:
        """Answer."""
        return text("{}")


@_by("test_reserved_paths_are_left_alone")
class _Optimist(_Presumptuous):
    """Knows better than the platform whether all is well."""

    def register(self, app: App) -> None:
        Courier.register(self, app)
        app.reserve("/healthz", self.document)


@_by("test_other_requests_pass")
class _Greedy(Courier):
    """Answers what is not its own."""

    def register(self, app: App) -> None:
        super().register(app)
        app.hook("before_request")(self.answer)

    def answer(self, request: Request) -> Response:
        """Answer anything."""
        return text("a parcel for you")


class _Mute(Rounds):
    help = ""


@_by("test_the_doctor_finds_nothing")
class _Unhelpful(Courier):
    """Has a command without a help."""

    def register(self, app: App) -> None:
        super().register(app)
        app.commands[-1:] = [_Mute()]


@_by("test_it_starts_and_stops_again")
class _Weary(Courier):
    """Works once."""

    starts = 0

    async def start(self, app: App) -> None:
        await super().start(app)
        self.starts += 1

    async def check(self) -> None:
        if self.starts > 1:
            raise OSError("closed")


@_by("test_it_leaves_nothing")
class _Leaky(Courier):
    """Forgets a descriptor when it has been restarted."""

    starts = 0

    async def start(self, app: App) -> None:
        await super().start(app)
        self.starts += 1
        if self.starts == 3:
            self.opened()


@_by("test_a_failed_start_leaves_nothing")
class _Trusting(Courier):
    """Cleans up after a complete start only."""

    complete = False

    def register(self, app: App) -> None:
        super().register(app)
        app.hook("did_start")(self.note)

    def note(self, app: App) -> None:
        """Note that all has started."""
        self.complete = True

    async def stop(self, app: App) -> None:
        if self.complete:
            await super().stop(app)
        else:
            self.task.cancel()


@_by("test_it_waits_for_no_clock")
class _Sleepy(Courier):
    """Stops a while after it was told to."""

    async def stop(self, app: App) -> None:
        await app.clock.sleep(0.001)
        await super().stop(app)


@_by("test_it_works_without_configuration")
class _Demanding(Courier):
    """Is not ready in production before somebody has configured it."""

    production = False

    async def start(self, app: App) -> None:
        await super().start(app)
        self.production = app.env == "production"

    async def check(self) -> None:
        if self.production and self.config.every == 60:
            raise OSError("say how often")


@_by("test_it_works_in_every_environment")
class _Official(Courier):
    """Works in production and in tests."""

    def register(self, app: App) -> None:
        if app.env == "development":
            raise StartupError("not here")
        super().register(app)


@_by("test_an_unknown_key_is_refused")
class _Lax(Courier):
    """Takes any configuration, and tells the application to do the same."""

    settings: ClassVar[Any] = None

    def register(self, app: App) -> None:
        self.config = Courier.settings()
        super().register(app)
        vars(app.config)["check"] = _nothing


def _nothing(*_: Any) -> None:
    """Do nothing."""
