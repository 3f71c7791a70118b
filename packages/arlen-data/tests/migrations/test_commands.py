"""Commands: `arlen migrate` finds the database and the migrations, does it, and says what it did."""

import argparse
import re
from pathlib import Path

import pytest
from msgspec import json
from tiny import Tiny

from arlen_core.app import App
from arlen_core.commands import CommandError
from arlen_core.errors import ConfigError, StartupError
from arlen_core.loading import LoadError
from arlen_core.plugins import Plugin
from arlen_data import Migrations, sites
from arlen_data.commands import migrate
from arlen_data.errors import DatabaseError
from arlen_data.faults import MigrationError
from arlen_data.targets import Databases

APP = """
from arlen_core.app import App
from tiny import Tiny

class Plugin:
    name = "jobs"
    def __init__(self, migrations):
        self.migrations = migrations
    def register(self, app):
        pass

print("imported")
app = App("shop", environ={})
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, folder):
    """Work in a folder with `db/migrations`, where tiny:PATH is the URL of a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARLEN_APP", raising=False)
    monkeypatch.setenv("ARLEN_ENV", "test")
    monkeypatch.setattr(sites, "database", lambda url, name: Tiny(_text(url).removeprefix("tiny:"), name=name))
    folder.write("0001_a.sql", "create table a (id int);\n-- arlen: down\ndrop table a;")


def _text(url):
    return url if isinstance(url, str) else url.reveal()


def parsed(*words):
    """Return the arguments as the `arlen` program gives them to a command."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    for name in ("--app", "--root", "--env"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    migrate.configure(parser)
    return parser.parse_args(words)


def run(*words, url="tiny:app.db"):
    """Run the command on the database of a URL."""
    return migrate.run(parsed(*words, *(["--url", url] if url else [])))


def refusal(*words, kind=CommandError, **more):
    """Return why it was refused."""
    with pytest.raises(kind) as caught:
        run(*words, **more)
    return caught.value


def app_file(text, name="migrate_app"):
    """Write a module with an application, and return its name."""
    Path(f"{name}.py").write_text(APP + text)
    return f"{name}:app"


@pytest.fixture
def module(request):
    """The name of a module that nobody has imported."""
    return re.sub(r"\W", "_", f"app_{request.node.name}")


def test_it_applies_what_is_pending():
    """And says so the second time."""
    first, second = run(), run()
    assert ("default", ["0001_a"]) == (first.data["target"], [each["version"] for each in first.data["applied"]])
    assert re.fullmatch(r"applied  db/migrations/0001_a\.sql  \d\.\d{3} s", first.text)
    assert ([], "there is nothing to do") == (second.data["applied"], second.text)


def test_a_dry_run_changes_nothing():
    """Forwards and back."""
    dry = run("--dry-run")
    assert (["0001_a"], [], True) == (dry.data["pending"], dry.data["applied"], dry.data["dry_run"])
    assert "would apply  db/migrations/0001_a.sql" == dry.text
    assert [each["version"] for each in run().data["applied"]]
    assert "would take back  db/migrations/0001_a.sql" == run("down", "--dry-run").text
    assert "there is nothing to do" == run("--dry-run").text


def test_status_lists_every_migration(folder):
    """It exits 1 when one needs a person."""
    run()
    folder.write("0002_b.sql", "select 1")
    found = run("status")
    assert 0 == found.exit
    assert ["applied", "pending"] == [row["state"] for row in found.data["migrations"]]
    assert ["VERSION", "STATE", "APPLIED"] == found.text.splitlines()[0].split()
    folder.write("0001_a.sql", "create table a (id bigint)")
    assert (1, "drifted") == (run("status").exit, run("status").data["migrations"][0]["state"])


def test_status_of_nothing(folder):
    """A folder may be empty."""
    (folder.path / "0001_a.sql").unlink()
    assert "there are no migrations" == run("status").text


def test_plan_shows_what_lint_finds(folder):
    """It exits 1 when that is something."""
    assert 0 == run("plan").exit
    folder.write("0002_b.sql", "alter table a rename to b")
    found = run("plan")
    assert (1, ["0001_a", "0002_b"]) == (found.exit, found.data["pending"])
    assert "rename_breaks_code" == found.data["findings"][0]["code"]
    assert "db/migrations/0002_b.sql:1: rename_breaks_code: " in found.text
    assert "\n  fix: " in found.text


def test_phases_are_chosen(folder):
    """By one option."""
    folder.write("0002_b.post.sql", "create table b (id int)")
    assert ["0001_a"] == [each["version"] for each in run("--phase", "pre").data["applied"]]
    assert ["0002_b.post"] == run("plan", "--phase", "post").data["pending"]


def test_down_takes_back(folder):
    """One, or as many as it is told."""
    folder.write("0002_b.sql", "create table b (id int);\n-- arlen: down\ndrop table b;")
    run()
    assert ["0002_b"] == [each["version"] for each in run("down").data["taken_back"]]
    assert ["0001_a"] == [each["version"] for each in run("down", "9").data["taken_back"]]
    assert "there is nothing to take back" == run("down").text


def test_accept_and_resolve(folder):
    """The two ways to tell the state table what a person knows."""
    folder.write("0002_b.sql", "create table nowhere.b (id int)")
    assert "applied  0002_b" == run("resolve", "0002_b", "--as", "applied").text
    run()
    folder.write("0001_a.sql", "create table a (id bigint)")
    assert "migration_drift" == refusal(kind=MigrationError).code
    assert {"target": "default", "version": "0001_a", "state": "applied"} == run("accept", "0001_a").data
    assert [] == run().data["applied"]
    assert "pending  0002_b" == run("resolve", "0002_b", "--as", "pending").text


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["new", "add_b"], r"db/migrations/\d{14}_add_b\.sql"),
        (["new", "add_b", "--phase", "post"], r"db/migrations/\d{14}_add_b\.post\.sql"),
        (["new", "add_b", "--target", "reports"], r"db/migrations/reports/\d{14}_add_b\.sql"),
        (["new", "add_b", "--folder", "sql"], r"sql/\d{14}_add_b\.sql"),
    ],
)
def test_new_makes_a_file(words, name):
    """Its name begins with the time, so that it comes last."""
    (dry,) = run(*words, "--dry-run").data["created_files"]
    assert not Path(dry).exists()
    made = run(*words)
    (path,) = made.data["created_files"]
    assert re.fullmatch(name, path)
    assert Path(path).read_text().startswith("-- Add b\n--\n")
    assert f"created  {path}" == made.text
    assert "file_exists" == refusal(*words).code


@pytest.mark.parametrize("name", ["Add", "a-b", "1a", "a b", "../a", "a" * 61])
def test_new_refuses_other_names(name):
    """It is a part of a file's name."""
    assert ("name_invalid", 2) == (refusal("new", name).code, refusal("new", name).exit)


