"""Words: what programs print, made fit for a report that others read."""

import re

__all__ = ["ending", "plain"]

ADDRESS = re.compile(r"https?://\S+")
FOLDERS = re.compile(r"(?<![\w.])(?:/[\w.+@~-]+)+/(?=[\w.+@-])")


def plain(text: str, limit: int = 300) -> str:
    """Return text in one line without the folders of this machine and without addresses, at most `limit` long.

    >>> plain('File "/home/ada/site/app.py", line 3')
    'File "app.py", line 3'
    """
    line = " ".join(FOLDERS.sub("", ADDRESS.sub("an address", text)).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def ending(text: str) -> str:
    r"""Return the last lines of what a program printed, where it says why it failed.

    >>> ending("Traceback ...\n\n  File ...\nValueError: no\n")
    'Traceback ... | File ... | ValueError: no'
    """
    lines = [line for line in text.splitlines() if line.strip()]
    return plain(" | ".join(line.strip() for line in lines[-3:])) or "it printed nothing"
