"""Engines: real servers out of wheels, one for a run of tests, on sockets of their own, stopped for certain."""

from arlen_conformance.engines.errors import EngineError
from arlen_conformance.engines.nats import Nats, nats
from arlen_conformance.engines.postgres import Postgres, postgres
from arlen_conformance.engines.redis import Redis, redis

__all__ = ["EngineError", "Nats", "Postgres", "Redis", "nats", "postgres", "redis"]
