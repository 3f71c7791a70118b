"""Variables: the `OTEL_` variables of the environment, which fill in what the configuration does not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import unquote, urlsplit

from arlen_core.errors import ConfigError
from arlen_core.vault import Secret
from arlen_otel.options import Options
from arlen_otel.settings import Sampling, Settings

__all__ = ["options"]

T = TypeVar("T")

_EXPORTER = "OTEL_EXPORTER_OTLP_"
_TRACES = "OTEL_EXPORTER_OTLP_TRACES_"
_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_visible = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?").fullmatch


def options(settings: Settings, environ: Mapping[str, str], *, root: Path, title: str) -> Options:
    """Return what tracing does: the configuration says it, else a variable, else the default.

    Args:
        settings: the section `[otel]`.
        environ: the variables. Those with `TRACES` in their names count before those without.
        root: the application's folder, to which file names of the configuration are relative.
        title: the application's name.

    Raises `ConfigError` with the key or the variable, the reason and the fix; it never holds the value of a secret.
    """
    words = _Words(environ)
    return Options(
        enabled=_first(settings.enabled, words.enabled(), default=True),
        url=words.url(settings.endpoint),
        headers=words.headers(settings.headers),
        certificate=words.file("certificate", settings.certificate, root),
        client_certificate=words.file("client_certificate", settings.client_certificate, root),
        client_key=words.file("client_key", settings.client_key, root),
        gzip=_first(settings.compression, words.word("COMPRESSION", ("gzip", "none")), default="gzip") == "gzip",
        timeout=_first(settings.timeout, words.timeout(), default=10.0),
        resource=words.resource(settings, title),
        sampler=_first(settings.sampler, words.sampler(), default="parentbased_always_on"),
        ratio=_first(settings.ratio, words.number("OTEL_TRACES_SAMPLER_ARG", 0, 1), default=1.0),
        attribute_length=int(_first(settings.attribute_length, words.length(), default=1024)),
        queue=int(_first(settings.queue, words.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, 1_000_000), default=8192)),
        batch=int(_first(settings.batch, words.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, 10_000), default=512)),
        interval=_first(settings.interval, words.delay(), default=2.0),
        drain=settings.drain,
        warn=settings.warn,
        api=bool(settings.api),
    )


class _Words:
    """The variables, each with its own way to be read; those that are empty are not there."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name: value.strip() for name, value in environ.items() if name.startswith("OTEL_")}

    def enabled(self) -> bool | None:
        """Return `False` when tracing is off; raise for ways to export that are not here."""
        self._one("OTEL_TRACES_EXPORTER", ("otlp", "none"), "arlen-otel exports by OTLP")
        for name in (f"{_TRACES}PROTOCOL", f"{_EXPORTER}PROTOCOL"):
            self._one(name, ("http/protobuf",), "arlen-otel speaks HTTP: name that port of the collector, mostly 4318")
        off = self._get("OTEL_SDK_DISABLED").lower() == "true" or self._get("OTEL_TRACES_EXPORTER") == "none"
        return False if off else None

    def url(self, given: str | None) -> str:
        """Return the URL that spans are sent to."""
        whole = self._get(f"{_TRACES}ENDPOINT")
        if given is None and whole:
            return _checked(f"{_TRACES}ENDPOINT", whole)
        name, base = ("otel.endpoint", given) if given else (f"{_EXPORTER}ENDPOINT", self._get(f"{_EXPORTER}ENDPOINT"))
        return _checked(name, f"{(base or 'http://localhost:4318').rstrip('/')}/v1/traces")

    def headers(self, given: Secret | None) -> tuple[tuple[str, Secret], ...]:
        """Return the fields for the collector."""
        if given is not None:
            return _fields("otel.headers", given.reveal())
        name = f"{_TRACES}HEADERS" if self._get(f"{_TRACES}HEADERS") else f"{_EXPORTER}HEADERS"
        return _fields(name, self._get(name))

    def file(self, key: str, given: str | None, root: Path) -> Path | None:
        """Return the path of a file for TLS."""
        name = f"{_TRACES}{key.upper()}" if self._get(f"{_TRACES}{key.upper()}") else f"{_EXPORTER}{key.upper()}"
        found = root / given if given is not None else Path(self._get(name)) if self._get(name) else None
        if found is not None and not found.is_file():
            where = name if given is None else f"otel.{key}"
            raise _wrong(where, f"there is no file {str(found)!r}", "name a PEM file that the application may read")
        return found

    def word(self, name: str, known: tuple[str, ...]) -> str | None:
        """Return the value of an exporter's variable, which is one of a few."""
        return self._one(f"{_TRACES}{name}", known) or self._one(f"{_EXPORTER}{name}", known)

    def timeout(self) -> float | None:
        """Return the seconds for a batch."""
        fix = "write seconds, as all OpenTelemetry of Python reads it"
        found = self.number(f"{_TRACES}TIMEOUT", 0.001, 60, fix)
        return self.number(f"{_EXPORTER}TIMEOUT", 0.001, 60, fix) if found is None else found

    def length(self) -> float | None:
        """Return the most characters of a text: for spans before that for all signals."""
        found = self.number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 1, 1_000_000)
        return self.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 1, 1_000_000) if found is None else found

    def delay(self) -> float | None:
        """Return the seconds between batches."""
        found = self.number("OTEL_BSP_SCHEDULE_DELAY", 1, 60_000, "write milliseconds")
        return None if found is None else found / 1000

    def sampler(self) -> Any:
        """Return the name of the sampler."""
        return self._one("OTEL_TRACES_SAMPLER", get_args(Sampling))

    def resource(self, settings: Settings, title: str) -> dict[str, str | int]:
        """Return what tells the spans, as far as somebody says it."""
        name = "OTEL_RESOURCE_ATTRIBUTES"
        made: dict[str, str | int] = {"service.name": title}
        made |= {key: value for key, value in _pairs(name, self._get(name)) if value}
        if service := self._get("OTEL_SERVICE_NAME"):
            made["service.name"] = service
        made |= settings.resource
        return made | ({"service.name": settings.service} if settings.service else {})

    def number(self, name: str, least: float, most: float, fix: str = "") -> float | None:
        """Return the number in a variable."""
        text = self._get(name)
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise _wrong(name, f"{text[:40]!r} is no number from {least:g} to {most:g}", fix or "write such a number")
        return found

    def _one(self, name: str, known: tuple[str, ...], fix: str = "") -> str | None:
        text = self._get(name)
        if text and text.lower() not in known:
            raise _wrong(name, f"{text[:40]!r} is not known here", fix or f"use one of {', '.join(known)}")
        return text.lower() or None

    def _get(self, name: str) -> str:
        return self._environ.get(name, "")


