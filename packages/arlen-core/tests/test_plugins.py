"""Tests of arlen_core.plugins."""

import sys
from itertools import permutations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from arlen_core import App, ConfigError, StartupError
from arlen_core.config import InvalidConfig
from arlen_core.lifecycle import StopError
from arlen_core.ordering import Node
from arlen_core.plugged import Plugins
from arlen_core.plugins import API, Plugin, PluginSettings
from arlen_core.routes import Route
from arlen_core.testing import Client

pytestmark = pytest.mark.anyio

NAMES = "abcde"


def made(**words) -> App:
    """Return an application that reads these variables."""
    return App("plugged", environ={f"ARLEN_{key}": str(value) for key, value in words.items()})


class Noted(Plugin):
    """A plugin that writes down what happens to it, and fails where it is told to."""

    def __init__(self, name, seen, *failing, **asked):
        self.name, self.seen, self.failing = name, seen, failing
        for word, value in asked.items():
            setattr(self, word, value)

    def _note(self, what):
        self.seen.append((what, self.name))
        if what in self.failing:
            raise OSError(f"cannot {what}")

    def register(self, app):
        self._note("register")

    def settled(self, app):
        self._note("settled")

    async def start(self, app):
        self._note("start")

    async def stop(self, app):
        self._note("stop")


def names(seen, what):
    """Return to whom it happened, in order."""
    return [name for each, name in seen if each == what]


@st.composite
def graphs(draw):
    """What each of five plugins asks for, without circles."""
    secret = draw(st.permutations(NAMES))
    asked = {name: {"depends_on": (), "after": (), "before": ()} for name in secret}
    for at, name in enumerate(secret):
        for other in secret[:at]:
            way = draw(st.sampled_from(["", "", "depends_on", "after", "before"]))
            one, two = (other, name) if way == "before" else (name, other)
            if way:
                asked[one][way] += (two,)
    return asked


async def life(asked, order, failing=None):
    """Use the plugins in an order, start and stop; `failing` does not start. Returns what was seen, and the error."""
    app, seen, error = made(), [], None
    for name in order:
        app.use(Noted(name, seen, *(["start"] if name == failing else []), **asked[name]))
    try:
        await app.start()
        await app.stop()
    except StartupError as caught:
        error = caught
    return seen, error


# -- order


@given(graphs(), st.permutations(NAMES))
def test_the_order_of_the_start_does_not_depend_on_the_order_of_use(asked, order):
    """Register, settle and start go the same way however the plugins came; stop goes the way back."""
    seen, _ = anyio.run(life, asked, NAMES)
    assert seen == anyio.run(life, asked, order)[0]
    assert names(seen, "register") == names(seen, "settled") == names(seen, "start")
    assert names(seen, "start")[::-1] == names(seen, "stop")


@given(graphs())
def test_what_is_asked_for_is_kept(asked):
    """A plugin starts after what it waits for, and before what waits for it."""
    order = names(anyio.run(life, asked, NAMES)[0], "start")
    for name, words in asked.items():
        assert all(order.index(each) < order.index(name) for each in (*words["depends_on"], *words["after"]))
        assert all(order.index(each) > order.index(name) for each in words["before"])


@given(graphs(), st.permutations(NAMES), st.sampled_from(NAMES))
def test_a_failing_start_stops_exactly_what_had_started(asked, order, failing):
    """In reverse; the one that failed, and those behind it, are left alone. The error names it."""
    whole = names(anyio.run(life, asked, order)[0], "start")
    seen, error = anyio.run(life, asked, order, failing)
    started = whole[: whole.index(failing)]
    assert [*started, failing] == names(seen, "start")
    assert started[::-1] == names(seen, "stop")
    assert f"plugin {failing!r} failed to start: OSError: cannot start" == error.reason


async def test_every_permutation_of_four():
    """All 24 orders of use give one order of the start, and of middleware, hooks and routes."""
    asked = {"web": {}, "data": {"before": ("web",)}, "shop": {"depends_on": ("web",)}, "audit": {"after": ("shop",)}}
    found = set()
    for order in permutations(asked):
        app, seen = made(), []
        for name in order:
            app.use(Noted(name, seen, **asked[name]))
        app.plugins.settle()
        found.add(tuple(each.name for each in app.plugins))
    assert {("data", "web", "shop", "audit")} == found


