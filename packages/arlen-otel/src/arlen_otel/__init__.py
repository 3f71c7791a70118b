"""Traces of the Arlen web platform: spans over OTLP, without a request ever waiting for a collector."""

from arlen_otel.clients import outgoing
from arlen_otel.plugin import Otel
from arlen_otel.settings import Settings

__all__ = ["Otel", "Settings", "outgoing"]
