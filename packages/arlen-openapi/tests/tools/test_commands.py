"""Commands: `arlen openapi` writes documents, compares them and makes clients, and says what it did."""

import argparse
import json
import os
import sys
from pathlib import Path

import pytest

import arlen_openapi
from arlen_core.commands import CommandError
from arlen_core.loading import LoadError
from arlen_openapi.commands import openapi

APP = '''
"""A small application."""

from arlen_core import App
from msgspec import Struct

app = App("notes", environ={"ARLEN_OPENAPI__VERSION": "1.0"})
print("imported")


class Note(Struct):
    """A note."""

    title: str


@app.get("/notes/{id}")
async def show(id: int) -> Note:
    """Show a note."""
    return Note(f"note {id}")
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in an empty folder; what is imported from it is forgotten afterwards."""
    modules, paths = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARLEN_APP", raising=False)
    monkeypatch.setenv("ARLEN_ENV", "test")
    yield tmp_path
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


@pytest.fixture
def app(place):
    """Work in the folder of a small application."""
    (place / "app.py").write_text(APP, encoding="utf-8")
    return place


@pytest.fixture
def files(place, specimen):
    """Return a function that writes the document of notes to a file, after a change."""

    def write(name, change=lambda tree: None, document="notes"):
        tree = specimen(document)
        change(tree)
        (place / name).write_text(json.dumps(tree), encoding="utf-8")
        return name

    return write


class Parser(argparse.ArgumentParser):
    """As `arlen` has it: it raises."""

    def error(self, message):
        raise CommandError("usage", message, exit=2)


def run(*words):
    """Run the command as the `arlen` program does."""
    parser = Parser()
    for name in ("--app", "--root", "--env"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    openapi.configure(parser)
    return openapi.run(parser.parse_args(list(map(str, words))))


def refusal(*words, kind=CommandError):
    """Return why it was refused."""
    with pytest.raises(kind) as caught:
        run(*words)
    return caught.value


def drop(tree):
    """Make a change that breaks clients."""
    del tree["paths"]["/notes/{id}"]["delete"]


def test_the_document_goes_to_standard_output(app, capsys):
    """As JSON, and nothing that the application prints is in it."""
    made = run("export")
    assert json.loads(made.text) == made.data["document"]
    assert {"/notes/{id}"} == made.data["document"]["paths"].keys()
    assert ("", "imported\n") == capsys.readouterr()


def test_the_document_goes_to_a_file(app):
    """In folders that are made; the same bytes each time, and those of standard output."""
    made = run("export", "--output", "api/openapi.json")
    data = (app / "api/openapi.json").read_bytes()
    assert ({"file": "api/openapi.json", "bytes": len(data)}, "wrote  api/openapi.json") == (made.data, made.text)
    assert data == f"{run('export').text}\n".encode()
    assert data.endswith(b"}\n")
    run("export", "--output", "again.json")
    assert data == (app / "again.json").read_bytes()


def test_a_file_that_is_up_to_date_passes(app):
    """Whatever its spaces and the order of its keys, which tools may change."""
    run("export", "--output", "openapi.json")
    made = run("check", "openapi.json")
    assert (0, True, []) == (made.exit, made.data["matches"], made.data["differences"])
    tree = json.loads((app / "openapi.json").read_bytes())
    (app / "openapi.json").write_text(json.dumps(dict(reversed(tree.items()))), encoding="utf-8")
    assert (0, "openapi.json is the document of the application") == (
        (made := run("check", "openapi.json")).exit,
        made.text,
    )


def test_a_file_that_is_not_fails_with_the_places(app):
    """So that one sees what happened without opening either."""
    run("export", "--output", "openapi.json")
    tree = json.loads((app / "openapi.json").read_bytes())
    tree["info"]["title"] = "Other"
    del tree["paths"]["/notes/{id}"]["get"]["summary"]
    (app / "openapi.json").write_text(json.dumps(tree), encoding="utf-8")
    made = run("check", "openapi.json")
    assert (1, False, 0) == (made.exit, made.data["matches"], made.data["more"])
    assert [
        ("$.info.title", "changed", "Other", "notes"),
        ('$.paths["/notes/{id}"].get.summary', "added", None, "Show a note"),
    ] == [(each["place"], each["change"], each["before"], each["after"]) for each in made.data["differences"]]
    assert '~ $.info.title: "Other" -> "notes"' in made.text.splitlines()
    assert "--update" in made.text


def test_many_places_are_counted(app):
    """Fifty are shown."""
    run("export", "--output", "openapi.json")
    tree = json.loads((app / "openapi.json").read_bytes())
    tree["x-all"] = {f"k{at}": at for at in range(20)}
    tree["paths"] |= {f"/p{at}": {} for at in range(60)}
    (app / "openapi.json").write_text(json.dumps(tree), encoding="utf-8")
    made = run("check", "openapi.json")
    assert (50, 11) == (len(made.data["differences"]), made.data["more"])
    assert "and 11 more" in made.text.splitlines()


def test_a_file_can_be_brought_up_to_date(app):
    """A second time there is nothing to do."""
    first, second = run("check", "openapi.json", "--update"), run("check", "openapi.json", "--update")
    assert (True, "updated  openapi.json") == (first.data["updated"], first.text)
    assert (False, "openapi.json is up to date") == (second.data["updated"], second.text)
    assert 0 == run("check", "openapi.json").exit


def test_a_file_that_is_not_there_fails(app):
    """With how to make it."""
    made = run("check", "openapi.json")
    assert (1, "there is no openapi.json") == (made.exit, made.text.splitlines()[0])
    assert "--update" in made.text
    assert not (app / "openapi.json").exists()


def test_two_files_are_compared(files):
    """With a line for each change, and one for all."""
    made = run("diff", files("old.json"), files("new.json", drop))
    assert (0, 1, 0, 0) == (made.exit, made.data["breaking"], made.data["unknown"], made.data["compatible"])
    (change,) = made.data["changes"]
    assert ("operation-removed", "breaking", "DELETE /notes/{id}") == (change["rule"], change["level"], change["place"])
    assert [
        "breaking    operation-removed  DELETE /notes/{id}",
        "            it is gone: a client that calls it gets 404 or 405",
        "1 breaking, 0 unknown, 0 compatible",
    ] == made.text.splitlines()


def test_nothing_may_have_changed(files):
    """That is said."""
    made = run("diff", files("old.json"), files("new.json"), "--fail-on", "any")
    assert (0, 0, "there is no change that counts") == (made.exit, len(made.data["changes"]), made.text)


def describe(tree):
    """Make a change that breaks nobody."""
    tree["info"]["title"] = "Other"


def hook(tree):
    """Make a change of which it cannot be told."""
    tree["webhooks"] = {"a": {}}


@pytest.mark.parametrize(
    ("change", "breaking", "everything"), [(drop, 1, 1), (hook, 1, 1), (describe, 0, 1), (lambda tree: None, 0, 0)]
)
def test_it_fails_when_asked_to(change, breaking, everything, files):
    """What cannot be told to be harmless counts as breaking; without the option nothing fails."""
    words = ("diff", files("old.json"), files("new.json", change))
    assert 0 == run(*words).exit
    assert breaking == run(*words, "--fail-on", "breaking").exit
    assert everything == run(*words, "--fail-on", "any").exit


def test_the_newer_one_is_that_of_the_application(app):
    """By default."""
    run("export", "--output", "old.json")
    assert 0 == run("diff", "old.json", "--fail-on", "any").exit
    (app / "old.json").write_text(json.dumps({"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}), encoding="utf-8")
    assert {"operation-removed", "operation-added"} == {
        each["rule"] for each in run("diff", "old.json").data["changes"]
    }


EXCEPTIONS = """
[[exception]]
rule = "operation-removed"
place = "DELETE /notes/{{id}}"
reason = "nobody calls it"
until = "{until}"

[[exception]]
rule = "operation-removed"
place = "GET /never"
reason = "it never was there"
until = "9.0"
"""


@pytest.mark.parametrize(("until", "exit"), [("1.0.0", 0), ("0.9", 1)])
def test_exceptions_hold_until_their_release(until, exit, files, place):
    """What they cover does not count; those that cover nothing, or have ended, are told."""
    (place / "allowed.toml").write_text(EXCEPTIONS.format(until=until), encoding="utf-8")
    words = (
        "diff",
        files("old.json"),
        files("new.json", drop),
        "--fail-on",
        "breaking",
        "--exceptions",
        "allowed.toml",
    )
    made = run(*words)
    assert exit == made.exit
    assert (exit, 1 - exit, exit) == (made.data["breaking"], len(made.data["excepted"]), len(made.data["expired"]))
    assert ["GET /never"] == [each["place"] for each in made.data["unused"]]
    assert "unused exception  operation-removed  GET /never  (until 9.0)" in made.text.splitlines()
    assert ("excepted    operation-removed  DELETE /notes/{id}" in made.text.splitlines()) is not bool(exit)


def test_a_failure_says_what_to_do(files):
    """Keep the old form, or declare it."""
    made = run("diff", files("old.json"), files("new.json", drop), "--fail-on", "any")
    assert "--exceptions" in made.text.splitlines()[-1]
    assert "fix:" in made.text.splitlines()[-1]


@pytest.mark.parametrize(
    ("language", "file", "word"),
    [("python", "client.py", "class AsyncClient"), ("typescript", "client.ts", "class Client")],
)
def test_a_client_is_made(language, file, word, app):
    """From the application, or from a file; both are the same."""
    made = run("client", language, "--output", "made")
    assert ([f"made/{file}"], f"wrote  made/{file}") == (made.data["created_files"], made.text)
    text = (app / "made" / file).read_text(encoding="utf-8")
    assert word in text
    run("export", "--output", "openapi.json")
    run("client", language, "--output", "again", "--document", "openapi.json")
    assert text == (app / "again" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("frobnicate",),
        ("check",),
        ("diff",),
        ("diff", "a", "b", "c"),
        ("diff", "a", "--fail-on", "sometimes"),
        ("client", "cobol", "--output", "x"),
        ("client", "python"),
        ("export", "--output"),
    ],
)
def test_wrong_words_are_refused(words, place):
    """Before anything is read or written."""
    error = refusal(*words)
    assert ("usage", 2) == (error.code, error.exit)
    assert [] == list(place.iterdir())


def test_a_file_that_cannot_be_read_is_refused(files, place):
    """With its name."""
    assert ("file_unreadable", "none.json: No such file or directory") == (
        (error := refusal("diff", "none.json", files("new.json"))).code,
        error.message,
    )
    (place / "bad.toml").write_bytes(b"\xff")
    assert (
        "bad.toml is no UTF-8" == refusal("diff", files("a.json"), files("b.json"), "--exceptions", "bad.toml").message
    )


def test_a_file_that_cannot_be_written_is_refused(app):
    """A folder is no file."""
    Path("there").mkdir()
    assert "file_unwritable" == refusal("export", "--output", "there").code


def test_a_wrong_document_is_refused(files, place):
    """The message says which of the two."""
    (place / "old.json").write_text('{"openapi": "3.0.1"}', encoding="utf-8")
    error = refusal("diff", "old.json", files("new.json"))
    assert ("document_invalid", "old.json: it is no OpenAPI 3.1 document") == (error.code, error.message)


def test_an_application_has_to_be_there(place):
    """As for every command."""
    assert "find" == refusal("export", kind=LoadError).stage


def test_options_may_stand_behind_the_action(app):
    """As people write them; and those in front are not forgotten."""
    parser = Parser()
    for name in ("--app", "--root", "--env"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    openapi.configure(parser)
    behind = parser.parse_args(["export", "--json", "--app", "app:app"])
    before = parser.parse_args(["--json", "--app", "app:app", "export"])
    assert (
        (True, "app:app", "export")
        == (behind.json, behind.app, behind.action)
        == (before.json, before.app, before.action)
    )


def test_the_program_has_the_command(app, capsys):
    """With JSON, codes and exit codes."""
    main = pytest.importorskip("arlen_cli.main", reason="arlen-cli is not installed").main
    environ = dict(os.environ)
    assert 0 == main(["openapi", "export", "--output", "openapi.json", "--json"])
    assert {"command": "openapi", "status": "ok", "file": "openapi.json"}.items() <= json.loads(
        capsys.readouterr().out
    ).items()
    assert 1 == main(["--json", "openapi", "check", "none.json"])
    assert "failed" == json.loads(capsys.readouterr().out)["status"]
    assert 1 == main(["openapi", "diff", "none.json", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ("error", "file_unreadable") == (told["status"], told["error"]["code"])
    assert told["error"]["fix"]
    assert 2 == main(["openapi", "bake"])
    os.environ.clear()
    os.environ.update(environ)


def test_what_is_exported_is_what_is_served(app):
    """The command and the generator say the same."""
    made = run("export")
    sys.path.insert(0, str(app))
    assert made.data["document"] == arlen_openapi.document(__import__("app").app)
