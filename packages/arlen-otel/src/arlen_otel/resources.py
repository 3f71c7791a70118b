"""Resources: what tells the spans: the service, its process and its host, as attributes."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import version

__all__ = ["described"]


def described(given: Mapping[str, str | int], environment: str) -> dict[str, str | int]:
    """Return the attributes of this process; those that are given come in the place of what it would say itself.

    Args:
        given: `service.name` and others.
        environment: "production", "development", "test" or another one's name.
    """
    own: dict[str, str | int] = {
        "service.instance.id": os.urandom(16).hex(),
        "deployment.environment.name": environment,
        "telemetry.sdk.name": "arlen-otel",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": version("arlen-otel"),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": ".".join(map(str, sys.version_info[:3])),
    }
    return own | dict(given)
