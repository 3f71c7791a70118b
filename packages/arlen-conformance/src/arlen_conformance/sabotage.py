"""Sabotage: one saboteur against all tests of a contract, each with a fresh adapter."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from pathlib import Path
from types import MethodType
from typing import Any

import anyio
import pytest
from _pytest.runner import runtestprotocol  # what pytest-rerunfailures uses: there is no public one

from arlen_conformance.promises import Saboteur, claimed

__all__ = ["SaboteurItem", "Survived"]


class Survived(Exception):
    """A saboteur was not caught by exactly its test; the message says which tests failed."""


class SaboteurItem(pytest.Item):
    """The test that one saboteur fails in its own contract test, and in no other.

    Args:
        saboteur: what breaks the adapter.
        tests: the contract tests, as pytest collected them.
    """

    def __init__(self, *, saboteur: Saboteur, tests: list[pytest.Function], **others: Any) -> None:
        super().__init__(**others)
        self.saboteur, self.tests = saboteur, tests

    def runtest(self) -> None:
        """Run the contract tests that apply, not the heavy ones of others; `Survived` unless just its own failed."""
        applicable = [test for test in self.tests if not self._waived(test)]
        own = [test for test in self.tests if test.originalname == self.saboteur.test]
        if not set(own) & set(applicable):
            pytest.skip(f"{self.saboteur.test} {self._waived(own[0])}" if own else f"{self.saboteur.test} was not run")
        met = [test for test in applicable if test in own or not self._spared(test)]
        failed = {test.originalname: text for test in met if (text := self._failure(test))}
        if problem := self._problem(failed):
            raise Survived(problem)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the message alone: where it was raised says nothing."""
        if isinstance(excinfo.value, Survived):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the saboteur is defined."""
        try:
            path = inspect.getsourcefile(self.saboteur.breaks)
            line = inspect.getsourcelines(self.saboteur.breaks)[1] - 1
        except (OSError, TypeError):
            path, line = None, None
        return Path(path or self.path), line, self.name

    def _waived(self, test: pytest.Function) -> str:
        cls = test.cls
        promise = cls.specification.promise(test.originalname)
        return str(promise.waived(cls.version, claimed(cls.capabilities)))

    def _spared(self, test: pytest.Function) -> bool:
        return bool(test.cls.alone or test.cls.specification.promise(test.originalname).heavy)

    def _failure(self, test: pytest.Function) -> str:
        reports = runtestprotocol(self._run(test), log=False, nextitem=self)
        if reports[0].failed:
            raise Survived(f"no good adapter for {test.originalname}:\n{reports[0].longreprtext}")
        return next((_last(report.longreprtext) for report in reports if report.failed), "")

    def _run(self, test: pytest.Function) -> pytest.Function:
        breaks, timeout = self.saboteur.breaks, test.cls.timeout

        async def sabotaged(instance: Any, **fixtures: Any) -> None:
            with anyio.fail_after(timeout):
                fixtures["adapter"] = await _settled(breaks(fixtures["adapter"]))
                await _settled(getattr(instance, test.originalname)(**fixtures))

        more: dict[str, Any] = {"name": test.name, "originalname": test.originalname}
        more |= {"callspec": test.callspec} if hasattr(test, "callspec") else {}
        fixtures = test._fixtureinfo  # noqa: SLF001 - as anyio does it
        bound = MethodType(sabotaged, test.cls())
        return pytest.Function.from_parent(self, callobj=bound, fixtureinfo=fixtures, **more)

    def _problem(self, failed: dict[str, str]) -> str:
        name, own = self.saboteur.name, self.saboteur.test
        lines = [f"  {test}: {text}" for test, text in failed.items() if test != own]
        if own not in failed:
            lines.insert(0, f"  {own} passed, which should have caught it")
        return "\n".join([f"the saboteur {name} must fail in {own} and in no other test; but", *lines]) if lines else ""


async def _settled(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("E ")] or text.splitlines() or ["failed"]
    return lines[0].removeprefix("E").strip()
