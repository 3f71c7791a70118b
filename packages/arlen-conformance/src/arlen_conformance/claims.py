"""Claims: what a class under test says about its adapter, checked against the contract, everything at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from arlen_conformance.contract import Contract, Specification
from arlen_conformance.promises import Promise, claimed
from arlen_conformance.refusals import ContractError, Refusal

__all__ = ["sound", "wrong"]


def wrong(cls: type[Contract]) -> list[Refusal]:
    """Return what is refused about a class that puts an adapter under test."""
    if not hasattr(cls, "specification"):
        reason = f"{cls.__name__} is no subclass of a contract"
        return [Refusal("contract_missing", reason, "subclass a contract, or give the class a name=")]
    rules = (_version, _capabilities, _failures, _replaced)
    return [*sound(cls.specification), *(found for rule in rules for found in rule(cls))]


def sound(specification: Specification) -> list[Refusal]:
    """Return what is refused about a contract itself."""
    found = [refusal for each in specification.promises for refusal in _promise(specification, each)]
    if not specification.tests:
        found.append(Refusal("contract_empty", f"{specification.name} promises nothing", "write a test with @promise"))
    for name in specification.stray:
        reason = f"{specification.name}.{name} is no promise"
        found.append(Refusal("promise_missing", reason, "decorate it with @promise, or rename it"))
    caught = {saboteur.test for saboteur in specification.saboteurs}
    for name in specification.tests:
        if name not in caught:
            fix = f'write one with @saboteur("{name}"); a test that catches nothing goes'
            found.append(Refusal("saboteur_missing", f"{specification.name}.{name} has no saboteur", fix))
    return found


def _promise(specification: Specification, promise: Promise) -> Iterator[Refusal]:
    where = f"{specification.name}.{promise.name}"
    if not promise.name.startswith("test_"):
        yield Refusal("test_name", f"the name of {where} does not begin with test_", "rename it")
    if not promise.text:
        yield Refusal("promise_untold", f"{where} has no docstring", "state the promise in one sentence")
    if not 1 <= promise.since <= specification.version:
        reason = f"{where} is since {promise.since}, and the contract has the versions 1 to {specification.version}"
        yield Refusal("since_unknown", reason, "raise the version of the contract with a new promise")
    if unknown := _unknown([*promise.needs, *promise.unless], specification.capabilities):
        fix = "list it in capabilities=(...) of the contract"
        yield Refusal("capability_undeclared", f"{where} asks for {unknown}, which the contract does not name", fix)
    if _parametrised(specification.tests[promise.name]):
        fix = "loop over the cases inside: an adapter is made for each test"
        yield Refusal("test_parametrised", f"{where} is parametrised, or a property of Hypothesis", fix)


def _parametrised(test: Any) -> bool:
    marks = getattr(test, "pytestmark", [])
    return hasattr(test, "hypothesis") or any(mark.name == "parametrize" for mark in marks)


def _version(cls: type[Contract]) -> Iterator[Refusal]:
    newest = cls.specification.version
    claim: object = cls.version
    if claim == 0:
        reason, fix = f"{cls.__name__} claims no version", f"write version = {newest}"
        yield Refusal("version_missing", reason, fix)
    elif not isinstance(claim, int) or not 1 <= claim <= newest:
        reason = f"{cls.__name__} claims version {claim!r} of {cls.specification.name}"
        yield Refusal("version_unknown", reason, f"claim a version from 1 to {newest}")


def _capabilities(cls: type[Contract]) -> Iterator[Refusal]:
    try:
        names = claimed(cls.capabilities)
    except ContractError as error:
        yield from error.refusals
        return
    if unknown := _unknown(names, cls.specification.capabilities):
        known = ", ".join(sorted(cls.specification.capabilities)) or "none"
        reason = f"{cls.__name__} claims {unknown}, which {cls.specification.name} does not know"
        yield Refusal("capability_unknown", reason, f"the capabilities are: {known}")


def _failures(cls: type[Contract]) -> Iterator[Refusal]:
    listed: object = cls.known_failures
    if not isinstance(listed, Mapping):
        reason = f"{cls.__name__} has a {type(listed).__name__} of known failures, without reasons"
        yield Refusal("known_failures_invalid", reason, 'write known_failures = {"test_name": "reason"}')
        return
    for name, reason in listed.items():
        if name not in cls.specification.tests:
            text = f"{cls.__name__} lists {name} as a known failure, which {cls.specification.name} does not promise"
            yield Refusal("known_failure_unknown", text, "name a contract test, or remove it")
        if not str(reason or "").strip():
            text = f"{cls.__name__} gives no reason for the known failure {name}"
            yield Refusal("known_failure_reasonless", text, "say why, with the number of an issue")


def _replaced(cls: type[Contract]) -> Iterator[Refusal]:
    for name, test in cls.specification.tests.items():
        present = inspect.getattr_static(cls, name, None)
        if present is None:
            fix = "a test that does not apply has a capability; one that fails is a known failure"
            yield Refusal("test_removed", f"{cls.__name__} removes the contract test {name}", fix)
        elif present is not test:
            fix = "rename your own test"
            yield Refusal("test_overridden", f"{cls.__name__} overrides the contract test {name}", fix)


def _unknown(names: Iterable[str], known: frozenset[str]) -> str:
    return " and ".join(sorted(set(names) - known))