@pytest.mark.parametrize(
    "words",
    [
        ["new"],
        ["accept"],
        ["resolve", "--as", "applied"],
        ["resolve", "0001_a"],
        ["status", "0001_a"],
        ["plan", "--as", "applied"],
        ["down", "x"],
        ["down", "0"],
        ["--wait", "-1"],
        ["--lock-timeout", "1e9"],
    ],
)
def test_wrong_usage_exits_2(words):
    """With how to write it."""
    error = refusal(*words)
    assert ("usage", 2) == (error.code, error.exit)
    assert error.fix


def test_a_name_of_a_target_that_is_none_is_refused():
    """Before anything is opened."""
    assert "migration_name" == refusal("--target", "A;B", kind=MigrationError).code
    assert "migration_name" == refusal("new", "a", "--target", "A;B", kind=MigrationError).code


def test_an_error_of_the_database_has_its_code(monkeypatch):
    """And its fix, once."""

    async def refuse(self):
        raise DatabaseError("no", fix="ask again")

    monkeypatch.setattr(Tiny, "open", refuse)
    error = refusal()
    assert ("database_error", "no", "ask again") == (error.code, error.message, error.fix)


def test_everything_it_returns_is_json(folder):
    """Programs read it."""
    folder.write("0002_b.sql", "alter table a rename to b;\n-- arlen: down\nalter table b rename to a;")
    for words in (["plan"], ["--dry-run"], [], ["status"], ["down"]):
        assert json.decode(json.encode(run(*words).data))


def test_the_database_of_the_application_is_found(module, capsys):
    """With the migrations of its plugins before its own; what it prints goes to standard error."""
    Path("jobs").mkdir()
    Path("jobs/0001_init.sql").write_text("create table jobs (id int)")
    name = app_file(
        "from arlen_data import Migrations\n"
        'app.use(Tiny("shop.db"))\n'
        'app.use(Plugin([Migrations("jobs", namespace="jobs"), Migrations("other", target="reports")]))\n',
        module,
    )
    made = run("--app", name, url="")
    assert ["jobs::0001_init", "0001_a"] == [each["version"] for each in made.data["applied"]]
    assert Path("shop.db").exists()
    assert ("", "imported\n") == capsys.readouterr()


