"""The HTTP/1.1 and WebSocket server of the Arlen web platform, with its development and production runners."""

__all__: list[str] = []
