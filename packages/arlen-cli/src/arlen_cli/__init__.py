"""The `arlen` command of the Arlen web platform; packages add commands of their own."""

__all__: list[str] = []
