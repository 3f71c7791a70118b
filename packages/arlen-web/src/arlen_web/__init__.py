"""HTML for the Arlen web platform: Jinja2 views, layouts, forms, flash messages and static files."""

from arlen_web.fields import Fields, form
from arlen_web.flash import Message
from arlen_web.settings import EXTENSIONS, Settings, StaticSettings
from arlen_web.web import Web

__all__ = ["EXTENSIONS", "Fields", "Message", "Settings", "StaticSettings", "Web", "form"]
