"""Plugged: the plugins of one application, in the order that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from arlen_core.contributions import aside, collected, fresh
from arlen_core.enabling import found
from arlen_core.errors import StartupError
from arlen_core.lifecycle import Unit
from arlen_core.manifests import absent, faults, node
from arlen_core.ordering import ordered
from arlen_core.plugins import Plugged, Plugin

if TYPE_CHECKING:
    from arlen_core.app import App
    from arlen_core.plugins import PluginSettings

__all__ = ["Plugins"]


class Plugins:
    """The plugins of one application, `app.plugins`; iterating gives the objects, in their order when they have one.

    Args:
        app: whose.
        settings: the section `[plugins]`.
    """

    def __init__(self, app: App, settings: PluginSettings) -> None:
        self._app, self.settings = app, settings
        self._known: dict[str, Plugged] = {}
        self._loaded: set[str] = set()
        self._settling = self._settled = False
        self._seen = 0

    def __iter__(self) -> Iterator[Any]:
        """Yield the plugins."""
        return (each.plugin for each in self.known())

    def known(self) -> list[Plugged]:
        """Return the plugins in the order in which they register and start; as they came when there is none."""
        try:
            return self.order()
        except StartupError:
            return [*self._known.values()]

    def order(self) -> list[Plugged]:
        """Return the plugins in the order in which they register and start; `StartupError` when there is none."""
        return [self._known[name] for name in ordered(node(each.plugin, each.name) for each in self._known.values())]

    def get(self, name: str) -> Any:
        """Return the plugin of that name, or `None` when it is not in use."""
        known = self._known.get(name)
        return None if known is None else known.plugin

    def add(self, plugin: Any, source: str = "code") -> Any:
        """Take a plugin; see `App.use`. Returns the one that is in use."""
        made = Plugged(_checked(plugin), source)
        if self._app.state not in {"created", "stopped"}:
            reason = f"plugin {made.name!r} came while the application is {self._app.state}"
            raise StartupError(reason, fix="use it before the start", code="plugin_late")
        known = self._known.get(made.name)
        if known is None and self._settled:
            reason = f"plugin {made.name!r} came when the others had registered"
            raise StartupError(reason, fix="use it in `register`, not in `settled`", code="plugin_late")
        if known is None:
            self._take(made)
        elif not known.same(plugin):
            raise _twice(known, made)
        return self._known[made.name].plugin

    def settle(self) -> None:
        """Load what the configuration enables, and let all plugins register that have not, in their order.

        Those of mounted applications follow.
        The start does this; call it to look at an application that has not started. Does nothing the second time.

        Raises:
            StartupError: what `problems` finds, or a plugin failed to register.
        """
        if self._settling or self._app.state not in {"created", "stopped"}:
            return
        self._settling = True
        try:
            with aside(self._app):
                self._settle()
        finally:
            self._settling = self._settled = False

    def problems(self) -> list[StartupError]:
        """Return all that keeps the plugins from registering: each with code, reason and fix.

        It loads what the configuration enables, and reads the sections of the plugins.
        """
        made = self._load()
        for each in self._known.values():
            made += faults(each.plugin, each.name)
        for each in self._known.values():
            made += [*absent(each.plugin, each.name, self._known), *self._configured(each)]
        try:
            self.order()
        except StartupError as error:
            made.append(error)
        return made

    def units(self) -> list[Unit]:
        """Return the parts of the lifecycle: one for each plugin that starts or stops anything, in their order."""
        return [self._unit(each) for each in self.order() if _lives(each.plugin)]

    def _take(self, made: Plugged) -> None:
        self._known[made.name] = made
        if made.ordered:
            return
        try:
            self._register(made)
        except BaseException:
            self._known.pop(made.name, None)
            raise

    def _settle(self) -> None:
        while True:
            _raise(self.problems())
            waiting = [each for each in self.order() if not each.registered]
            if not waiting:
                break
            self._named(waiting[0], self._register)
        self._below()
        if self._seen == len(self._known):
            return
        self._settled = True
        for each in self.order():
            if hasattr(each.plugin, "settled"):
                self._named(each, lambda each: self._noted(each, each.plugin.settled))
        self._seen = len(self._known)

    def _below(self) -> None:
        """Let the plugins of mounted applications register too, for whoever looks at all routes in `settled`."""
        for item in self._app.flat():
            below = getattr(getattr(item, "target", None), "plugins", None)
            if isinstance(below, Plugins):
                below.settle()

    def _register(self, each: Plugged) -> None:
        self._noted(each, each.plugin.register)
        each.registered = True

    def _noted(self, each: Plugged, call: Callable[[App], Any]) -> None:
        """Call it, and note what it adds; what other plugins add that it uses is theirs."""
        before, others = collected(self._app), set(self._known)
        made = call(self._app)
        if iscoroutine(made):
            made.close()
            reason = f"plugin {each.name!r}: its {call.__name__} is a coroutine function"
            raise StartupError(reason, fix="write `def`; what has to wait goes into `start`", code="plugin_invalid")
        inner = [other for name, other in self._known.items() if name not in others]
        for kind, items in fresh(before, collected(self._app)).items():
            theirs = {id(item) for other in inner for item in other.items.get(kind, ())}
            each.items.setdefault(kind, []).extend(item for item in items if id(item) not in theirs)

    def _named(self, each: Plugged, call: Callable[[Plugged], None]) -> None:
        try:
            call(each)
        except (Exception, SystemExit) as error:  # the application does not end because a plugin would like it to
            raise _failed(each.name, "register", error) from error

    def _load(self) -> list[StartupError]:
        made = []
        for word in self.settings.enabled:
            if word not in self._loaded:
                try:
                    self.add(found(word), word)
                    self._loaded.add(word)
                except StartupError as error:
                    made.append(error)
        return made

    def _configured(self, each: Plugged) -> list[StartupError]:
        plugin = each.plugin
        fixed = not isinstance(plugin, Plugin) or (plugin.config is not None and not plugin._configured)  # noqa: SLF001
        kind: Any = None if fixed else plugin.settings
        if kind is None:
            return []
        if not isinstance(kind, type) or not issubclass(kind, Struct):
            reason = f"plugin {each.name!r}: its settings are no Struct"
            return [StartupError(reason, fix="name a class that is a msgspec.Struct", code="plugin_invalid")]
        try:
            plugin.config = self._app.settings(each.name.replace("-", "_"), kind)
            plugin._configured = True  # noqa: SLF001  # so that another application reads its own
        except StartupError as error:
            return [error]
        return []

    def _unit(self, each: Plugged) -> Unit:
        async def start() -> None:
            try:
                await _called(each.plugin.start, self._app)
            except StartupError as error:
                raise _failed(each.name, "start", error) from error

        async def stop() -> None:
            await _called(each.plugin.stop, self._app)

        timeout = self.settings.timeout if each.plugin.timeout is None else each.plugin.timeout
        return Unit(f"plugin {each.name!r}", start, stop, timeout)


async def _called(function: Callable[[App], Any], app: App) -> None:
    made = function(app)
    if isawaitable(made):
        await made


def _lives(plugin: Any) -> bool:
    kind = type(plugin)
    return isinstance(plugin, Plugin) and (kind.start is not Plugin.start or kind.stop is not Plugin.stop)


def _checked(plugin: Any) -> Any:
    if not isinstance(plugin, type) and callable(getattr(plugin, "register", None)):
        return plugin
    made = isinstance(plugin, type) and hasattr(plugin, "register")
    fix = f"make one: app.use({plugin.__name__}())" if made else "give it a method `register(app)`, or subclass Plugin"
    raise StartupError(f"{plugin!r} is no plugin", fix=fix, code="plugin_invalid")


def _twice(known: Plugged, made: Plugged) -> StartupError:
    alike = type(known.plugin) is type(made.plugin)
    fix = "drop one, or give one another name"
    if alike and {known.source, made.source} != {"code"}:
        fix = "use it once: in the code, or in plugins.enabled"
    return StartupError(f"two plugins are called {made.name!r}", fix=fix, code="plugin_twice")


def _failed(name: str, verb: str, error: Exception | SystemExit) -> StartupError:
    if not isinstance(error, StartupError):
        return StartupError(f"plugin {name!r} failed to {verb}: {type(error).__name__}: {error}", code="plugin_failed")
    if name in error.reason:
        return error
    return StartupError(f"plugin {name!r}: {error.reason}", fix=error.fix, code=error.code)


def _raise(problems: list[StartupError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = "\n".join(f"  {each}" for each in problems)
        raise StartupError(f"{len(problems)} problems with plugins:\n{lines}", code=problems[0].code)
