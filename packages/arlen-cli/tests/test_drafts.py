"""Tests of arlen_cli.drafts."""

from pathlib import Path

import pytest

from arlen_cli import drafts
from arlen_cli.drafts import Draft
from arlen_core.commands import CommandError


def files(folder):
    """Return every file below a folder with its text."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_are_made_with_their_folders(tmp_path):
    """A draft makes what is missing, and says what it made, sorted."""
    draft = Draft(tmp_path / "new")
    draft.create("b.txt", "b")
    draft.create("a/x.txt", "é\n")
    found = draft.save()
    assert {"created_files": ["a/x.txt", "b.txt"], "modified_files": [], "dry_run": False} == found.data
    assert {"a/x.txt": "é\n", "b.txt": "b"} == files(tmp_path / "new")
    assert "created  a/x.txt\ncreated  b.txt" == found.text


def test_files_are_changed(tmp_path):
    """A file that is there gets its new text and keeps its mode; the same text is no change."""
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(0o755)
    (tmp_path / "b.txt").write_text("same")
    draft = Draft(tmp_path)
    draft.modify("a.txt", "new")
    draft.modify("b.txt", "same")
    assert ["a.txt"] == draft.save().data["modified_files"]
    assert {"a.txt": "new", "b.txt": "same"} == files(tmp_path)
    assert 0o755 == (tmp_path / "a.txt").stat().st_mode & 0o777


def test_a_dry_run_writes_nothing(tmp_path):
    """A dry run says what would be written, and finds what is in the way."""
    (tmp_path / "a.txt").write_text("old")
    draft = Draft(tmp_path)
    draft.modify("a.txt", "new")
    draft.create("b.txt", "b")
    found = draft.save(dry=True)
    assert {"created_files": ["b.txt"], "modified_files": ["a.txt"], "dry_run": True} == found.data
    assert "would create  b.txt\nwould change  a.txt" == found.text
    assert {"a.txt": "old"} == files(tmp_path)
    draft.create("a.txt", "x")
    with pytest.raises(CommandError):
        draft.save(dry=True)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_nothing_is_overwritten(tmp_path, kind):
    """Whatever stands at the path is kept, and nothing else is written either."""
    target = tmp_path / "b.txt"
    {
        "file": lambda: target.write_text("mine"),
        "folder": target.mkdir,
        "link": lambda: target.symlink_to(tmp_path),
        "dangling": lambda: target.symlink_to(tmp_path / "nowhere"),
    }[kind]()
    draft = Draft(tmp_path)
    draft.create("a.txt", "a")
    draft.create("b.txt", "b")
    with pytest.raises(CommandError) as error:
        draft.save()
    assert ("file_exists", "b.txt exists already") == (error.value.code, error.value.message)
    assert not (tmp_path / "a.txt").exists()


def test_several_files_in_the_way(tmp_path):
    """The first is named and the others are counted."""
    draft = Draft(tmp_path)
    for name in ("c", "a", "b"):
        (tmp_path / name).write_text("")
        draft.create(name, "")
    with pytest.raises(CommandError, match="a exists already, and 2 more"):
        draft.save()


def test_what_is_there_can_be_kept(tmp_path):
    """`ensure` makes a file only when it is missing."""
    (tmp_path / "a.txt").write_text("mine")
    draft = Draft(tmp_path)
    draft.ensure("a.txt", "theirs")
    draft.ensure("b.txt", "theirs")
    assert ["b.txt"] == draft.save().data["created_files"]
    assert {"a.txt": "mine", "b.txt": "theirs"} == files(tmp_path)


@pytest.mark.parametrize("failing", [2, 3, 4])
def test_a_failure_takes_everything_back(tmp_path, monkeypatch, failing):
    """When a file cannot be written, those before it are as they were."""
    (tmp_path / "m.txt").write_text("old")
    (tmp_path / "n.txt").write_text("old")
    draft = Draft(tmp_path)
    draft.create("a/x.txt", "x")
    draft.create("a/b/y.txt", "y")
    draft.modify("m.txt", "new")
    draft.modify("n.txt", "new")
    count = 0

    def fail(*arguments, **options):
        nonlocal count
        count += 1
        if count == failing:
            raise OSError(28, "No space left on device", "disk")

    replace, opened = drafts._replace, Path.open

    def replacing(*arguments):
        fail()
        replace(*arguments)

    def opening(self, mode="r", *arguments, **options):
        if mode == "x":
            fail()
        return opened(self, mode, *arguments, **options)

    monkeypatch.setattr(drafts, "_replace", replacing)
    monkeypatch.setattr(Path, "open", opening)
    with pytest.raises(CommandError) as error:
        draft.save()
    assert ("write_failed", "disk: No space left on device") == (error.value.code, error.value.message)
    assert {"m.txt": "old", "n.txt": "old"} == files(tmp_path)
    assert not (tmp_path / "a").exists()


def test_a_file_in_the_place_of_a_folder(tmp_path):
    """A path below a file cannot be made; the error says which."""
    (tmp_path / "a").write_text("")
    draft = Draft(tmp_path)
    draft.create("a/x.txt", "")
    with pytest.raises(CommandError) as error:
        draft.save()
    assert "write_failed" == error.value.code
    assert str(tmp_path / "a") in error.value.message
