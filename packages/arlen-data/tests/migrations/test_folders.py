"""Folders: which files are migrations for us, and in which order."""

from importlib.resources import files

import pytest

from arlen_data.faults import MigrationError
from arlen_data.folders import Migrations, read, suffix


def versions(source, dialect="sqlite"):
    """Return the versions of a source, in their order."""
    return [script.version for script in read(source, dialect)]


def refusal(source, dialect="sqlite"):
    """Return why a source is refused."""
    with pytest.raises(MigrationError) as caught:
        read(source, dialect)
    return caught.value


def test_files_run_in_the_order_of_their_names(folder):
    """Of one name, `.pre` comes first and `.post` last."""
    for name in ("0010_c", "0002_b.post", "0002_b.pre", "0002_b", "0001_a", "20260101120000_d"):
        folder.write(f"{name}.sql", "select 1")
    assert ["0001_a", "0002_b.pre", "0002_b", "0002_b.post", "0010_c", "20260101120000_d"] == versions(folder.path)


def test_other_files_are_passed_over(folder):
    """Folders are for other databases, and files with a dot in front for nobody."""
    folder.write("0001_a.sql", "select 1")
    folder.write("README.md", "x")
    folder.write(".0002_b.sql", "select 1")
    (folder.path / "reports").mkdir()
    (folder.path / "0003.sql").mkdir()
    assert ["0001_a"] == versions(folder.path)


def test_an_engine_takes_its_own_file(folder):
    """One with the name of the engine goes before the general one; others are not ours."""
    folder.write("0001_a.sql", "select 1")
    folder.write("0001_a.postgresql.sql", "select 2")
    folder.write("0002_b.postgresql.sql", "select 3")
    folder.write("0003_c.pre.sqlite.sql", "select 4")
    assert ["0001_a", "0003_c.pre"] == versions(folder.path)
    assert ["0001_a", "0002_b"] == versions(folder.path, "postgresql")
    first = {dialect: read(folder.path, dialect)[0] for dialect in ("sqlite", "postgresql")}
    assert {"sqlite": "select 1", "postgresql": "select 2"} == {
        dialect: script.up.statements[0].text for dialect, script in first.items()
    }


def test_a_down_file_belongs_to_the_file_of_its_name(folder):
    """Its own engine and phase counted."""
    folder.write("0001_a.post.sql", "select 1")
    folder.write("0001_a.post.down.sql", "select 2")
    folder.write("0001_a.down.post.sqlite.sql", "select 3")
    (sqlite,), (postgresql,) = read(folder.path, "sqlite"), read(folder.path, "postgresql")
    assert ("select 3", "select 2") == (sqlite.down.statements[0].text, postgresql.down.statements[0].text)
    assert "post" == sqlite.phase


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0001_a.prod.sql", "'prod' between dots"),
        ("0001_a.pre.post.sql", "one of each kind"),
        ("0001_a.sqlite.sqlite.sql", "one of each kind"),
        ("0001 a.sql", "digits, _ and -"),
        ("_a.sql", "digits, _ and -"),
        (f"{'a' * 121}.sql", "more than 120"),
        ("0001_a.down.sql", "nothing that it takes back"),
    ],
)
def test_a_wrong_name_is_refused(folder, name, said):
    """A file that would silently never run is worse than an error."""
    folder.write(name, "select 1")
    error = refusal(folder.path)
    assert "migration_name" == error.code
    assert said in str(error)
    assert name in error.file


def test_the_same_migration_twice_is_refused(folder):
    """Two files of one name differ in the order of their tags alone."""
    folder.write("0001_a.pre.sqlite.sql", "select 1")
    folder.write("0001_a.sqlite.pre.sql", "select 1")
    assert "migration_twice" == refusal(folder.path).code


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    """It is misspelt, or the command runs somewhere else."""
    error = refusal(tmp_path / "nowhere")
    assert "migrations_missing" == error.code
    assert "nowhere" in str(error)


def test_what_is_not_utf_8_is_refused(folder):
    """With the byte."""
    (folder.path / "0001_a.sql").write_bytes(b"select '\xff'")
    assert "byte 8 is not UTF-8" in str(refusal(folder.path))


def test_packages_have_namespaces(folder, tmp_path):
    """Their versions never meet those of the application, and run in the order of the sources."""
    other = tmp_path / "jobs"
    other.mkdir()
    (other / "0001_a.sql").write_text("select 1")
    folder.write("0001_a.sql", "select 1")
    jobs = Migrations(other, namespace="jobs")
    assert ["jobs::0001_a", "0001_a"] == versions([jobs, folder.path])
    assert ["0001_a"] == versions(str(folder.path))
    assert "migration_twice" == refusal([other, folder.path]).code
    assert "namespace='jobs'" in repr(jobs)


def test_a_folder_of_a_package_is_a_source(tmp_path, monkeypatch):
    """Resources of an installed package are read as they are."""
    package = tmp_path / "some_jobs"
    (package / "sql").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "sql" / "0001_init.sql").write_text("select 1")
    monkeypatch.syspath_prepend(tmp_path)
    assert ["jobs::0001_init"] == versions(Migrations(files("some_jobs") / "sql", namespace="jobs"))


@pytest.mark.parametrize("name", ["Jobs", "1jobs", "a-b", "a" * 33, "x::y", "'; drop"])
def test_a_name_that_is_none_is_refused(name):
    """It becomes part of a table's name."""
    with pytest.raises(MigrationError, match="is no name"):
        suffix(name)
    with pytest.raises(MigrationError, match="is no name"):
        Migrations("x", namespace=name)
