"""Tests of `arlen conformance`."""

import argparse
import json
import os
import sys
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path

import anyio
import pytest

from arlen_conformance import ContractError, catalog
from arlen_conformance.commands import conformance
from arlen_conformance.running import Order, opened, run
from arlen_core.commands import CommandError

MODULE = '''
from arlen_conformance import Contract, promise


class BoxContract(Contract, name="box", version=2, capabilities=("lid",)):
    @promise
    async def test_empty(self, adapter):
        """A new box is empty."""
        assert len(adapter) == 0

    @promise(since=2, needs=("lid",))
    async def test_lid(self, adapter):
        """It has a lid."""
        assert adapter.lid


@BoxContract.saboteur("test_empty")
class Full(list):
    lid = True
    def __init__(self, adapter):
        super().__init__([1])


@BoxContract.saboteur("test_lid")
class Open(list):
    lid = False
    def __init__(self, adapter=()):
        super().__init__()


class Box(list):
    lid = True
    capabilities = {"lid": True}


class Asked(list):
    @property
    def capabilities(self): return {"lid"}


def full(): return [1]
number = 5
'''


@pytest.fixture
def boxes(tmp_path, monkeypatch):
    """A folder with a module of a name of its own."""
    monkeypatch.chdir(tmp_path)
    name = f"boxes_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    yield name
    sys.modules.pop(name, None)


def arlen(*words):
    """Run the command; return its result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    conformance.configure(parser)
    return conformance.run(parser.parse_args(words))


@pytest.fixture
def box(boxes):
    """Run the contract against something in the module."""

    def ask(factory, *words):
        return arlen("run", f"{boxes}:BoxContract", f"{boxes}:{factory}", *words)

    return ask


def test_a_good_adapter(box, boxes):
    """The answer has a line for each promise, and the verdict."""
    result = box("Box")
    assert (result.exit, result.data["verdict"]) == (0, "conformant")
    assert result.text == (
        "passed         A new box is empty.\n"
        "passed         It has a lid.\n"
        f"\n{boxes}:Box: conformant (box 2: 2 of 2 promises kept)"
    )


def test_a_broken_adapter(box):
    """It exits 1, and pytest's explanation comes first."""
    result = box("full")
    assert (result.exit, result.data["verdict"]) == (1, "failing")
    assert "assert 1 == 0" in result.text
    assert "failed         A new box is empty. [assert 1 == 0" in result.text
    assert "waived         It has a lid. [does not claim lid]" in result.text


def test_claims(box):
    """Capabilities come from the factory, or from the command; so does the version."""
    assert box("Box").data["subjects"][0]["capabilities"] == ["lid"]
    assert box("Box", "--claim", "").data["subjects"][0]["capabilities"] == []
    assert box("Open", "--claim=lid").exit == 1
    assert box("Asked").data["subjects"][0]["capabilities"] == []
    assert box("Box", "--of=1").data["subjects"][0]["version"] == 1


def test_known_failures(box):
    """One that is known makes the verdict partial, and no failure."""
    result = box("full", "--known", "test_empty=issue 12")
    assert (result.exit, result.data["verdict"]) == (0, "partial")


def test_a_choice(box):
    """`-k` chooses; the verdict is incomplete then, and that is no failure, since it was asked for."""
    result = box("Box", "-k", "empty")
    assert (result.exit, result.data["verdict"]) == (0, "incomplete")


def test_files(box, boxes, tmp_path):
    """A report and a badge are written; they are shown again by `matrix` and `badge`."""
    box("Box", "--report", "report.json", "--badge", "badge.svg")
    assert Path("badge.svg").read_text().startswith("<svg")
    shown = arlen("matrix", "report.json", "report.json")
    assert f"| promise | {boxes}:Box | {boxes}:Box |" in shown.text
    assert len(shown.data["reports"]) == 2
    told = arlen("badge", "report.json", "badge.json")
    assert (told.text, told.data["message"]) == ("wrote badge.json: conformant", "conformant")
    assert json.loads(Path("badge.json").read_text())["label"] == "box 2"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["Box", "--claim", "rid"], "capability_unknown"),
        (["Box", "--of", "3"], "version_unknown"),
        (["Box", "--known", "test_x=why"], "known_failure_unknown"),
        (["Box", "--known", "test_lid"], "known_failure_reasonless"),
        (["Bax"], "import_failed"),
        (["number"], "factory_invalid"),
    ],
)
def test_refusals(box, words, code):
    """What is wrong is said with code, reason and fix, and exits 2."""
    with pytest.raises(CommandError) as caught:
        box(*words)
    assert (caught.value.code, caught.value.exit, bool(caught.value.fix)) == (code, 2, True)