def test_another_database_of_the_application_has_its_own_folder(module):
    """The target chooses both."""
    Path("db/migrations/reports").mkdir()
    Path("db/migrations/reports/0001_r.sql").write_text("create table r (id int)")
    text = 'class Reports(Tiny):\n    pass\napp.use(Tiny("shop.db"))\napp.use(Reports("reports.db", name="reports"))\n'
    name = app_file(text, module)
    made = run("--app", name, "--target", "reports", url="")
    assert ("reports", ["0001_r"]) == (made.data["target"], [each["version"] for each in made.data["applied"]])
    error = refusal("--app", name, "--target", "report", url="")
    assert ("database_unknown", 2) == (error.code, error.exit)
    assert "default, reports" in error.message


def test_databases_of_the_configuration_are_found_in_the_application(tmp_path):
    """Those that `Databases()` opened."""
    schemes = {"tiny": lambda: type("Url", (), {"from_url": lambda url, **more: Tiny(url[5:], **more)})}
    app = App("shop", root=tmp_path, environ={"ARLEN_DATABASE__URL": "tiny:x.db"})
    app.use(Databases(find=lambda: schemes))
    assert "x.db" == sites._used(app, "default").path


def test_an_application_that_opens_none_has_the_configured_one(module, monkeypatch):
    """It may open its database in some other way."""
    monkeypatch.setenv("ARLEN_DATABASE__URL", "tiny:set.db")
    name = app_file("app = App('shop')\n", module)
    assert ["0001_a"] == [each["version"] for each in run("--app", name, url="").data["applied"]]
    assert Path("set.db").exists()


def test_without_an_application_there_is_the_configuration(monkeypatch):
    """Of this folder, and of the environment."""
    monkeypatch.setenv("ARLEN_DATABASE__URL", "tiny:set.db")
    monkeypatch.setenv("ARLEN_DATABASE__TARGETS__REPORTS", "tiny:reports.db")
    assert ["0001_a"] == [each["version"] for each in run(url="").data["applied"]]
    Path("db/migrations/reports").mkdir()
    assert [] == run("--target", "reports", url="").data["applied"]
    assert (True, True) == (Path("set.db").exists(), Path("reports.db").exists())


@pytest.mark.parametrize(("words", "key"), [([], "URL"), (["--target", "x"], "TARGETS__X")])
def test_without_any_it_says_where_to_name_one(words, key):
    """By option or variable."""
    error = refusal(*words, url="")
    assert ("database_missing", 2) == (error.code, error.exit)
    assert f"ARLEN_DATABASE__{key}" in error.fix


def test_a_broken_application_is_no_missing_one():
    """Its error arrives."""
    Path("app.py").write_text("import nothing_of_that_name")
    assert "import" == refusal(url="", kind=LoadError).stage
    assert "find" == refusal("--app", "nowhere:app", url="", kind=LoadError).stage


def test_the_folder_of_a_database_goes_before_the_usual_one(tmp_path):
    """An adapter may name it in its attribute `migrations`."""
    app, db = App("shop", root=tmp_path, environ={}), Tiny("x.db")
    assert tmp_path / "db/migrations" == sites.gathered(app, db)[0].folder
    db.migrations = "sql"
    assert tmp_path / "sql" == sites.gathered(app, db)[0].folder
    db.migrations = Migrations("here", namespace="n")
    assert [db.migrations] == sites.gathered(app, db)


def test_an_application_of_plugins_alone_needs_no_folder(tmp_path):
    """When the plugins bring migrations."""

    class Jobs:
        name = "jobs"
        migrations = Migrations("jobs", namespace="jobs")

        def register(self, app):
            pass

    app = App("shop", root=tmp_path / "empty", environ={})
    app.use(Jobs())
    assert ["jobs"] == [each.namespace for each in sites.gathered(app, Tiny("x.db"))]


def test_plugins_add_migrations_to_the_application(tmp_path):
    """In the order of the plugins, whatever the order of use; what is there twice counts once."""

    class Some(Plugin):
        def __init__(self, name, *after):
            self.name, self.after = name, after
            self.brought = Migrations(name, namespace=name)

        def register(self, app):
            app.migrations += [self.brought, Migrations("far", namespace=self.name, target="reports")]

    class Attribute(Some):
        @property
        def migrations(self):
            return self.brought

    app = App("shop", root=tmp_path / "empty", environ={})
    for plugin in (Some("b", "c"), Some("c"), Attribute("a", "b")):
        app.use(plugin)
    assert ["c", "b", "a"] == [each.namespace for each in sites.gathered(app, Tiny("x.db"))]
    assert ["c", "b", "a"] == [each.namespace for each in sites.gathered(app, Tiny("y.db", name="reports"))]


def test_a_url_that_no_package_knows_is_refused(monkeypatch):
    """And it is in no message, for it may have a password."""
    monkeypatch.undo()
    error = refusal(url="nothing://user:s3cret@host/db", kind=ConfigError)
    assert isinstance(error, StartupError)
    assert "s3cret" not in str(error)
