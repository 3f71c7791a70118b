"""The store: every process counts once, whatever dies, folds and reads at the same time."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arlen_core.failpoints import FailpointError, armed
from arlen_core.meters import Declaration
from arlen_metrics.files import SUFFIX, Full, alive
from arlen_metrics.folds import BASE, Kept, folding, read_base, write_base
from arlen_metrics.registry import Registry
from arlen_metrics.store import Alone, Shared
from arlen_metrics.totals import Totals, width

SENT = Declaration("counter", "mail.sent", "Mails that left.", ("result",), "{mail}")
OPEN = Declaration("gauge", "mail.open", "Mails on their way.")
TIMES = Declaration("histogram", "mail.duration", "How long.", (), "s", (0.1, 1.0))


class Process:
    """What one process does with a store."""

    def __init__(self, folder: Path) -> None:
        self.store = Shared(folder)
        self.numbers = {each.name: self.store.cells.declare(each) for each in (SENT, OPEN, TIMES)}
        self.children: dict[tuple[str, str], tuple[memoryview, int]] = {}

    def cell(self, declaration: Declaration, *values: str) -> tuple[memoryview, int]:
        key = (declaration.name, *values)
        if key not in self.children:
            width = len(declaration.buckets) + 2 if declaration.buckets else 1
            self.children[key] = self.store.cells.take(self.numbers[declaration.name], values, width)
        return self.children[key]

    def add(self, amount: float, result: str = "ok") -> None:
        cells, at = self.cell(SENT, result)
        cells[at] += amount

    def put(self, value: float) -> None:
        cells, at = self.cell(OPEN)
        cells[at] = value


class Told:
    """A log that keeps its warnings."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def warning(self, event: str, **values: str) -> None:
        self.lines.append((event, values["reason"]))


def totals(store) -> Totals:
    """Return what a scrape of this process sees."""
    made = Totals()
    store.add(made)
    return made


def sums(store) -> dict[object, float]:
    """Return the counters that a scrape of this process sees."""
    family = totals(store).families.get("mail.sent")
    return {} if family is None else {values: cells[0] for values, cells in family.series.items()}


def fill(store, number: int) -> None:
    """Take series until there is no room."""
    for index in range(10_000):
        store.cells.take(number, (str(index),), 1)


def files(folder: Path) -> list[str]:
    """Return the names of the files of processes."""
    return sorted(each.name for each in folder.glob(f"*{SUFFIX}"))


def test_a_scrape_of_any_process_sees_the_counts_of_all(folder):
    """Every process that shares the folder sees the sum of all."""
    some = [Process(folder) for _ in range(3)]
    for number, each in enumerate(some):
        each.add(10**number)
    assert [{("ok",): 111.0}] * 3 == [sums(each.store) for each in some]
    for each in some:
        each.store.close()


def test_the_folder_is_private(folder):
    """Nobody else may read the folder or the files."""
    process = Process(folder)
    modes = {folder.stat().st_mode & 0o777, *(each.stat().st_mode & 0o777 for each in folder.glob(f"*{SUFFIX}"))}
    assert {0o700, 0o600} == modes
    process.store.close()


def test_the_counters_of_the_dead_stay_and_their_gauges_go(folder):
    """When a process ends its counts stay, for counters never fall, and what it held at that moment is gone."""
    one, other = Process(folder), Process(folder)
    one.add(3), one.put(7), other.put(1)
    cells, at = one.cell(TIMES)
    cells[at + 1], cells[at + 3] = 1.0, 0.5
    assert {(): [8.0]} == totals(other.store).families["mail.open"].series
    one.store.close()
    for _ in range(2):
        seen = totals(other.store).families
        assert {("ok",): [3.0]} == seen["mail.sent"].series
        assert {(): [0.0, 1.0, 0.0, 0.5]} == seen["mail.duration"].series
        assert {(): [1.0]} == seen["mail.open"].series
        other.store.fold()
    other.store.close()


def test_the_files_of_the_dead_become_one(folder):
    """A thousand processes that come and go leave one file, not a thousand."""
    keeper = Process(folder)
    for number in range(1000):
        short = Shared(folder)
        cells, at = short.cells.take(short.cells.declare(SENT), ("ok",), 1)
        cells[at] = 1.0
        short.close()
        if number % 100 == 99:
            assert 100 == keeper.store.fold()
    assert 1 == len(files(folder))
    assert {("ok",): 1000.0} == sums(keeper.store)
    keeper.store.close()


def test_the_base_is_bounded_too(folder):
    """Processes that die, each with series of its own, do not make the base grow for ever: the rest is one series."""
    keeper = Process(folder)
    for number in range(10):
        short = Process(folder)
        short.add(1, f"result {number}")
        short.store.close()
        keeper.store.fold(limit=3)
    seen = sums(keeper.store)
    assert 4 == len(seen)
    assert 7.0 == seen[None]
    keeper.store.close()


