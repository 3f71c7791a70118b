"""The arlen command of the Arlen web platform."""

__all__: list[str] = []