def test_a_circle_and_a_missing_one_stop_the_start():
    """All problems are told at once, each with its fix; nothing has registered."""
    app, seen = made(), []
    app.use(Noted("a", seen, after=("b",)))
    app.use(Noted("b", seen, after=("a",), depends_on=("nowhere",)))
    with pytest.raises(StartupError) as caught:
        app.plugins.settle()
    assert "2 problems with plugins:" in caught.value.reason
    assert "plugin 'b' depends on 'nowhere', which is not in use (fix: " in caught.value.reason
    assert "plugins wait for each other in a circle: a -> b -> a (fix: " in caught.value.reason
    assert ["plugin_missing", "plugin_cycle"] == [each.code for each in app.plugins.problems()]
    assert [] == seen
    assert ["a", "b"] == [each.name for each in app.plugins]  # as they came, for want of an order


# -- use


def test_use_collects_and_the_start_registers():
    """A `Plugin` is handed back at once, and registers when its turn comes, once."""
    app, seen = made(), []
    plugin = Noted("a", seen)
    assert plugin is app.use(plugin) is app.use(plugin)
    assert [] == seen
    app.plugins.settle()
    app.plugins.settle()
    assert [("register", "a"), ("settled", "a")] == seen
    assert plugin is app.plugins.get("a")
    assert app.plugins.get("b") is None


class Greeting(Struct, frozen=True):
    """A section."""

    word: str = "hello"
    times: int = 1


class Greeter(Plugin):
    """A plugin with a section."""

    name = "my-greeter"
    version = "0.1.0"
    arlen_api = ">=1,<2"
    settings = Greeting

    def register(self, app):
        app.helper("greet", lambda: self.config.word * self.config.times)


def test_the_same_twice_is_once():
    """An object of the same class with equal attributes is not needed: the first one is handed back."""
    app = made()
    first = app.use(Greeter())
    assert first is app.use(Greeter())
    app.plugins.settle()
    assert first is app.use(Greeter())
    assert 1 == len(app.plugins.order())


def test_two_of_one_name_are_refused():
    """Another class, or another configuration: then nobody knows which one is meant."""
    app = made()
    app.use(Greeter())
    other = Greeter()
    other.config = Greeting(word="hey")
    for wrong in (other, Noted("my-greeter", [])):
        with pytest.raises(StartupError, match="two plugins are called 'my-greeter'") as caught:
            app.use(wrong)
        assert "plugin_twice" == caught.value.code


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (None, "give it a method"),
        ("web", "give it a method"),
        (object, "give it a method"),
        (Greeter, "app.use(Greeter())"),
    ],
)
def test_what_is_no_plugin(wrong, fix):
    """Is refused, and a class that wants to be called is recognised."""
    with pytest.raises(StartupError, match="is no plugin") as caught:
        made().use(wrong)
    assert fix in caught.value.fix
    assert "plugin_invalid" == caught.value.code


async def test_a_plugin_that_comes_late():
    """While the application runs nothing can be added; after the stop it can, and registers at the next start."""
    app, seen = made(), []
    app.use(Noted("a", seen))
    await app.start()
    with pytest.raises(StartupError, match="plugin 'b' came while the application is started") as caught:
        app.use(Noted("b", seen))
    assert "plugin_late" == caught.value.code
    await app.stop()
    app.use(Noted("b", seen))
    await app.start()
    await app.stop()
    assert ["a", "b"] == names(seen, "register")
    assert ["a", "a", "b"] == names(seen, "settled") == names(seen, "start")


def test_a_plain_object_registers_at_once():
    """Unless it asks for an order; others may wait for it, and it may have `settled`."""
    seen = []

    class Plain:
        name = "plain"

        def register(self, app):
            seen.append("plain")

        def settled(self, app):
            seen.append("settled")

    class Later(Plain):
        name = "later"
        after = ("zebra",)

        def register(self, app):
            seen.append("later")

    app = made()
    app.use(Later())
    app.use(Plain())
    assert ["plain"] == seen
    app.use(Noted("zebra", [], depends_on=("plain",)))
    app.plugins.settle()
    assert ["plain", "later", "settled", "settled"] == seen


