"""A test that leaves something behind fails, and the message names it."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]

LEAKY = """
import asyncio, multiprocessing, os, subprocess, sys, threading, warnings
import anyio, pytest

kept = []

async def forever():
    await asyncio.Event().wait()

@pytest.mark.anyio
async def test_task():
    kept.append(asyncio.create_task(forever(), name="left"))

def test_task_of_a_run():
    async def main():
        kept.append(asyncio.create_task(forever(), name="run"))
    asyncio.run(main())

def test_thread():
    threading.Thread(target=threading.Event().wait, name="stuck", daemon=True).start()

def test_descriptor(tmp_path):
    kept.append(os.open(tmp_path / "opened.txt", os.O_CREAT))

def test_process():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_coroutine():
    forever()

def test_warning():
    warnings.warn("careless")

def test_unseen_error():
    async def fail():
        raise ValueError("unseen")
    async def main():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    asyncio.run(main())

def test_failed():
    file = open(__file__)
    assert file is None

@pytest.fixture(scope="module")
async def background(anyio_backend):
    kept.append(asyncio.create_task(forever(), name="fixture"))
    yield

@pytest.mark.anyio
async def test_fixture(background):
    pass
"""

CLEAN = """
import asyncio, multiprocessing, subprocess, sys, threading
import anyio, pytest

@pytest.fixture(scope="module")
async def server(anyio_backend):
    task = asyncio.create_task(asyncio.Event().wait())
    thread = threading.Thread(target=(stop := threading.Event()).wait)
    thread.start()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield
    process.communicate()
    stop.set()
    thread.join()
    task.cancel()

@pytest.mark.anyio
async def test_shared_resources(server):
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)

@pytest.mark.anyio
async def test_worker_threads(server):
    await anyio.to_thread.run_sync(threading.get_ident)
    await asyncio.to_thread(threading.get_ident)

def test_processes():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_multiprocessing():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    queue.put(1)
    assert queue.get() == 1
    queue.close()
    queue.join_thread()

def test_slow_thread():
    threading.Timer(0.05, lambda: None).start()
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str, *options: str) -> pytest.RunResult:
    """Run a test file under the real conftest.py and the real configuration."""
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    config = (ROOT / "pyproject.toml").read_text().replace('pythonpath = ["."]', f"pythonpath = [{str(ROOT)!r}]")
    pytester.makepyprojecttoml(config)
    pytester.makepyfile(test_inner=source)
    monkeypatch.setenv("COLUMNS", "400")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, ".")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_leaks_are_errors_that_name_what_leaked(pytester, monkeypatch, options):
    """Each kind of leak is an error of exactly the test that leaked, with or without parallel workers."""
    result = run(pytester, monkeypatch, LEAKY, *options)
    text = "\n".join(line for line in result.outlines if line.startswith(("ERROR test_", "FAILED test_")))
    expected = {
        "test_task ": "left behind: task 'left' running forever()",
        "test_task_of_a_run ": "left behind: task 'run' running forever()",
        "test_thread ": "left behind: thread 'stuck'",
        "test_descriptor ": "opened.txt",
        "test_process ": "left behind: ",
        "test_coroutine ": "",
        "test_warning ": "UserWarning: careless",
        "test_unseen_error ": "asyncio logged 'Task exception was never retrieved'",
        "test_failed ": "AssertionError",
        "test_fixture ": "task 'fixture' running forever()",
    }
    lines = {name: [line for line in text.splitlines() if f"::{name}" in line + " "] for name in expected}
    assert dict.fromkeys(expected, True) == {name: any(expected[name] in x for x in lines[name]) for name in lines}
    assert sum(map(len, lines.values())) == len(text.splitlines())


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_ordinary_resources_are_no_leaks(pytester, monkeypatch, options):
    """What a wider fixture owns, and what ends within its grace, is no leak."""
    run(pytester, monkeypatch, CLEAN, *options).assert_outcomes(passed=5)
