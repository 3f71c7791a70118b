"""Errors of the engines."""

from __future__ import annotations

from arlen_core.errors import ArlenError

__all__ = ["EngineError"]


class EngineError(ArlenError):
    """An engine cannot be had, or does not do what was asked: a stable code, the reason, and the fix."""

    def __init__(self, code: str, reason: str, fix: str) -> None:
        super().__init__(f"{code}: {reason} (fix: {fix})")
        self.code, self.reason, self.fix = code, reason, fix
