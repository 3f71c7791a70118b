"""The contract of lifecycles: proved on a small owner, kept by everything in the core that starts and stops parts."""

import pytest

from arlen_conformance import Saboteurs
from arlen_conformance.conformance import LifecycleContract
from arlen_conformance.conformance.owners import Model
from arlen_core import App
from arlen_core.lifecycle import Lifecycle, Unit
from arlen_core.plugins import Plugin


class TestModel(LifecycleContract):
    """The small owner keeps every promise."""

    version = 1
    capabilities = frozenset({"timeouts", "mounts"})

    @pytest.fixture
    def adapter(self):
        """An owner without parts."""
        return Model()


class TestSaboteurs(Saboteurs, contract=LifecycleContract):
    """Each is caught by exactly its test."""

    capabilities = frozenset({"timeouts", "mounts"})
    timeout = 2.0

    @pytest.fixture
    def adapter(self):
        """A good owner."""
        return Model()


class Units:
    """The lifecycle alone, with its units."""

    def __init__(self):
        self.life = Lifecycle("app")
        self.start, self.stop = self.life.start, self.life.stop

    @property
    def state(self):
        return self.life.state

    def part(self, name, start, stop, *, timeout=None):
        self.life.add(Unit(name, start, stop, timeout))

    def mount(self, name):
        inner = Units()
        self.part(name, inner.start, inner.stop)
        return inner


class TestUnits(TestModel):
    """`arlen_core.lifecycle.Lifecycle` with units."""

    @pytest.fixture
    def adapter(self):
        """A lifecycle without units."""
        return Units()


class Services:
    """An application whose parts are services, each of which needs the one before."""

    def __init__(self):
        self.app = App("services", environ={})
        self.start, self.stop, self.last = self.app.start, self.app.stop, App

    @property
    def state(self):
        return self.app.state

    def part(self, name, start, stop, *, timeout=None):
        before, kind = self.last, type(name, (), {})

        async def opened(needed):
            await start()
            yield kind()
            await stop()

        opened.__annotations__["needed"] = before
        self.app.provide(opened, type=kind, timeout=timeout)
        self.last = kind

    def mount(self, name):
        inner = type(self)()
        self.app.mount(f"/{name}", inner.app)
        return inner


class TestServices(TestModel):
    """An application and its services."""

    @pytest.fixture
    def adapter(self):
        """An application without services of its own."""
        return Services()


class Mounted(Services):
    """An application whose parts are ASGI applications, mounted in it: their lifespan is their life."""

    def part(self, name, start, stop, *, timeout=None):
        async def asgi(scope, receive, send):
            for way, step in (("startup", start), ("shutdown", stop)):
                await receive()
                try:
                    await step()
                except Exception as error:  # noqa: BLE001  # it goes to the server
                    await send({"type": f"lifespan.{way}.failed", "message": str(error)})
                    return
                await send({"type": f"lifespan.{way}.complete"})

        self.app.mount(f"/{name}", asgi)


class Plugged(Services):
    """An application whose parts are plugins."""

    def part(self, name, start, stop, *, timeout=None):
        class Part(Plugin):
            async def start(self, app):
                await start()

            async def stop(self, app):
                await stop()

        made = Part()
        made.name, made.version, made.arlen_api, made.timeout = name, "1.0", ">=1,<2", timeout
        if self.last is not App:
            made.after = (self.last,)
        self.last = self.app.use(made).name


class TestPlugins(TestModel):
    """An application and its plugins, in the order that they ask for."""

    @pytest.fixture
    def adapter(self):
        """An application without plugins."""
        return Plugged()


class TestMounted(LifecycleContract):
    """An application and the ASGI applications in it; the application's own setting limits all of them."""

    version = 1
    capabilities = frozenset({"mounts"})

    @pytest.fixture
    def adapter(self):
        """An application without mounts."""
        return Mounted()
