"""Tests of arlen_cli.reports."""

import json
import sys

from arlen_cli import reports
from arlen_core.commands import CommandError, Result


def test_the_document_of_a_result():
    """Version, command and status come first, then the data."""
    made = reports.document("routes", Result({"routes": []}))
    assert [("version", 1), ("command", "routes"), ("status", "ok"), ("routes", [])] == list(made.items())


def test_the_document_of_a_failed_result():
    """A result that exits with something else than 0 has failed."""
    assert "failed" == reports.document("doctor", Result(exit=1))["status"]


def test_the_document_of_an_error():
    """Code, message, fix and exit code."""
    made = reports.failure("new", CommandError("file_exists", "x exists already", fix="remove it"))
    told = {"code": "file_exists", "message": "x exists already", "fix": "remove it"}
    assert {"version": 1, "command": "new", "status": "error", "error": told, "exit_code": 1} == made


def test_a_person_gets_an_indented_document(capsys, monkeypatch):
    """On a terminal a document is laid out."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    reports.show("x", Result({"a": 1}), as_json=True)
    out = capsys.readouterr().out
    assert '{\n  "version": 1,\n  "command": "x",\n  "status": "ok",\n  "a": 1\n}\n' == out


def test_documents_hold_text_as_it_is(capsys):
    """Letters of any language are not escaped, and objects of other types are shown as text."""
    reports.show("x", Result({"name": "Zoë", "path": object}), as_json=True)
    out = capsys.readouterr().out
    assert "Zoë" in out
    assert "<class 'object'>" == json.loads(out)["path"]


def test_an_error_goes_to_standard_error(capsys):
    """People read errors on standard error, with the fix below."""
    reports.show_error("new", CommandError("c", "it is wrong", fix="put it right"), as_json=False)
    found = capsys.readouterr()
    assert ("", "arlen new: it is wrong\n  fix: put it right\n") == (found.out, found.err)


def test_an_error_without_command_or_fix(capsys):
    """What is not known is left out."""
    reports.show_error("", CommandError("c", "it is wrong"), as_json=False)
    assert "arlen: it is wrong\n" == capsys.readouterr().err


def test_columns_of_nothing():
    """No rows are no lines."""
    assert "" == reports.columns([])
