"""Maintenance: answers with 503 while work is done on the application."""

from maintenance.commands import Switch
from maintenance.plugin import Maintenance, Settings

__all__ = ["Maintenance", "Settings", "Switch"]
