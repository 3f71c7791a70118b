"""Layouts and files: what a process writes, another one reads, at any moment."""

import fcntl
import os
import struct
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.meters import Declaration
from arlen_metrics.files import File, Memory, alive, look
from arlen_metrics.layouts import DAMAGED, HEADER, Layout, declared, record, series, size
from arlen_metrics.totals import Totals

SENT = Declaration("counter", "mail.sent", "Mails.", ("to",))
OPEN = Declaration("counter", "mail.open", "Mails.")
TIMES = Declaration("histogram", "mail.times", "How long.", ("to",), "s", (1.0,))


@pytest.fixture
def file(folder):
    """Return the file of this process."""
    folder.mkdir()
    made = File(folder)
    yield made
    made.close()


def opened(folder, file):
    """Open a file as another process does."""
    return os.open(folder / file.name, os.O_RDONLY)


def read(descriptor, layout):
    """Return what another process sees."""
    totals = Totals()
    with look(descriptor, layout) as data:
        layout.add(data, totals, alive=True)
    return {name: family.series for name, family in totals.families.items()}


def test_a_reader_goes_on_where_it_was(folder, file):
    """Series that come later are found, and values are those of now."""
    descriptor, layout = opened(folder, file), Layout()
    assert {} == read(descriptor, layout)
    cells, at = file.take(file.declare(SENT), ("a",), 1)
    cells[at] = 1.0
    assert {"mail.sent": {("a",): [1.0]}} == read(descriptor, layout)
    cells[at] = 2.0
    more, other = file.take(0, ("b",), 1)
    more[other] = 5.0
    assert {"mail.sent": {("a",): [2.0], ("b",): [5.0]}} == read(descriptor, layout)
    del cells, more
    os.close(descriptor)


def test_cells_are_aligned(file):
    """Each number is at a multiple of eight bytes, so that it is read and written at once."""
    number = file.declare(SENT)
    for length in range(20):
        assert 0 <= file.take(number, ("x" * length,), 3)[1]
        assert 0 == file._used % 8


def test_a_file_lives_as_long_as_its_lock(folder, file):
    """The kernel knows who lives; a reader that looks does not make others believe that somebody does."""
    first, second = opened(folder, file), opened(folder, file)
    assert alive(first)
    assert alive(second)
    file.close()
    fcntl.flock(first, fcntl.LOCK_SH)
    assert not alive(second)
    os.close(first), os.close(second)


def test_two_files_never_have_the_same_name(folder):
    """A name that was folded may not come again."""
    folder.mkdir()
    files = [File(folder) for _ in range(20)]
    assert 20 == len({each.name for each in files})
    for each in files:
        each.close()


def test_closing_twice_is_closing_once(file):
    """A stop may come twice."""
    file.close(), file.close()
    assert not file.open


@pytest.mark.parametrize("damage", [b"", b"arlenM1\n", b"arlenM1\n" + b"\xff" * 8, b"arlenM2\n" + bytes(56)])
def test_a_damaged_file_is_none(tmp_path, damage):
    """Too short, of another version, or with a length that cannot be."""
    (tmp_path / "x").write_bytes(damage)
    descriptor = os.open(tmp_path / "x", os.O_RDONLY)
    with look(descriptor, Layout()) as data:
        assert data is None
    os.close(descriptor)


def test_a_record_that_is_not_there_yet_ends_the_reading():
    """A machine may show the length before the record; the reader stops there, and finds it the next time."""
    layout, whole = Layout(), bytearray(HEADER + 256)
    layout.read(memoryview(whole))
    head = record(declared(SENT), 0)
    whole[HEADER : HEADER + len(head)] = head
    totals = Totals()
    data = memoryview(bytes(whole))
    layout.read(data)
    layout.add(data, totals, alive=True)
    assert ["mail.sent"] == list(totals.families)


@given(st.lists(st.tuples(st.text(st.characters(blacklist_categories=["Cs"])), st.integers(1, 20)), max_size=20))
def test_any_label_comes_back_as_it_was(rows):
    """Whatever text a label holds and however many cells a series has, a reader finds the same."""
    parts, expected = [], []
    for index, (text, buckets) in enumerate(rows):
        times = Declaration("histogram", "mail.times", "", ("to",), "s", tuple(map(float, range(buckets))))
        key, count = series(index, (text,)), buckets + 2
        parts += [record(declared(times), 0), record(key, count), bytes(8 * count)]
        assert size(key, count) == len(parts[-2]) + 8 * count
        expected.append(((text,), count))
    layout = Layout()
    layout.read(memoryview(bytes(HEADER) + b"".join(parts)))
    assert expected == [(values, count) for _, found in layout._families for values, _, count in found]


def take(data, totals):
    """Read a file as a scrape does."""
    layout, whole = Layout(), memoryview(data)
    layout.read(whole)
    layout.add(whole, totals, alive=True)


HOSTILE = {
    "labels": [(declared(SENT), []), (b'[0,["a","b"]]', [1.0])],
    "no text": [(declared(SENT), []), (b"[0,[1]]", [1.0])],
    "one text": [(declared(SENT), []), (b'[0,"a"]', [1.0])],
    "no cell": [(declared(SENT), []), (b'[0,["a"]]', [])],
    "many cells": [(declared(SENT), []), (b'[0,["a"]]', [1.0, 2.0])],
    "below zero": [(declared(SENT), []), (b'[0,["a"]]', [-1.0])],
    "no number": [(declared(SENT), []), (b'[0,["a"]]', [nan])],
    "from the end": [(declared(SENT), []), (b'[-1,["a"]]', [1.0])],
    "endless": [(declared(TIMES), []), (b'[0,["a"]]', [inf, 1.0, 1.0])],
    "lines": [(declared(Declaration("counter", "a 1\nb", "")), []), (b"[0,[]]", [1.0])],
    "deep": [(b"[" * 100_000, [])],
}


@pytest.mark.parametrize("records", HOSTILE.values(), ids=HOSTILE)
def test_what_nobody_can_have_counted_is_damage(records):
    """Cells that do not fit their metric, and counts below zero, are refused, and nothing of their file counts."""
    good = record(declared(OPEN), 0), record(series(0, ()), 1), struct.pack("d", 1.0)
    bad = [record(key, len(cells)) + struct.pack(f"{len(cells)}d", *cells) for key, cells in records]
    renumbered = [each.replace(b"[0,", b"[1,", 1) for each in bad]
    totals = Totals()
    with pytest.raises(DAMAGED):
        take(bytes(HEADER) + b"".join((*good, *renumbered)), totals)
    assert {} == totals.families


def test_memory_is_read_like_a_file():
    """One process without a folder sees its own numbers in the same way."""
    memory, totals = Memory(), Totals()
    cells, at = memory.take(memory.declare(SENT), ("a",), 2)
    cells[at], cells[at + 1] = 1.0, 2.0
    memory.add(totals)
    assert {("a",): [1.0, 2.0]} == totals.families["mail.sent"].series
