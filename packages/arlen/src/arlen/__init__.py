"""The front door of the Arlen web platform: one import, sensible defaults."""

__all__: list[str] = []