def test_a_plugin_uses_another():
    """Inside its own `register`; what each adds is told apart."""

    class Inner(Plugin):
        name = "inner"

        def register(self, app):
            app.helper("inner", str)

    class Plain:
        name = "plain"

        def register(self, app):
            app.helper("plain", str)

    class Outer(Plugin):
        name = "outer"

        def register(self, app):
            app.use(Inner())
            app.use(Plain())
            app.helper("outer", str)

    app = made()
    app.use(Outer())
    app.plugins.settle()
    assert {name: {"helpers": [name]} for name in ("inner", "outer", "plain")} == {
        each.name: each.brought for each in app.plugins.order()
    }


# -- failures


@pytest.mark.parametrize("what", ["register", "settled"])
async def test_a_plugin_that_fails_to_register(what):
    """Stops the start, named, with the cause."""
    app, seen = made(), []
    app.use(Noted("a", seen, what))
    with pytest.raises(StartupError) as caught:
        await app.start()
    assert f"plugin 'a' failed to register: OSError: cannot {what}" == caught.value.reason
    assert isinstance(caught.value.__cause__, OSError)
    assert "plugin_failed" == caught.value.code
    assert [] == names(seen, "start")


@pytest.mark.parametrize("moment", ["register", "start"])
async def test_an_error_with_a_fix_keeps_it(moment):
    """And gets the plugin's name, when it lacks it."""

    class Refused(Noted):
        def _note(self, what):
            if what == moment:
                raise StartupError("no server", fix="start one", code="nobody")

    app = made()
    app.use(Refused("a", []))
    with pytest.raises(StartupError) as caught:
        await app.start()
    assert ("plugin 'a': no server", "start one", "nobody") == (
        caught.value.reason,
        caught.value.fix,
        caught.value.code,
    )


def test_a_register_that_is_a_coroutine_function():
    """Would never run: it is refused, with where such things belong."""

    class Eager(Plugin):
        name = "eager"

        async def register(self, app): ...

    app = made()
    app.use(Eager())
    with pytest.raises(StartupError, match="plugin 'eager': its register is a coroutine function") as caught:
        app.plugins.settle()
    assert "what has to wait goes into `start`" in caught.value.fix


async def test_a_plugin_that_is_too_slow():
    """Has the seconds of the section, or its own; the error names it, and what had started is stopped."""
    seen = []

    class Slow(Noted):
        async def start(self, app):
            await anyio.sleep_forever()

    for app, own in ((made(PLUGINS__TIMEOUT="0.01"), None), (made(), 0.01)):
        app.use(Noted("a", seen))
        app.use(Slow("b", seen, timeout=own))
        with pytest.raises(StartupError, match=r"plugin 'b' did not start within 0\.01 s"):
            await app.start()
        assert "stopped" == app.state
    assert ["a", "a"] == names(seen, "stop")


async def test_a_stop_that_fails_leaves_out_nobody():
    """Each is stopped, and every failure is named."""
    app, seen = made(), []
    for name, failing in (("a", ()), ("b", ("stop",)), ("c", ("stop",))):
        app.use(Noted(name, seen, *failing))
    await app.start()
    with pytest.raises(StopError) as caught:
        await app.stop()
    assert ["c", "b", "a"] == names(seen, "stop")
    assert [f"plugin {name!r} failed to stop: OSError: cannot stop" for name in "cb"] == [
        str(each) for each in caught.value.exceptions
    ]
    await app.start()
    assert "started" == app.state
    for each in app.plugins:
        each.failing = ()
    await app.stop()


async def test_a_rollback_that_fails_is_logged(tmp_path):
    """The error is that of the start; what else went wrong is in the log."""
    app, seen = made(LOG__TARGET=tmp_path / "log"), []
    app.use(Noted("a", seen, "stop"))
    app.use(Noted("b", seen, "start"))
    with pytest.raises(StartupError, match="plugin 'b' failed to start"):
        await app.start()
    assert "while rolling back: plugin 'a' failed to stop: OSError: cannot stop" in (tmp_path / "log").read_text()


