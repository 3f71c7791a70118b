"""Loading: applications are found where they are, and failures say where and why."""

import sys
from pathlib import Path

import pytest

from arlen_core.errors import StartupError
from arlen_core.loading import LoadError, load, target

APP = "class App:\n    def handle(self): ...\n    def start(self): ...\napp = App()\n"


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Imports of a test are forgotten."""
    monkeypatch.delenv("ARLEN_APP", raising=False)
    modules, path = dict(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path_importer_cache.clear()


def write(root, **files):
    """Write Python files; two underscores are a slash."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "module"),
    [
        ({"app": APP}, "app"),
        ({"main": APP}, "main"),
        ({"app": APP, "main": APP}, "app"),
        ({"board/__init__": "", "board/app": APP}, "board.app"),
        ({"src/board/__init__": "", "src/board/app": APP}, "board.app"),
        ({"src/app": APP}, "app"),
        ({"board/__init__": "", "board/app": APP, "tests/__init__": "", "tests/app": APP}, "board.app"),
        ({"board/__init__": "", "board/app": APP, "notes/app": APP}, "board.app"),
    ],
)
def test_an_application_is_found_where_applications_are(tmp_path, files, module):
    """app.py, main.py, or the one package with an app.py, in the folder or its src; tests are no application."""
    for name, text in files.items():
        (tmp_path / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    assert (module, "app") == target(None, tmp_path, {})
    assert module == type(load(None, tmp_path, {})).__module__


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("board", ("board", "app")),
        ("board:application", ("board", "application")),
        ("board.web:apps.main", ("board.web", "apps.main")),
        ("board.py", ("board", "app")),
        ("./board.py:site", ("board", "site")),
        ("shop/web.py", ("shop.web", "app")),
    ],
)
def test_an_application_has_a_name(tmp_path, name, expected):
    """Module and attribute, module alone, or a file."""
    assert expected == target(name, tmp_path, {})


def test_the_environment_names_the_application(tmp_path, monkeypatch):
    """ARLEN_APP counts when no name is given."""
    assert ("board", "site") == target(None, tmp_path, {"ARLEN_APP": "board:site"})
    assert ("shop", "app") == target("shop", tmp_path, {"ARLEN_APP": "board:site"})
    monkeypatch.setenv("ARLEN_APP", "here:it")
    assert ("here", "it") == target(None, tmp_path)


@pytest.mark.parametrize("name", ["a b", "board:", ":app", "board:a:b", "../board.py", "/abs/board.py", "board-x"])
def test_what_is_no_name_is_refused(tmp_path, name):
    """With how to write one; an empty attribute is the usual one."""
    if name == "board:":
        assert ("board", "app") == target(name, tmp_path, {})
        return
    with pytest.raises(LoadError, match=r'does not name an application \(fix: write it as "module:attribute"'):
        target(name, tmp_path, {})


def test_nothing_to_find_says_what_was_looked_for(tmp_path):
    """And how to name it."""
    with pytest.raises(LoadError, match=r"no app.py, main.py or package with an app.py.*ARLEN_APP") as caught:
        load(None, tmp_path, {})
    assert ("find", "load_find_failed") == (caught.value.stage, caught.value.code)
    assert isinstance(caught.value, StartupError)


def test_two_to_choose_from_is_no_choice(tmp_path):
    """Both are named."""
    write(tmp_path, a____init__="")
    for name in ("alpha", "beta"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "app.py").write_text(APP)
    with pytest.raises(
        LoadError, match=r"several applications in .*: alpha.app, beta.app \(fix: name one: alpha.app:app"
    ):
        load(None, tmp_path, {})


def test_a_nested_attribute_is_followed(tmp_path):
    """Dots after the colon go into the object."""
    write(tmp_path, board=f"{APP}class site:\n    main = app\n")
    assert load("board:site.main", tmp_path) is sys.modules["board"].app


def test_the_folder_goes_first_on_the_path(tmp_path):
    """So that the application can import its own modules; a second load does not add it twice."""
    write(tmp_path, board=f"import helper_of_board\n{APP}", helper_of_board="")
    load("board", tmp_path)
    load("board", tmp_path)
    assert str(tmp_path) == sys.path[0]
    assert sys.path.count(str(tmp_path)) == 1


def test_the_current_folder_is_the_default(tmp_path, monkeypatch):
    """As on the command line."""
    write(tmp_path, app=APP)
    monkeypatch.chdir(tmp_path)
    assert load().__module__ == "app"


def test_a_module_that_is_not_there_is_not_found(tmp_path):
    """With the nearest file."""
    write(tmp_path, board=APP)
    with pytest.raises(LoadError, match=r"there is no module 'bored' in .* \(fix: did you mean 'board'") as caught:
        load("bored", tmp_path)
    assert caught.value.stage == "find"
    with pytest.raises(LoadError, match="check the name"):
        load("xyzzy:app", tmp_path)