@pytest.mark.parametrize("place", ["metrics.fold.written", "metrics.fold.replaced"])
def test_a_fold_that_dies_counts_nothing_twice(folder, place):
    """A crash before the new base or before the files are removed changes no number; the next fold cleans up."""
    keeper, short = Process(folder), Process(folder)
    keeper.add(1), short.add(2)
    short.store.close()
    with armed(place, "raise"), pytest.raises(FailpointError):
        keeper.store.fold()
    assert {("ok",): 3.0} == sums(keeper.store)
    assert 2 == len(files(folder))
    assert 1 == keeper.store.fold()
    assert {("ok",): 3.0} == sums(keeper.store)
    assert 1 == len(files(folder))
    keeper.store.close()


def test_a_reader_that_a_fold_overtakes_reads_again(folder, monkeypatch):
    """A file that is folded between reading the base and reading the files is counted once."""
    keeper, short, reader = Process(folder), Process(folder), Process(folder)
    short.add(5)
    short.store.close()
    opened, folded = reader.store._opened, []

    def late():
        if not folded:
            folded.append(keeper.store.fold())
        return opened()

    monkeypatch.setattr(reader.store, "_opened", late)
    assert {("ok",): 5.0} == sums(reader.store)
    assert [1] == folded
    for each in (keeper, reader):
        each.store.close()


def test_one_process_folds_at_a_time(folder):
    """While one process folds, another one leaves it to it."""
    keeper, short = Process(folder), Process(folder)
    short.store.close()
    with folding(folder) as mine:
        assert mine
        assert 0 == keeper.store.fold()
    assert 1 == keeper.store.fold()
    keeper.store.close()


def test_the_base_forgets_names_of_files_that_are_gone(folder):
    """The base names the files of the last fold only, so that it does not grow with each one that died."""
    keeper = Process(folder)
    for _ in range(3):
        short = Process(folder)
        short.add(1)
        short.store.close()
        keeper.store.fold()
    base, descriptor = read_base(folder)
    os.close(descriptor)
    assert 1 == len(base.folded)
    keeper.store.close()


def test_a_file_of_another_version_is_left_alone(folder):
    """A file that this version cannot read is neither counted nor removed; its name is told."""
    keeper = Process(folder)
    (folder / f"other{SUFFIX}").write_bytes(b"arlenM0\n" + bytes(100))
    keeper.add(1)
    assert {("ok",): 1.0} == sums(keeper.store)
    assert 0 == keeper.store.fold()
    assert {f"other{SUFFIX}"} == keeper.store.unreadable
    keeper.store.close()


def test_what_a_process_left_that_died_in_its_first_moment_is_removed(folder):
    """A file that was never finished goes with the next fold, once it is old: its process may be at it just now."""
    keeper, short = Process(folder), Process(folder)
    old, young = folder / f"old{SUFFIX}.new", folder / f"young{SUFFIX}.new"
    old.touch(), young.touch()
    os.utime(old, (0, 0))
    short.store.close()
    keeper.store.fold()
    assert [False, True] == [old.exists(), young.exists()]
    keeper.store.close()


def test_a_file_has_a_bound(folder):
    """A process that would write more than the bound gets an error it can handle, and no signal."""
    store = Shared(folder, limit=1 << 16)
    number = store.cells.declare(SENT)
    with pytest.raises(Full, match="past 65536 bytes"):
        fill(store, number)
    assert 2000 < len(totals(store).families["mail.sent"].series)
    store.close()


def test_a_disk_without_room_is_an_error_and_no_signal(folder, monkeypatch):
    """Pages are reserved before they are written: a full disk is `Full`, where writing would kill the process."""

    def full(*_):
        raise OSError(28, "No space left on device")

    store = Shared(folder)
    number = store.cells.declare(SENT)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Full, match="No space left"):
        fill(store, number)
    store.close()


def test_a_file_that_cannot_be_made_leaves_nothing(folder, monkeypatch):
    """A start that fails leaves no file and no descriptor."""
    folder.mkdir()
    monkeypatch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        Shared(folder)
    assert [] == list(folder.iterdir())


def test_a_killed_process_is_dead_at_once(folder):
    """After SIGKILL the counts stay, the gauges go, and the file can be folded: no id of a process is trusted."""
    keeper = Process(folder)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover  # its coverage dies with it
        process = Process(folder)
        process.add(4), process.put(9)
        os.write(writer, b"!")
        signal.pause()
    assert b"!" == os.read(reader, 1)
    assert {(): [9.0]} == totals(keeper.store).families["mail.open"].series
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader), os.close(writer)
    seen = totals(keeper.store).families
    assert {("ok",): [4.0]} == seen["mail.sent"].series
    assert {} == seen["mail.open"].series
    assert 1 == keeper.store.fold()
    assert {("ok",): 4.0} == sums(keeper.store)
    keeper.store.close()