async def test_plain_functions_may_start_and_stop():
    """Neither has to be a coroutine function; a plugin without either is no part of the lifecycle."""
    seen = []

    class Plain(Plugin):
        name = "plain"

        def start(self, app):
            seen.append("start")

        def stop(self, app):
            seen.append("stop")

    app = made()
    app.use(Plain())
    app.use(Greeter())
    assert ["plugin 'plain'"] == [each.name for each in app.plugins.units()]
    async with Client(app):
        pass
    assert ["start", "stop"] == seen


async def test_plugins_start_between_services_and_mounts():
    """A plugin finds the services, and a mounted application finds the plugin; stop goes the way back."""
    seen = []

    async def service():
        seen.append("service up")
        yield 7
        seen.append("service down")

    class Middle(Plugin):
        name = "middle"

        async def start(self, app):
            seen.append(f"plugin up, service {await app.service(int)}")

        async def stop(self, app):
            seen.append(f"plugin down, service {await app.service(int)}")

    app, below = made(), made()
    below.hook("did_start")(lambda _: seen.append("mount up"))
    below.hook("will_stop")(lambda _: seen.append("mount down"))
    app.mount("/below", below)
    app.use(Middle())
    app.provide(service, type=int)
    await app.start()
    await app.stop()
    assert [
        "service up", "plugin up, service 7", "mount up", "mount down", "plugin down, service 7", "service down",
    ] == seen  # fmt: skip


async def test_a_mounted_application_has_plugins_of_its_own():
    """They register when it starts, and two applications share no names."""
    app, below, seen = made(), made(), []
    app.use(Noted("a", seen))
    below.use(Noted("a", seen, depends_on=()))
    app.mount("/below", below)
    await app.start()
    await app.stop()
    assert ["a", "a"] == names(seen, "start") == names(seen, "stop")


def test_mounted_applications_settle_too():
    """So that routes can be looked at as a whole; an application that is mounted in itself ends it somewhere."""
    app, below, seen = made(), made(), []

    class Whole(Plugin):
        name = "whole"

        def register(self, app):
            app.mount("/below", below)

        def settled(self, app):
            seen.extend(each.template for each in below.flat() if isinstance(each, Route))

    class Part(Plugin):
        name = "part"

        def register(self, app):
            app.get("/part")(str)

    app.use(Whole())
    below.use(Part())
    below.mount("/above", app)
    app.plugins.settle()
    assert ["/part"] == seen


# -- configuration


def test_the_section_of_a_plugin():
    """It has the plugin's name, with _ for -; defaults are filled in, and `config` is there when it registers."""
    app = made(MY_GREETER__TIMES="2")
    plugin = app.use(Greeter())
    app.plugins.settle()
    assert Greeting("hello", 2) == plugin.config
    assert "hellohello" == app.helpers["greet"][0]()


def test_a_configuration_of_the_code():
    """A plugin that has a `config` already keeps it."""

    class Set(Greeter):
        config = Greeting("hey")

    app = made()
    plugin = app.use(Set())
    app.plugins.settle()
    assert Greeting("hey") == plugin.config


def test_one_plugin_in_two_applications():
    """Each start reads the section of its own application."""
    plugin = Greeter()
    for word in ("one", "two"):
        app = made(MY_GREETER__WORD=word)
        app.use(plugin)
        app.plugins.settle()
        assert word == plugin.config.word


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MY_GREETER__WRD", "x", "my_greeter.wrd is not a key here (fix: did you mean 'word'?)"),
        ("MY_GREETER__TIMES", "many", "my_greeter.times"),
    ],
)
async def test_a_wrong_section(variable, value, said):
    """An unknown key or a wrong value stops the start: key, reason and fix."""
    app = made(**{variable: value})
    app.use(Greeter())
    with pytest.raises(InvalidConfig) as caught:
        await app.start()
    assert said in caught.value.reason


async def test_a_section_of_a_plugin_that_is_not_in_use():
    """Is a section that nobody reads, which stops the start."""
    with pytest.raises(ConfigError, match="my_greeter"):
        await made(MY_GREETER__WORD="x").start()


