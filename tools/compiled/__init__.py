"""The packages with their hot path compiled by mypyc: built, tested and counted: `python -m tools.compiled`."""
