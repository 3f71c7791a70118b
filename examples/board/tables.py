"""Tables: what db/migrations/ made, for statements that are built."""

from datetime import datetime

from arlen_sqlbuilder import Table, column

__all__ = ["Incidents", "Listed", "Notes", "Search", "Tags"]


class Incidents(Table, name="incidents"):
    """What is wrong."""

    id = column(int)
    title = column(str)
    service = column(str)
    severity = column(int)
    status = column(int)
    owner = column(str)
    opened = column(datetime)
    updated = column(datetime)
    resolved = column(datetime)
    description = column(str)
    version = column(int)


class Listed(Incidents, name="listed"):
    """The view of incidents with their tags, which are words with blanks between them."""

    tags = column(str)


class Tags(Table, name="tags"):
    """The tags one by one."""

    incident = column(int)
    tag = column(str)


class Notes(Table, name="notes"):
    """The timelines."""

    id = column(int)
    incident = column(int)
    at = column(datetime)
    author = column(str)
    kind = column(str)
    text = column(str)


class Search(Table, name="search"):
    """The words of each incident."""

    incident = column(int)
    body = column(str)
