"""Checks: the promises of the data contract, one module for each family."""

__all__: list[str] = []
