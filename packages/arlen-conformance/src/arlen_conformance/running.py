"""Running: a contract against what a factory makes, with no test file: pytest in a process of its own."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from arlen_conformance import catalog
from arlen_conformance.claims import wrong
from arlen_conformance.contract import Contract
from arlen_conformance.refusals import ContractError, Refusal
from arlen_conformance.reports import Report, load

__all__ = ["Order", "compose", "opened", "run", "under_test"]

MODULE = '''"""Written by `arlen conformance run`."""

import pytest

from arlen_conformance.catalog import rewrite
from arlen_conformance.running import Order, under_test

rewrite({module!r})
TestAdapter = under_test(Order(**{order!r}))


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
'''


class Order(Struct):
    """What to run.

    Attributes:
        contract: a short name or an import path.
        factory: the import path of what makes an empty adapter.
        version: the version of the contract that is claimed; 0 for the newest.
        capabilities: what is claimed; None for what the factory's attribute `capabilities` says, or nothing.
        known_failures: test name to reason.
    """

    contract: str
    factory: str
    version: int = 0
    capabilities: list[str] | None = None
    known_failures: dict[str, str] = {}


def run(order: Order, *, select: str = "") -> tuple[Report, str]:
    """Run a contract and return the report, and what pytest wrote.

    Args:
        order: what to run.
        select: an expression as after pytest's `-k`; the report is incomplete then.

    Raises:
        ContractError: the contract, the factory or a claim is refused.
    """
    if refused := wrong(under_test(order)):
        raise ContractError(*refused)
    with TemporaryDirectory(prefix="arlen-") as folder:
        compose(order, Path(folder))
        Path(folder, "pytest.ini").write_text("[pytest]\n", "utf-8")
        done = _pytest(folder, select)
        if done.returncode not in {0, 1, 5}:
            raise ContractError(Refusal("run_failed", done.stdout + done.stderr, "read what pytest says"))
        return load(Path(folder, "report.json")), done.stdout


def compose(order: Order, folder: Path) -> Path:
    """Write the test file that a third party would write, and return its path; `ContractError` as `run`."""
    module = catalog.contract(order.contract).__module__
    path = folder / "test_adapter.py"
    path.write_text(MODULE.format(module=module, order=msgspec.to_builtins(order)), "utf-8")
    return path


def under_test(order: Order) -> type[Contract]:
    """Return the class that a third party would write.

    Raises:
        ContractError: the contract or the factory is not there.
    """
    contract, make = catalog.contract(order.contract), catalog.find(order.factory)
    if not callable(make):
        fix = "name a function or a class"
        raise ContractError(Refusal("factory_invalid", f"{order.factory} cannot be called", fix))

    @pytest.fixture
    async def adapter(_: Any) -> AsyncIterator[Any]:
        async with opened(make if contract.made else lambda: make) as made:
            yield made

    claims = {
        "adapter": adapter,
        "version": order.version or contract.specification.version,
        "capabilities": _claims(make) if order.capabilities is None else order.capabilities,
        "known_failures": order.known_failures,
        "title": order.factory,
    }
    return type("TestAdapter", (contract,), claims)


@asynccontextmanager
async def opened(make: Callable[[], Any]) -> AsyncIterator[Any]:
    """Give what a factory makes, and close it.

    Args:
        make: a class or a function, asynchronous or not; a generator function yields the adapter and cleans up after
            it. A context manager that it returns is entered.

    >>> import anyio
    >>> async def main():
    ...     async with opened(dict) as adapter:
    ...         return adapter
    >>> anyio.run(main)
    {}
    """
    made = _managed(make)()
    made = await made if isinstance(made, Awaitable) else made
    if isinstance(made, AbstractAsyncContextManager):
        async with made as adapter:
            yield adapter
    elif isinstance(made, AbstractContextManager):
        with made as adapter:
            yield adapter
    else:
        yield made


def _managed(make: Callable[[], Any]) -> Callable[[], Any]:
    if inspect.isasyncgenfunction(make):
        return asynccontextmanager(make)
    return contextmanager(make) if inspect.isgeneratorfunction(make) else make


def _claims(make: Callable[[], Any]) -> object:
    found = getattr(make, "capabilities", ())
    return () if inspect.isdatadescriptor(found) else found  # a property: only an instance knows


def _pytest(folder: str, select: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "pytest", folder, f"--rootdir={folder}", f"-c{folder}/pytest.ini", "-q", "-rN"]
    words += ["--tb=short", "-pno:cacheprovider", f"--conformance-report={folder}/report.json"]
    words += [f"-k{select}"] if select else []
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(words, check=False, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
