"""The small core of the Arlen web platform: applications, routing, binding, services, configuration, logging."""

__all__: list[str] = []
