"""Cluster: `/clusterz`, what this machine knows of itself and of the others, and how it knows it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct

from arlen_core.errors import ArlenError
from arlen_core.health import Facts
from arlen_core.responses import Response, json
from arlen_metrics.settings import ClusterSettings
from arlen_metrics.workers import read

if TYPE_CHECKING:
    from arlen_core.requests import Request

__all__ = ["Cluster", "NoQuorum", "Nodes"]

_SESSION = {
    "enabled": False,
    "mode": "cookie_signed",
    "shared_secret_required": False,
    "shared_secret_configured": False,
}
_REALTIME = {"mode": "node_local_pubsub", "cluster_broadcast": "external_broker_required"}
_CAPABILITIES = {
    "cross_node_request_routing": "external_load_balancer_required",
    "cross_node_realtime_fanout": "external_broker_required",
    "cross_node_jobs_deduplication": "external_queue_required",
    "cross_node_cache_coherence": "external_cache_required",
}


class NoQuorum(ArlenError):
    """Fewer machines are there than are needed.

    Attributes:
        facts: how many there are, and should be.
    """

    def __init__(self, reason: str, facts: Facts) -> None:
        super().__init__(reason)
        self.facts = facts


class Nodes(Struct, frozen=True):
    """How many machines are there.

    Attributes:
        observed, expected, quorum: how many there are, should be, and must be.
        source: "static_config", or what has counted them.
        status: "single_node"; "nominal": all are there; "degraded": more than half; "partitioned": no more.
    """

    observed: int
    expected: int
    quorum: int
    source: str

    @property
    def met(self) -> bool:
        """Whether there are enough."""
        return self.observed >= self.quorum

    @property
    def status(self) -> str:
        """What that means."""
        if self.expected == 1:
            return "single_node"
        if self.observed >= self.expected:
            return "nominal"
        return "degraded" if self.observed * 2 > self.expected else "partitioned"


class Cluster:
    """Answers `/clusterz`.

    Args:
        settings: the section `[cluster]`.
        run: the supervisor's folder, if there is one.
        processes: returns how many processes of this machine share their numbers.
        log: gets a line when the machines cannot be counted.

    Attributes:
        contracts, capabilities: what the answer says about sessions, realtime and the rest; packages that make
            something work across machines write it down here.
    """

    def __init__(
        self,
        settings: ClusterSettings | None = None,
        run: Path | None = None,
        processes: Callable[[], int] = lambda: 1,
        log: Any = None,
    ) -> None:
        self._count: Callable[[], Any] | None = None
        self._source = "static_config"
        self.contracts: dict[str, dict[str, Any]] = {"session": dict(_SESSION), "realtime": dict(_REALTIME)}
        self.capabilities = dict(_CAPABILITIES)
        self.configure(settings or ClusterSettings(), run, processes, log)

    def configure(self, settings: ClusterSettings, run: Path | None, processes: Callable[[], int], log: Any) -> None:
        """Set what it speaks of; see the class."""
        self._settings, self._run, self._processes, self._log = settings, run, processes, log
        self.contracts["session"]["shared_secret_required"] = settings.enabled and settings.expected_nodes > 1

    def measure(self, source: str, count: Callable[[], Any], *, timeout: float = 2.0) -> None:
        """Have the machines counted, in place of what the configuration says.

        Args:
            source: a word for how: "redis_heartbeats".
            count: a function, plain or async, that returns how many there are, this one among them. When it fails,
                only this one is known to be there.
            timeout: seconds that it may take.
        """

        async def counted() -> int:
            with anyio.fail_after(timeout):
                made = count()
                return int(await made if isawaitable(made) else made)

        self._source, self._count = source, counted

    async def nodes(self) -> Nodes:
        """Count the machines."""
        settings = self._settings
        expected = settings.expected_nodes if settings.enabled else 1
        quorum = min(settings.quorum or expected, expected)
        configured = expected if settings.observed_nodes is None else settings.observed_nodes
        if not settings.enabled:
            return Nodes(1, 1, 1, "static_config")
        if self._count is None:
            return Nodes(configured, expected, quorum, "static_config")
        try:
            observed = await self._count()
        except Exception as error:  # noqa: BLE001  # then only this machine is known to be there
            observed = 1
            if self._log is not None:
                self._log.warning("cluster.count.failed", source=self._source, exc_info=error)
        return Nodes(observed, expected, quorum, self._source)

    async def check(self) -> Facts:
        """Raise `NoQuorum` when there are not enough machines: the health check "cluster_quorum"."""
        nodes = await self.nodes()
        facts = Facts(quorum=nodes.status, observed_nodes=nodes.observed, expected_nodes=nodes.expected)
        if not nodes.met:
            reason = f"{nodes.observed} of {nodes.expected} machines are there, and {nodes.quorum} are needed"
            raise NoQuorum(reason, facts)
        return facts

    async def answer(self, _: Request) -> Response:
        """Answer `/clusterz`."""
        nodes = await self.nodes()
        quorum = {
            "status": nodes.status,
            "met": nodes.met,
            "observed_nodes": nodes.observed,
            "expected_nodes": nodes.expected,
            "required_nodes": nodes.quorum,
        }
        made = json(
            {
                "ok": nodes.met,
                "cluster": self._node(nodes) | {"quorum": quorum},
                "host": self._host(),
                "contracts": self.contracts,
                "coordination": {
                    "membership_source": nodes.source,
                    "state": nodes.status,
                    "capability_matrix": self.capabilities,
                },
            }
        )
        made.headers.set("cache-control", "no-store")
        return made

    def _node(self, nodes: Nodes) -> dict[str, Any]:
        settings = self._settings
        return {
            "enabled": settings.enabled,
            "name": settings.name,
            "node_id": settings.node_id or socket.gethostname(),
            "expected_nodes": nodes.expected,
            "observed_nodes": nodes.observed,
            "worker_pid": os.getpid(),
            "mode": "multi_node" if nodes.expected > 1 else "single_node",
        }

    def _host(self) -> dict[str, Any]:
        manager = read(self._run)
        pools = {} if manager is None else manager.pools
        return {"processes": self._processes(), "supervised": manager is not None, "pools": pools}