def _first(given: T | None, word: Any, *, default: T) -> T:
    return given if given is not None else default if word is None else word


def _checked(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not _visible(url) or " " in url:
        raise _wrong(name, "is no URL of a collector", 'write one such as "http://localhost:4318"')
    if "@" in parts.netloc:
        raise _wrong(name, "holds a user name or a password", "say who you are in otel.headers, which nothing shows")
    return url


def _fields(name: str, text: str) -> tuple[tuple[str, Secret], ...]:
    made = []
    for key, value in _pairs(name, text):
        if not _token(key) or not (value == "" or _visible(value)):
            raise _wrong(name, "holds what no header can be", "write name=value,name=value, and %20 for a space")
        made.append((key.lower(), Secret(value)))
    return tuple(made)


def _pairs(name: str, text: str) -> list[tuple[str, str]]:
    made = []
    for each in text.split(","):
        key, equals, value = each.partition("=")
        if each.strip() and not (equals and key.strip()):
            raise _wrong(
                name, "holds something that is no name=value", "write name=value,name=value, and %2C for a comma"
            )
        if each.strip():
            made.append((unquote(key.strip()), unquote(value.strip())))
    return made


def _wrong(where: str, reason: str, fix: str) -> ConfigError:
    return ConfigError(f"{where}: {reason}", fix=fix, code="otel_invalid")
