"""Tests of `arlen generate plugin NAME --preset ...`: packages that work, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from arlen_cli import presets
from arlen_cli.commands.generate import command

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
CALLS = """
import json, sys
from arlen_cli.main import main
for words in json.loads(sys.argv[1]):
    assert main([*words, "--json"]) == 0
"""


@pytest.fixture(params=sorted(presets.PRESETS))
def package(request, arlen, site):
    """A fresh package of each preset."""
    assert 0 == arlen("generate", "plugin", "my-box", "--preset", request.param).code
    return site / "my-box"


def environ(**more):
    """Return the variables for a process that knows nothing of this one."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("ARLEN_", "PYTEST_"))} | more


def ran(folder, *words, **more):
    """Run Python in a folder; return what it printed."""
    line = [sys.executable, *map(str, words)]
    done = subprocess.run(line, cwd=folder, env=environ(**more), capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def wheel(folder):
    """Build the wheel of a package, without a network; return its path."""
    pytest.importorskip("hatchling")
    return folder / ran(folder, "-c", BUILD, folder).splitlines()[-1]


def test_the_document(arlen, site):
    """Files are listed below the folder that was asked for, and what comes next is said."""
    found = arlen("generate", "plugin", "my-box", "--preset", "generic", "--into", "plugins", "--json").data
    assert {
        "version": 1,
        "command": "generate",
        "status": "ok",
        "kind": "plugin",
        "preset": "generic",
        "into": "plugins",
        "created_files": [
            "my-box/.gitignore",
            "my-box/CHANGELOG.md",
            "my-box/LICENSE",
            "my-box/README.md",
            "my-box/pyproject.toml",
            "my-box/src/my_box/__init__.py",
            "my-box/src/my_box/greeter.py",
            "my-box/src/my_box/plugin.py",
            "my-box/src/my_box/py.typed",
            "my-box/tests/conftest.py",
            "my-box/tests/test_contract.py",
            "my-box/tests/test_plugin.py",
        ],
        "modified_files": [],
        "dry_run": False,
        "next": ["pip install -e plugins/my-box", "arlen plugin enable my_box"],
    } == found
    assert all((site / "plugins" / path).is_file() for path in found["created_files"])


def test_a_package_works(package):
    """It compiles, and passes its own tests, the contract of plugins among them."""
    pytest.importorskip("arlen_conformance")
    ran(package, "-W", "error", "-m", "compileall", "-q", "src", "tests")
    plugins = ["-p", "anyio.pytest_plugin", "-p", "arlen_conformance.plugin", "-p", "no:cacheprovider"]
    words = ["-m", "pytest", "-q", *plugins, "--conformance-report=report.json"]
    ran(package, *words, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")  # others take longer to load than all tests
    (subject,) = json.loads((package / "report.json").read_text())["subjects"]
    assert ("MyBoxPlugin", "plugin", "conformant") == (subject["title"], subject["contract"], subject["verdict"])


@pytest.mark.parametrize("name", ["a1", "my-box", "a-plugin-with-a-long-name-of-a-plugin"])
def test_a_package_is_clean(arlen, site, name):
    """The linter and the formatter find nothing, whatever the name."""
    ruff = shutil.which("ruff", path=Path(sys.executable).parent) or shutil.which("ruff")
    if not ruff:
        pytest.skip("there is no ruff here")
    for preset in presets.PRESETS:
        arlen("generate", "plugin", name, "--preset", preset, "--into", preset)
        for words in (["check"], ["format", "--check"]):
            line = [ruff, *words, "--no-cache", "."]
            done = subprocess.run(line, cwd=site / preset / name, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stdout


def test_packages_are_typed(arlen, site):
    """mypy, as strict as it can be, finds nothing."""
    pytest.importorskip("mypy")
    folders = []
    for number, preset in enumerate(presets.PRESETS):
        arlen("generate", "plugin", f"box{number}", "--preset", preset)
        folders.append(f"box{number}/src")
    (site / "mypy.ini").write_text("[mypy]\nstrict = true\n[mypy-redis.*]\nignore_missing_imports = true\n")
    ran(site, "-m", "mypy", *folders, MYPYPATH=os.pathsep.join(folders))


def test_a_wheel_has_everything(package):
    """The modules, the marker of types, the licence and the entry point; no tests."""
    with zipfile.ZipFile(wheel(package)) as archive:
        names = archive.namelist()
        assert b"[arlen.plugins]\nmy_box = my_box.plugin:MyBoxPlugin\n" in archive.read(
            "my_box-0.1.0.dist-info/entry_points.txt"
        )
    modules = {f"my_box/{path.name}" for path in (package / "src/my_box").iterdir() if path.is_file()}
    assert modules | {"my_box-0.1.0.dist-info/licenses/LICENSE"} <= set(names)
    assert not [name for name in names if "test" in name]


def test_a_wheel_is_a_plugin_of_an_application(arlen, site):
    """Installed beside an application, it is offered, enabled, found healthy and served; and it is certified."""
    if find_spec("arlen_conformance") is None:
        pytest.skip("there is no arlen-conformance here")
    arlen("generate", "plugin", "my-box", "--preset", "generic", "--into", "source")
    with zipfile.ZipFile(wheel(site / "source/my-box")) as archive:
        archive.extractall(site / "installed")
    (site / "board").mkdir()
    (site / "board/app.py").write_text("from arlen_core import App\n\napp = App(__name__)\n")

    def asked(*calls):
        words = json.dumps([each.split() for each in calls])
        out = ran(site / "board", "-c", CALLS, words, PYTHONPATH=str(site / "installed"), ARLEN_ENV="test")
        return map(json.loads, out.splitlines())

    offered, enabled = asked("plugin list", "plugin enable my_box")
    doctor, answer, report = asked("plugin doctor", "get /my-box/ada", "conformance run plugin my_box:MyBoxPlugin")
    assert [False] == [each["enabled"] for each in offered["plugins"] if each["name"] == "my_box"]
    assert ["config/app.toml"] == enabled["created_files"]
    assert [] == doctor["findings"]
    assert {"greeting": "hello, ada"} == json.loads(answer["response"]["body"])
    assert "conformant" == report["verdict"]


def test_the_files_tell_their_name(arlen, site):
    """No placeholder is left, and one who says plugin already gets no second one."""
    arlen("generate", "plugin", "mail-plugin", "--preset", "smtp-mail")
    texts = {path.name: path.read_text() for path in (site / "mail-plugin").rglob("*") if path.is_file()}
    assert [] == [name for name, text in texts.items() if "${" in text]
    assert 'mail_plugin = "mail_plugin.plugin:MailPlugin"' in texts["pyproject.toml"]
    assert "class MailPlugin(Plugin):" in texts["plugin.py"]


def test_a_dry_run_writes_nothing(arlen, site):
    """It says what would be written."""
    found = arlen("generate", "plugin", "my-box", "--preset", "queue-jobs", "--dry-run", "--json").data
    assert found["dry_run"]
    assert "my-box/src/my_box/jobs.py" in found["created_files"]
    assert [] == list(site.iterdir())


def test_an_existing_folder_is_refused(arlen, site):
    """Even an empty one is somebody's."""
    (site / "my-box").mkdir()
    found = arlen("generate", "plugin", "my-box", "--preset", "generic", "--json")
    assert (1, "file_exists") == (found.code, found.data["error"]["code"])
    assert [] == list((site / "my-box").iterdir())


def test_an_unsupported_preset(arlen, site):
    """It exits with 2 and a code of its own, and the fix lists those that there are."""
    found = arlen("generate", "plugin", "my-box", "--preset", "castle", "--json")
    assert (2, "unsupported_plugin_preset") == (found.code, found.data["error"]["code"])
    assert "use one of generic, queue-jobs, redis-cache, smtp-mail" == found.data["error"]["fix"]
    assert [] == list(site.iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plugin", "My Box", "--preset", "generic"), "name_invalid"),
        (("plugin", "../box", "--preset", "generic"), "name_invalid"),
        (("plugin", "json", "--preset", "generic"), "name_taken"),
        (("plugin", "arlen-box", "--preset", "generic"), "name_taken"),
        (("plugin", "redis", "--preset", "redis-cache"), "name_taken"),
        (("plugin", "anyio", "--preset", "generic"), "name_taken"),
        (("plugin", "pytest", "--preset", "generic"), "name_taken"),
        (("controller", "box", "--preset", "generic"), "usage"),
        (("controller", "box", "--into", "x"), "usage"),
    ],
)
def test_wrong_usage(arlen, site, words, code):
    """Wrong names and options exit with 2, a code and a fix, and write nothing."""
    found = arlen("generate", *words, "--json")
    assert (2, code) == (found.code, found.data["error"]["code"])
    assert found.data["error"]["fix"]
    assert [] == list(site.iterdir())


@pytest.mark.parametrize("words", [(), ("--preset", "generic"), ("--into", "x")])
def test_the_name_of_an_installed_plugin_is_taken(arlen, site, monkeypatch, words):
    """Two entry points of one name could not be told apart, and the configuration names plugins by it."""
    monkeypatch.setattr("arlen_cli.names.points", lambda: {"meters": [], "my_box": []})
    (site / "app.py").write_text("from arlen_core import App\n\napp = App(__name__)\n")
    found = arlen("generate", "plugin", "meters", *words, "--json")
    assert (2, "name_taken") == (found.code, found.data["error"]["code"])
    assert "'meters' is an installed plugin" == found.data["error"]["message"]
    assert "choose another name, such as my_meters" == found.data["error"]["fix"]
    if words:
        assert "name_taken" == arlen("generate", "plugin", "my-box", *words, "--json").data["error"]["code"]
    assert ["app.py"] == [path.name for path in site.iterdir()]


def test_other_parts_may_be_called_like_a_plugin(arlen, site, monkeypatch):
    """A controller is no entry point."""
    monkeypatch.setattr("arlen_cli.names.points", lambda: {"meters": []})
    (site / "app.py").write_text("from arlen_core import App\n\napp = App(__name__)\n")
    assert 0 == arlen("generate", "endpoint", "meters").code


@pytest.mark.parametrize("into", ["notes.txt", "notes.txt/deep", "broken", "broken/deep", "round"])
def test_what_is_no_folder_is_refused(arlen, site, into):
    """A file, a link that leads nowhere, one that leads to itself, and what would be below them."""
    (site / "notes.txt").write_text("mine")
    (site / "broken").symlink_to(site / "nowhere")
    (site / "round").symlink_to(site / "round")
    found = arlen("generate", "plugin", "my-box", "--into", into, "--json")
    assert (2, "no_folder") == (found.code, found.data["error"]["code"])
    assert f"--into: {into.partition('/')[0]} is no folder" == found.data["error"]["message"]
    assert ["broken", "notes.txt", "round"] == sorted(path.name for path in site.iterdir())


def test_a_link_to_a_folder_is_one(arlen, site):
    """The package is made where it leads."""
    (site / "there").mkdir()
    (site / "link").symlink_to(site / "there")
    assert 0 == arlen("generate", "plugin", "my-box", "--into", "link").code
    assert (site / "there/my-box/pyproject.toml").is_file()


def test_a_broken_link_is_in_the_way(arlen, site):
    """It is somebody's, as a folder would be."""
    (site / "my-box").symlink_to(site / "nowhere")
    found = arlen("generate", "plugin", "my-box", "--preset", "generic", "--json")
    assert "file_exists" == found.data["error"]["code"]
    assert not (site / "nowhere").exists()


def test_into_alone_is_generic(arlen, site):
    """A folder without a preset asks for a package too."""
    assert "generic" == arlen("generate", "plugin", "my-box", "--into", ".", "--json").data["preset"]


def test_the_help_names_every_preset(arlen):
    """The presets of the table are those of the help."""
    text = "".join(arlen("generate", "--help").out.split())  # it is broken at hyphens too
    assert f"apackageofitsown;{','.join(presets.PRESETS)}" in text
    assert command.name == "generate"
