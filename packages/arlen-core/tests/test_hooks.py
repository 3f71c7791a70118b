"""Hooks: named moments, in a stated order."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.errors import StartupError
from arlen_core.hooks import HOOKS, Hooks

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs/services.md"

names = [hook.name for hook in HOOKS]


def test_the_moments_are_in_the_order_in_which_they_come():
    """The table is the documentation: start, request, stop."""
    assert names == [
        "will_start",
        "did_start",
        "before_request",
        "after_match",
        "before_action",
        "after_action",
        "error",
        "before_response",
        "after_response",
        "will_stop",
        "did_stop",
    ]


def test_every_moment_is_described():
    """Each has a sentence, its arguments, and a kind that exists."""
    assert all(hook.help and hook.takes and hook.kind in {"notify", "first", "pipe"} for hook in HOOKS)


@pytest.mark.parametrize(
    "call",
    [
        lambda name: Hooks().add(name, print),
        lambda name: Hooks().on(name)(print),
        lambda name: Hooks().functions(name),
        lambda name: Hooks().runner(name),
        lambda name: Hooks().sender(name, print),
    ],
)
def test_an_unknown_moment_is_refused_with_the_nearest_name(call):
    """A typing error is an error at once, and says what was probably meant."""
    with pytest.raises(StartupError, match="did you mean 'before_request'") as caught:
        call("before_requests")
    assert caught.value.code == "hook_unknown"


async def test_a_name_like_no_other_gets_the_list():
    """When nothing is near, the fix lists what there is."""
    with pytest.raises(StartupError, match="use one of will_start, did_start"):
        await Hooks().run("xyzzy")


def test_a_decorator_gives_the_function_back():
    """A decorated function stays what it was."""
    hooks = Hooks()

    def function(app):
        return app

    assert function is hooks.on("did_start")(function)
    assert (function,) == hooks.functions("did_start")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
async def test_functions_run_in_the_stated_order(hook):
    """In the order of registration, or in reverse when the table says so."""
    hooks, seen = Hooks(), []
    for number in range(3):

        async def function(*args, number=number):
            seen.append(number)

        hooks.add(hook.name, function)
    await hooks.run(hook.name, "a", "b")
    assert seen == ([2, 1, 0] if hook.reverse else [0, 1, 2])


@pytest.mark.parametrize("name", names)
async def test_nothing_registered_costs_nothing(name):
    """No runner is made, so the caller can skip the moment."""
    hooks = Hooks()
    assert hooks.runner(name) is None
    assert hooks.sender(name, print) is None
    assert () == hooks.functions(name)


@pytest.mark.parametrize(
    ("name", "expected"), [("did_start", None), ("before_request", None), ("after_action", "answer")]
)
async def test_running_nothing_gives_what_the_kind_says(name, expected):
    """A pipe hands its last argument on, the others give nothing."""
    assert expected == await Hooks().run(name, "request", "answer")


async def test_plain_functions_and_coroutine_functions_mix():
    """Both run, in order."""
    hooks, seen = Hooks(), []

    async def later(app):
        seen.append(("later", app))

    hooks.add("did_start", lambda app: seen.append(("now", app)))
    hooks.add("did_start", later)
    await hooks.run("did_start", "board")
    assert [("now", "board"), ("later", "board")] == seen


async def test_notified_functions_cannot_answer():
    """What they return is ignored, and all of them run."""
    hooks, seen = Hooks(), []
    for number in range(2):
        hooks.add("will_start", lambda app, number=number: seen.append(number) or "ignored")
    assert await hooks.run("will_start", "app") is None
    assert [0, 1] == seen


@given(st.lists(st.sampled_from([None, "a", "b", "", 0]), max_size=6))
async def test_the_first_answer_wins(answers):
    """The first that returns something else than `None` answers, and those after it do not run."""
    hooks, asked = Hooks(), []
    for answer in answers:
        hooks.add("before_request", lambda request, answer=answer: (asked.append(answer), answer)[1])
    expected = next((answer for answer in answers if answer is not None), None)
    assert expected == await hooks.run("before_request", "request")
    ran = next((at + 1 for at, answer in enumerate(answers) if answer is not None), len(answers))
    assert answers[:ran] == asked


async def test_a_pipe_hands_the_response_on():
    """Each gets what the one before it made; `None` leaves it as it is. The last registered comes first."""
    hooks = Hooks()
    hooks.add("before_response", lambda request, response: f"{response}!")
    hooks.add("before_response", lambda request, response: None)
    hooks.add("before_response", lambda request, response: response.upper())
    assert await hooks.run("before_response", "request", "fine") == "FINE!"


async def test_an_exception_goes_to_the_caller():
    """The rest does not run."""
    hooks, seen = Hooks(), []

    def broken(app):
        raise LookupError("gone")

    hooks.add("will_start", broken)
    hooks.add("will_start", seen.append)
    with pytest.raises(LookupError, match="gone"):
        await hooks.run("will_start", "app")
    assert [] == seen


def test_a_sender_does_not_wait():
    """Plain functions run at once, coroutine functions are spawned with their arguments."""
    hooks, seen, spawned = Hooks(), [], []

    async def later(request, response):
        """Never run here."""

    hooks.add("after_response", later)
    hooks.add("after_response", lambda request, response: seen.append((request, response)))
    send = hooks.sender("after_response", lambda *call: spawned.append(call))
    send("request", "response")
    assert [("request", "response")] == seen
    assert [(later, "request", "response")] == spawned


def test_a_runner_is_a_snapshot():
    """What is registered later does not run in a runner made before: applications compile theirs at the start."""
    hooks = Hooks()
    hooks.add("after_response", lambda *args: None)
    send = hooks.sender("after_response", print)
    hooks.add("after_response", lambda *args: pytest.fail("registered after the start"))
    assert send("request", "response") is None


@pytest.mark.skipif(not PAGE.exists(), reason="the package is tested without its repository")
def test_every_moment_is_in_the_documentation():
    """With the arguments that it has, in the order in which they come."""
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", PAGE.read_text(), re.MULTILINE)
    assert [(hook.name, hook.takes) for hook in HOOKS] == rows
