"""Tests of arlen_cli.catalog."""

import importlib.metadata
from importlib import import_module
from types import SimpleNamespace

import pytest

from arlen_cli import catalog
from arlen_core.commands import CommandError


class Good:
    """A command of another package."""

    name = "good"
    help = "do good"

    def configure(self, parser):
        pass

    def run(self, args):
        pass


class Lacking:
    """Lacks `configure` and `run`."""

    name = "lacking"
    help = "nothing"


def point(name, made, package="arlen-other"):
    """Make an entry point; an exception is raised when it is loaded."""

    def load():
        if isinstance(made, Exception):
            raise made
        return made

    dist = SimpleNamespace(name=package) if package else None
    return SimpleNamespace(name=name, value=f"other:{name}", module="other", load=load, dist=dist)


@pytest.fixture
def points(monkeypatch):
    """Install these entry points."""

    def put(*found):
        monkeypatch.setattr(
            importlib.metadata, "entry_points", lambda group: list(found) if group == catalog.GROUP else []
        )

    put()
    return put


@pytest.mark.parametrize("name", sorted(catalog.OWN))
def test_own_commands_are_what_the_table_says(name):
    """Each own command is a module with an object of that name, help and shape."""
    command = catalog.find(name).load()
    assert command is import_module(f"arlen_cli.commands.{name}").command
    assert (name, catalog.OWN[name]) == (command.name, command.help)
    assert callable(command.configure)
    assert callable(command.run)


@pytest.mark.parametrize("name", sorted(catalog._KNOWN))
def test_the_help_of_known_packages_is_true(name):
    """The help that is known without an import is the command's own."""
    found = {entry.name: entry for entry in catalog.contributed()}
    if name not in found:
        pytest.skip("its package is not installed")
    assert catalog._KNOWN[name] == found[name].load().help


def test_other_packages_add_commands(points):
    """An entry point of the group is a command, listed with its package, and not imported for that."""
    points(point("good", Good()), point("broken", ImportError("no module")))
    found = {entry.name: entry for entry in catalog.entries()}
    assert ("arlen-other", "(of arlen-other)") == (found["good"].package, found["good"].help)
    assert "good" == catalog.find("good").load().name
    assert {*catalog.OWN, "good", "broken"} == set(found)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (ImportError("No module named 'gone'"), "ImportError: No module named 'gone'"),
        (RuntimeError("boom"), "RuntimeError: boom"),
        (Lacking(), "other:bad has no 'configure'"),
        (object(), "other:bad has no 'name'"),
    ],
)
def test_a_broken_command_breaks_only_itself(points, made, reason):
    """A command that cannot be loaded is an error when it is used; the others work."""
    points(point("bad", made), point("good", Good()))
    with pytest.raises(CommandError) as error:
        catalog.find("bad").load()
    assert "command_broken" == error.value.code
    assert reason in error.value.message
    assert "the command 'bad' of arlen-other" in error.value.message
    assert "good" == catalog.find("good").load().name


def test_own_commands_cannot_be_replaced(points):
    """A package cannot put its command in the place of an own one."""
    points(point("routes", Good()))
    assert "arlen-cli" == catalog.find("routes").package
    assert "arlen-cli" == {entry.name: entry for entry in catalog.entries()}["routes"].package


@pytest.mark.parametrize("packages", [("arlen-a", "arlen-b"), ("arlen-b", "arlen-a")])
def test_of_two_commands_with_a_name_the_first_package_wins(points, packages):
    """Which command is used does not depend on the order of installation."""
    points(*[point("same", Good(), package) for package in packages])
    assert "arlen-a" == catalog.find("same").package


def test_a_package_without_metadata_is_called_like_its_module(points):
    """An entry point that belongs to no distribution is named by its module."""
    points(point("good", Good(), None))
    assert "other" == catalog.find("good").package


def test_the_list_is_sorted():
    """Commands are listed by name."""
    names = [entry.name for entry in catalog.entries()]
    assert sorted(names) == names


def test_an_unknown_command_names_the_nearest(points):
    """Commands of other packages are suggested too."""
    points(point("boomhauer", Good()))
    with pytest.raises(CommandError) as error:
        catalog.find("bomhauer")
    assert ("unknown_command", "did you mean 'boomhauer'?", 2) == (error.value.code, error.value.fix, error.value.exit)
