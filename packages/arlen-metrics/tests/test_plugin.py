"""The plugin: what an application answers when somebody asks for its numbers."""

import errno
import re
import stat

import pytest

from arlen_core.app import App
from arlen_core.clock import VirtualClock
from arlen_core.errors import ConfigError, StartupError
from arlen_core.testing import Client
from arlen_metrics.files import SUFFIX, Full
from arlen_metrics.plugin import RUN, Metrics
from arlen_metrics.workers import FILE

pytestmark = pytest.mark.anyio


def made(clock=None, **settings):
    """Return an application with metrics, and the plugin."""
    environ = {f"ARLEN_METRICS__{name.upper()}": str(value) for name, value in settings.items()}
    app = App("shop", environ=environ | {"ARLEN_LOG__ACCESS": "false"}, env="test", clock=clock)

    @app.get("/")
    async def home() -> str:
        return "here"

    return app, app.use(Metrics())


async def test_metrics_are_answered():
    """GET and HEAD; other methods are refused."""
    app, _ = made()
    async with Client(app) as client:
        await client.get("/")
        reply = await client.get("/metrics")
        assert (200, "text/plain; version=0.0.4; charset=utf-8") == (reply.status, reply.headers["content-type"])
        assert 'http_route="/",http_response_status_code="200"} 1' in reply.text
        head = await client.head("/metrics")
        assert (200, b"") == (head.status, head.body)
        assert 405 == (await client.post("/metrics")).status


async def test_both_formats_pass_prometheus_own_parsers():
    """Everything that an application tells by default is read by the parsers of the Prometheus project."""
    pytest.importorskip("prometheus_client", reason="its parsers are the judges")
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
    from prometheus_client.parser import text_string_to_metric_families as read_plain

    app, _ = made()
    app.meters.counter("odd", 'A "help"\nof two lines \\', labels=("x",)).add(1, 'a"b\\c\nd')
    async with Client(app) as client:
        await client.get("/"), await client.get("/nothing")
        plain = list(read_plain((await client.get("/metrics")).text))
        opened = list(read_open((await client.get("/metrics?format=openmetrics")).text))
    names = {each.name for each in opened}
    assert {"http_server_request_duration_seconds", "process_cpu_time_seconds", "aln_http_requests"} <= names
    assert names == {each.name for each in plain}


async def test_json_by_suffix_query_and_accept():
    """The same numbers for people and scripts."""
    app, _ = made()
    async with Client(app) as client:
        await client.get("/")
        for url, accept in (("/metrics.json", ""), ("/metrics?format=json", ""), ("/metrics", "application/json")):
            data = (await client.get(url, headers={"accept": accept} if accept else {})).json()
            assert {"counters", "gauges", "timings"} == set(data)
            assert "aln_http_requests_total" in data["counters"]


@pytest.mark.parametrize(
    ("setting", "gone"),
    [("aliases", "aln_"), ("http", "http_server_"), ("process", "process_")],
)
async def test_each_part_can_be_left_out(setting, gone):
    """What is off is not there."""
    app, _ = made(**{setting: "false"})
    async with Client(app) as client:
        await client.get("/")
        text = (await client.get("/metrics")).text
    assert not re.search(rf"^{gone}", text, re.MULTILINE)


async def test_off_leaves_nothing_on_the_way_of_a_request():
    """Without the series of requests nobody is told of them."""
    app, _ = made(http="false")
    await app.start()
    assert [] == app._ends
    await app.stop()


async def test_a_token_opens():
    """With a token in the settings the metrics and the cluster are for its bearers, and the token is not shown."""
    token = "0123456789abcdef"
    app, metrics = made(token=token)
    async with Client(app) as client:
        for path in ("/metrics", "/clusterz"):
            assert 401 == (await client.get(path)).status
            assert 200 == (await client.get(path, headers={"authorization": f"Bearer {token}"})).status
    assert token not in repr(metrics.config)


async def test_addresses_open():
    """With a list of networks others are refused."""
    app, _ = made(addresses='["10.0.0.0/8"]')
    async with Client(app) as client:
        assert 403 == (await client.get("/metrics")).status


async def test_the_settings_are_known_to_the_configuration():
    """A key that does not exist is named, with what is near."""
    with pytest.raises(ConfigError, match=r"metrics\.perid"):
        await made(perid=3)[0].start()


async def test_two_metrics_made_alike_are_one():
    """Using the plugin twice is using it once."""
    app, metrics = made()
    app.use(Metrics())
    async with Client(app) as client:
        await client.get("/")
        assert 200 == (await client.get("/metrics")).status
    assert metrics.registry.totals().families["http.server.request.duration"].series


async def test_processes_of_a_folder_count_together(folder):
    """Two applications that share a folder show the sum, and what one has counted stays when it stops."""
    first, second = made(folder=folder)[0], made(folder=folder)[0]
    async with Client(first) as one:
        async with Client(second) as two:
            await one.get("/"), await two.get("/"), await two.get("/")
            for each in (one, two):
                assert 'http_route="/",http_response_status_code="200"} 3' in (await each.get("/metrics")).text
        assert 'http_route="/",http_response_status_code="200"} 3' in (await one.get("/metrics")).text
        assert 1 == len(list(folder.glob(f"*{SUFFIX}")))
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


