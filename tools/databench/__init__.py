"""Benchmarks of the data layer: each beside peers, in one interleaved run, with ratios."""