def test_a_missing_module_inside_the_application_is_a_failed_import(tmp_path):
    """With the file and the line of the import, not of the loader."""
    write(tmp_path, board="x = 1\nimport nowhere_to_be_found\n")
    with pytest.raises(
        LoadError, match=r"ModuleNotFoundError.*\(fix: install nowhere_to_be_found, or correct"
    ) as caught:
        load("board", tmp_path)
    assert ("import", str(tmp_path / "board.py"), 2) == (caught.value.stage, caught.value.file, caught.value.line)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("x = 1\ny = (\n", 2, 5, "SyntaxError: '(' was never closed"),
        ("x = 1\n  y = 2\n", 2, None, "IndentationError: unexpected indent"),
        ("x = 1\n\nraise LookupError('gone')\n", 3, 1, "LookupError: gone"),
        ("import json\njson.loads('{')\n", 2, 1, "JSONDecodeError"),
        ("import sys\nsys.exit('bye')\n", 2, 1, "SystemExit: bye"),
        ("def f():\n    return 1 / 0\nf()\n", 2, None, "ZeroDivisionError"),
    ],
)
def test_a_broken_module_says_where(tmp_path, text, line, column, words):
    """The deepest line in the application's own files, and the original exception as the cause."""
    write(tmp_path, board=text)
    with pytest.raises(LoadError) as caught:
        load("board", tmp_path)
    error = caught.value
    assert ("import", str(tmp_path / "board.py"), line) == (error.stage, error.file, error.line)
    assert column is None or column == error.column
    assert words in error.reason
    assert f"board.py:{line}: " in error.reason
    assert error.__cause__ is not None
    assert words.partition(":")[0] in error.output
    assert "importlib" not in error.output


@pytest.mark.parametrize(
    ("line", "reason", "fix"),
    [
        ("app.get('nope')", "route 'nope', position 0: a template begins with a slash", "write '/nope'"),
        ("app.get(print)", "a route needs a path, not <built-in function print>", 'write it so: @app.get("/path")'),
    ],
)
def test_an_error_of_the_framework_speaks_for_itself(tmp_path, line, reason, fix):
    """A `StartupError` during the import keeps its reason and its fix, and brings no traceback of the framework."""
    write(tmp_path, board=f"from arlen_core import App\napp = App('board')\n{line}\n")
    with pytest.raises(LoadError) as caught:
        load("board", tmp_path)
    error = caught.value
    assert ("import", fix, "") == (error.stage, error.fix, error.output)
    assert error.reason.endswith(f"board.py:3: StartupError: {reason}")


def test_an_interrupt_goes_through(tmp_path):
    """Ctrl-C during an import is no failure of the application."""
    write(tmp_path, board="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("board", tmp_path)


def test_a_module_can_be_loaded_again_after_it_failed(tmp_path):
    """A development server corrects and tries again."""
    write(tmp_path, board="raise LookupError\n")
    with pytest.raises(LoadError):
        load("board", tmp_path)
    write(tmp_path, board=f"# corrected\n{APP}")
    assert load("board", tmp_path).__module__ == "board"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("board:sight", r"has no attribute 'sight', not an application \(fix: did you mean \"board:site\""),
        ("board", r"has 'app', but it is a str"),
        ("empty", r"has no attribute 'app', not an application \(fix: write `app = App\(__name__\)` in it"),
    ],
)
def test_what_is_no_application_is_refused(tmp_path, name, words):
    """With the module's file, what is there instead, and what was probably meant."""
    write(tmp_path, board=APP.replace("app = App()", "site = App()\napp = 'x'"), empty="x = 1\n")
    with pytest.raises(LoadError, match=words) as caught:
        load(name, tmp_path)
    assert ("attribute", str(tmp_path / f"{name.partition(':')[0]}.py")) == (caught.value.stage, caught.value.file)


def test_a_module_of_that_name_from_elsewhere_is_refused(tmp_path):
    """Rather than to serve another application than the one in this folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, board=APP)
    load("board", tmp_path / "one")
    with pytest.raises(
        LoadError, match=r"another module 'board' is loaded already, from .*one.board.py, not from .*two"
    ):
        load("board", tmp_path / "two")
    assert load("board", tmp_path / "one").__module__ == "board"


def test_an_installed_application_can_be_loaded(tmp_path):
    """A module that is not in the folder but can be imported."""
    with pytest.raises(LoadError, match="has no attribute 'app'") as caught:
        load("json", tmp_path)
    assert Path(caught.value.file).name == "__init__.py"
