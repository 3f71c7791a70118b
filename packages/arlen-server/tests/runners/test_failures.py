"""Failures: an exception as file, line, snippet and hint."""

from __future__ import annotations

import importlib.util
import sys

import anyio
import pytest

from arlen_core.config import Config
from arlen_core.errors import StartupError
from arlen_core.loading import load
from arlen_core.services import Services
from arlen_server.failures import Failure, plain, report
from arlen_server.settings import Settings


def raised(root, source, name="app.py"):
    """The exception that importing a file with this source raises."""
    path = root / name
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("broken_app", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # any
        spec.loader.exec_module(module)
    return caught.value


def test_syntax_error(tmp_path):
    """A syntax error is placed by line and column, with the lines around it."""
    error = raised(tmp_path, "one = 1\ntwo = 2\ndef broken(:\n    pass\n")
    failure = report(error, stage="load", root=tmp_path)
    assert ("app.py", 3, 12, "SyntaxError") == (failure.file, failure.line, failure.column, failure.kind)
    assert failure.message.startswith("SyntaxError: ")
    assert "> 3 | def broken(:" in failure.snippet.splitlines()
    assert "  1 | one = 1" in failure.snippet.splitlines()


def test_error_inside_a_library_is_placed_in_the_application(tmp_path):
    """The place is the innermost line of the application, not the library's that it called."""
    failure = report(raised(tmp_path, "import json\n\njson.loads('{')\n"), stage="load", root=tmp_path)
    assert ("app.py", 3) == (failure.file, failure.line)
    assert "json" in failure.output


def test_error_outside_the_application(tmp_path):
    """When no line of the application is involved, the innermost line of all is the place."""
    try:
        raise ValueError("no")
    except ValueError as error:
        failure = report(error, stage="start", root=tmp_path)
    assert failure.file.endswith("test_failures.py")
    assert 'raise ValueError("no")' in failure.snippet


def test_several_failures_are_all_named(tmp_path):
    """Of services that failed together the message names each, and no task group."""

    async def start():
        services = Services()

        @services.add
        async def pool() -> int:
            await anyio.lowlevel.checkpoint()
            raise OSError("port 5432")

        @services.add
        async def cache() -> str:
            await anyio.lowlevel.checkpoint()
            raise OSError("port 6379")

        await services.start()

    with pytest.raises(StartupError) as caught:
        anyio.run(start)
    failure = report(caught.value, stage="start", root=tmp_path)
    assert "StartupError" == failure.kind
    assert "port 5432" in failure.message
    assert "port 6379" in failure.message


def test_cause_is_what_counts(tmp_path):
    """A wrapper's cause gives the place and the message."""
    try:
        try:
            raise raised(tmp_path, "nope\n")
        except NameError as error:
            raise StartupError("cannot load", fix="define it") from error
    except StartupError as error:
        failure = report(error, stage="load", root=tmp_path)
    assert ("NameError", "app.py", 1, "define it") == (failure.kind, failure.file, failure.line, failure.hint)
    assert failure.message.startswith("NameError: name 'nope' is not defined")


def test_startup_error_gives_its_fix(tmp_path):
    """An error of ours gives its reason as the message and its fix as the hint."""
    failure = report(StartupError("two routes share a name", fix="rename one"), stage="start", root=tmp_path)
    assert ("two routes share a name", "rename one") == (failure.message, failure.hint)


def test_missing_module_names_itself(tmp_path):
    """An import of a module that does not exist says so."""
    failure = report(raised(tmp_path, "import no_such_thing.sub\n"), stage="load", root=tmp_path)
    assert "'no_such_thing'" in failure.hint


def test_configuration_error_is_placed_in_its_file(tmp_path):
    """A wrong configuration is placed in the file and line that it names."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.toml").write_text("[server]\nport = 8000\nprot = 1\n")
    with pytest.raises(StartupError) as caught:
        Config.load(tmp_path, environ={"ARLEN_ENV": "test"}).section("server", Settings)
    failure = report(caught.value, stage="load", root=tmp_path)
    assert ("config/app.toml", 3) == (failure.file, failure.line)
    assert "> 3 | prot = 1" in failure.snippet


def test_load_error_of_core(tmp_path, monkeypatch):
    """What `load` raises for broken code is placed in that code."""
    (tmp_path / "broken_by_import.py").write_text("import math\n\nmath.nothing\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(StartupError) as caught:
        load("broken_by_import:app", tmp_path)
    failure = report(caught.value, stage="load", root=tmp_path)
    assert "importlib" not in failure.trace
    assert ("broken_by_import.py", 3, "AttributeError") == (failure.file, failure.line, failure.kind)


@pytest.mark.parametrize(("first", "second"), [("file", "line"), ("filename", "lineno")])
def test_error_that_names_its_place(tmp_path, first, second):
    """An error with a file and a line, such as a template's, is placed there."""
    (tmp_path / "page.html").write_text("<p>\n{% nope %}\n</p>\n")
    error = ValueError("unknown tag")
    setattr(error, first, "page.html")
    setattr(error, second, 2)
    failure = report(error, stage="start", root=tmp_path)
    assert ("page.html", 2) == (failure.file, failure.line)
    assert "> 2 | {% nope %}" in failure.snippet


def test_unreadable_place_has_no_snippet(tmp_path):
    """A place that cannot be read gives no snippet, and no error."""
    error = ValueError("x")
    error.filename, error.lineno = "/nowhere/at/all.py", 3
    assert "" == report(error, stage="load", root=tmp_path).snippet
    error.filename, error.lineno = __file__, 100_000
    assert "" == report(error, stage="load", root=tmp_path).snippet


def test_loop_of_causes_ends(tmp_path):
    """Exceptions that are each other's cause are described all the same."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert "ValueError" == report(one, stage="load", root=tmp_path).kind


def test_output_is_plain_and_bounded(tmp_path):
    """The output holds no terminal colours, and only its end when it is long."""
    failure = report(ValueError("x"), stage="load", root=tmp_path, output="\x1b[31mred\x1b[0m\n" * 10_000)
    assert "\x1b" not in failure.output
    assert len(failure.output) <= 16_384
    assert failure.output.endswith("ValueError: x\n")


def test_message_is_bounded(tmp_path):
    """An endless message is cut."""
    assert len(report(ValueError("x" * 100_000), stage="load", root=tmp_path).message) <= 4096


def test_notes_are_not_the_message(tmp_path):
    """Notes of an exception are in the output, not in the message."""
    error = ValueError("x")
    error.add_note("by the way")
    failure = report(error, stage="load", root=tmp_path)
    assert "ValueError: x" == failure.message
    assert "by the way" in failure.output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mbold\x1b[0m", "bold"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b[2K\x1b[1Gline", "line"),
        ("no colour", "no colour"),
        ("", ""),
    ],
)
def test_plain(text, shown):
    """Control sequences are removed, text stays."""
    assert shown == plain(text)


def test_same_failure_has_the_same_key():
    """The key tells a new failure from one that was told already."""
    one = Failure(stage="load", message="m", file="a.py", line=1, timestamp_utc="1")
    assert one.key == Failure(stage="load", message="m", file="a.py", line=1, timestamp_utc="2").key
    assert one.key != Failure(stage="load", message="m", file="a.py", line=2).key
