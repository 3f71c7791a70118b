"""Every rule of the shape finds what it is for, and says where, why and how to put it right."""

import json
import textwrap
from pathlib import Path

import pytest

from tools import shape
from tools.rules import sizes
from tools.rules.model import Module, functions, imports, load

ROOT = Path(__file__).parents[2]
MODULE = '"""A module."""\n\n__all__: list[str] = []\n'


class House:
    """A small repository on disk."""

    def __init__(self, root: Path):
        self.root = root
        self.config("")
        (root / "packages").mkdir()
        self.tests(400)

    def config(self, text: str) -> None:
        """Write tools/shape.toml."""
        (self.root / "tools").mkdir(exist_ok=True)
        (self.root / "tools" / "shape.toml").write_text(textwrap.dedent(text))

    def tests(self, lines: int) -> None:
        """Write as many lines of tests."""
        folder = self.root / "packages" / "tests"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "test_all.py").write_text("pass\n" * lines)

    def package(
        self, name: str = "arlen-x", requires: list[str] | None = None, extras: list[str] | None = None
    ) -> Path:
        """Write a package, and return the folder of its modules."""
        folder = self.root / "packages" / name
        source = folder / "src" / name.replace("-", "_")
        source.mkdir(parents=True, exist_ok=True)
        project = f'[project]\nname = "{name}"\nversion = "0.1.0"\ndependencies = {json.dumps(requires or [])}\n'
        project += f"[project.optional-dependencies]\nextra = {json.dumps(extras or [])}\n"
        (folder / "pyproject.toml").write_text(project)
        (source / "__init__.py").write_text(MODULE)
        return source

    def found(self) -> list[tuple[str, str]]:
        """Return the rules that are broken, and where."""
        return [(item.rule, item.where) for item in shape.check(load(self.root))]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An empty house with enough tests."""
    return House(tmp_path)


def write(folder: Path, name: str, text: str, *, names: list[str] | None = None) -> None:
    """Write a module that is in order but for what the text says."""
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n\n{textwrap.dedent(text)}\n__all__ = {names or []!r}\n')


def function(name: str, lines: int) -> str:
    """Return the source of a function with a body of so many lines."""
    return f'def {name}():\n    """Do it."""\n' + "    pass\n" * lines


def test_a_house_in_order_has_no_violation(house):
    """Declared imports, exact names, short functions: nothing to say."""
    write(house.package("arlen-core", ["anyio"]), "app", "import anyio\nclass App:\n    'An app.'", names=["App"])
    source = house.package("arlen-web", ["arlen-core>=0.1,<0.2"], ["jinja2"])
    write(source, "views", "from arlen_core.app import App\ndef show():\n  'Show.'\n  import jinja2", names=["show"])
    assert [] == house.found()


def test_function_length(house):
    """A body of more than 60 lines is too long; docstring, comments and blank lines do not count."""
    source = house.package()
    write(source, "a", function("fits", 60) + "    # a comment\n\n", names=["fits"])
    write(source, "b", function("long", 61) + "".join(function(f"_f{n}", 1) for n in range(20)), names=["long"])
    write(source, "c", "".join(function(f"_g{n}", 1) for n in range(20)))
    assert [("function-length", "arlen_x.b:long")] == house.found()


def test_function_length_names_methods_and_inner_functions(house):
    """The name of a function holds its class and the function around it."""
    write(
        house.package(),
        "a",
        "class A:\n    'A.'\n    def m(self):\n        'M.'\n        def inner(): pass",
        names=["A"],
    )
    found = [item.name for item in functions(load(house.root).modules["arlen_x.a"].tree)]
    assert ["A.m", "A.m.inner"] == found


def test_function_median(house):
    """Half of the functions of a package have at most 7 lines; stubs do not help."""
    stubs = "".join(f"def _s{n}(): ...\n" for n in range(9))
    write(house.package(), "a", stubs + "".join(function(f"_f{n}", 8) for n in range(3)))
    assert [("function-median", "arlen-x")] == house.found()


def test_function_p90(house):
    """Nine of ten functions of a package have at most 25 lines."""
    write(house.package(), "a", "".join(function(f"_f{n}", 1 if n < 7 else 26) for n in range(10)))
    assert [("function-p90", "arlen-x")] == house.found()


def test_module_length(house):
    """A module has at most 500 lines."""
    house.tests(2000)
    source = house.package()
    write(source, "long", "#\n" * 500)
    write(source, "short", "")
    assert [("module-length", "arlen_x.long")] == house.found()


def test_module_median(house):
    """Half of the modules of a package have at most 150 lines."""
    source = house.package()
    write(source, "a", "#\n" * 160)
    write(source, "b", "#\n" * 160)
    house.tests(2000)
    assert [("module-median", "arlen-x")] == house.found()


def test_tests(house):
    """There are at least 1.3 lines of tests for a line of source."""
    write(house.package(), "a", "#\n" * 93)  # 100 lines with __init__.py
    house.tests(130)
    assert [] == house.found()
    house.tests(129)
    assert [("tests", "repository")] == house.found()


def test_tests_of_instruments(house):
    """What measures the product has a floor of its own, 0.7, and does not count for the product's."""
    house.package()
    house.tests(40)
    (house.root / "tools/shape.toml").write_text('[instruments]\nbench = "measures"\n')
    write(house.root / "tools/bench", "a", "#\n" * 100)
    write(house.root / "tools/tests", "test_bench_a", "#\n" * 70)
    assert [] == house.found()
    write(house.root / "tools/tests", "test_bench_a", "#\n" * 60)
    assert [("tests", "instruments")] == house.found()


