"""Providers: what a factory makes and needs, read off its signature."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NewType, Self

import pytest
from msgspec import Struct

from arlen_core.errors import StartupError
from arlen_core.providers import Need, label, provider

pytestmark = pytest.mark.anyio

Dsn = NewType("Dsn", str)


class Pool:
    """A service that records whether it was opened and closed."""

    def __init__(self, size: int = 5) -> None:
        self.size = size
        self.seen = []


class Store:
    """A service that needs another."""

    def __init__(self, pool: Pool, name: str = "store") -> None:
        self.pool = pool
        self.name = name


class Client:
    """An asynchronous context manager."""

    def __init__(self) -> None:
        self.seen = []

    async def __aenter__(self) -> Self:
        self.seen.append("in")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.seen.append("out")


class Handle:
    """A plain context manager that gives something else."""

    def __init__(self) -> None:
        self.seen = []

    def __enter__(self) -> list[str]:
        self.seen.append("in")
        return self.seen

    def __exit__(self, *exc: object) -> None:
        self.seen.append("out")


class Row(Struct):
    """A Struct as a service."""

    pool: Pool
    limit: int = 3


@dataclass
class Record:
    """A dataclass as a service."""

    pool: Pool


def plain() -> Pool:
    """Return a service."""
    return Pool()


async def coroutine() -> Pool:
    """Return a service, later."""
    return Pool()


def awaitable() -> Awaitable[Pool]:
    """Return something to await."""
    return coroutine()


def generator() -> Iterator[Pool]:
    """Open and close a service."""
    pool = Pool()
    pool.seen.append("in")
    yield pool
    pool.seen.append("out")


def generator_too() -> Generator[Pool, None, None]:
    """As above, with the other annotation."""
    yield from generator()


async def async_generator() -> AsyncIterator[Pool]:
    """Open and close a service, asynchronously."""
    pool = Pool()
    pool.seen.append("in")
    yield pool
    pool.seen.append("out")


async def async_generator_too() -> AsyncGenerator[Pool, None]:
    """As above, with the other annotation."""
    async for pool in async_generator():
        yield pool


@contextmanager
def managed() -> Iterator[Pool]:
    """As `generator`, decorated."""
    yield from generator()


@asynccontextmanager
async def managed_too() -> AsyncIterator[Pool]:
    """As `async_generator`, decorated."""
    async for pool in async_generator():
        yield pool


def declared() -> AbstractContextManager[Pool]:
    """Return a context manager and say so."""
    return managed()


def declared_too() -> AbstractAsyncContextManager[Pool]:
    """Return a context manager and say so."""
    return managed_too()


async def opened(factory, **values):
    """Open what a factory makes and close it again."""
    made = provider(factory)
    async with AsyncExitStack() as stack:
        value = await made.open(stack, values)
        before = list(getattr(value, "seen", ()))
    return made, value, before


@pytest.mark.parametrize("factory", [plain, coroutine, awaitable, partial(Pool, 7), partial(plain)])
async def test_factories_that_return_their_service(factory):
    """Functions, coroutine functions, functions of awaitables, partial functions: awaited where that is needed."""
    made, value, _ = await opened(factory)
    assert (Pool, Pool, False) == (made.type, type(value), made.enters)


@pytest.mark.parametrize(
    "factory",
    [generator, generator_too, async_generator, async_generator_too, managed, managed_too, declared, declared_too],
    ids=lambda factory: factory.__name__,
)
async def test_factories_that_open_and_close_their_service(factory):
    """Generators and context managers of both kinds: what they yield is the service, and they are closed."""
    made, value, before = await opened(factory)
    assert (Pool, True) == (made.type, made.enters)
    assert (["in"], ["in", "out"]) == (before, value.seen)


async def test_a_class_is_made_from_its_parameters():
    """The annotations of `__init__` are its needs."""
    pool = Pool()
    made, value, _ = await opened(Store, pool=pool)
    assert Store is made.type
    assert (Need("pool", Pool), Need("name", str, optional=True)) == made.needs
    assert (pool, "store") == (value.pool, value.name)


@pytest.mark.parametrize("kind", [Row, Record])
async def test_structs_and_dataclasses_are_classes_too(kind):
    """Their fields are their needs, a default makes one optional."""
    pool = Pool()
    made, value, _ = await opened(kind, pool=pool)
    assert kind is made.type
    assert Need("pool", Pool) == made.needs[0]
    assert pool is value.pool


async def test_a_class_that_is_a_context_manager_is_entered():
    """Instances are made, entered, and left."""
    made, value, before = await opened(Client)
    assert (Client, True) == (made.type, made.enters)
    assert (["in"], ["in", "out"]) == (before, value.seen)


@pytest.mark.parametrize(("manager", "kind"), [(Client(), Client), (Handle(), Handle)])
async def test_a_context_manager_that_is_there_already_is_entered(manager, kind):
    """Plain and asynchronous; its class is its type."""
    made = provider(manager)
    async with AsyncExitStack() as stack:
        await made.open(stack, {})
        assert ["in"] == manager.seen
    assert (kind, ["in", "out"]) == (made.type, manager.seen)


async def test_any_other_object_is_the_service():
    """Nothing is called, entered or closed."""
    pool = Pool()
    made, value, _ = await opened(pool)
    assert (Pool, False, pool) == (made.type, made.enters, value)


async def test_what_a_function_returns_is_not_entered():
    """A lock, say, must not be taken just because it could be: who wants to close writes a generator."""

    def make() -> Client:
        return Client()

    made, value, _ = await opened(make)
    assert (False, []) == (made.enters, value.seen)


def test_the_type_can_be_given():
    """It replaces the annotation, for factories that have none and for protocols."""
    assert Dsn is provider(lambda: "postgres://", Dsn).type
    assert Pool is provider(object(), Pool).type
    assert list[int] == provider(lambda: [1], list[int]).type


def test_an_annotation_may_carry_more():
    """`Annotated` types are types of their own, so that there can be two pools."""

    def replica() -> Annotated[Pool, "replica"]:
        return Pool()

    assert Annotated[Pool, "replica"] == provider(replica).type


async def test_positional_parameters_are_passed_by_position():
    """Parameters before a slash get their values too."""

    def make(pool: Pool, /, name: str) -> Store:
        return Store(pool, name)

    made, value, _ = await opened(make, pool=Pool(), name="x")
    assert ([True, False], "x") == ([need.positional for need in made.needs], value.name)


def test_star_parameters_are_left_alone():
    """`*args` and `**options` need nothing."""

    def make(*args: int, **options: int) -> Pool:
        return Pool()

    assert () == provider(make).needs


def test_a_parameter_without_annotation_needs_a_default():
    """Otherwise nobody knows what it is."""

    def fine(size=3) -> Pool:
        return Pool(size)

    def wrong(size) -> Pool:
        return Pool(size)

    assert (Need("size", None, optional=True),) == provider(fine).needs
    with pytest.raises(StartupError, match=r"wrong: parameter 'size' has no annotation \(fix: write the type"):
        provider(wrong)


def test_a_factory_must_say_what_it_makes():
    """Without an annotation, or with one that says nothing."""

    def silent():
        return Pool()

    def vague() -> Any:
        return Pool()

    def nothing() -> None:
        """Return nothing."""

    for factory in (silent, vague, nothing, lambda: 3):
        with pytest.raises(StartupError, match="does not say what it makes"):
            provider(factory)


def test_an_annotation_that_is_not_there_at_run_time_is_named():
    """The usual cause is an import under TYPE_CHECKING."""

    def make(pool: "Missing") -> Pool:  # noqa: F821
        return Pool()

    with pytest.raises(StartupError, match=r"make: an annotation names 'Missing', which is not there \(fix: import it"):
        provider(make)


def test_there_are_two_scopes():
    """Another word is refused."""
    assert provider(plain, scope="request").scope == "request"
    with pytest.raises(StartupError, match="there is no scope 'session'"):
        provider(plain, scope="session")


def test_a_provider_is_named_by_its_type_and_factory():
    """Errors say both."""
    assert f"service Pool ({__name__}.plain)" == str(provider(plain))


@pytest.mark.parametrize(
    ("kind", "text"), [(Pool, "Pool"), (dict[str, int], "dict[str, int]"), (int | None, "int | None"), (Dsn, "Dsn")]
)
def test_types_have_short_names(kind, text):
    """Classes by their name, the others as they are written."""
    assert text == label(kind).rpartition(".")[2]
