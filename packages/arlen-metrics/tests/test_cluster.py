"""Cluster: what `/clusterz` says, and how it knows."""

import os
import socket

import anyio
import pytest

from arlen_core.app import App
from arlen_core.testing import Client
from arlen_metrics.cluster import Cluster, Nodes, NoQuorum
from arlen_metrics.plugin import RUN, Metrics
from arlen_metrics.settings import ClusterSettings
from arlen_metrics.workers import FILE

pytestmark = pytest.mark.anyio


def app(**settings):
    """Return an application of a cluster, and its plugin."""
    environ = {f"ARLEN_CLUSTER__{name.upper()}": str(value) for name, value in settings.items()}
    made = App("shop", environ=environ | {"ARLEN_LOG__ACCESS": "false"}, env="test")
    return made, made.use(Metrics())


async def test_one_machine_alone():
    """Without a cluster there is one machine, and that is enough."""
    async with Client(app()[0]) as client:
        reply = await client.get("/clusterz")
        data = reply.json()
    assert (200, "application/json", "no-store") == (reply.status, reply.media, reply.headers["cache-control"])
    assert data["ok"]
    assert {
        "enabled": False,
        "name": "default",
        "node_id": socket.gethostname(),
        "expected_nodes": 1,
        "observed_nodes": 1,
        "worker_pid": os.getpid(),
        "mode": "single_node",
        "quorum": {
            "status": "single_node",
            "met": True,
            "observed_nodes": 1,
            "expected_nodes": 1,
            "required_nodes": 1,
        },
    } == data["cluster"]
    assert ("static_config", "single_node") == (
        data["coordination"]["membership_source"],
        data["coordination"]["state"],
    )
    assert {
        "cross_node_request_routing",
        "cross_node_realtime_fanout",
        "cross_node_jobs_deduplication",
        "cross_node_cache_coherence",
    } == set(data["coordination"]["capability_matrix"])
    assert {"session", "realtime"} == set(data["contracts"])


@pytest.mark.parametrize(
    ("observed", "expected", "quorum", "status", "met"),
    [
        (3, 3, 3, "nominal", True),
        (4, 3, 3, "nominal", True),
        (2, 3, 3, "degraded", False),
        (2, 3, 2, "degraded", True),
        (1, 3, 2, "partitioned", False),
        (2, 4, 2, "partitioned", True),
        (1, 1, 1, "single_node", True),
    ],
)
def test_what_the_numbers_mean(observed, expected, quorum, status, met):
    """All, more than half, or no more than half; whether that is enough is a question of its own."""
    nodes = Nodes(observed, expected, quorum, "static_config")
    assert (status, met) == (nodes.status, nodes.met)


async def test_the_configuration_says_how_many_if_nobody_counts():
    """And the answer says that it comes from there."""
    made, _ = app(enabled="true", name="blue", node_id="a", expected_nodes=3, observed_nodes=2)
    async with Client(made) as client:
        data = (await client.get("/clusterz")).json()
    assert not data["ok"]
    assert ("blue", "a", 3, 2, "multi_node") == tuple(
        data["cluster"][each] for each in ("name", "node_id", "expected_nodes", "observed_nodes", "mode")
    )
    assert ("static_config", "degraded") == (
        data["coordination"]["membership_source"],
        data["cluster"]["quorum"]["status"],
    )
    assert data["contracts"]["session"]["shared_secret_required"]


@pytest.mark.parametrize("plain", [True, False])
async def test_machines_can_be_counted(plain):
    """A package that can count them does, in place of the configuration, and is named."""
    made, metrics = app(enabled="true", expected_nodes=3, observed_nodes=3)

    async def count() -> int:
        return 2

    metrics.cluster.measure("redis_heartbeats", (lambda: 2) if plain else count)
    async with Client(made) as client:
        data = (await client.get("/clusterz")).json()
    assert ("redis_heartbeats", 2) == (data["coordination"]["membership_source"], data["cluster"]["observed_nodes"])


async def test_a_count_that_fails_leaves_this_machine():
    """Nothing is known of the others then, and the log says why."""
    lines = []

    class Log:
        def warning(self, event, **details):
            lines.append((event, type(details["exc_info"]).__name__))

    cluster = Cluster(ClusterSettings(enabled=True, expected_nodes=3), log=Log())
    cluster.measure("broken", lambda: 1 / 0)
    assert Nodes(1, 3, 3, "broken") == await cluster.nodes()
    cluster.measure("slow", lambda: anyio.sleep(60), timeout=0.001)
    assert Nodes(1, 3, 3, "slow") == await cluster.nodes()
    assert [("cluster.count.failed", "ZeroDivisionError"), ("cluster.count.failed", "TimeoutError")] == lines


async def test_too_few_machines_fail_the_check():
    """The reason says how many are there, should be, and are needed."""
    with pytest.raises(NoQuorum, match="1 of 3 machines are there, and 2 are needed"):
        await Cluster(ClusterSettings(enabled=True, expected_nodes=3, observed_nodes=1, quorum=2)).check()


@pytest.mark.parametrize(("required", "status"), [("true", 503), ("false", 200)])
async def test_readiness_may_need_the_others(required, status):
    """`/readyz` tells of the quorum, and fails only when the configuration says so."""
    made, _ = app(enabled="true", expected_nodes=3, observed_nodes=1, readiness_requires_quorum=required)
    async with Client(made) as client:
        reply = await client.get("/readyz.json")
    assert status == reply.status
    assert {
        "ok": False,
        "required_for_readyz": required == "true",
        "status": "failed",
        "quorum": "partitioned",
        "observed_nodes": 1,
        "expected_nodes": 3,
    } == reply.json()["checks"]["cluster_quorum"]


async def test_a_machine_alone_has_no_such_check():
    """Without a cluster `/readyz` says nothing of one."""
    async with Client(app()[0]) as client:
        assert "cluster_quorum" not in (await client.get("/readyz.json")).json()["checks"]


async def test_the_workers_of_this_machine_are_counted(folder, monkeypatch):
    """What the supervisor says, and how many processes share their numbers just now."""
    folder.mkdir()
    (folder / FILE).write_bytes(b'{"pid":7,"started":5.5,"pools":{"web":{"size":4,"alive":3,"ready":2}}}')
    monkeypatch.setenv(RUN, str(folder))
    async with Client(app()[0]) as client, Client(app()[0]):
        host = (await client.get("/clusterz")).json()["host"]
    assert {
        "processes": 2,
        "supervised": True,
        "pools": {"web": {"size": 4, "alive": 3, "ready": 2, "restarts": {}}},
    } == host


async def test_packages_say_what_works_across_machines():
    """A package that makes something work between machines writes it down."""
    made, metrics = app()
    metrics.cluster.capabilities["cross_node_realtime_fanout"] = "redis"
    metrics.cluster.contracts["realtime"]["cluster_broadcast"] = "redis"
    async with Client(made) as client:
        data = (await client.get("/clusterz")).json()
    assert "redis" == data["coordination"]["capability_matrix"]["cross_node_realtime_fanout"]
    assert "redis" == data["contracts"]["realtime"]["cluster_broadcast"]
