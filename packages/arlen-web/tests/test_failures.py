"""Failures: places in templates, found in tracebacks."""

from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError

from arlen_core import HTTPError
from arlen_web.failures import Spot, TemplateFault, annotate, explain, locate


def raised(file: Path, line: int) -> Exception:
    """Raise an error that comes from a line of a file."""
    code = compile("\n" * (line - 1) + "raise ValueError('x')", str(file), "exec")
    try:
        exec(code)
    except ValueError as error:
        return error
    raise AssertionError


def test_the_place_is_the_frame_inside_the_folder(tmp_path):
    """Frames of the engine and of Python do not count; names are relative to the folder."""
    error = raised(tmp_path / "notes" / "show.html", 7)
    assert [Spot(str(tmp_path / "notes" / "show.html"), 7, "notes/show.html")] == locate(error, [tmp_path])
    assert [] == locate(error, [tmp_path / "other"])
    assert [] == locate(ValueError("never raised"), [tmp_path])


def test_a_syntax_error_names_its_own_place(tmp_path):
    """It has no frame when the file was only parsed."""
    error = TemplateSyntaxError("bad", 3, "a.html", str(tmp_path / "a.html"))
    assert ["a.html, line 3"] == [str(spot) for spot in locate(error, [tmp_path])]


def test_the_snippet_marks_the_line(tmp_path):
    """Two lines around it, as far as there are any; a file that went has none; a change is seen."""
    file = tmp_path / "a.html"
    file.write_text("one\ntwo\nthree\nfour\nfive\n")
    assert ["     1 | one", ">    2 | two", "     3 | three", "     4 | four"] == Spot(
        str(file), 2, "a"
    ).snippet.splitlines()
    file.write_text("changed\n")
    assert ">    1 | changed" == Spot(str(file), 1, "a").snippet
    assert "" == Spot(str(tmp_path / "gone"), 1, "a").snippet


def test_an_error_is_annotated_once(tmp_path):
    """A page that is rendered inside another does not repeat it."""
    error = raised(tmp_path / "a.html", 1)
    annotate(error, [tmp_path])
    annotate(error, [tmp_path])
    assert 1 == len(error.__notes__)


def test_what_is_no_template_error_is_left_alone(tmp_path):
    """An error from elsewhere, and an answer that was meant, get no note."""
    for error in (raised(tmp_path.parent / "x.py", 1), HTTPError(404)):
        annotate(error, [tmp_path])
        assert [] == getattr(error, "__notes__", [])


def test_the_fault_has_a_place():
    """A development server shows `file` and `line`."""
    fault = TemplateFault("is wrong", Spot("/t/a.html", 4, "a.html"), fix="mend it")
    assert ("/t/a.html", 4, "a.html, line 4: is wrong", "mend it") == (fault.file, fault.line, fault.reason, fault.fix)


def test_reasons_are_one_line():
    """Each kind of error says what it is."""
    assert "there is no template 'x'" == explain(TemplateNotFound("x"))
    assert "bad tag" == explain(TemplateSyntaxError("bad tag", 1))
    assert "'x' is undefined" == explain(UndefinedError("'x' is undefined"))
    assert "KeyError: 'x'" == explain(KeyError("x"))
