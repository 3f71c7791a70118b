"""Uploads: bytes that move to disk, are read and saved, and are gone at the end."""

import os
import tempfile
import threading
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arlen_core.uploads import Spool, Upload

pytestmark = pytest.mark.anyio


async def filled(*chunks: bytes, memory: int = 10, directory=None) -> Spool:
    """Make a spool of chunks."""
    spool = Spool(memory, directory)
    for chunk in chunks:
        await spool.write(chunk)
    await spool.finish()
    return spool


async def test_little_stays_in_memory():
    """Up to the limit there is no file."""
    spool = await filled(b"01234", b"56789")
    assert (False, 10, b"0123456789") == (spool.on_disk, spool.size, spool.read(0, 10))


async def test_much_goes_to_disk():
    """One byte more than the limit, and there is one."""
    spool = await filled(b"01234", b"567890")
    assert (True, 11, b"01234567890") == (spool.on_disk, spool.size, spool.read(0, 99))
    spool.close()


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(0, 40))
def test_any_chunks_come_back(chunks, memory):
    """Whatever the chunks and the limit, the bytes are the same, and the disk is used only when it must be."""

    async def run():
        spool = await filled(*chunks, memory=memory)
        try:
            return spool.on_disk, spool.size, spool.read(0, 10_000)
        finally:
            spool.close()

    data = b"".join(chunks)
    assert (len(data) > memory, len(data), data) == anyio.run(run)


async def test_the_file_has_no_name(tmp_path):
    """Nothing can be found in the folder, so nothing can be left there."""
    spool = await filled(b"x" * 100, directory=str(tmp_path))
    assert spool.on_disk
    assert [] == list(tmp_path.iterdir())
    spool.close()


async def test_a_closed_spool_is_empty():
    """Reading after the end is the programmer's mistake, and says so; closing again is fine."""
    for size in (5, 50):
        spool = await filled(b"x" * size)
        spool.close()
        spool.close()
        with pytest.raises(ValueError, match="the upload is closed"):
            spool.read(0, 1)


async def test_a_folder_that_is_missing_is_an_error(tmp_path):
    """The disk's refusal reaches the caller."""
    with pytest.raises(FileNotFoundError):
        await filled(b"x" * 100, directory=str(tmp_path / "missing"))


async def test_a_task_that_is_cancelled_while_writing_leaks_nothing(monkeypatch):
    """The thread makes the file after the task has gone; it is closed, or never kept."""
    import asyncio

    making, go, made, real = threading.Event(), threading.Event(), [], tempfile.TemporaryFile

    def slow(**options):
        making.set()
        go.wait(10)
        made.append(real(**options))
        return made[0]

    monkeypatch.setattr(tempfile, "TemporaryFile", slow)
    spool = Spool(0)
    task = asyncio.get_running_loop().create_task(spool.write(b"data"))
    await to_thread.run_sync(making.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await to_thread.run_sync(spool.close)
    assert [True] == [file.closed for file in made]


async def test_writing_after_the_end_is_dropped():
    """A late chunk makes no file."""
    spool = Spool(0)
    spool.close()
    await spool.write(b"late")
    assert not spool.on_disk


@pytest.mark.parametrize("memory", [0, 100])
async def test_reading_goes_on_where_it_stood(memory):
    """Read, seek and iterate, in memory and on disk."""
    upload = Upload(await filled(b"0123456789", memory=memory), "a.txt")
    assert b"012" == await upload.read(3)
    assert b"3456789" == await upload.read()
    assert b"" == await upload.read()
    upload.seek(8)
    assert b"89" == await upload.read(5)
    upload.seek(-5)
    assert b"0" == await upload.read(1)
    assert [b"0123456789"] == [chunk async for chunk in upload]
    assert b"1" == await upload.read(1)
    upload.seek(99)
    assert b"" == await upload.read()
    upload.close()


@pytest.mark.parametrize("memory", [0, 10**7])
async def test_large_ones_come_in_chunks(memory):
    """Iteration never makes one large value."""
    data = bytes(range(256)) * 4096
    upload = Upload(await filled(data, memory=memory))
    chunks = [chunk async for chunk in upload]
    assert 4 == len(chunks)
    assert data == b"".join(chunks)
    upload.close()


@pytest.mark.parametrize("memory", [0, 100])
async def test_save_writes_it_whole(tmp_path, memory):
    """The file is there, with the mode that new files have, and nothing beside it."""
    upload = Upload(await filled(b"hello", memory=memory))
    path = tmp_path / "out.txt"
    assert path == await upload.save(path)
    assert (b"hello", ["out.txt"]) == (path.read_bytes(), [each.name for each in tmp_path.iterdir()])
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert plain.stat().st_mode == path.stat().st_mode
    upload.close()


async def test_save_replaces_only_when_asked(tmp_path):
    """A file that is there stays, unless the caller says so."""
    path = tmp_path / "out.txt"
    path.write_bytes(b"old")
    upload = Upload.of(b"new")
    with pytest.raises(FileExistsError):
        await upload.save(path)
    assert b"old" == path.read_bytes()
    await upload.save(str(path), replace=True)
    assert b"new" == path.read_bytes()
    assert ["out.txt"] == [each.name for each in tmp_path.iterdir()]


async def test_save_works_without_hard_links(tmp_path, monkeypatch):
    """Some file systems have none; a file that is there stays there too."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "out.txt"
    assert b"new" == (await Upload.of(b"new").save(path)).read_bytes()
    with pytest.raises(FileExistsError):
        await Upload.of(b"other").save(path)
    assert (b"new", ["out.txt"]) == (path.read_bytes(), [each.name for each in tmp_path.iterdir()])


async def test_save_into_nowhere_is_an_error(tmp_path):
    """The folder must exist."""
    with pytest.raises(FileNotFoundError):
        await Upload.of(b"x").save(tmp_path / "missing" / "x")


async def test_a_save_that_fails_leaves_nothing(tmp_path):
    """A half-written file never has the name, and the part is removed."""
    upload = Upload.of(b"x" * 10)
    upload.close()
    with pytest.raises(ValueError, match="closed"):
        await upload.save(tmp_path / "x")
    assert [] == list(tmp_path.iterdir())


async def test_save_follows_no_link_that_lies_in_wait(tmp_path):
    """A symbolic link at the target is replaced or refused, never written through."""
    victim, trap = tmp_path / "victim", tmp_path / "trap"
    victim.write_bytes(b"keep")
    trap.symlink_to(victim)
    with pytest.raises(FileExistsError):
        await Upload.of(b"evil").save(trap)
    await Upload.of(b"mine").save(trap, replace=True)
    assert (b"keep", b"mine", False) == (victim.read_bytes(), trap.read_bytes(), trap.is_symlink())


def test_the_safe_name_is_for_paths():
    """The raw name is kept as it came; the safe one is one file name."""
    upload = Upload.of(b"", "../../x.sh")
    assert ("../../x.sh", "x.sh") == (upload.filename, upload.safe_name)


def test_it_says_what_it_is():
    """Name and size, escaped, in the representation."""
    assert "<Upload 'a\\nb', 3 bytes>" == repr(Upload.of(b"123", "a\nb"))


@given(data=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_what_is_saved_is_what_came(tmp_path, data):
    """Any bytes survive the way to disk and back."""

    async def run() -> bytes:
        upload = Upload(await filled(data, memory=20))
        path = await upload.save(Path(tmp_path, "x"), replace=True)
        upload.close()
        return path.read_bytes()

    assert data == anyio.run(run)
