"""Engines: real servers out of wheels, one for a run of tests, on sockets of their own, stopped for certain."""

from arlen_conformance.engines.errors import EngineError
from arlen_conformance.engines.postgres import Postgres, postgres

__all__ = ["EngineError", "Postgres", "postgres"]
