"""Micro-benchmarks: single functions in nanoseconds; `python -m tools.perf --micro` runs them."""
