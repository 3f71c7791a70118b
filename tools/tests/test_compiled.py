"""The compiled packages: what is compiled, what is left out, and that they answer."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.bench.environments import Absent
from tools.bench.servers import SERVERS
from tools.compiled import command, wheels

ROOT = Path(__file__).parents[2]
ANSWER = """
import anyio, arlen_core.requests, arlen_server.connections, arlen_server.drivers
from arlen_core import App
from arlen_core.responses import Response
from arlen_core.testing import Client

class Mine(Response):
    pass

app = App("small", environ={})

@app.get("/{id:int}")
async def home(id: int, page: int = 1) -> Mine:
    return Mine(f"{id}/{page}")

async def main():
    async with Client(app) as client:
        return (await client.get("/7?page=2")).text

print(arlen_core.requests.__file__, arlen_server.connections.__file__, arlen_server.drivers.__file__, anyio.run(main))
"""


def hook(package: str) -> dict[str, object]:
    """Return the settings of a package's build hook."""
    data = tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text())
    return data["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]


@pytest.mark.parametrize("package", wheels.PACKAGES)
def test_the_modules_exist(package):
    """What is named is there, once, in order."""
    modules = hook(package)["modules"]
    folder = ROOT / "packages" / package / "src" / package.replace("-", "_")
    assert sorted(set(modules)) == modules
    assert [] == [name for name in modules if not (folder / f"{name}.py").is_file()]


def test_the_hook_is_the_same_everywhere():
    """A source distribution is complete, so every package has it; nobody mends one of them only."""
    assert 1 == len({(ROOT / "packages" / each / "compiled.py").read_bytes() for each in wheels.PACKAGES})


def test_what_is_left_out_exists_and_has_a_reason():
    """Each name leads to tests that are there."""
    for name, reason in command.different().items():
        path, _, function = name.partition("::")
        assert f"def {function}" in (ROOT / path).read_text()
        assert reason


def test_a_name_is_read_with_its_reason(tmp_path):
    """The file holds a list of tables."""
    path = tmp_path / "different.toml"
    path.write_text('[[test]]\nname = "a.py::b"\nreason = "c"\n')
    assert {"a.py::b": "c"} == command.different(path)


def test_the_table_says_what_changed():
    """A line for each path, with the change in per cent."""
    lines = command.table({"a": 1000, "b": 2000}, {"a": 500, "b": 2200})
    assert ["a 1,000 500 -50 %", "b 2,000 2,200 +10 %"] == [" ".join(line.split()) for line in lines[1:]]


def test_without_a_compiler_it_says_so(monkeypatch, tmp_path, capsys):
    """It names the fix, and nothing is installed."""
    monkeypatch.setenv("CC", "no-such-compiler-here")
    assert wheels.compiler() is None
    assert 2 == command.main(["build", "--cache", str(tmp_path)])
    assert "there is no C compiler (fix: install gcc or clang, or set CC)" in capsys.readouterr().out
    assert [] == list(tmp_path.iterdir())


def test_what_is_there_is_not_built_again(monkeypatch, tmp_path):
    """A build counts until the source changes."""
    monkeypatch.setattr(wheels, "_mark", lambda: "now")
    assert not wheels.built(tmp_path)
    folder = wheels.site(tmp_path)
    folder.mkdir(parents=True)
    (folder / "source").write_text("now")
    assert folder == wheels.build(tmp_path)
    monkeypatch.setattr(wheels, "_mark", lambda: "later")
    assert not wheels.built(tmp_path)


def test_the_compiled_packages_come_first(tmp_path):
    """An interpreter finds them before the editable ones."""
    first, *_ = wheels.environment(tmp_path)["PYTHONPATH"].split(":")
    assert str(wheels.site(tmp_path)) == first


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_they_answer():
    """The modules of the hot path are extensions, the others are not, and a request finds its answer."""
    if wheels.compiler() is None:
        pytest.skip("there is no C compiler")
    try:
        wheels.build()
    except Absent as reason:
        if "could not be compiled" in str(reason):
            raise
        pytest.skip(f"the build tools cannot be installed: {reason}")
    program = [sys.executable, "-c", ANSWER]
    done = subprocess.run(program, env=wheels.environment(), capture_output=True, text=True, check=True)
    requests, connections, drivers, answer = done.stdout.split()
    assert "7/2" == answer
    assert (".so", ".so", ".py") == tuple(Path(each).suffix for each in (requests, connections, drivers))
    assert str(wheels.site()) in connections


def test_the_benchmark_borrows_them(monkeypatch, tmp_path):
    """Its servers find the compiled packages, and run in the interpreter that runs everything else."""
    monkeypatch.setattr(wheels, "build", wheels.site)
    wheels.site(tmp_path).mkdir(parents=True)
    for name in ("arlen-compiled", "arlen-compiled-defaults"):
        peer = wheels.home(tmp_path)
        variables = SERVERS[name].variables(peer, "json", ROOT, tmp_path)
        assert [str(ROOT), str(wheels.site(tmp_path))] == variables["PYTHONPATH"].split(":")
        assert sys.executable == SERVERS[name].line(peer, 80)[0]