def test_tests_counts_examples_and_tools_and_nothing_else(house):
    """An example is source too; what lies around elsewhere in the folder is neither."""
    house.package()
    house.tests(4)
    write(house.root / "examples/board", "app", "#\n" * 100)
    assert [("tests", "repository")] == house.found()
    write(house.root / ".boot/tests", "test_other", "#\n" * 1000)
    assert [("tests", "repository")] == house.found()
    write(house.root / "examples/board/tests", "test_app", "#\n" * 200)
    assert [] == house.found()


def test_tests_counts_a_contracts_suite(house):
    """A suite that a package ships for its adapters is proof, not source."""
    source = house.package()
    write(source, "a", "#\n" * 93)
    (source / "conformance").mkdir()
    write(source / "conformance", "__init__", "#\n" * 50)
    house.tests(60)
    assert ("tests", "repository") in house.found()
    house.tests(90)
    assert ("tests", "repository") not in house.found()


def test_cycle(house):
    """Modules that import each other are a cycle, also when one of them waits for a call."""
    source = house.package()
    write(source, "a", "from arlen_x import b")
    write(source, "b", "import arlen_x.c")
    write(source, "c", "def _later():\n    from arlen_x.a import name")
    assert ["cycle"] == [rule for rule, _ in house.found()]


def test_cycle_through_the_package_root(house):
    """A module that imports from its own front door is in a cycle with it."""
    source = house.package()
    write(source, "a", "from arlen_x import App")
    write(source, "__init__", "from arlen_x.a import App", names=["App"])
    found = shape.check(load(house.root))
    assert ["cycle"] == [item.rule for item in found]
    assert (
        "arlen_x -> arlen_x.a -> arlen_x" in f"arlen_x -> {found[0].reason.removeprefix('import cycle: ')} -> arlen_x"
    )


def test_each_cycle_is_reported_once(house):
    """Two cycles are two violations."""
    source = house.package()
    for one, two in [("a", "b"), ("c", "d")]:
        write(source, one, f"import arlen_x.{two}")
        write(source, two, f"import arlen_x.{one}")
    assert ["cycle", "cycle"] == [rule for rule, _ in house.found()]


