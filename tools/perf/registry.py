"""Registry: the paths that are measured, by name.

A module of `tools.perf.paths` holds the paths of one group; its name is the part of theirs before the dot. To add a
path, write an asynchronous generator that yields its step, and decorate it. A step is a function without arguments,
plain or asynchronous; the event loop calls a plain one outside of any task, as a transport does. What happens before
the yield, such as a check that the answer is right, is not measured.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any

__all__ = ["GROUPS", "Make", "Step", "Unknown", "choose", "demand", "find", "path"]

Step = Callable[[], object] | Callable[[], Awaitable[object]]
Make = Callable[[], AbstractAsyncContextManager[Step]]
Generator = Callable[..., AsyncIterator[Any]]

GROUPS = ("router", "binder", "dispatch", "middlewares", "metrics", "template", "head", "wire", "data")
"""The groups, in the order of the report: a new one is a module in `tools.perf.paths` and a word here."""

_paths: dict[str, Make] = {}


class Unknown(Exception):
    """There is no path of that name."""


def path(name: str, **options: object) -> Callable[[Generator], Generator]:
    """Register a path; the options are passed to the generator, so that one can make several."""

    def register(make: Generator) -> Generator:
        _paths[name] = partial(asynccontextmanager(make), **options)
        return make

    return register


def find(name: str) -> Make:
    """Return a path; imports its group only, for another state of the packages may lack what others need.

    Raises `Unknown`.
    """
    group = name.partition(".")[0]
    if group in GROUPS:
        import_module(f"tools.perf.paths.{group}")
    if name not in _paths:
        raise Unknown(f"there is no path {name!r}; the paths are {', '.join(choose())}")
    return _paths[name]


def choose(words: list[str] | None = None) -> list[str]:
    """Return the names of the paths, or of those that the words mean: a name, or a group for all in it.

    Raises `Unknown`.

    >>> choose(["head"])
    ['head.plain', 'head.browser']
    """
    for group in GROUPS:
        import_module(f"tools.perf.paths.{group}")
    names = sorted(_paths, key=lambda name: GROUPS.index(name.partition(".")[0]))
    wrong = [word for word in words or () if not any(_means(word, name) for name in names)]
    if wrong:
        raise Unknown(f"there is no path {wrong[0]!r}; the paths are {', '.join(names)}")
    return [name for name in names if not words or any(_means(word, name) for word in words)]


def demand(expected: object, actual: object) -> None:
    """Raise `AssertionError` unless a path does what it should: a wrong answer is quick to make."""
    if expected != actual:
        raise AssertionError(f"the path does not work: expected {expected!r}, got {actual!r}")


def _means(word: str, name: str) -> bool:
    return word in {name, name.partition(".")[0]}
