"""Settings: the section `[otel]` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from arlen_core.vault import Secret

__all__ = ["Sampling", "Settings"]

Sampling = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
"""How it is decided which traces are recorded, by the names of `OTEL_TRACES_SAMPLER`."""

Word = Annotated[str, Meta(min_length=1)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[otel]`. What it does not say, an `OTEL_` variable may; see `arlen_otel.variables`.

    Attributes:
        enabled: whether anything is recorded; on by default.
        endpoint: the collector's URL, to which `/v1/traces` is added; "http://localhost:4318" by default.
        headers: fields for the collector, as "name=value,name=value", values percent-encoded where they need it.
        certificate: a file with the authorities that the collector's certificate is checked against, in place of those
            that are known here; relative to the application's folder, as the next two.
        client_certificate: a file with the certificate to show to the collector.
        client_key: a file with its key, when it is not in the same file.
        compression: "gzip", which is the default, or "none".
        timeout: seconds for one batch, with all attempts, at most 60; 10 by default.
        service: its name; by default the application's.
        resource: more attributes of what tells the spans, such as `"service.version" = "1.4"`.
        sampler: which traces are recorded; "parentbased_always_on" by default: those that the caller records, and all
            that begin here.
        ratio: of the traces, for the samplers that have one; 1 by default.
        attribute_length: most characters of a text in a span, the others are cut off; eight times as many of the
            message and of the stack trace of an exception. 1024 by default.
        queue: most spans that wait; what comes on top is dropped, and counted. 8192 by default.
        batch: spans in one request to the collector, about; 512 by default.
        interval: seconds that spans wait for a batch to be full; 2 by default.
        drain: seconds that the stop of the application waits for the spans that are left.
        warn: seconds between two lines in the log about a collector that does not take them.
        api: whether spans that are made by OpenTelemetry's own interface are a part of it; by default, if
            `arlen-otel[api]` is installed.
    """

    enabled: bool | None = None
    endpoint: Word | None = None
    headers: Secret | None = None
    certificate: Word | None = None
    client_certificate: Word | None = None
    client_key: Word | None = None
    compression: Literal["gzip", "none"] | None = None
    timeout: Annotated[float, Meta(gt=0, le=60)] | None = None
    service: Word | None = None
    resource: dict[str, str] = {}
    sampler: Sampling | None = None
    ratio: Annotated[float, Meta(ge=0, le=1)] | None = None
    attribute_length: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    queue: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    batch: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    interval: Annotated[float, Meta(gt=0, le=60)] | None = None
    drain: Annotated[float, Meta(ge=0, le=60)] = 5.0
    warn: Annotated[float, Meta(gt=0)] = 60.0
    api: bool | None = None