async def test_a_stop_and_a_start_go_on_counting(folder):
    """An application that is started again adds to what it had counted."""
    app, _ = made(folder=folder)
    for number in (1, 2):
        async with Client(app) as client:
            await client.get("/")
            assert f'http_route="/",http_response_status_code="200"}} {number}' in (await client.get("/metrics")).text


async def test_the_supervisors_folder_is_found(folder, monkeypatch):
    """`ARLEN_RUN` names the folder; what the supervisor says of its workers is shown, once."""
    folder.mkdir()
    workers = b'{"pid":7,"started":1795341600.25,"generation":2,"pools":{"web":{"size":4,"alive":4,"ready":3,'
    (folder / FILE).write_bytes(workers + b'"restarts":{"killed":1,"reload":8},"workers":[]}}}')
    monkeypatch.setenv(RUN, str(folder))
    async with Client(made()[0]) as one, Client(made()[0]) as two:
        text = (await one.get("/metrics")).text
        assert text.count("arlen_workers{") == (await two.get("/metrics")).text.count("arlen_workers{") == 3
    assert 'arlen_workers{pool="web",state="ready"} 3' in text
    assert 'arlen_worker_restarts_total{pool="web",reason="killed"} 1' in text
    assert "arlen_manager_start_time_seconds 1795341600.25" in text
    assert (folder / "metrics").is_dir()


async def test_a_folder_that_cannot_be_used_stops_the_start(tmp_path):
    """The error names the folder, the reason and the setting."""
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=r"cannot be shared in .*file.*Not a directory.*\[metrics\] folder"):
        await made(folder=tmp_path / "file" / "below")[0].start()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), Full()])
async def test_a_full_disk_is_no_reason_not_to_serve(folder, monkeypatch, error):
    """A process that finds no room for its numbers keeps them to itself, says so in the log, and serves."""

    def shared(*_: object, **__: object) -> None:
        raise error

    app, _ = made(folder=folder)
    monkeypatch.setattr("arlen_metrics.plugin.Shared", shared)
    heard = []
    app.logs.heard = heard.append
    async with Client(app) as client:
        assert 200 == (await client.get("/")).status
        assert 'http_route="/"' in (await client.get("/metrics")).text
    assert ["metrics.unshared"] == [line["event"] for line in heard]


async def test_a_folder_that_vanishes_is_an_unavailable_answer(folder):
    """When somebody removes the folder, a scrape says so, and requests are served as before."""
    app, _ = made(folder=folder)
    async with Client(app) as client:
        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
        reply = await client.get("/metrics", headers={"accept": "application/json"})
        assert (503, "metrics_gone") == (reply.status, reply.json()["code"])
        assert 200 == (await client.get("/")).status


async def test_what_is_observed_is_told_to_others(folder):
    """A process looks at what is observed once a period, so that a scrape of another one shows it."""
    clock = VirtualClock()
    first, second = made(clock, folder=folder)[0], made(folder=folder)[0]
    found = {"size": 1}
    first.meters.observe("pool.size", "Connections.", lambda: found["size"])
    async with Client(first), Client(second) as other:
        await clock.asleep()
        found["size"] = 7
        await clock.advance(5)
        assert "\npool_size 7\n" in (await other.get("/metrics")).text


async def test_a_metric_may_not_have_the_name_of_a_standard_one():
    """An application that declares a standard name as something else cannot start."""
    app, _ = made()
    app.meters.gauge("aln.http.requests", "Mine.")
    with pytest.raises(StartupError, match=r"aln\.http\.requests"):
        await app.start()


async def test_the_names_of_aliases_are_free_when_they_are_off():
    """Without the aliases their names are anybody's."""
    app, _ = made(aliases="false")
    app.meters.gauge("aln.http.requests", "Mine.")
    await app.start()
    await app.stop()


@pytest.mark.parametrize(("together", "source"), [(True, "host"), (False, "process")])
async def test_readyz_tells_of_the_registry(together, source, folder):
    """Whose numbers a scrape shows, and of how many processes; it never decides."""
    app, _ = made(**({"folder": folder} if together else {}))
    async with Client(app) as client:
        row = (await client.get("/readyz.json")).json()["checks"]["metrics_registry"]
    assert {"ok": True, "required_for_readyz": False, "status": "ok", "source": source, "processes": 1} == row


async def test_the_configuration_alone_turns_it_on():
    """The name of the entry point is enough; no code of the application mentions it."""
    app = App("shop", environ={"ARLEN_PLUGINS__ENABLED": '["metrics"]', "ARLEN_LOG__ACCESS": "false"}, env="test")
    async with Client(app) as client:
        assert "aln_http_requests_total" in (await client.get("/metrics")).text


async def test_others_see_what_is_observed_from_the_start(folder):
    """A process that has just started tells what is only observed, before its first beat and any scrape of its own."""
    app, _ = made(folder=str(folder), clock=VirtualClock())
    app.meters.observe("shop.open", "Shops.", lambda: 1)
    other, metrics = made(folder=str(folder))
    await app.start()
    await other.start()
    families = {each.declaration.name: each for each in metrics.collect()}
    assert {(): [1.0]} == families["shop.open"].series
    await other.stop()
    await app.stop()
