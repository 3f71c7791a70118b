"""The commands of this package: one module each, with an object called `command`, imported when it is used."""

__all__: list[str] = []
