"""Collecting: how pytest sees a class under test, and refuses it when its claims are wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from msgspec import Struct

from arlen_conformance.claims import wrong
from arlen_conformance.contract import Contract
from arlen_conformance.promises import Promise, claimed
from arlen_conformance.refusals import Refusal
from arlen_conformance.reports import Outcome, Row, Subject
from arlen_conformance.sabotage import SaboteurItem
from arlen_conformance.saboteurs import Saboteurs

__all__ = ["PLAN", "SUBJECTS", "ContractClass", "Plan", "SaboteurClass", "adopt"]


class Plan(Struct, frozen=True):
    """What is meant to happen to one contract test of one adapter.

    Attributes:
        subject: the adapter under test: the node id of the class, with the parameters if it has some.
        promise: what the test proves.
        claims: the capabilities that the adapter claims.
        waived: why it need not be kept, or nothing.
        known: the reason why it is a known failure, or nothing.
    """

    subject: str
    promise: Promise
    cls: type[Contract]
    claims: frozenset[str]
    waived: str = ""
    known: str = ""

    def about(self) -> Subject:
        """Return the adapter, for the report, with everything that is expected of it."""
        of = self.cls.specification
        rows = [_row(each, self) for each in of.promises]
        title = self.cls.title or self.cls.__name__.removeprefix("Test")
        variant = self.subject[self.subject.index("[") :] if self.subject.endswith("]") else ""
        claims = sorted(self.claims)
        return Subject(self.subject, title + variant, of.name, of.version, self.cls.version, claims, rows)


PLAN = pytest.StashKey[Plan]()
SUBJECTS = pytest.StashKey[dict[str, Subject]]()


def adopt(collector: pytest.Module | pytest.Class, name: str, obj: object) -> pytest.Class | None:
    """Return the collector for a class of the kit, or None for anything else."""
    if not isinstance(obj, type) or not issubclass(obj, Contract | Saboteurs) or not collector.istestclass(obj, name):
        return None
    kind = ContractClass if issubclass(obj, Contract) else SaboteurClass
    return kind.from_parent(collector, name=name, obj=obj)


class ContractClass(pytest.Class):
    """A class that puts an adapter under test."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        """Return its tests, each with its plan.

        Raises:
            CollectError: the claims, or the contract, are refused.
        """
        _refuse(wrong(self.obj))
        found = list(super().collect())
        _refuse(_adapterless(self))
        claims = claimed(self.obj.capabilities)  # once: what is reported is what decides
        for item in _contracted(found, self.obj):
            _prepare(item, self.obj, claims)
        return found


class SaboteurClass(pytest.Class):
    """A class that breaks a good adapter in every way that a contract names."""

    def collect(self) -> Iterator[SaboteurItem]:
        """Yield a test for each saboteur; `CollectError` when the contract is refused."""
        _refuse(wrong(self.obj))
        tests = _contracted(super().collect(), self.obj)
        _refuse(_adapterless(self))
        for variant in dict.fromkeys(_parameters(item) for item in tests):
            runs = [item for item in tests if _parameters(item) == variant]
            for saboteur in self.obj.specification.saboteurs:
                name = f"{saboteur.test}[{'-'.join(filter(None, (saboteur.name, variant)))}]"
                yield SaboteurItem.from_parent(self, name=name, saboteur=saboteur, tests=runs)

    def _getobj(self) -> type:
        mine: type[Saboteurs] = super()._getobj()  # type: ignore[no-untyped-call]
        contract = mine.contract
        claims = {"version": contract.specification.version, "__module__": mine.__module__}
        return type(mine.__name__, (mine, contract), claims)


def _parameters(item: pytest.Function) -> str:
    """Return the id of the parameters of a test, or nothing."""
    return str(item.callspec.id) if hasattr(item, "callspec") else ""


def _contracted(items: Iterable[pytest.Item | pytest.Collector], cls: type[Contract]) -> list[pytest.Function]:
    functions = [item for item in items if isinstance(item, pytest.Function)]
    return [item for item in functions if item.originalname in cls.specification.tests]


def _prepare(item: pytest.Function, cls: type[Contract], claims: frozenset[str]) -> None:
    promise = cls.specification.promise(item.originalname)
    waived = promise.waived(cls.version, claims)
    known = "" if waived else cls.known_failures.get(promise.name, "")
    variant = _parameters(item)
    subject = f"{item.parent.nodeid}[{variant}]" if variant and item.parent else getattr(item.parent, "nodeid", "")
    item.stash[PLAN] = plan = Plan(subject, promise, cls, claims, waived, known)
    subjects = item.session.stash.setdefault(SUBJECTS, {})
    if subject not in subjects:
        subjects[subject] = plan.about()
    if waived:
        item.add_marker(pytest.mark.skip(reason=waived), append=False)
    if known:
        item.add_marker(pytest.mark.xfail(reason=known, strict=True), append=False)


def _row(promise: Promise, plan: Plan) -> Row:
    row = Row(promise.name, promise.text, promise.since, promise.needs, promise.unless)
    if waived := promise.waived(plan.cls.version, plan.claims):
        row.outcome, row.reason = Outcome.WAIVED, waived
    return row


def _adapterless(collector: pytest.Class) -> list[Refusal]:
    if collector.session._fixturemanager.getfixturedefs("adapter", collector):  # noqa: SLF001 - a fixture of a conftest counts
        return []
    reason = f"{collector.obj.__name__} has no fixture named adapter"
    return [Refusal("adapter_missing", reason, "write one that yields an empty adapter")]


def _refuse(refusals: list[Refusal]) -> None:
    if refusals:
        raise pytest.Collector.CollectError("\n".join(map(str, dict.fromkeys(refusals))))
