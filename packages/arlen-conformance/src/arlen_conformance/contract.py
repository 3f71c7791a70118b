"""Contract: the class that a contract's author writes, and that an adapter's author subclasses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

import pytest
from msgspec import Struct

from arlen_conformance.promises import Promise, Saboteur, promised
from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["Contract", "Specification"]

Breaks = TypeVar("Breaks", bound=Callable[[Any], Any])


class Specification(Struct):
    """What a contract consists of.

    Attributes:
        name: of the contract.
        version: the newest.
        capabilities: the names that an adapter may claim.
        tests: the methods that make promises, by name.
        stray: methods named `test_...` that make none.
        saboteurs: in the order in which they were added.
    """

    name: str
    version: int
    capabilities: frozenset[str]
    tests: dict[str, Callable[..., Any]]
    stray: list[str]
    saboteurs: list[Saboteur]

    @property
    def promises(self) -> list[Promise]:
        """The promises, in the order of the source."""
        return [found for test in self.tests.values() if (found := promised(test))]

    def promise(self, test: str) -> Promise:
        """Return the promise of a test; `KeyError` when there is none."""
        return {each.name: each for each in self.promises}[test]


class Contract:
    """Base of every contract: a subclass with `name=` is a contract, a subclass of that puts an adapter under test.

    Keyword arguments of the class:
        name: of the contract, for reports.
        version: the newest version of the contract, from 1.
        capabilities: the names that an adapter may claim.

    Attributes:
        version: the version of the contract that an adapter claims; required.
        capabilities: what it claims: names, or an object whose true attributes count.
        known_failures: test name to reason; each must fail as long as it is listed.
        title: what reports call the adapter; the name of the class without "Test" by default.
        made: whether the adapter is what a factory makes; else, by a contract's own word, it is the factory.

    The author of an adapter gives one fixture, `adapter`, asynchronous or not, that yields an empty adapter.

    ```python
    from arlen_conformance import Contract, promise


    class CounterContract(Contract, name="counter", version=1):
        @promise
        async def test_begins_at_zero(self, adapter) -> None:
            "A new counter is at zero."
            assert await adapter.value() == 0


    @CounterContract.saboteur("test_begins_at_zero")
    class Begun:
        def __init__(self, adapter):
            self.adapter = adapter

        async def value(self):
            return await self.adapter.value() + 1
    ```
    """

    specification: ClassVar[Specification]
    version: ClassVar[int] = 0
    capabilities: ClassVar[object] = frozenset()
    known_failures: ClassVar[Mapping[str, str]] = {}
    title: ClassVar[str] = ""
    made: ClassVar[bool] = True
    pytestmark: ClassVar[Any] = [pytest.mark.anyio, pytest.mark.usefixtures("anyio_backend")]

    def __init_subclass__(
        cls, *, name: str | None = None, version: int = 1, capabilities: Iterable[str] = (), **others: Any
    ) -> None:
        super().__init_subclass__(**others)
        if name is None:
            if "specification" in vars(cls):
                reason = f"{cls.__name__} replaces the specification of its contract"
                raise ContractError(Refusal("specification_replaced", reason, "remove it, or give the class a name="))
            return
        methods = _methods(cls)
        tests = {each: method for each, method in methods.items() if promised(method)}
        inherited: list[Saboteur] = list(getattr(cls, "specification", _EMPTY).saboteurs)
        stray = [each for each in methods if each not in tests and each.startswith("test")]
        cls.specification = Specification(name, version, frozenset(capabilities), tests, stray, inherited)

    @classmethod
    def saboteur(cls, test: str) -> Callable[[Breaks], Breaks]:
        """Add a saboteur: a callable that makes a broken adapter out of a good one; it may be asynchronous.

        Args:
            test: the contract test that must catch it, and the only one.

        Raises:
            ContractError: the contract has no such test, or another saboteur of it has the same name.
        """

        def add(breaks: Breaks) -> Breaks:
            made = Saboteur(getattr(breaks, "__name__", type(breaks).__name__), test, breaks)
            _admit(cls.specification, made)
            cls.specification.saboteurs.append(made)
            return breaks

        return add


_EMPTY = Specification("", 0, frozenset(), {}, [], [])


def _methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the methods of a class, those of its bases first, in the order of the source."""
    names = [name for base in reversed(cls.__mro__) for name in vars(base)]
    return {name: method for name in dict.fromkeys(names) if callable(method := getattr(cls, name, None))}


def _admit(specification: Specification, made: Saboteur) -> None:
    if made.test not in specification.tests:
        reason = f"the saboteur {made.name} is for {made.test}, which {specification.name} does not promise"
        raise ContractError(Refusal("saboteur_unknown_test", reason, f"name one of {', '.join(specification.tests)}"))
    if any((each.name, each.test) == (made.name, made.test) for each in specification.saboteurs):
        reason = f"{made.test} has a saboteur {made.name} already"
        raise ContractError(Refusal("saboteur_twice", reason, "give it another name"))
