"""Plans: what is to be done follows from the files and the state table alone."""

import pytest

from arlen_data.faults import MigrationError
from arlen_data.history import Entry
from arlen_data.plans import latest, pending, rows
from arlen_data.scripts import parse


def script(version, phase="", down=True):
    """Return a migration."""
    text = f"select '{version}'" + "\n-- arlen: down\nselect 1" * down
    return parse(text, "sqlite", version=version, file=f"{version}.sql", phase=phase)


def entry(script, state="applied", at="2026-01-01T00:00:00Z", **more):
    """Return what the state table knows about it."""
    return {
        script.version: Entry(script.version, more.get("checksum", script.checksum), state, more.get("done", 0), at)
    }


A, B, C = script("1_a"), script("2_b", "pre"), script("3_c", "post")


@pytest.mark.parametrize(
    ("phase", "expected"), [("all", ["1_a", "2_b", "3_c"]), ("pre", ["1_a", "2_b"]), ("post", "migration_phase")]
)
def test_phases(phase, expected):
    """What has no phase belongs before the new code; what comes after waits until that is done."""
    if isinstance(expected, list):
        assert expected == [each.version for each in pending([A, B, C], {}, phase)]
        return
    with pytest.raises(MigrationError) as caught:
        pending([A, B, C], {}, phase)
    assert (expected, "1_a.sql") == (caught.value.code, caught.value.file)


def test_after_the_first_phase_comes_the_second():
    """Then alone."""
    assert [C] == pending([A, B, C], entry(A) | entry(B), "post")
    assert [] == pending([A, B, C], entry(A) | entry(B), "pre")


def test_an_unknown_phase_is_refused():
    """It would run nothing."""
    with pytest.raises(MigrationError, match="'during' is no phase"):
        pending([], {}, "during")


def test_a_late_file_runs():
    """One that comes before others which have been applied, from another branch."""
    assert [A] == pending([A, B], entry(B))


def test_what_is_not_known_here_is_nobodys_business():
    """The database may be ahead of this code, and other packages use the same table."""
    other = script("9_z")
    assert [A] == pending([A], entry(other))


def test_a_file_that_changed_is_named():
    """With two ways out."""
    with pytest.raises(MigrationError) as caught:
        pending([A, B], entry(A, checksum="0" * 64))
    assert ("migration_drift", "1_a") == (caught.value.code, caught.value.version)
    assert "arlen migrate accept 1_a" in caught.value.fix


@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_file_that_did_not_come_to_its_end_stops_everything(state):
    """It says how far it came."""
    with pytest.raises(MigrationError, match="3 of its statements") as caught:
        pending([A, B], entry(A, state, done=3))
    assert "migration_dirty" == caught.value.code
    assert "arlen migrate resolve 1_a" in caught.value.fix


def test_the_last_applied_goes_first():
    """By the time of the database, not by the name."""
    entries = entry(B, at="2026-01-02") | entry(A, at="2026-01-03") | entry(C, at="2026-01-01")
    assert [A, B] == latest([A, B, C], entries, 2)
    assert [A, B, C] == latest([A, B, C], entries, 9)


def test_of_the_same_moment_the_later_file_goes_first():
    """Two files may be applied within one tick of a clock."""
    assert [B, A] == latest([A, B], entry(A) | entry(B), 2)


def test_what_cannot_be_taken_back_is_named_before_anything_is():
    """All of them are looked at first."""
    lasting = script("0_x", down=False)
    with pytest.raises(MigrationError) as caught:
        latest([lasting, A], entry(lasting) | entry(A), 2)
    assert ("migration_no_down", "0_x.sql") == (caught.value.code, caught.value.file)
    assert [A] == latest([lasting, A], entry(lasting) | entry(A), 1)


def test_none_cannot_be_taken_back():
    """A count is at least 1."""
    with pytest.raises(MigrationError, match="0 migrations"):
        latest([A], entry(A), 0)


def test_rows_say_how_each_one_stands():
    """Those of the files in their order, then those that have no file here."""
    gone, dirty = script("0_gone"), script("4_d", down=False)
    entries = entry(gone) | entry(A) | entry(B, checksum="x") | entry(dirty, "failed")
    found = rows([A, B, C, dirty], entries)
    assert [("1_a", "applied"), ("2_b", "drifted"), ("3_c", "pending"), ("4_d", "failed"), ("0_gone", "missing")] == [
        (row.version, row.state) for row in found
    ]
    assert ("", True, "3_c.sql", "post") == (found[2].applied_at, found[2].can_go_down, found[2].file, found[2].phase)
    assert not found[3].can_go_down
