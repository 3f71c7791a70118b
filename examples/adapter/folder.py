"""An adapter: a key-value store that keeps each value in a file of a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

__all__ = ["Folder", "temporary"]


class Folder:
    """A store in a folder. Names of files fold case and have limits: they are made of the hash of the key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        try:
            return await to_thread.run_sync(self._file(key).read_bytes)
        except FileNotFoundError:
            return None

    async def set(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Give a key a value; `NotImplementedError` for one that shall expire."""
        if seconds is not None:
            raise NotImplementedError("a folder does not forget")
        await to_thread.run_sync(self._file(key).write_bytes, value)

    async def delete(self, key: str) -> None:
        """Take the value of a key away."""
        await to_thread.run_sync(lambda: self._file(key).unlink(missing_ok=True))

    def _file(self, key: str) -> Path:
        return self.path / sha256(key.encode()).hexdigest()


@contextmanager
def temporary() -> Iterator[Folder]:
    """Give an empty store, for `arlen conformance run`."""
    with TemporaryDirectory() as path:
        yield Folder(Path(path))
