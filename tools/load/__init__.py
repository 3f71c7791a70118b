"""Figures under load: what a server of this tree holds, keeps and survives, printed by `python -m tools.load`."""
