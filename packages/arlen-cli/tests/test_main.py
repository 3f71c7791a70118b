"""Tests of arlen_cli.main."""

import json
import os
import subprocess
import sys

import pytest

from arlen_cli import catalog
from arlen_cli.main import main


class Fake:
    """A command of the tests; does what it is told."""

    name = "fake"
    help = "do nothing"

    def __init__(self, act):
        self.act = act

    def configure(self, parser):
        parser.add_argument("--loud", action="store_true")

    def run(self, args):
        return self.act(args)


@pytest.fixture
def fake(monkeypatch):
    """Make every command this one."""

    def put(act):
        entry = catalog.Entry("fake", "arlen-fake", "do nothing", lambda: Fake(act))
        monkeypatch.setattr(catalog, "find", lambda name: entry)

    return put


def test_without_a_command_the_list_is_shown(arlen):
    """`arlen` and `arlen --help` list all commands, and succeed."""
    for words in ((), ("--help",), ("-h",)):
        found = arlen(*words)
        assert 0 == found.code
        for name in catalog.OWN:
            assert f"\n  {name} " in found.out


def test_the_list_is_there_for_programs(arlen):
    """`arlen --json` gives every command with its help and package."""
    found = arlen("--json")
    assert {"version": 1, "command": "", "status": "ok"} == {
        key: found.data[key] for key in ("version", "command", "status")
    }
    rows = {row["name"]: row for row in found.data["commands"]}
    assert {"name": "routes", "help": "list the routes", "package": "arlen-cli"} == rows["routes"]


@pytest.mark.parametrize("words", [("routes", "--help"), ("routes", "-h"), ("--help", "routes")])
def test_the_help_of_a_command(arlen, words):
    """Each command explains its arguments, on whichever side the option stands."""
    found = arlen(*words)
    assert 0 == found.code
    assert "usage: arlen routes" in found.out
    assert "--match" in found.out


def test_an_unknown_command(arlen):
    """A misspelt command is wrong usage, and the nearest is named."""
    found = arlen("rotues")
    assert (2, "") == (found.code, found.out)
    assert "arlen rotues: there is no command 'rotues'\n  fix: did you mean 'routes'?\n" == found.err


def test_an_unknown_command_in_json(arlen):
    """With `--json` an error is one document on standard output, and nothing else."""
    found = arlen("zzz", "--json")
    assert (2, "") == (found.code, found.err)
    assert {
        "version": 1,
        "command": "zzz",
        "status": "error",
        "error": {
            "code": "unknown_command",
            "message": "there is no command 'zzz'",
            "fix": "arlen --help lists the commands",
        },
        "exit_code": 2,
    } == found.data


@pytest.mark.parametrize("words", [("routes", "--frob"), ("new",), ("generate", "castle", "x"), ("--frob",)])
def test_wrong_arguments_are_wrong_usage(arlen, words):
    """Arguments that are not understood exit with 2 and the code "usage"."""
    assert 2 == arlen(*words).code
    found = arlen(*words, "--json")
    assert (2, "usage") == (found.code, found.data["error"]["code"])
    assert "--help" in found.data["error"]["fix"]


def test_options_before_the_command_count_for_it(app, arlen):
    """`arlen --json --app app:app routes` is `arlen routes --json --app app:app`."""
    assert arlen("routes", "--json", "--app", "app:app").data == arlen("--json", "--app", "app:app", "routes").data


