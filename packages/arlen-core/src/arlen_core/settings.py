"""Settings: the section `[http]`, what the application itself may be told."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

__all__ = ["HEADERS", "HttpSettings"]

HEADERS: dict[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-site",
    "x-permitted-cross-domain-policies": "none",
    "content-security-policy": "default-src 'self'",
}
"""The security headers of every answer that does not set its own."""


class HttpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The section `[http]`.

    Attributes:
        max_body: most bytes of a request body; a route sets its own with `max_body=`. By default the server's
            `max_body` holds, and 1 MiB under a server that has none.
        slash: a path that only fits with or without a slash at its end: "redirect", "strict" (404) or "ignore".
        formats: what a page may become, the default first; a route or router sets its own.
        threads: plain (not async) handlers that run at the same time.
        deadline: seconds that guards and handler may take before 503, 0 for no bound; a route sets its own with
            `deadline=`. A plain function is not stopped in its thread: the answer waits for its end.
        cancel_on_disconnect: cancel a handler when its client goes away, if the server tells; a route sets its own.
            A transaction that is open is rolled back then. Without, the handler runs on to its end.
        headers: added to `HEADERS` by name; an empty value drops one.
        identity: send `X-Request-Id` and `traceparent`.
        timing: send `Server-Timing` with the stages; by default in development only, for timings tell about secrets.
        start_timeout: seconds for each `will_start`, `did_start`, `will_stop`, `did_stop` function.
    """

    max_body: Annotated[int, Meta(ge=0)] | None = None
    slash: Literal["redirect", "strict", "ignore"] = "redirect"
    formats: tuple[str, ...] = ("html", "json")
    threads: Annotated[int, Meta(ge=1)] = 40
    deadline: Annotated[float, Meta(ge=0)] = 0.0
    cancel_on_disconnect: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    identity: bool = True
    timing: bool | None = None
    start_timeout: Annotated[float, Meta(gt=0)] = 30.0
