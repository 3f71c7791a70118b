"""Drafts: files that are to be made or changed, all of them or none, and never over others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from arlen_core.commands import CommandError, Result

__all__ = ["Draft"]


class Draft:
    """What a generator wants to write below a folder.

    Args:
        root: the folder; it need not exist.

    ```python
    from pathlib import Path
    from arlen_cli.drafts import Draft

    draft = Draft(Path())
    draft.create("notes/today.txt", "rain")
    assert draft.save(dry=True).data["created_files"] == ["notes/today.txt"]
    assert not Path("notes").exists()
    draft.save()
    assert Path("notes/today.txt").read_text() == "rain"
    ```
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._created: dict[str, str] = {}
        self._modified: dict[str, str] = {}

    def create(self, path: str, text: str) -> None:
        """Plan a new file; `path` is relative and has slashes."""
        self._created[path] = text

    def ensure(self, path: str, text: str) -> None:
        """Plan a new file unless it is there."""
        if not (self.root / path).exists():
            self._created[path] = text

    def modify(self, path: str, text: str) -> None:
        """Plan another content for a file that is there; nothing when it is the same."""
        if (self.root / path).read_text(encoding="utf-8") != text:
            self._modified[path] = text

    def save(self, *, dry: bool = False) -> Result:
        """Write everything.

        Args:
            dry: only say what would be written.

        Returns:
            `created_files` and `modified_files`, sorted, and `dry_run`.

        Raises:
            CommandError: a file is there already ("file_exists"), or cannot be written ("write_failed"); what was
                written before is taken back.
        """
        there = sorted(path for path in self._created if os.path.lexists(self.root / path))
        if there:
            message = f"{there[0]} exists already" + (f", and {len(there) - 1} more" if there[1:] else "")
            raise CommandError("file_exists", message, fix="choose another name, or remove it first")
        if not dry:
            self._write()
        created, modified = sorted(self._created), sorted(self._modified)
        verbs = ("would create", "would change") if dry else ("created", "changed")
        lines = [f"{verbs[0]}  {path}" for path in created] + [f"{verbs[1]}  {path}" for path in modified]
        data: dict[str, Any] = {"created_files": created, "modified_files": modified, "dry_run": dry}
        return Result(data, "\n".join(lines))

    def _write(self) -> None:
        undo: list[tuple[Path, str | None]] = []
        try:
            for path, text in self._created.items():
                target = self.root / path
                undo += _folders(target)
                with target.open("x", encoding="utf-8", newline="\n") as file:
                    undo.append((target, None))
                    file.write(text)
            for path, text in self._modified.items():
                undo.append((self.root / path, (self.root / path).read_text(encoding="utf-8")))
                _replace(self.root / path, text)
        except OSError as error:
            _take_back(undo)
            message = f"{error.filename}: {error.strerror}"
            raise CommandError("write_failed", message, fix="look at its permissions") from error


def _folders(target: Path) -> list[tuple[Path, str | None]]:
    missing = [each for each in target.parents if not each.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    return [(each, None) for each in reversed(missing)]


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.chmod(path.stat().st_mode)
    beside.replace(path)  # a reader sees the old or the new, never a half


def _take_back(undo: list[tuple[Path, str | None]]) -> None:
    for path, text in reversed(undo):
        if text is not None:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