@pytest.mark.parametrize(
    ("contract", "code"),
    [("box", "path_invalid"), ("no.such:Thing", "import_failed"), ("json:dumps", "contract_invalid")],
)
def test_no_contract(contract, code):
    """A contract that is not there is refused."""
    with pytest.raises(CommandError) as caught:
        arlen("run", contract, "json:dumps")
    assert caught.value.code == code


def test_several_refusals(box):
    """The others follow the first."""
    with pytest.raises(CommandError, match="claims version 3") as caught:
        box("Box", "--of=3", "--claim=rid")
    assert "capability_unknown" in caught.value.message


def test_no_report():
    """A file that is no report is refused."""
    with pytest.raises(CommandError, match="no report"):
        arlen("matrix", "none.json")


@pytest.fixture
def published(boxes, tmp_path, monkeypatch):
    """Publish the contract under a short name, and one that is broken."""
    monkeypatch.syspath_prepend(tmp_path)
    found = [
        EntryPoint("box", f"{boxes}:BoxContract", catalog.GROUP),
        EntryPoint("lost", "no.such:Contract", catalog.GROUP),
    ]
    monkeypatch.setattr(catalog, "entry_points", lambda group: found)
    return boxes


def test_the_list(published):
    """It names contracts, versions, capabilities and the number of promises; a broken one says why."""
    result = arlen("list")
    first, second = result.data["contracts"]
    assert first == {
        "name": "box",
        "path": f"{published}:BoxContract",
        "version": 2,
        "promises": 2,
        "capabilities": ["lid"],
        "about": "version 2, 2 promises; capabilities: lid",
    }
    assert result.text.splitlines()[0] == "box: version 2, 2 promises; capabilities: lid"
    assert "import_failed" in second["about"]


def test_an_empty_list(monkeypatch):
    """Without contracts it says so."""
    monkeypatch.setattr(catalog, "entry_points", lambda group: [])
    assert arlen("list").text == "no installed package publishes a contract"


def test_a_short_name(published):
    """A published contract has one."""
    assert catalog.contract("box").specification.name == "box"


def test_explanations(published):
    """Pytest explains the asserts of published contracts that are not imported yet."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog.pytest, "register_assert_rewrite", seen.append)
        catalog.rewrite()
        catalog.rewrite("json")
    assert seen == [published, "no.such"]


def test_pytest_itself_fails(boxes, monkeypatch, tmp_path):
    """What pytest says about a run that it could not begin is the reason."""
    monkeypatch.syspath_prepend(tmp_path)
    later = f"\nimport os\nif os.getpid() != {os.getpid()}: raise OSError('later')\n"
    (tmp_path / f"{boxes}.py").write_text(MODULE + later)
    with pytest.raises(ContractError, match=r"run_failed[\s\S]*OSError: later"):
        run(Order(f"{boxes}:BoxContract", f"{boxes}:Box"))


def factory(kind):
    """Return a factory of each kind, and what it has done."""
    done = []

    def plain():
        return done

    async def later():
        return done

    def generated():
        yield done
        done.append("closed")

    async def generated_later():
        yield done
        done.append("closed")

    managed, managed_later = contextmanager(generated), asynccontextmanager(generated_later)

    async def managed_at_last():
        return managed_later()

    kinds = [plain, later, generated, generated_later, managed, managed_later, managed_at_last]
    return {each.__name__: each for each in kinds}.get(kind, managed_later), done


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["plain", "later", "generated", "generated_later", "managed_at_last"])
async def test_factories(kind):
    """Whatever makes the adapter, it is given, and closed when it can be."""
    make, done = factory(kind)
    async with opened(make) as adapter:
        assert adapter is done
        assert done == []
    assert done == ([] if kind in {"plain", "later"} else ["closed"])


def test_a_context_manager():
    """A synchronous one that a function returns is entered too."""

    async def main():
        async with opened(contextmanager(lambda: iter([5]))) as adapter:
            return adapter

    assert anyio.run(main) == 5


def test_the_arlen_command(boxes):
    """The command line finds it, with `--json` before or after the action."""
    main = pytest.importorskip("arlen_cli.main").main
    assert main(["conformance", "run", f"{boxes}:BoxContract", f"{boxes}:Box", "--json", "-kempty"]) == 0
    assert main(["conformance", "--json", "run", f"{boxes}:BoxContract", f"{boxes}:full"]) == 1
    assert main(["conformance", "dance"]) == 2
