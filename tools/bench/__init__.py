"""Arlen beside its peers and the limit, measured in interleaved rounds: `python -m tools.bench`."""
