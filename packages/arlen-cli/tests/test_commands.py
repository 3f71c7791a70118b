"""Tests of the commands that look into an application: routes, config, version, get, run, shell, test."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest

SECRETIVE = """

from arlen_core import Secret


class Bank(Struct):
    pin: Secret


bank = app.settings("bank", Bank)
"""


def test_routes(app, arlen):
    """The table has a row for each method and path, sorted."""
    found = arlen("routes", "--json")
    line = {name: row["source"].rpartition(":")[2] for name, row in zip("acb", found.data["routes"], strict=True)}
    assert {
        "version": 1,
        "command": "routes",
        "status": "ok",
        "routes": [
            {
                "method": "GET",
                "path": "/admin/users",
                "name": "admin:users",
                "handler": "app:users",
                "guards": [],
                "formats": [],
                "source": f"app.py:{line['a']}",
            },
            {
                "method": "POST",
                "path": "/notes",
                "name": "create",
                "handler": "app:create",
                "guards": [],
                "formats": [],
                "source": f"app.py:{line['c']}",
            },
            {
                "method": "GET",
                "path": "/notes/{id}",
                "name": "note",
                "handler": "app:show",
                "guards": [],
                "formats": [],
                "source": f"app.py:{line['b']}",
            },
        ],
    } == found.data


def test_routes_for_people(app, arlen):
    """People get columns, and can look for a text."""
    assert ["METHOD", "PATH", "NAME", "HANDLER", "SOURCE"] == arlen("routes").out.splitlines()[0].split()
    lines = arlen("routes", "--match", "admin").out.splitlines()
    assert ["GET", "/admin/users", "admin:users", "app:users"] == lines[1].split()[:4]
    assert 2 == len(lines)
    assert "there are no routes\n" == arlen("routes", "--match", "zzz").out


def test_config(app, arlen, monkeypatch):
    """Every setting has its value and origin, and the order is always the same."""
    (app / "config").mkdir()
    (app / "config/app.toml").write_text("[http]\nslash = 'strict'\n")
    monkeypatch.setenv("ARLEN_LOG__LEVEL", "warning")
    found = arlen("config", "--json").data
    assert {"version": 1, "command": "config", "status": "ok", "env": "test"} == {
        key: value for key, value in found.items() if key != "settings"
    }
    assert {"value": "strict", "origin": "config/app.toml"} == found["settings"]["http.slash"]
    assert {"value": "warning", "origin": "ARLEN_LOG__LEVEL"} == found["settings"]["log.level"]
    assert {"value": "auto", "origin": "default"} == found["settings"]["log.format"]
    assert sorted(found["settings"]) == list(found["settings"])
    assert found == arlen("config", "--json").data


def test_config_of_one_section(app, arlen):
    """A prefix chooses; long values are cut for people, not for programs."""
    assert {"http"} == {key.partition(".")[0] for key in arlen("config", "http", "--json").data["settings"]}
    assert all(len(line) < 160 for line in arlen("config").out.splitlines())


def test_config_that_is_wrong(app, arlen):
    """Every problem is named, with key, place and fix, and the command fails."""
    (app / "config").mkdir()
    (app / "config/app.toml").write_text('[http]\nslahs = 1\nmax_body = "big"\n')
    found = arlen("config", "--json")
    assert (1, "failed") == (found.code, found.data["status"])
    keys = {row["key"]: row for row in found.data["problems"]}
    assert {"http.slahs", "http.max_body"} == set(keys)
    assert ("config/app.toml", 2) == (keys["http.slahs"]["origin"], keys["http.slahs"]["line"])
    assert "did you mean 'slash'?" in keys["http.slahs"]["fix"]
    assert "http.slahs" in arlen("config").out


def test_config_that_nobody_reads(app, arlen):
    """A section that belongs to nothing is a problem too."""
    (app / "config").mkdir()
    (app / "config/app.toml").write_text("[htpp]\nx = 1\n")
    found = arlen("config", "--json")
    assert (1, ["htpp"]) == (found.code, [row["key"] for row in found.data["problems"]])


def test_config_of_a_broken_application(app, arlen):
    """What is no problem of the configuration is reported as what it is."""
    (app / "app.py").write_text("1 / 0")
    assert "load_import_failed" == arlen("config", "--json").data["error"]["code"]


def test_secrets_are_not_shown(app, arlen, monkeypatch):
    """A secret is masked in every form."""
    with (app / "app.py").open("a") as file:
        file.write(SECRETIVE)
    monkeypatch.setenv("ARLEN_BANK__PIN", "correct-horse")
    for found in (arlen("config"), arlen("config", "--json")):
        assert "correct-horse" not in found.out + found.err


def test_version(arlen):
    """Python and every package of the platform have their versions; `--version` is the same."""
    found = arlen("version", "--json").data
    assert found["python"] == sys.version.partition(" ")[0]
    assert {"arlen-cli", "arlen-core"} <= set(found["packages"])
    assert arlen("version").out == arlen("--version").out


def test_get(app, arlen):
    """A request is answered in this process, and the body is printed."""
    found = arlen("get", "/notes/7")
    assert (0, '{"title":"note 7"}\n') == (found.code, found.out)


def test_get_for_programs(app, arlen):
    """Status, headers, media type and body are in the document."""
    found = arlen("get", "/notes/7", "--json").data["response"]
    assert (200, "application/json", "/notes/7") == (found["http_status"], found["media"], found["url"])
    assert {"title": "note 7"} == json.loads(found["body"])
    assert "x-request-id" in dict(found["headers"])


@pytest.mark.parametrize(
    "words",
    [("-d", '{"title": "x"}'), ("--data", "@body.json"), ("-d", "title=x", "-t", "application/x-www-form-urlencoded")],
)
def test_get_can_send(app, arlen, words):
    """Data makes a POST, of JSON unless another type is said, from the line or from a file."""
    (app / "body.json").write_text('{"title": "x"}')
    found = arlen("get", "/notes", *words, "--json")
    assert (0, 201) == (found.code, found.data["response"]["http_status"])


def test_get_with_method_and_headers(app, arlen):
    """Method and headers can be chosen; status and headers are printed on demand."""
    found = arlen("get", "/notes/7", "-X", "put", "-H", "Accept: application/json", "-i")
    assert 1 == found.code
    assert found.out.startswith("405\n")
    assert "allow: GET, HEAD, OPTIONS" in found.out


def test_get_follows_redirects_when_told(app, arlen):
    """A redirect is shown, or followed with `-L`."""
    assert 308 == arlen("get", "/notes/7/", "--json").data["response"]["http_status"]
    assert 200 == arlen("get", "/notes/7/", "-L", "--json").data["response"]["http_status"]


def test_get_fails_with_the_answer(app, arlen):
    """A status of 400 or more is a failure, and the answer is printed all the same."""
    found = arlen("get", "/notes/x", "--json")
    assert (1, "failed", 404) == (found.code, found.data["status"], found.data["response"]["http_status"])


def test_get_of_bytes(app, arlen):
    """A body that is no text is in Base64."""
    with (app / "app.py").open("a") as file:
        file.write("\n\n@app.get('/raw')\nasync def raw() -> bytes:\n    return b'\\xff\\x00'\n")
    found = arlen("get", "/raw", "--json").data["response"]
    assert ("/wA=", False) == (found["body_base64"], "body" in found)
    assert 0 == arlen("get", "/raw").code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("notes",), "usage"),
        (("/", "-H", "nothing"), "usage"),
        (("/", "-H", ": x"), "usage"),
        (("/", "-d", "@gone"), "no_file"),
    ],
)
def test_get_used_wrongly(app, arlen, words, code):
    """What is no path, no header or no file is wrong usage."""
    found = arlen("get", *words, "--json")
    assert (2, code) == (found.code, found.data["error"]["code"])


def script(folder, text):
    """Write a script."""
    (folder / "job.py").write_text(text)


def test_run(app, arlen):
    """A script sees the started application and its arguments, and may await."""
    script(
        app,
        "import sys\nassert app.state == 'started'\nawait __import__('asyncio').sleep(0)\nprint(__name__, sys.argv)\n",
    )
    found = arlen("run", "job.py", "-v", "--json", "x")
    assert (0, "__main__ ['job.py', '-v', '--json', 'x']\n") == (found.code, found.out)


def test_run_stops_the_application(app, arlen):
    """The application is stopped after the script, and after one that fails."""
    with (app / "app.py").open("a") as file:
        file.write("\n\n@app.hook('did_stop')\nasync def gone(app) -> None:\n    print('stopped')\n")
    script(app, "print('working')")
    assert "working\nstopped\n" == arlen("run", "job.py").out
    script(app, "1 / 0")
    assert "stopped\n" == arlen("run", "job.py").out


def test_run_for_programs(app, arlen):
    """With `--json` before the file, what the script prints goes to standard error."""
    script(app, "print('hello')")
    found = arlen("run", "--json", "job.py")
    assert ({"version": 1, "command": "run", "status": "ok", "script": "job.py"}, "hello\n") == (found.data, found.err)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(0)", 0, ""),
        ("import sys; sys.exit(1)", 1, ""),
        ("raise SystemExit(2)", 2, ""),
        ("raise SystemExit(77)", 2, ""),
        ("raise SystemExit(-1)", 2, ""),
        ("raise SystemExit('no stock')", 1, "no stock\n"),
    ],
)
def test_run_keeps_the_exit_code(app, arlen, text, code, said):
    """A script exits as it says; text means 1."""
    script(app, text)
    assert (code, said) == ((found := arlen("run", "job.py")).code, found.err)


def test_run_of_a_script_that_fails(app, arlen):
    """The traceback begins in the script."""
    script(app, "def work():\n    1 / 0\n\n\nwork()\n")
    found = arlen("run", "job.py")
    assert 1 == found.code
    assert 'Traceback (most recent call last):\n  File "job.py", line 5, in <module>' in found.err
    assert "arlen run: job.py: ZeroDivisionError: division by zero" in found.err


@pytest.mark.parametrize(
    ("text", "code", "error", "message"),
    [
        ("x = (", 1, "script_invalid", "job.py:1: '(' was never closed"),
        ("x\0", 1, "script_invalid", "null bytes"),
        (None, 2, "no_file", "job.py: No such file"),
    ],
)
def test_run_of_what_is_no_script(app, arlen, text, code, error, message):
    """A file that is missing or no Python is refused before the application starts."""
    if text is not None:
        script(app, text)
    found = arlen("run", "--json", "job.py")
    assert (code, error) == (found.code, found.data["error"]["code"])
    assert message in found.data["error"]["message"]


def test_shell_with_code(app, arlen):
    """`-c` runs code in the started application, and shows the value of its last expression."""
    found = arlen("shell", "-c", "reply = await client.get(url_for('note', id=7)); reply.json()")
    assert (0, "{'title': 'note 7'}\n") == (found.code, found.out)
    assert "'test'" == arlen("shell", "-c", "app.env", "--json").data["result"]
    assert "" == arlen("shell", "-c", "x = 1").out


@pytest.mark.parametrize(("code", "exit_code", "error"), [("1 / 0", 1, "code_failed"), ("x = (", 2, "code_invalid")])
def test_shell_with_code_that_fails(app, arlen, code, exit_code, error):
    """Code that raises, or is none, is an error."""
    found = arlen("shell", "-c", code, "--json")
    assert (exit_code, error) == (found.code, found.data["error"]["code"])


def test_an_interactive_shell_has_no_json(app, arlen):
    """A session is for people."""
    found = arlen("shell", "--json")
    assert (2, "give it code: -c CODE") == (found.code, found.data["error"]["fix"])


def test_an_interactive_shell(app):
    """The banner says what is there, and the application runs while the session does."""
    lines = "app.state\nawait client.get('/notes/7')\n"
    line = [sys.executable, "-m", "arlen_cli", "shell"]
    found = subprocess.run(line, input=lines, capture_output=True, text=True, check=False, cwd=app)
    assert 0 == found.returncode
    assert "'started'" in found.out if hasattr(found, "out") else "'started'" in found.stdout
    assert "<Reply 200 /notes/7" in found.stdout
    assert re.search(r"in test, started: 3 routes, Python 3\.\d+", found.stderr)
    assert "There are app, client, url_for, service" in found.stderr


def written(folder, text):
    """Write tests."""
    (folder / "test_it.py").write_text(text)


def test_test(app, arlen):
    """Tests are counted, and those that failed are named."""
    good = "import os\n\n\ndef test_good():\n    assert os.environ['ARLEN_ENV'] == 'test'\n"
    written(app, good + "\n\ndef test_bad():\n    assert 0\n")
    found = arlen("test", "--json", "-p", "no:cacheprovider")
    assert (1, "failed", 2, 1, 0, 0) == (
        found.code, found.data["status"], *(found.data[key] for key in ("tests", "failures", "errors", "skipped")),
    )  # fmt: skip
    assert ["test_it.test_bad"] == found.data["failed"]


def test_test_passes_arguments_on(app, arlen):
    """What follows is pytest's."""
    written(app, "def test_good(): ...\n\n\ndef test_bad():\n    assert 0\n")
    found = arlen("test", "--json", "-k", "good", "-p", "no:cacheprovider")
    assert (0, 1) == (found.code, found.data["tests"])


def test_test_without_tests(app, arlen):
    """No tests at all is a failure, not a success."""
    assert (1, 0) == ((found := arlen("test", "--json", "-p", "no:cacheprovider")).code, found.data["tests"])


def test_test_used_wrongly(app, arlen):
    """Arguments that pytest refuses are wrong usage."""
    found = arlen("test", "--json", "--no-such-option")
    assert (2, "usage") == (found.code, found.data["error"]["code"])


def test_test_without_pytest(app, arlen, monkeypatch):
    """When pytest is missing, the fix says how to get it."""
    monkeypatch.setattr("arlen_cli.commands.test.find_spec", lambda name: None)
    found = arlen("test", "--json")
    assert (1, "no_pytest", "pip install pytest") == (
        found.code,
        *(found.data["error"][key] for key in ("code", "fix")),
    )
    assert importlib.util.find_spec("pytest") is not None
