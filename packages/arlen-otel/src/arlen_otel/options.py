"""Options: what tracing does, after the configuration, the variables and the defaults have been heard."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from arlen_core.vault import Secret
from arlen_otel.settings import Sampling

__all__ = ["Options"]


class Options(Struct, frozen=True, kw_only=True):
    """What tracing does; `arlen_otel.variables.options` makes it. See `Settings` for what the values mean.

    Attributes:
        url: the whole one, with its path.
        headers: fields for the collector; their values are shown nowhere.
        resource: all attributes of it, the service's name among them.
    """

    enabled: bool = True
    url: str = "http://localhost:4318/v1/traces"
    headers: tuple[tuple[str, Secret], ...] = ()
    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    gzip: bool = True
    timeout: float = 10.0
    resource: dict[str, str | int] = {}
    sampler: Sampling = "parentbased_always_on"
    ratio: float = 1.0
    attribute_length: int = 1024
    queue: int = 8192
    batch: int = 512
    interval: float = 2.0
    drain: float = 5.0
    warn: float = 60.0
    api: bool = False
