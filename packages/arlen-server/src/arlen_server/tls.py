"""TLS: the `ssl` context of a server's settings."""

from __future__ import annotations

import ssl

from arlen_core.errors import ConfigError
from arlen_server.settings import Tls

__all__ = ["make_context"]

_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def make_context(tls: Tls) -> ssl.SSLContext:
    """Make the context: the system's safe defaults, at least the minimum version, HTTP/1.1 by ALPN (RFC 7301).

    Raises `ConfigError` that names the file; never the password.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _MINIMUM[tls.minimum]
    context.set_alpn_protocols(["http/1.1"])
    try:
        # a callable, so that a key without the right password fails instead of asking a terminal
        context.load_cert_chain(tls.certificate, tls.key or None, password=tls.password.reveal)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the certificate {tls.certificate} or its key cannot be used ({_reason(error)})",
            fix="check tls.certificate, tls.key and tls.password",
            code="tls_invalid",
        ) from None
    if tls.client_ca:
        _require_clients(context, tls.client_ca)
    return context


def _require_clients(context: ssl.SSLContext, authority: str) -> None:
    try:
        context.load_verify_locations(authority)
    except OSError as error:
        raise ConfigError(
            f"the authorities in {authority} cannot be used ({_reason(error)})",
            fix="check tls.client_ca",
            code="tls_invalid",
        ) from None
    context.verify_mode = ssl.CERT_REQUIRED


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
