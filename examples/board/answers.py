"""Answers: what the board sends as JSON beyond its models, and what its routes answer beside it, for its document."""

from typing import Annotated, Any

from arlen import Meta, Struct, Upload
from arlen_openapi import Answer

from models import Incident, Note

__all__ = ["CSV", "ELSEWHERE", "MISSING", "OUTRUN", "Detail", "Listing", "Named", "Sheet"]

MISSING: dict[int, Any] = {404: "There is no such incident."}
ELSEWHERE: dict[int, Any] = {303: "It is done; a browser goes on to the incident."}
OUTRUN: dict[int, Any] = {409: "Somebody else was faster: nothing was saved. `errors` names what is different now."}


class Named(Incident, frozen=True):
    """An incident with the name that people use: "INC-17"."""

    ref: str


class Detail(Named, frozen=True):
    """An incident with its timeline."""

    notes: list[Note]


class Listing(Struct, frozen=True):
    """One page of the list.

    Attributes:
        next: the address of the next page, or `null` on the last one.
    """

    items: list[Incident]
    total: int
    page: int
    pages: int
    size: int
    next: str | None


class Sheet(Struct, frozen=True):
    """Incidents to import: a CSV file, or its rows as text."""

    file: Upload | None = None
    text: Annotated[str, Meta(description="The rows, when there is no file.")] = ""


CSV = Answer("All that fits the filters, as CSV.", media="text/csv")
"""The list as a spreadsheet takes it."""
