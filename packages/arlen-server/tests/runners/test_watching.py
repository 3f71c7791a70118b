"""Watching: changed files are reported once, by both watchers, and what does not matter is not."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from arlen_core.errors import StartupError
from arlen_server.tuning import Boomhauer
from arlen_server.watching import Watcher, snapshot

METHODS = ["poll"] + ["watchfiles"] * (importlib.util.find_spec("watchfiles") is not None)


@pytest.fixture
def root(tmp_path):
    """A small application."""
    for name in ("app.py", "templates/home.html", "static/app.css", "config/app.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path.resolve()


def tuning(method="poll", **options):
    """Fast watching."""
    return Boomhauer(**({"watcher": method, "poll": 0.02, "debounce": 0.05} | options))


async def seen(watcher, act, until):
    """What is reported from the moment the watcher watches, while `act` changes files, until `until` is in it."""
    async with asyncio.timeout(20), aclosing(watcher.changes()) as changes:
        first = asyncio.ensure_future(anext(changes))
        probe = watcher.folders[0] / "probe.py"
        while not first.done():  # a watcher tells nobody when it has begun, so give it something to see
            probe.write_text(str(asyncio.get_running_loop().time()))
            await asyncio.wait([first], timeout=0.2)
        act()
        batches = []
        async for batch in changes:
            batches.append([path for path in batch if path != probe])
            if until in batches[-1]:
                return [batch for batch in batches if batch]
    raise AssertionError


@pytest.mark.parametrize("method", METHODS)
def test_change_is_reported(root, method):
    """A file that is written, made or removed is reported."""
    watcher = Watcher(root, tuning(method))

    def act():
        (root / "app.py").write_text("22")
        (root / "new.py").write_text("1")
        (root / "static/app.css").unlink()

    [batch] = asyncio.run(seen(watcher, act, root / "app.py"))
    assert sorted([root / "app.py", root / "new.py", root / "static/app.css"]) == batch
    assert method == watcher.method


@pytest.mark.parametrize("method", METHODS)
def test_two_quick_saves_are_one_change(root, method):
    """Saves that come close together are one report."""

    def act():
        for number in range(5):
            (root / "app.py").write_text(str(number) * (number + 2))

    assert [[root / "app.py"]] == asyncio.run(seen(Watcher(root, tuning(method)), act, root / "app.py"))


@pytest.mark.parametrize("method", METHODS)
def test_what_does_not_matter_is_not_reported(root, method):
    """Ignored folders and names, and names that nothing is said about, are not reported."""

    def act():
        for name in ("node_modules/a.py", "__pycache__/app.pyc", ".git/config.toml", ".venv/x.py", "notes.db", "a.py~"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text("1")
        (root / "app.py").write_text("changed")

    assert [[root / "app.py"]] == asyncio.run(seen(Watcher(root, tuning(method)), act, root / "app.py"))


@pytest.mark.parametrize("method", METHODS)
def test_editors_that_replace_the_file(root, method):
    """A save by writing another file and renaming it is a change of the file."""

    def act():
        (root / "app.py.tmp").write_text("new")
        (root / "app.py.tmp").rename(root / "app.py")

    assert [[root / "app.py"]] == asyncio.run(seen(Watcher(root, tuning(method)), act, root / "app.py"))


@pytest.mark.parametrize("method", METHODS)
def test_several_folders_are_watched(root, method, tmp_path_factory):
    """A folder beside the application, such as a library in work, is watched when it is named."""
    other = tmp_path_factory.mktemp("lib").resolve()
    watcher = Watcher(root, tuning(method, watch=(".", str(other))))
    batches = asyncio.run(seen(watcher, lambda: (other / "lib.py").write_text("1"), other / "lib.py"))
    assert [[other / "lib.py"]] == batches


@pytest.mark.parametrize(
    ("path", "effect"),
    [
        ("app.py", "restart"),
        ("pkg/deep/module.py", "restart"),
        ("config/app.toml", "restart"),
        ("templates/home.html", "refresh"),
        ("static/app.css", "refresh"),
        ("static/logo.svg", "refresh"),
        ("board.db", None),
        ("README", None),
        ("node_modules/pkg/index.js", None),
        (".git/hooks/x.py", None),
        ("templates/.#home.html", None),
        ("templates/home.html~", None),
        (".app.py.swp", None),
        ("../elsewhere.py", None),
    ],
)
def test_effect_of_a_name(root, path, effect):
    """Source and configuration restart, templates and assets refresh, everything else does nothing."""
    assert effect == Watcher(root, tuning()).effect(os.path.normpath(root / path))


def test_names_are_configurable(root):
    """What restarts, what refreshes and what is ignored is the user's to say; ignoring wins, then restarting."""
    watcher = Watcher(root, tuning(restart=("*.po", "*.x"), refresh=("*.py", "*.x"), ignore=("secret.*",)))
    effects = [watcher.effect(root / name) for name in ("de.po", "app.py", "a.x", "secret.po", "a.css")]
    assert ["restart", "refresh", "restart", None, None] == effects


def test_missing_folder_is_an_error(root):
    """A folder to watch that does not exist is named."""
    with pytest.raises(StartupError, match=r"absent is no folder .*`watch` in \[server.boomhauer\]"):
        Watcher(root, tuning(watch=("absent",)))


def test_watchfiles_that_is_missing(root, monkeypatch):
    """Without watchfiles "auto" polls, and asking for it by name is an error that says what to install."""
    monkeypatch.setattr("arlen_server.watching.find_spec", lambda _: None)
    assert "poll" == Watcher(root, tuning("auto")).method
    with pytest.raises(StartupError, match="pip install"):
        Watcher(root, tuning("watchfiles"))


def test_storm_of_changes_is_reported_all_the_same(root):
    """Files that change without pause are reported after a bounded number of looks."""
    looks = []

    async def sleep(_):
        looks.append(1)
        (root / "app.py").write_text("x" * len(looks))

    async def main():
        async with aclosing(Watcher(root, tuning(), sleep=sleep).changes()) as changes:
            return await anext(changes)

    assert [root / "app.py"] == asyncio.run(main())
    assert len(looks) <= 25


def test_snapshot_sees_what_time_does_not_show(root):
    """A file of the same time but another size or inode is another file."""
    app = root / "app.py"
    watcher = Watcher(root, tuning())
    status = app.stat()
    one = snapshot(watcher.folders, watcher.effect)
    app.write_text("22")
    os.utime(app, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert one != snapshot(watcher.folders, watcher.effect)


def test_snapshot_survives_what_goes_meanwhile(root):
    """A dangling link, a link to a folder above, and a folder that cannot be read do no harm."""
    (root / "gone.py").symlink_to(root / "nowhere.py")
    (root / "loop").symlink_to(root)
    watcher = Watcher(root, tuning())
    files = snapshot(watcher.folders, watcher.effect, watcher.tuning.ignore)
    assert {"app.py", "home.html", "app.css", "app.toml"} == {Path(path).name for path in files}
    assert {} == snapshot([root / "absent"], watcher.effect)