def test_imports_for_type_checkers_are_no_cycle(house):
    """What is under TYPE_CHECKING does not run."""
    source = house.package()
    write(source, "a", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from arlen_x import b")
    write(source, "b", "import arlen_x.a")
    assert [] == house.found()


def test_package_cycle(house):
    """Packages that depend on each other are a cycle."""
    house.config('[arrows]\narlen-x = ["arlen-y"]\narlen-y = ["arlen-x"]')
    write(house.package("arlen-x", ["arlen-y"]), "a", "import arlen_y")
    write(house.package("arlen-y", ["arlen-x"]), "a", "import arlen_x")
    assert ["package-cycle"] == [rule for rule, _ in house.found()]


@pytest.mark.parametrize("source", ["import jinja2", "def _f():\n    from jinja2 import nodes", "import jinja2.nodes"])
def test_undeclared(house, source):
    """An import of something that is not declared is an error, also inside a function."""
    write(house.package(), "a", source)
    assert [("undeclared", "arlen_x.a -> jinja2")] == house.found()


def test_undeclared_knows_the_distribution_behind_an_import(house):
    """What is imported under another name than it is installed under is found."""
    write(house.package("arlen-x", ["pytest-xdist"]), "a", "from xdist import plugin")
    assert [] == house.found()


def test_undeclared_sees_imports_by_name(house):
    """importlib.import_module with a literal is an import; to look for an extra with find_spec is not."""
    source = house.package("arlen-x", [], ["uvloop"])
    write(source, "b", "import arlen_x.a")
    write(
        source, "a", "import importlib\n_M = importlib.util.find_spec('uvloop')\n_N = importlib.import_module('lxml')"
    )
    assert [("undeclared", "arlen_x.a -> lxml")] == house.found()
    write(source, "a", "import importlib\n_M = importlib.import_module('uvloop')")
    assert [("eager-extra", "arlen_x.a -> uvloop")] == house.found()


@pytest.mark.parametrize("source", ["import uvloop", "try:\n    import uvloop\nexcept ImportError:\n    pass"])
def test_eager_extra(house, source):
    """An extra is imported inside the function that uses it."""
    write(house.package("arlen-x", [], ["uvloop>=0.20"]), "a", source)
    write(house.root / "packages/arlen-x/src/arlen_x", "b", "import arlen_x.a")
    assert [("eager-extra", "arlen_x.a -> uvloop")] == house.found()


def test_a_module_that_is_imported_by_name_only_may_begin_with_its_extra(house):
    """The package imports the module when it is asked for, and the module imports the extra at its top."""
    source = house.package("arlen-x", [], ["uvloop"])
    write(source, "a", "import uvloop")
    write(source, "b", "def _f():\n    from arlen_x.a import X")
    assert [] == house.found()


def test_the_suite_of_a_contract_may_begin_with_the_kit(house):
    """Its modules import each other, and are for those who have the kit."""
    source = house.package("arlen-x", [], ["uvloop"])
    (source / "conformance").mkdir()
    write(source / "conformance", "__init__", "import arlen_x.conformance.a")
    write(source / "conformance", "a", "import uvloop")
    assert [] == house.found()


def test_unused_dependency(house):
    """What is declared is imported somewhere, extras too."""
    house.package("arlen-x", ["anyio"], ["uvloop"])
    assert {("unused-dependency", "arlen-x -> anyio"), ("unused-dependency", "arlen-x -> uvloop")} == set(house.found())


def test_extras_may_pass_on_the_extras_of_siblings(house):
    """`arlen[all]` names extras of other arlen packages, and imports nothing for them."""
    house.package("arlen-core")
    house.package("arlen-x", [], ["arlen-core[zstd]"])
    assert [] == house.found()


def test_arrow(house):
    """A package depends on arlen-core only, unless the table says more."""
    house.package("arlen-y")
    write(house.package("arlen-x", ["arlen-y"]), "a", "import arlen_y")
    assert [("arrow", "arlen-x -> arlen-y")] == house.found()
    house.config('[arrows]\narlen-x = ["arlen-y"]')
    assert [] == house.found()


def test_sibling_version(house):
    """The range for a sibling holds the version that the sibling has here."""
    house.package("arlen-core")
    write(house.package("arlen-x", ["arlen-core>=0.2"]), "a", "import arlen_core")
    assert [("sibling-version", "arlen-x -> arlen-core")] == house.found()


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("from arlen_core._inner import f", "arlen_core._inner.f"),
        ("import arlen_core._inner", "arlen_core._inner"),
        ("from arlen_core import _inner", "arlen_core._inner"),
        ("from arlen_core.app import _helper", "arlen_core.app._helper"),
        ("from arlen_core.app import other", "arlen_core.app.other"),
    ],
)
def test_private_import(house, source, where):
    """A package uses only the public names of another."""
    core = house.package("arlen-core")
    write(core, "_inner", "def f(): ...")
    write(core, "app", "def _helper(): ...\nother = 1")
    write(house.package("arlen-x", ["arlen-core"]), "a", source)
    assert [("private-import", f"arlen_x.a -> {where}")] == house.found()


def test_private_names_are_free_inside_a_package(house):
    """Modules of one package may share a private module."""
    source = house.package()
    write(source, "_inner", "")
    write(source, "a", "from arlen_x import _inner")
    assert [] == house.found()


def test_all_missing(house):
    """A public module has an __all__; a private one need not."""
    source = house.package()
    (source / "a.py").write_text('"""A."""\n')
    (source / "_b.py").write_text('"""B."""\n')
    assert [("all-missing", "arlen_x.a")] == house.found()


@pytest.mark.parametrize("source", ["def f():\n    'F.'", "async def f():\n    'F.'", "class f:\n    'F.'"])
def test_all_incomplete(house, source):
    """A public function or class is in __all__."""
    write(house.package(), "a", source)
    assert [("all-incomplete", "arlen_x.a:f")] == house.found()


