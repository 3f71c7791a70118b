"""The paths that are measured, one module a group; see `tools.perf.registry`."""
