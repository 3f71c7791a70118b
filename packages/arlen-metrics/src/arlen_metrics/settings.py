"""Settings: the sections `[metrics]` and `[cluster]` of the configuration."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from arlen_core.vault import Secret

__all__ = ["ClusterSettings", "Settings"]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[metrics]`.

    Attributes:
        folder: where the processes of a host share their numbers, relative to the application's folder. By default a
            folder of the supervisor's, which tells it by `ARLEN_RUN`; without one, `/metrics` shows one process.
        max_series: most series of a metric in a process; calls past it are counted in one more series.
        max_label: most characters of a label's value; a call with a longer one counts as past the bound.
        max_bytes: bytes that the file of a process may grow to.
        period: seconds between two looks at what is only observed, for scrapes of other processes.
        lag: seconds between two looks at how late the event loop is; 0 does not look.
        http: the series of requests.
        process: the series of processes, of the garbage collector and of the event loop.
        aliases: repeat the most important series under the names that the Objective-C Arlen has.
        token: who sends `Authorization: Bearer <token>` may read; at least 16 characters. By default everybody may.
        addresses: networks whose clients may read, such as "10.0.0.0/8"; by default all. With a token, both must fit.
    """

    folder: str = ""
    max_series: Annotated[int, Meta(ge=1)] = 2000
    max_label: Annotated[int, Meta(ge=1, le=4096)] = 200
    max_bytes: Annotated[int, Meta(ge=1 << 16)] = 32 << 20
    period: Annotated[float, Meta(gt=0)] = 5.0
    lag: Annotated[float, Meta(ge=0)] = 0.5
    http: bool = True
    process: bool = True
    aliases: bool = True
    token: Secret | None = None
    addresses: tuple[str, ...] = ()


class ClusterSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[cluster]`: what `/clusterz` says about the other machines.

    Attributes:
        enabled: whether there are other machines.
        name: of the cluster.
        node_id: of this machine; by default its host name.
        expected_nodes: how many machines there should be, this one among them.
        observed_nodes: how many there are, if nothing measures it; by default as many as there should be.
        quorum: how many are enough; 0 for all that are expected.
        readiness_requires_quorum: fail `/readyz` while there are not enough.
    """

    enabled: bool = False
    name: str = "default"
    node_id: str = ""
    expected_nodes: Annotated[int, Meta(ge=1)] = 1
    observed_nodes: Annotated[int, Meta(ge=0)] | None = None
    quorum: Annotated[int, Meta(ge=0)] = 0
    readiness_requires_quorum: bool = False
