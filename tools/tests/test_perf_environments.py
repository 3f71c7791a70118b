"""The environment: what counts depend on, and libraries that are not the locked ones."""

import platform

import pytest

from tools.perf import environments
from tools.perf.environments import LIBRARIES, differences, here, strangers

LOCK = """# Written by `hatch run lock`.
# inputs: 0123456789abcdef
anyio==4.0.0 \\
    --hash=sha256:00
msgspec==0.22.0 ; python_version >= '3.11' \\
    --hash=sha256:00
unrelated==1.0 \\
    --hash=sha256:00
"""


@pytest.fixture
def root(tmp_path):
    """A repository with a lock."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "lock.txt").write_text(LOCK, "utf-8")
    return tmp_path


def test_here_names_the_interpreter(root):
    """Version, implementation and machine are part of it."""
    made = here(root)
    assert (platform.python_version(), "cpython", platform.machine()) == (
        made["python"],
        made["implementation"],
        made["machine"],
    )


def test_here_has_the_libraries_of_the_lock(root):
    """Libraries on the hot path count in their locked versions; others, and markers, do not."""
    assert {"anyio": "4.0.0", "msgspec": "0.22.0"} == {
        key: value for key, value in here(root).items() if key in {*LIBRARIES, "unrelated"}
    }


def test_here_is_words(root):
    """Everything is text, so that it reads the same after a trip through JSON."""
    assert {str} == {type(value) for value in here(root).values()}


def test_here_of_this_repository():
    """The lock of this repository names every library that counts."""
    assert set(LIBRARIES) <= set(here())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("'--enable-optimizations' '--with-lto'", "enable-optimizations with-lto"),
        ("'--prefix=/opt' '--enable-shared'", "enable-shared"),
        ("'--prefix=/opt'", "plain"),
        ("", "plain"),
    ],
)
def test_build(arguments, words):
    """Of the build's options only those count that change the number of instructions; folders do not."""
    assert words == environments._optimised(arguments)


def test_strangers(root, monkeypatch):
    """A library in another version than the locked one is named."""
    monkeypatch.setattr(environments, "version", {"anyio": "4.0.0", "msgspec": "0.21.0"}.__getitem__)
    assert ["msgspec is 0.21.0, the lock says 0.22.0"] == strangers(root)


def test_strangers_that_are_missing(root, monkeypatch):
    """One that is not installed is named too."""

    def version(name: str) -> str:
        raise environments.PackageNotFoundError(name)

    monkeypatch.setattr(environments, "version", version)
    assert ["anyio is missing, the lock says 4.0.0", "msgspec is missing, the lock says 0.22.0"] == strangers(root)


@pytest.mark.parametrize(
    ("wanted", "have", "found"),
    [
        ({}, {}, []),
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {"a": "2"}, ["a 2 instead of 1"]),
        ({"a": "1"}, {}, ["a none instead of 1"]),
        ({}, {"a": "1"}, ["a 1 instead of none"]),
    ],
)
def test_differences(wanted, have, found):
    """What differs is named with both values."""
    assert found == differences(wanted, have)
