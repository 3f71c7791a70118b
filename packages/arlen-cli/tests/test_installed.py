"""Tests of arlen_cli.installed."""

from types import SimpleNamespace

import pytest

from arlen_cli import installed


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("0.1.0", ">=0.1.0,<0.2", True),
        ("0.1", ">=0.1.0,<0.2", True),
        ("0.2", ">=0.1.0,<0.2", False),
        ("0.0.9", ">=0.1.0", False),
        ("0.1.0rc1", ">=0.1.0", True),
        ("1.10", ">1.9", True),
        ("1.0", "==1", True),
        ("1.0.1", "!=1", True),
        ("1.0", "!=1", False),
        ("1.0", "<=1.0.0", True),
        ("1.0", "", True),
        ("1.0", "~=5.0", True),
    ],
)
def test_versions_fit_bounds(version, wanted, fits):
    """Versions are compared number by number; forms that are pip's to judge are taken as fitting."""
    assert fits is installed.fits(version, wanted)


@pytest.fixture
def house(monkeypatch):
    """Install these packages: name, version, requirements."""

    def put(*rows):
        found = [SimpleNamespace(name=name, version=version, requires=requires) for name, version, requires in rows]
        known = {each.name: each.version for each in found}

        def version(name):
            if name not in known:
                raise installed.PackageNotFoundError(name)
            return known[name]

        monkeypatch.setattr(installed, "distributions", lambda: found)
        monkeypatch.setattr(installed, "version", version)

    return put


def test_the_packages_of_the_house(house):
    """Only packages of the platform are listed, by their normal names."""
    house(("arlen_core", "0.2", []), ("arlen", "0.1", []), ("arlenium", "3", []), ("anyio", "4", []))
    assert {"arlen": "0.1", "arlen-core": "0.2"} == installed.packages()


def test_packages_that_fit(house):
    """Requirements that are met, of extras, and on others are no conflicts."""
    house(
        ("arlen-core", "0.1.3", None),
        ("arlen", "0.1", ["arlen-core[multipart]<0.2,>=0.1.0", "anyio>=99", 'arlen-pg>=1; extra == "pg"']),
    )
    assert [] == list(installed.conflicts())


def test_packages_that_do_not_fit(house):
    """A version out of bounds and a package that is missing are named with both sides."""
    house(("arlen", "0.1", ["arlen-core (>=0.2,<0.3)", "arlen-web>=0.1"]), ("arlen-core", "0.1.3", []))
    assert [
        "arlen 0.1 needs arlen-core>=0.2,<0.3, but 0.1.3 is installed",
        "arlen 0.1 needs arlen-web>=0.1, but it is not installed",
    ] == list(installed.conflicts())


def test_this_environment_is_consistent():
    """The packages that the tests run with fit together."""
    assert [] == list(installed.conflicts())
