"""Watching: which files of an application changed, by watchfiles when it is installed, else by looking again."""

from __future__ import annotations

import asyncio
import os
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arlen_core.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

    from arlen_server.tuning import Boomhauer

__all__ = ["Watcher", "snapshot"]

Effect = Literal["restart", "refresh"]
Snapshot = dict[str, tuple[int, int, int]]

_ROUNDS = 20  # a storm of changes is reported after so many quiet times at the latest


class Watcher:
    """Reports changed files under some folders, a burst of changes as one.

    Args:
        root: the application's folder; `tuning.watch` is relative to it.
        tuning: which names matter, and how often to look.
        sleep: waits between two looks of the polling watcher.

    Attributes:
        method: "watchfiles" or "poll".

    Raises:
        StartupError: watchfiles was asked for and is not installed, or a folder to watch does not exist.
    """

    def __init__(
        self, root: Path, tuning: Boomhauer, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.tuning = tuning
        self.folders = [(root / folder).resolve() for folder in tuning.watch]
        self.method = _method(tuning.watcher)
        self._sleep = sleep
        for folder in self.folders:
            if not folder.is_dir():
                raise StartupError(f"{folder} is no folder", fix="correct `watch` in [server.boomhauer]")

    def effect(self, path: Path | str) -> Effect | None:
        """What a change of this file does: "restart", "refresh", or `None`."""
        names = self._names(Path(path))
        if not names or any(_fits(name, self.tuning.ignore) for name in names):
            return None
        if _fits(names[-1], self.tuning.restart):
            return "restart"
        return "refresh" if _fits(names[-1], self.tuning.refresh) else None

    async def changes(self) -> AsyncGenerator[list[Path], None]:
        """Yield the files that changed, appeared or went, sorted; without end. Close it (`aclose`) to stop."""
        source = self._notified() if self.method == "watchfiles" else self._polled()
        try:
            async for batch in source:
                yield sorted(batch)
        finally:
            await source.aclose()

    def _names(self, path: Path) -> tuple[str, ...]:
        for folder in self.folders:
            if path.is_relative_to(folder):
                return path.relative_to(folder).parts
        return ()

    async def _notified(self) -> AsyncGenerator[set[Path], None]:
        import watchfiles

        stop = asyncio.Event()
        quiet = max(1, int(self.tuning.debounce * 1000))
        source = watchfiles.awatch(
            *self.folders,
            watch_filter=lambda _, path: self.effect(path) is not None,
            step=quiet,
            debounce=quiet * _ROUNDS,
            stop_event=stop,
            rust_timeout=1000,
            ignore_permission_denied=True,
        )
        try:
            async for batch in source:
                yield {Path(path) for _, path in batch}
        finally:
            stop.set()
            await source.aclose()

    async def _polled(self) -> AsyncGenerator[set[Path], None]:
        before = await self._look()
        while True:
            await self._sleep(self.tuning.poll)
            after = await self._look()
            changed = _difference(before, after)
            for _ in range(_ROUNDS if changed else 0):
                await self._sleep(self.tuning.debounce)
                before, after = after, await self._look()
                further = _difference(before, after)
                changed |= further
                if not further:
                    break
            before = after
            if changed:
                yield {Path(path) for path in changed}

    async def _look(self) -> Snapshot:
        return await asyncio.to_thread(snapshot, self.folders, self.effect, self.tuning.ignore)


def snapshot(folders: Sequence[Path], effect: Callable[[str], Effect | None], ignore: Sequence[str] = ()) -> Snapshot:
    """Note time of change, size and inode of every file that has an effect.

    Args:
        folders: where to look; links to folders are not followed.
        effect: says whether a file matters.
        ignore: names of folders that are not entered.
    """
    seen: Snapshot = {}
    for folder in folders:
        for entry in _walk(str(folder), ignore):
            if effect(entry.path) is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # it went while we looked
                continue
            seen[entry.path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return seen


def _walk(folder: str, ignore: Sequence[str]) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if _fits(entry.name, ignore):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, ignore)
        else:
            yield entry


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _difference(before: Snapshot, after: Snapshot) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _method(wanted: str) -> str:
    there = find_spec("watchfiles") is not None
    if wanted == "watchfiles" and not there:
        raise StartupError(
            "watchfiles is not installed", fix='pip install "arlen-server[watchfiles]", or watcher = "poll"'
        )
    return "watchfiles" if there and wanted != "poll" else "poll"
