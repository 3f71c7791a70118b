"""Signatures: read once, and every mistake names handler, parameter and fix."""

import functools
import inspect
from typing import TYPE_CHECKING, Annotated

import pytest

from arlen_core.errors import StartupError
from arlen_core.signatures import MISSING, place, read, refuse, target

if TYPE_CHECKING:
    from nowhere import Nothing


async def plain(a: int, b: Annotated[str, "x"] = "y", c=None):
    """Take one of each."""


class Callable:
    async def __call__(self, a: int): ...

    async def method(self, a: int): ...

    @staticmethod
    async def static(a: int): ...

    @classmethod
    async def of(cls, a: int): ...


def wrapped(function):
    """Decorate as decorators should."""

    @functools.wraps(function)
    async def inner(*args, **options):
        return await function(*args, **options)

    return inner


def names(handler) -> list:
    """Return names and types."""
    return [(parameter.name, kind) for parameter, kind in read(handler)]


def test_parameters_with_their_evaluated_annotations():
    """Annotated keeps its metadata; what has no annotation is MISSING."""
    assert [("a", int), ("b", Annotated[str, "x"]), ("c", MISSING)] == names(plain)


@pytest.mark.parametrize(
    "handler",
    [Callable(), Callable().method, Callable.static, Callable.of, wrapped(Callable.of), functools.partial(Callable())],
)  # fmt: skip
def test_every_kind_of_callable(handler):
    """Objects, methods, decorated functions and partials are read as the function that they stand for."""
    assert ["a"] == [name for name, _ in names(handler)]


def test_what_a_partial_fills_in_is_no_parameter():
    """A client must not be able to change it, by position or by name."""
    assert [("c", MISSING)] == names(functools.partial(plain, 1, b="z"))


@pytest.mark.parametrize("kind", ["*args", "**options", "a, /"])
def test_parameters_that_have_no_name_in_a_request(kind):
    """Each is refused by its name."""
    space: dict = {}
    exec(f"async def handler({kind}): ...", space)
    with pytest.raises(StartupError, match=r"parameter '\w+' is positional-only.*name each parameter") as caught:
        read(space["handler"])
    assert "bad_signature" == caught.value.code


def test_a_name_that_is_not_there():
    """An import under TYPE_CHECKING is the usual reason, and the fix says so."""

    async def handler(a: "Nothing"): ...

    with pytest.raises(StartupError, match=r"test_signatures.*'Nothing'.*not under TYPE_CHECKING"):
        read(handler)


@pytest.mark.parametrize("text", ["int |", "inspect.Nothing", "3 + None", "list[", ""])
def test_an_annotation_that_cannot_be_evaluated(text):
    """Whatever evaluating raises, the handler is named."""

    async def handler(a): ...

    handler.__annotations__["a"] = text
    with pytest.raises(StartupError, match="test_signatures") as caught:
        read(handler)
    assert "bad_signature" == caught.value.code


@pytest.mark.parametrize("thing", [None, "text", 3, [], dict, type])
def test_what_is_no_handler(thing):
    """Something that cannot be called, or does not say how, is refused at the start."""
    with pytest.raises(StartupError) as caught:
        read(thing)
    assert caught.value.fix


def test_target_is_what_runs():
    """Functions, methods and partials themselves; objects by their `__call__`."""
    filled = functools.partial(plain)
    assert (plain, filled, Callable.__call__) == (target(plain), target(filled), target(Callable()))
    assert inspect.iscoroutinefunction(target(Callable().method))


def test_place_names_file_and_line():
    """As a person wants to click it."""
    line = plain.__code__.co_firstlineno
    assert place(plain).endswith(f"plain ({__file__}:{line})")
    assert place(functools.partial(plain)) == place(plain)
    assert place(wrapped(plain)) == place(plain)
    assert "Callable" in place(Callable())


def test_refuse_makes_one_sentence():
    """Handler, parameter, reason, fix."""
    error = refuse(plain, "a", "is odd", "make it even")
    assert "plain" in str(error)
    assert "parameter 'a' is odd (fix: make it even)" in str(error)
