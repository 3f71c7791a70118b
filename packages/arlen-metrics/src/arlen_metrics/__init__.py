"""Metrics of the Arlen web platform: a registry, the standard series, and one scrape for the whole host."""

__all__: list[str] = []
