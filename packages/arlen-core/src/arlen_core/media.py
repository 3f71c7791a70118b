"""Media types: our own table, so that a file has the same type on every machine."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["FORMATS", "TYPES", "compressible", "guess", "type_of"]

_UTF8 = "; charset=utf-8"

FORMATS = MappingProxyType(
    {
        "html": "text/html",
        "json": "application/json",
        "txt": "text/plain",
        "csv": "text/csv",
        "xml": "application/xml",
        "md": "text/markdown",
        "ics": "text/calendar",
        "atom": "application/atom+xml",
        "rss": "application/rss+xml",
        "pdf": "application/pdf",
        "svg": "image/svg+xml",
        "yaml": "application/yaml",
        "ndjson": "application/x-ndjson",
    }
)
"""Format names, as written in `formats=("html", "json")` and after the last dot of a path, with their media types."""

TYPES = MappingProxyType(
    {
        **FORMATS,
        "htm": "text/html",
        "xhtml": "application/xhtml+xml",
        "text": "text/plain",
        "log": "text/plain",
        "css": "text/css",
        "js": "text/javascript",
        "mjs": "text/javascript",
        "map": "application/json",
        "jsonld": "application/ld+json",
        "geojson": "application/geo+json",
        "webmanifest": "application/manifest+json",
        "yml": "application/yaml",
        "toml": "application/toml",
        "vtt": "text/vtt",
        "vcf": "text/vcard",
        "rtf": "application/rtf",
        "epub": "application/epub+zip",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt": "application/vnd.oasis.opendocument.text",
        "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "webp": "image/webp",
        "avif": "image/avif",
        "bmp": "image/bmp",
        "ico": "image/vnd.microsoft.icon",
        "tif": "image/tiff",
        "tiff": "image/tiff",
        "woff": "font/woff",
        "woff2": "font/woff2",
        "ttf": "font/ttf",
        "otf": "font/otf",
        "mp3": "audio/mpeg",
        "m4a": "audio/mp4",
        "ogg": "audio/ogg",
        "opus": "audio/ogg",
        "wav": "audio/wav",
        "flac": "audio/flac",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "mov": "video/quicktime",
        "zip": "application/zip",
        "gz": "application/gzip",
        "tgz": "application/gzip",
        "br": "application/octet-stream",
        "zst": "application/zstd",
        "tar": "application/x-tar",
        "7z": "application/x-7z-compressed",
        "wasm": "application/wasm",
        "bin": "application/octet-stream",
    }
)
"""File extensions in lower case, with their media types, without parameters."""

_COMPRESSIBLE = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/rtf",
        "application/toml",
        "application/wasm",
        "application/x-ndjson",
        "application/x-tar",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
        "image/vnd.microsoft.icon",
    }
)


def guess(name: str, default: str = "application/octet-stream") -> str:
    """Return the Content-Type for a file name by its extension; text types say that they are UTF-8.

    >>> guess("notes/Read Me.TXT"), guess("photo.jpeg"), guess("Makefile")
    ('text/plain; charset=utf-8', 'image/jpeg', 'application/octet-stream')
    """
    found = TYPES.get(name.rpartition(".")[2].lower() if "." in name else "", default)
    return found + _UTF8 if found.startswith("text/") and ";" not in found else found


def type_of(format: str) -> str:
    """Return the media type of a format name; a name with a slash is a media type already.

    Raises `ValueError` for a format that is not in `FORMATS`.

    >>> type_of("json"), type_of("application/hal+json")
    ('application/json', 'application/hal+json')
    """
    if "/" in format:
        return format.lower()
    if format not in FORMATS:
        raise ValueError(
            f"{format!r} is no known format: use one of {', '.join(FORMATS)}, or a media type such as 'image/png'"
        )
    return FORMATS[format]


def compressible(media: str) -> bool:
    """Say whether bodies of this media type get smaller when compressed; parameters are ignored.

    >>> compressible("text/html; charset=utf-8"), compressible("image/png")
    (True, False)
    """
    name = media.partition(";")[0].strip().lower()
    return name.startswith("text/") or name in _COMPRESSIBLE or name.endswith(("+json", "+xml", "+text"))