def test_another_folder(app, arlen, tmp_path):
    """`--root` names the application's folder; one that is not there is wrong usage."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert 3 == len(arlen("routes", "--root", "..", "--json").data["routes"])
    assert (2, "no_folder") == (
        (found := arlen("routes", "--root", "nope", "--json")).code,
        found.data["error"]["code"],
    )


def test_another_environment(app, arlen):
    """`--env` chooses the environment for this command."""
    assert "production" == arlen("config", "--env", "production", "--json").data["env"]


def test_a_result_is_printed(arlen, fake):
    """Text for people, a document for programs, and the exit code of the result."""
    from arlen_core.commands import Result

    fake(lambda args: Result({"loud": args.loud}, "done", exit=1))
    assert (1, "done\n") == ((found := arlen("fake")).code, found.out)
    assert {"version": 1, "command": "fake", "status": "failed", "loud": True} == arlen("fake", "--loud", "--json").data


def test_nothing_to_say_prints_nothing(arlen, fake):
    """A result without text prints no empty line."""
    from arlen_core.commands import Result

    fake(lambda args: Result())
    assert "" == arlen("fake").out


def raising(error):
    """Make an act that raises."""

    def act(args):
        raise error

    return act


def test_an_error_of_a_command(arlen, fake):
    """A `CommandError` gives code, message, fix and exit code."""
    from arlen_core.commands import CommandError

    fake(raising(CommandError("too_loud", "it is too loud", fix="whisper", exit=2)))
    found = arlen("fake", "--json")
    assert {"code": "too_loud", "message": "it is too loud", "fix": "whisper"} == found.data["error"]
    assert (2, 2) == (found.code, found.data["exit_code"])
    assert "arlen fake: it is too loud\n  fix: whisper\n" == arlen("fake").err


def test_an_application_that_does_not_start(arlen, fake):
    """A `StartupError` is a failure with its own code."""
    from arlen_core.errors import StartupError

    fake(raising(StartupError("two routes conflict", fix="remove one", code="route_conflict")))
    found = arlen("fake", "--json")
    assert (1, "route_conflict", "remove one") == (found.code, found.data["error"]["code"], found.data["error"]["fix"])


def test_a_broken_application_shows_its_traceback(site, arlen):
    """An application that cannot be imported shows where; programs get the reason."""
    (site / "app.py").write_text("import os\n\n1 / 0\n")
    found = arlen("routes")
    assert 1 == found.code
    assert "1 / 0" in found.err
    assert "ZeroDivisionError" in found.err
    found = arlen("routes", "--json")
    assert ("", "load_import_failed") == (found.err, found.data["error"]["code"])
    assert "app.py:3" in found.data["error"]["message"]


def test_no_application(arlen):
    """A folder without an application is a failure that says what to do."""
    found = arlen("routes", "--json")
    assert (1, "load_find_failed") == (found.code, found.data["error"]["code"])
    assert "--app" in found.data["error"]["fix"]


def test_a_bug_is_reported_as_one(arlen, fake):
    """Any other exception is a failure with the traceback; programs get one document all the same."""
    fake(raising(KeyError("oops")))
    found = arlen("fake")
    assert 1 == found.code
    assert "Traceback" in found.err
    assert "please report it" in found.err
    assert ("", "internal_error") == ((found := arlen("fake", "--json")).err, found.data["error"]["code"])


def test_ctrl_c(arlen, fake):
    """An interrupted command has failed, without a traceback."""
    fake(raising(KeyboardInterrupt()))
    found = arlen("fake")
    assert (1, "arlen fake: interrupted\n") == (found.code, found.err)


def test_standard_output_is_the_commands_alone(app, arlen):
    """What an application prints while it is imported goes to standard error."""
    (app / "app.py").write_text("print('hello from the application')\n" + (app / "app.py").read_text())
    found = arlen("routes", "--json")
    assert 1 == len(found.out.splitlines())
    assert "hello from the application\n" == found.err


def test_documents_are_one_line_for_programs(app, arlen):
    """A document is one line unless a person looks at it."""
    assert 1 == len(arlen("routes", "--json").out.splitlines())


def run(*words, **options):
    """Run the command as a process."""
    line = [sys.executable, "-m", "arlen_cli", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, **options)


def test_the_module_is_the_command(app):
    """`python -m arlen_cli` works as `arlen` does."""
    found = run("routes", "--json", cwd=app)
    assert (0, "ok") == (found.returncode, json.loads(found.stdout)["status"])


def test_a_reader_that_leaves_is_no_error(app):
    """`arlen ... | head -1` ends without a traceback."""
    line = f"{sys.executable} -m arlen_cli config | head -1"
    found = subprocess.run(line, shell=True, capture_output=True, text=True, check=False, cwd=app)
    assert "Traceback" not in found.stderr
    assert "BrokenPipe" not in found.stderr


def test_the_list_imports_no_feature():
    """`arlen --help` loads neither the application platform nor any contributed package."""
    code = "import sys; from arlen_cli.main import main; main(['--help']); print(*sorted(sys.modules), file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stderr.split())
    unwanted = {
        "arlen_core.app",
        "arlen_core.routes",
        "arlen_server",
        "arlen_web",
        "jinja2",
        "anyio",
        "asyncio",
        "structlog",
    }
    assert set() == loaded & unwanted


def test_own_commands_do_not_look_for_others():
    """A command of this package does not read the metadata of everything installed."""
    code = (
        "import sys; from arlen_cli import catalog; catalog.find("
        "'routes').load(); print('importlib.metadata' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == found.stdout.strip()


def test_the_arguments_of_the_process(monkeypatch, capsys):
    """Without arguments, `main` takes those of the process."""
    monkeypatch.setattr(sys, "argv", ["arlen", "version"])
    assert 0 == main()
    assert "arlen-core" in capsys.readouterr().out
