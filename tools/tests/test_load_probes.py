"""What the system is asked about processes."""

import os
import subprocess
import sys

import pytest

from tools.load.probes import Memory, cpu, descriptors, family, memory, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system lacks: /proc")

ROLLUP = """00400000-7ffd9d5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:                2048 kB
Pss:                1024 kB
Pss_Dirty:           512 kB
Swap:                  0 kB
"""


def test_memory_reads_the_rollup(tmp_path):
    """RSS and PSS come from smaps_rollup, in bytes."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps_rollup").write_text(ROLLUP)
    assert Memory(2 << 20, 1 << 20) == memory(7, tmp_path)


def test_memory_of_a_process_that_has_ended(tmp_path):
    """A process that is gone has no memory to tell of."""
    with pytest.raises(FileNotFoundError):
        memory(7, tmp_path)


def test_memory_of_this_process():
    """PSS is never more than RSS."""
    found = memory(os.getpid())
    assert 0 < found.pss <= found.rss


def test_descriptors_counts_what_is_open(tmp_path):
    """A file that is opened is one more descriptor, until it is closed."""
    before = descriptors(os.getpid())
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert before + 2 == descriptors(os.getpid())
    assert before == descriptors(os.getpid())


def test_cpu_goes_up_with_work():
    """Processor time goes up when a process works."""
    before = cpu(os.getpid())
    assert until(lambda: sum(range(100_000)) > 0 and cpu(os.getpid()) > before) is not None


def test_family_counts_whoever_is_in_the_session():
    """A server that starts others is measured together with them, and with nobody else."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert b"1\n" == process.stdout.readline()
        both, one = family(process.pid), memory(process.pid)
        process.communicate(b"\n")
    assert both.rss > one.rss
    assert both.pss > one.pss
    assert Memory(0, 0) == family(process.pid)


def test_until_tells_how_long_it_took():
    """The condition is asked again until it holds."""
    answers = iter([False, False, True])
    assert until(lambda: next(answers)) >= 0
    assert [] == list(answers)


def test_until_gives_up():
    """A condition that does not come true in time is `None`, not an error."""
    assert until(lambda: False, 0.0) is None
