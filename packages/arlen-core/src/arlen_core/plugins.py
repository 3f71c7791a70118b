"""Plugins: parts that an application gets from elsewhere, and what they say about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from arlen_core.contributions import told

if TYPE_CHECKING:
    from arlen_core.app import App

__all__ = ["API", "Plugged", "Plugin", "PluginSettings"]

API = (1, 0)
"""The version of the plugin interface. The first number changes when plugins must change, the second when there is
more that they can do."""


class PluginSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[plugins]`.

    Attributes:
        enabled: plugins to load, beside those that the code uses: "package.module:Name", or the name of an entry point
            in the group `arlen.plugins` of an installed package. Nothing else is imported.
        timeout: seconds that a plugin has to start, and to stop, when it does not say so itself.
    """

    enabled: tuple[str, ...] = ()
    timeout: Annotated[float, Meta(gt=0)] = 30.0


class Plugin:
    """A part that an application gets from elsewhere; subclass it, and give it to `App.use`.

    Attributes:
        name: a lower-case letter, then letters, digits, - and _; no other plugin of the application has it.
        version: its own, such as "0.1.0".
        arlen_api: the versions of this interface that it works with, such as ">=1,<2"; see `API`.
        depends_on: names of plugins that must be in use; they register and start before it.
        after: names of plugins that come before it, if they are in use.
        before: names of plugins that come after it, if they are in use.
        settings: a Struct with a default for every field: the section of the configuration that has the plugin's
            name, with _ for -.
        config: the instance of `settings`, set before `register`. One that the plugin made for itself stays.
        timeout: seconds to start, and to stop; by default `plugins.timeout` of the configuration.

    ```python
    import anyio
    from arlen_core import App
    from arlen_core.plugins import Plugin


    class Greeter(Plugin):
        name = "greeter"
        version = "0.1.0"
        arlen_api = ">=1,<2"

        def register(self, app: App) -> None:
            app.helper("greet", lambda who: f"hello {who}")


    async def main() -> None:
        app = App("board")
        app.use(Greeter())
        await app.start()
        assert app.helpers["greet"][0]("ada") == "hello ada"
        await app.stop()


    anyio.run(main)
    ```
    """

    name: str = ""
    version: str = ""
    arlen_api: str = ""
    depends_on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    settings: ClassVar[type[Struct] | None] = None
    timeout: float | None = None
    config: Any = None

    _configured = False

    def register(self, app: App) -> None:
        """Add what the plugin brings, by the application's own methods; called once, after what it waits for.

        Its middleware, guards and hooks go around the application's own.
        """

    def settled(self, app: App) -> None:
        """Look at what all plugins have added, and add what follows from it; called after the last `register`.

        It is called again when more plugins have come between a stop and a start.
        """

    async def start(self, app: App) -> None:
        """Begin; the services have started, and so have all plugins that this one waits for."""

    async def stop(self, app: App) -> None:
        """End; those that waited for this one have stopped. Called only when `start` has come to its end."""


class Plugged:
    """One plugin of an application.

    Attributes:
        plugin: the object.
        name: its name, or that of its class.
        source: where it comes from: "code", or what `plugins.enabled` says.
        registered: whether its `register` has come to its end.
        items: what it has added, by kind; hooks are a kind for each moment, "hooks.did_start".
    """

    def __init__(self, plugin: Any, source: str = "code") -> None:
        self.plugin, self.source = plugin, source
        self.name = str(getattr(plugin, "name", "") or type(plugin).__name__)
        self.registered = False
        self.items: dict[str, list[Any]] = {}
        self._made = _made(plugin)

    @property
    def ordered(self) -> bool:
        """Whether it registers in its turn; an object that is no `Plugin` and asks for no order does so at once."""
        plugin = self.plugin
        return isinstance(plugin, Plugin) or any(
            getattr(plugin, each, ()) for each in ("depends_on", "after", "before")
        )

    @property
    def brought(self) -> dict[str, list[str]]:
        """What it has added, by kind (see `arlen_core.contributions.KINDS`), as it is shown."""
        made: dict[str, list[str]] = {}
        for kind, items in self.items.items():
            made.setdefault(kind.partition(".")[0], []).extend(told(kind, items))
        return made

    def same(self, other: Any) -> bool:
        """Say whether another plugin is this one, or made in the same way: then it is not needed a second time."""
        if other is self.plugin or not isinstance(other, Plugin):
            return other is self.plugin
        return type(other) is type(self.plugin) and _made(other) == self._made


def _made(plugin: Any) -> dict[str, Any]:
    """Return what a plugin was made with, without what was read for it from a configuration."""
    words = {"_configured", "config"} if getattr(plugin, "_configured", False) else {"_configured"}
    return {word: value for word, value in getattr(plugin, "__dict__", {}).items() if word not in words}
