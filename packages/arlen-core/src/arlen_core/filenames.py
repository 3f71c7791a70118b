"""File names: safe ones out of what clients send, and the header that gives one to a download (RFC 6266)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

__all__ = ["disposition", "safe_name"]

_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE).fullmatch
_ATTR = "!#$&+-.^_`|~"  # attr-char of RFC 8187 §3.2.1, beside letters and digits


def safe_name(raw: str, *, limit: int = 200) -> str:
    r"""Make a name that is safe as one file name on any system out of one that a client sent.

    Folders, control and invisible characters and what Windows forbids go; dots and spaces at the ends too; a device
    name gets an underscore. The name is not unique: two uploads may have the same.

    Args:
        raw: anything.
        limit: most bytes of UTF-8; the extension is kept when it is short.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\fotos\\café.JPG"), safe_name(".."), safe_name("nul.txt")
    ('passwd', 'café.JPG', 'file', '_nul.txt')
    """
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", raw)[-1][:4096])
    kept = "".join(c for c in last if c not in _FORBIDDEN and unicodedata.category(c)[0] != "C")
    name = " ".join(kept.split()).strip(". ")
    marked = f"_{name}" if _DEVICES(name.partition(".")[0].strip()) else name
    return _shortened(marked, limit) or "file"


def disposition(filename: str, *, inline: bool = False) -> str:
    r"""Write a Content-Disposition value: a name to save under, in ASCII and, where that is not enough, in UTF-8.

    Args:
        filename: the name; folders and control characters in it are dropped.
        inline: show it in the page when the browser can, in place of saving it.

    >>> disposition("report.pdf"), disposition("naïve.txt", inline=True)
    ('attachment; filename="report.pdf"', 'inline; filename="na_ve.txt"; filename*=UTF-8\'\'na%C3%AFve.txt')
    """
    kept = "".join(c for c in re.split(r"[/\\]", filename)[-1] if unicodedata.category(c) not in {"Cc", "Cs"})
    name = kept or "file"
    # a percent sign stays out of the plain form: some browsers decode it there
    plain = "".join(c if " " <= c <= "~" and c not in '"%' else "_" for c in name)
    value = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe=_ATTR)}"


def _shortened(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = (dot + extension).encode() if stem and len(extension.encode()) <= 16 else b""
    head = (stem if tail else name).encode()[: limit - len(tail)]
    return (head.decode(errors="ignore") + tail.decode()).strip(". ")
