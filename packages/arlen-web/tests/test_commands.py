"""Commands: `arlen templates`, its exit codes and its data."""

import sys
from argparse import ArgumentParser, Namespace

import pytest

from arlen_core.commands import CommandError
from arlen_web.commands import templates

APP = "from arlen_core import App\nfrom arlen_web import Web\napp = App(__name__, environ={{}})\n{rest}\n"


@pytest.fixture
def run(tmp_path, monkeypatch, request):
    """Run the command in a folder with an application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = "site_" + str(abs(hash(request.node.nodeid)))

    def go(files, rest="web = app.use(Web())", **options):
        (tmp_path / f"{module}.py").write_text(APP.format(rest=rest))
        for name, text in files.items():
            (tmp_path / "templates").mkdir(exist_ok=True)
            (tmp_path / "templates" / name).write_text(text)
        return templates.run(Namespace(**{"app": f"{module}:app", "json": False, "strict": False, **options}))

    yield go
    sys.modules.pop(module, None)


def test_good_templates_exit_with_0(run):
    """And are counted."""
    done = run({"a.html": "x", "b.html": "{% include 'a.html' %}"})
    assert 0 == done.exit
    assert {"templates": 2, "errors": 0, "warnings": 0, "findings": []} == done.data
    assert "2 templates, 0 errors, 0 warnings" == done.text


def test_a_mistake_exits_with_1(run):
    """With file, line, reason and advice, for people and for programs."""
    done = run({"a.html": "\n{{ 1|uper }}"})
    assert 1 == done.exit
    first, last = done.text.splitlines()
    assert "templates/a.html:2: error: there is no filter 'uper' [unknown_filter]; did you mean 'upper'?" == first
    assert "1 templates, 1 errors, 0 warnings" == last
    [row] = done.data["findings"]
    assert {"template", "line", "code", "message", "fix", "severity", "file"} == set(row)
    assert ("a.html", 2, "unknown_filter", "error") == (row["template"], row["line"], row["code"], row["severity"])


def test_a_warning_fails_when_strict(run):
    """Otherwise it is only said."""
    files = {"l.html": "", "a.html": "{% extends 'l.html' %}{% block x %}{% endblock %}"}
    assert (0, 1) == (run(files).exit, run(files, strict=True).exit)


def test_helpers_of_the_application_are_known(run):
    """The application is loaded, not started."""
    assert 0 == run({"a.html": "{{ shout('x') }}"}, rest="app.use(Web())\napp.helper('shout', str.upper)").exit


def test_an_application_without_pages_says_so(run):
    """There is nothing to check."""
    with pytest.raises(CommandError, match=r"no templates \(fix: app\.use\(Web\(\)\)\)") as caught:
        run({}, rest="")
    assert ("no_templates", 1) == (caught.value.code, caught.value.exit)


def test_an_application_that_does_not_load_is_an_error(run):
    """With the reason and the fix of the loading."""
    with pytest.raises(CommandError) as caught:
        run({}, app="no_such_module:app")
    assert "load_find_failed" == caught.value.code
    assert "no_such_module" in caught.value.message


def test_the_command_has_its_shape():
    """Name, help and arguments, as the `arlen` command wants them."""
    parser = ArgumentParser()
    templates.configure(parser)
    assert ("templates", True) == (templates.name, parser.parse_args(["--strict"]).strict)
    assert "compile and check every template" == templates.help