def test_all_unknown(house):
    """__all__ lists only what is there."""
    write(
        house.package(),
        "a",
        "LIMIT = 1\nA, B = 1, 2\nif LIMIT:\n    C: int = 3",
        names=["A", "B", "C", "LIMIT", "gone"],
    )
    assert [("all-unknown", "arlen_x.a:gone")] == house.found()


def test_all_foreign(house):
    """A module does not list what another defines, unless it is the front door of its package."""
    source = house.package()
    write(source, "a", "X = 1", names=["X"])
    write(source, "b", "from arlen_x.a import X", names=["X"])
    write(source, "sub/__init__", "from arlen_x.a import X", names=["X"])
    assert [("all-foreign", "arlen_x.b:X")] == house.found()


@pytest.mark.parametrize("names", [["X", "X"], ["_y"]])
def test_all_odd(house, names):
    """__all__ lists a name once, and no private one."""
    write(house.package(), "a", "X = 1\n_y = 2", names=names)
    assert {("all-odd", f"arlen_x.a:{names[0]}")} == set(house.found())


def test_undocumented(house):
    """Modules, public classes, functions and methods have docstrings; private ones, overloads and setters need none."""
    source = house.package()
    (source / "_a.py").write_text("x = 1\n")
    text = """
        from typing import overload
        @overload
        def f(a: int): ...
        @overload
        def f(a: str): ...
        def f(a): pass
        def _g(): pass
        class C:
            def m(self): pass
            def _n(self): pass
            def __eq__(self, other): return True
            @property
            def p(self): "P."
            @p.setter
            def p(self, value): pass
    """
    write(source, "b", text, names=["C", "f"])
    expected = {"arlen_x._a", "arlen_x.b:f", "arlen_x.b:C", "arlen_x.b:C.m"}
    assert {("undocumented", where) for where in expected} == set(house.found())


def test_an_exception_needs_a_reason_and_a_violation(house):
    """An exception silences exactly its violation; without a reason, or when it is not needed, it is one itself."""
    write(house.package(), "a", "import jinja2")
    entry = '[[exception]]\nrule = "undeclared"\nwhere = "arlen_x.a -> jinja2"\n'
    house.config(entry + 'reason = "measured"')
    assert [] == house.found()
    house.config(entry)
    assert [("exception", "arlen_x.a -> jinja2")] == house.found()
    write(house.root / "packages/arlen-x/src/arlen_x", "a", "")
    house.config(entry + 'reason = "measured"')
    assert [("exception", "arlen_x.a -> jinja2")] == house.found()


def test_the_report_says_file_line_rule_reason_and_fix(house, capsys):
    """A line of the report can be followed by an editor, and says what to do."""
    write(house.package(), "a", "import jinja2")
    assert 1 == shape.main(["--root", str(house.root)])
    first = capsys.readouterr().out.splitlines()[0]
    reason = "imports jinja2, which is not declared; add jinja2 to dependencies in pyproject.toml"
    assert f"packages/arlen-x/src/arlen_x/a.py:3: undeclared: arlen_x.a -> jinja2: {reason}" == first


def test_the_report_for_programs(house, capsys):
    """--json holds the same violations, and the figures of each package."""
    write(house.package(), "a", "import jinja2\n" + function("_f", 2))
    assert 1 == shape.main(["--root", str(house.root), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert {"rule", "where", "path", "line", "reason", "fix"} == set(report["violations"][0])
    assert (2, 1, 2) == tuple(report["figures"]["arlen-x"][key] for key in ("modules", "functions", "function_max"))


def test_a_house_in_order_ends_with_0(house, capsys):
    """Without a violation the exit code is 0, and the figures are printed."""
    house.package()
    assert 0 == shape.main(["--root", str(house.root)])
    assert "the shape is right" == capsys.readouterr().out.splitlines()[-1]


def test_bodies_are_counted_in_lines_of_code(tmp_path):
    """Blank lines, comments and the docstring are free; a string over three lines counts three."""
    path = tmp_path / "a.py"
    path.write_text('def f():\n    """Doc."""\n\n    # why\n    x = """\n    y\n    """\n    return x\n')
    module = Module("a", path)
    assert [4] == [size for _, size in sizes._bodies(module)]


def test_imports_know_when_they_run(tmp_path):
    """An import is lazy inside a function or lambda, and for type checkers under TYPE_CHECKING."""
    path = tmp_path / "a.py"
    path.write_text(
        "import a\ndef f():\n    import b\nif typing.TYPE_CHECKING:\n    import c\nclass C:\n    import d\n"
    )
    found = {item.target: (item.lazy, item.typing) for item in imports(Module("a", path))}
    assert {"a": (False, False), "b": (True, False), "c": (False, True), "d": (False, False)} == found