def test_settings_that_are_no_struct():
    """Are a fault of the plugin."""

    class Odd(Plugin):
        name = "odd"
        settings = ("word", "hello")

    app = made()
    app.use(Odd())
    with pytest.raises(StartupError, match="its settings are no Struct"):
        app.plugins.settle()


def test_settings_of_the_section_plugins():
    """Nothing is enabled by default; a timeout has to be above 0."""
    assert PluginSettings((), 30.0) == made().plugins.settings
    with pytest.raises(ConfigError, match=r"plugins\.timeout"):
        made(PLUGINS__TIMEOUT="0")


# -- loading


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module `shop_plugins`, importable in this test only."""
    (tmp_path / "shop_plugins.py").write_text(
        "from arlen_core.plugins import Plugin\n\n\n"
        "class Shop(Plugin):\n    name = 'shop'\n    depends_on = ('stock',)\n\n\n"
        "class Stock(Plugin):\n    name = 'stock'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop_plugins"
    sys.modules.pop("shop_plugins", None)


async def test_plugins_of_the_configuration(module):
    """Are loaded at the start, and take their place in the order; nothing is imported before."""
    app = made(PLUGINS__ENABLED=f'["{module}:Shop", "{module}:Stock"]')
    assert module not in sys.modules
    await app.start()
    await app.stop()
    assert [("stock", f"{module}:Stock"), ("shop", f"{module}:Shop")] == [
        (each.name, each.source) for each in app.plugins.order()
    ]


def test_enabled_twice_and_used_too(module):
    """Is one plugin."""
    app = made(PLUGINS__ENABLED=f'["{module}:Stock", "{module}:Stock"]')
    app.plugins.settle()
    app.use(sys.modules[module].Stock())
    assert ["stock"] == [each.name for each in app.plugins]


async def test_a_failure_to_load_stops_the_start(module):
    """Every one of them is told; what can be loaded is not loaded again by the next attempt."""
    app = made(PLUGINS__ENABLED=f'["{module}:Stock", "{module}:Nope", "nothing_there:X"]')
    for _ in range(2):
        with pytest.raises(StartupError, match="2 problems with plugins") as caught:
            await app.start()
        assert "plugin_unknown" == caught.value.code
        assert "created" == app.state
    assert ["stock"] == [each.name for each in app.plugins]


def test_two_sources_of_one_name(module):
    """The fix says that one of them is enough."""
    app = made(PLUGINS__ENABLED=f'["{module}:Stock"]')
    app.plugins.settle()
    other = sys.modules[module].Stock()
    other.version = "2"
    with pytest.raises(StartupError) as caught:
        app.use(other)
    assert "use it once: in the code, or in plugins.enabled" == caught.value.fix


def test_the_version_of_the_interface():
    """A plugin of another one is refused, as the start would."""

    class New(Plugin):
        name = "new"
        arlen_api = f">{API[0]}.{API[1]}"

    app = made()
    app.use(New())
    with pytest.raises(StartupError, match=r"plugin 'new' is for the plugin interface >1\.0, and this is 1\.0"):
        app.plugins.settle()


def test_the_class_by_itself():
    """It brings nothing, waits for nobody, and needs no configuration."""
    plugin = Plugin()
    assert ("", "", (), None) == (plugin.name, plugin.arlen_api, plugin.depends_on, plugin.config)
    assert isinstance(made().plugins, Plugins)
    assert Node("x") == Node("x", plugin.depends_on, plugin.after, plugin.before)


def test_a_plugin_that_comes_in_settled_is_refused():
    """It would start without having registered."""

    class Late(Plugin):
        name = "late"

        def settled(self, app):
            app.use(type("Later", (Plugin,), {"name": "later"})())

    app = App("test", environ={})
    app.use(Late())
    with pytest.raises(StartupError, match="'later' came when the others had registered") as caught:
        app.plugins.settle()
    assert "plugin_late" == caught.value.code


def test_a_plugin_does_not_end_the_process():
    """`sys.exit` in a plugin is a plugin that fails, and it is named."""

    class Leaver(Plugin):
        name = "leaver"

        def register(self, app):
            raise SystemExit(0)

    app = App("test", environ={})
    app.use(Leaver())
    with pytest.raises(StartupError, match="plugin 'leaver' failed to register: SystemExit: 0"):
        app.plugins.settle()
