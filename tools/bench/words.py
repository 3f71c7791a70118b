"""Words: what programs print, made fit for a report that others read."""

import re

__all__ = ["plain"]

ADDRESS = re.compile(r"https?://\S+")
FOLDERS = re.compile(r"(?<![\w.])(?:/[\w.+@~-]+)+/(?=[\w.+@-])")


def plain(text: str, limit: int = 300) -> str:
    """Return text in one line without the folders of this machine and without addresses, at most `limit` long.

    >>> plain('File "/home/ada/site/app.py", line 3')
    'File "app.py", line 3'
    """
    line = " ".join(FOLDERS.sub("", ADDRESS.sub("an address", text)).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