def test_alone_keeps_the_numbers_of_one_process():
    """Without a folder the numbers are one process's, in memory."""
    store = Alone()
    cells, at = store.cells.take(store.cells.declare(SENT), ("ok",), 1)
    cells[at] += 2
    assert {("ok",): 2.0} == sums(store)
    assert 0 == store.fold()
    store.close()
    store.forked()
    assert {} == sums(store)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 9)),
        st.tuples(st.just("put"), st.integers(0, 3), st.integers(0, 9)),
        st.tuples(st.just("die"), st.integers(0, 3)),
        st.tuples(st.just("fold"), st.integers(0, 3), st.sampled_from(["", "written", "replaced"])),
        st.tuples(st.just("look"), st.integers(0, 3)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_whatever_happens_in_whatever_order_each_count_counts_once(steps, shared):
    """Adding, dying, folding, crashing in a fold and reading in any order: a scrape equals the plain sum."""
    folder = Path(mkdtemp(dir=shared))
    processes = [Process(folder) for _ in range(4)]
    counted: dict[tuple[str, ...], float] = {}
    held: dict[int, float] = {}
    for step in steps:
        process = processes[step[1]]
        match step:
            case ("add", _, result, amount):
                process.add(amount, result)
                counted[result,] = counted.get((result,), 0.0) + amount
            case ("put", at, value):
                process.put(value)
                held[at] = value
            case ("die", at):
                process.store.close()
                held.pop(at, None)
                processes[at] = Process(folder)
            case ("fold", _, "" as place):
                process.store.fold()
            case ("fold", _, place):
                with armed(f"metrics.fold.{place}", "raise"), suppress(FailpointError):
                    process.store.fold()
            case _:
                assert counted == sums(process.store)
    for each in processes:
        assert counted == sums(each.store)
        gauges = totals(each.store).families.get("mail.open")
        assert ([sum(held.values())] if held else []) == [
            cells[0] for cells in (gauges.series.values() if gauges else ())
        ]
    for each in processes:
        each.store.close()


def test_a_damaged_base_holds_nothing(folder):
    """A disk that lost its power may leave half a file: counters begin again, and everything else goes on."""
    keeper, short = Process(folder), Process(folder)
    keeper.add(1), short.add(2)
    short.store.close()
    keeper.store.fold()
    (folder / BASE).write_bytes(b"\x93")
    assert {("ok",): 1.0} == sums(keeper.store)
    short = Process(folder)
    short.add(4)
    short.store.close()
    keeper.store.fold()
    assert {("ok",): 5.0} == sums(keeper.store)
    keeper.store.close()


def test_a_damaged_file_costs_its_own_numbers_only(folder):
    """A record that nobody can have written is told; the numbers of others are shown."""
    keeper, other = Process(folder), Process(folder)
    keeper.add(1), other.add(2)
    path = folder / other.store._file.name
    data = bytearray(path.read_bytes())
    data[data.index(b"[0,") + 1 : data.index(b"[0,") + 2] = b"9"
    other.store.close()
    path.write_bytes(data)
    assert {("ok",): 1.0} == sums(keeper.store)
    assert {path.name} == keeper.store.unreadable
    assert 0 == keeper.store.fold()
    keeper.store.close()


def test_real_processes_come_and_go_under_those_who_read_and_fold(folder):
    """Twelve processes count and die, two others fold all the time: no read ever sees less, or more, than there is."""
    keeper, children = Process(folder), []
    stop = folder / "stop"
    for number in range(14):
        child = os.fork()
        if not child:  # pragma: no cover  # its coverage dies with it
            work(folder, stop, folds=number < 2)
        children.append(child)
    last, counting = 0.0, children[2:]
    while counting:
        seen = sums(keeper.store).get(("ok",), 0.0)
        assert last <= seen <= 12 * 200
        last = seen
        counting = [each for each in counting if os.waitpid(each, os.WNOHANG)[0] == 0]
    assert 12 * 200 == sums(keeper.store)["ok",]
    stop.touch()
    assert [0, 0] == [os.waitpid(each, 0)[1] for each in children[:2]]
    keeper.store.fold()
    assert {("ok",): 12 * 200.0} == sums(keeper.store)
    assert 1 == len(files(folder))
    keeper.store.close()


def work(folder: Path, stop: Path, *, folds: bool) -> None:  # pragma: no cover  # its coverage dies with it
    """Be one of the processes: fold until it is enough, or be twenty short ones after another."""
    try:
        if folds:
            store = Shared(folder)
            while not stop.exists():
                store.fold()
            os._exit(0)
        for _ in range(20):
            process = Process(folder)
            for _ in range(10):
                process.add(1)
            process.store.close()
        os._exit(0)
    finally:
        os._exit(1)


def test_a_folder_of_everybody_is_refused(folder):
    """Where anybody may write, anybody may say what was counted."""
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="everybody may write to it"):
        Shared(folder)
    assert [] == list(folder.iterdir())


