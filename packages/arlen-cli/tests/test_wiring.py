"""Tests of arlen_cli.wiring."""

import ast

import pytest

from arlen_cli.wiring import find, wire
from arlen_core.commands import CommandError
from arlen_core.errors import StartupError


def controller(source, name="orders"):
    """Wire a controller."""
    return wire(source, "controllers", name, "include", f"{name}.router")


def test_an_import_and_a_statement_are_added():
    """The import goes after the others, the statement after the application is made."""
    head, tail = '"""Doc."""\n\nfrom arlen import App\n', "\napp = App(__name__)\n"
    wanted = f"{head}\nfrom controllers import orders\n{tail}app.include(orders.router)\n"
    assert wanted == controller(head + tail)


def test_imports_from_the_same_package_are_joined():
    """A second controller joins the import of the first, sorted; the statements keep the order of generation."""
    made = controller(controller("from arlen import App\n\napp = App(__name__)\n", "zebra"), "apple")
    assert (
        "from arlen import App\n\nfrom controllers import apple, zebra\n\napp = App(__name__)\n"
        "app.include(zebra.router)\napp.include(apple.router)\n"
    ) == made


def test_a_long_import_is_broken_into_lines():
    """An import that would be too long gets a line for each name, as formatters write it."""
    made = "from arlen import App\n\napp = App(__name__)\n"
    names = [f"controller_number_{n}" for n in range(5)]
    for name in names:
        made = controller(made, name)
    assert "from controllers import (\n" + "".join(f"    {name},\n" for name in names) + ")\n" in made
    assert controller(made, names[0]) == made


def test_an_import_with_another_name_is_kept():
    """`import x as y` stays as it is."""
    source = "from arlen import App\nfrom controllers import notes as n\n\napp = App(__name__)\n"
    assert "from controllers import notes as n, orders" in controller(source)


def test_statements_go_after_those_of_their_sort():
    """Plugins come before routers; both come after the application is made."""
    made = "from arlen import App\n\napp = App(__name__)\n\n\n@app.get('/')\nasync def index(): ...\n"
    made = controller(made)
    made = wire(made, "plugins.mail", "Mail", "use", "Mail()")
    made = wire(made, "arlen", "Web", "use", "Web()")
    made = controller(made, "zebra")
    lines = [line for line in made.splitlines() if line.startswith("app")]
    uses, includes = ["app.use(Mail())", "app.use(Web())"], ["app.include(orders.router)", "app.include(zebra.router)"]
    assert ["app = App(__name__)", *uses, *includes] == lines
    assert (
        "from arlen import App, Web\n\nfrom controllers import orders, zebra\nfrom plugins.mail import Mail\n" in made
    )


def test_imports_of_the_application_are_sorted():
    """Controllers come before plugins, whichever was generated first."""
    made = wire("from arlen import App\n\napp = App(__name__)\n", "plugins.mail", "Mail", "use", "Mail()")
    assert "from arlen import App\n\nfrom controllers import orders\nfrom plugins.mail import Mail\n" in controller(
        made
    )


@pytest.mark.parametrize(
    "source",
    [
        "from arlen import App\n\napplication = App(__name__)\n",
        "import arlen\n\napplication = arlen.App(__name__)\n",
        "from arlen import App\n\napplication: App = App(\n    __name__,\n)\n",
    ],
)
def test_the_application_may_be_called_anything(source):
    """What is assigned from `App(...)` is the application."""
    made = controller(source)
    assert made.endswith(")\napplication.include(orders.router)\n")


def test_what_is_there_is_not_added_again():
    """Wiring twice changes nothing the second time."""
    once = controller("from arlen import App\n\napp = App(__name__)\n")
    assert once == controller(once)


@pytest.mark.parametrize("source", ["", "x = 1\n", "def make():\n    return App(__name__)\n", "a.b = App(1)\n"])
def test_a_module_that_cannot_be_wired_says_what_to_write(source):
    """Without `app = App(...)` the lines to write by hand are in the fix."""
    with pytest.raises(CommandError) as error:
        controller(source)
    assert "not_wired" == error.value.code
    assert "`from controllers import orders` and `app.include(orders.router)`" in error.value.fix


@pytest.mark.parametrize("head", ["", '"""Doc."""\n', "# a comment\n"])
def test_a_module_without_imports(head):
    """The import becomes the first statement, after the docstring."""
    made = controller(f"{head}app = App(1)\n")
    assert {"controllers"} == {node.module for node in ast.parse(made).body if isinstance(node, ast.ImportFrom)}
    assert ast.get_docstring(ast.parse(f"{head}x = 1")) == ast.get_docstring(ast.parse(made))


@pytest.mark.parametrize(
    ("path", "name", "wanted"),
    [
        ("app.py", None, "app.py"),
        ("main.py", None, "main.py"),
        ("shop/app.py", None, "shop/app.py"),
        ("src/shop/app.py", "shop.app:app", "src/shop/app.py"),
        ("shop/__init__.py", "shop:app", "shop/__init__.py"),
    ],
)
def test_the_module_of_the_application_is_found(tmp_path, monkeypatch, path, name, wanted):
    """Where `load` would import it from, its file is found without importing."""
    monkeypatch.delenv("ARLEN_APP", raising=False)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    if path == "shop/app.py":
        (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / path).write_text("raise SystemExit\n")
    assert wanted == find(name, tmp_path)


def test_no_module_of_an_application(tmp_path, monkeypatch):
    """A folder without an application, and a module without a file, are errors."""
    monkeypatch.delenv("ARLEN_APP", raising=False)
    with pytest.raises(StartupError):
        find(None, tmp_path)
    with pytest.raises(CommandError, match="no file of the module nothing"):
        find("nothing:app", tmp_path)
