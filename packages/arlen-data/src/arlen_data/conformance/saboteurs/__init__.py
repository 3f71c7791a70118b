"""Saboteurs: databases that break one promise each, to prove that the check of that promise sees it."""

__all__: list[str] = []