def test_what_is_no_file_is_told_and_holds_up_nobody(folder):
    """A pipe of that name is not waited for, and a link is not followed."""
    keeper = Process(folder)
    keeper.add(1)
    os.mkfifo(folder / f"pipe{SUFFIX}")
    assert {("ok",): 1.0} == sums(keeper.store)
    assert {f"pipe{SUFFIX}"} == keeper.store.unreadable
    (folder / f"link{SUFFIX}").symlink_to("/etc/passwd")
    assert {("ok",): 1.0} == sums(keeper.store)
    assert {f"pipe{SUFFIX}", f"link{SUFFIX}"} == keeper.store.unreadable
    keeper.store.close()


def test_a_file_that_cannot_be_opened_is_an_error(folder, monkeypatch):
    """Out of descriptors, a scrape fails: it would show less than there is, and counters would fall."""
    keeper, other = Process(folder), Process(folder)
    opened = os.open

    def scarce(path, *rest):
        if str(path).endswith(other.store._file.name):
            raise OSError(24, "Too many open files")
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", scarce)
    with pytest.raises(OSError, match="Too many open files"):
        sums(keeper.store)
    keeper.store.close(), other.store.close()


def test_a_full_disk_keeps_nobody_from_reading(folder, monkeypatch):
    """When the counts of the dead cannot be put together they are read from their files, and nothing half stays."""
    keeper, dead = Process(folder), Process(folder)
    keeper.add(1), dead.add(2)
    dead.store.close()

    def full(path, data):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    registry = Registry(log=(log := Told()))
    registry.use(keeper.store)
    assert 0 == registry.fold() == registry.fold()
    assert [("metrics.fold.failed", "[Errno 28] No space left on device")] == log.lines
    assert {("ok",): [3.0]} == registry.totals().families["mail.sent"].series
    assert not (folder / "base.new").exists()
    monkeypatch.undo()
    assert 1 == registry.fold()
    assert {("ok",): [3.0]} == registry.totals().families["mail.sent"].series
    keeper.store.close()


def test_two_versions_of_a_metric_are_both_kept(folder):
    """After a reload with other buckets the dead of the new version count on, beside those of the old one."""
    old = Declaration("histogram", "mail.times", "", (), "s", (1.0,))
    new = Declaration("histogram", "mail.times", "", (), "s", (1.0, 2.0))
    keeper = Process(folder)
    for declaration in (old, new, new):
        process = Process(folder)
        cells, at = process.store.cells.take(process.store.cells.declare(declaration), (), width(declaration))
        cells[at] = 1.0
        process.store.close()
        keeper.store.fold()
    for declaration, expected in ((old, [1.0, 0.0, 0.0]), (new, [2.0, 0.0, 0.0, 0.0])):
        seen = Totals([declaration])
        keeper.store.add(seen)
        assert {(): expected} == seen.families["mail.times"].series
    keeper.store.close()


def test_half_a_file_never_counts_again_and_again(folder):
    """What a damaged file says before the damage is not folded each time that another process ends."""
    keeper, torn = Process(folder), Process(folder)
    torn.add(5), torn.store.cells.take(torn.numbers["mail.sent"], ("wide",), 3)
    torn.store.close()
    for _ in range(3):
        other = Process(folder)
        other.add(1)
        other.store.close()
        keeper.store.fold()
    assert {("ok",): 3.0} == sums(keeper.store)
    keeper.store.close()


def test_a_base_that_does_not_add_up_is_damaged(folder):
    """Counts of the dead with other labels than their metric has count as a damaged base does."""
    keeper = Process(folder)
    keeper.add(1)
    write_base(folder, frozenset(), [Kept(SENT, [(("a", "b"), [1.0])])])
    assert {("ok",): 1.0} == sums(keeper.store)
    keeper.store.close()


def test_a_process_that_begins_is_not_looked_at(folder, monkeypatch):
    """Nobody takes the lock of a file which is being made, not even for a moment: its process would fail to start."""
    keeper, dead = Process(folder), Process(folder)
    dead.add(1)
    dead.store.close()
    begun = folder / f"begun{SUFFIX}.new"
    begun.touch()
    looked = []

    def look(descriptor):
        looked.append(os.fstat(descriptor).st_ino)
        return alive(descriptor)

    monkeypatch.setattr("arlen_metrics.store.alive", look)
    assert 1 == keeper.store.fold()
    assert looked
    assert begun.stat().st_ino not in looked
    keeper.store.close()
