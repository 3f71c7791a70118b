"""HTML for the Arlen web platform: Jinja2 views, layouts, forms, flash messages and static files."""

__all__: list[str] = []
