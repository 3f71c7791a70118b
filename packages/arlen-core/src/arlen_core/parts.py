"""Parts: the body of a multipart form, parsed as it comes (RFC 7578, RFC 2046 §5.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from arlen_core.errors import FieldError, HTTPError
from arlen_core.uploads import Spool, Upload

if TYPE_CHECKING:
    from multipart import MultipartSegment, PushMultipartParser

    from arlen_core.bodies import Body
    from arlen_core.forms import FormLimits

__all__ = ["boundary", "read_parts"]

_boundaries = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE).findall
_bchars = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch
_CHARSETS = frozenset({None, "utf-8", "utf8", "us-ascii", "ascii"})
_BLOCK = 65_536
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})


async def read_parts(body: Body, content_type: str, limits: FormLimits) -> list[tuple[str, str | Upload]]:
    """Read a multipart body into text fields and uploads; on any error or cancellation the uploads are closed.

    Args:
        body: the request's body; read to its end.
        content_type: the header, with its boundary.
        limits: how much is taken.

    Raises `HTTPError` 400 or 413, and `RuntimeError` when the parser is not installed.
    """
    multipart = _library()
    parser = multipart.PushMultipartParser(boundary(content_type), max_header_size=limits.header_size)
    collector = _Collector(limits)
    try:
        await _run(parser, body, collector)
        parser.close()
    except multipart.ParserLimitReached:
        raise HTTPError(400, "the header of a part is too large", code="part_header_too_large") from None
    except multipart.MultipartError as error:
        raise HTTPError(400, f"the form is malformed: {error.args[0]}", code="malformed_multipart") from None
    finally:
        pairs = collector.end(complete=parser.closed and parser.error is None)
    return pairs


def boundary(content_type: str) -> str:
    """Return the boundary of a Content-Type header; raises `HTTPError` 400, code `invalid_boundary`.

    >>> boundary('multipart/form-data; boundary="a b"')
    'a b'
    """
    found = [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in _boundaries(content_type)]
    if len(found) != 1 or not _bchars(found[0]):
        detail = "multipart needs one boundary of 1 to 70 characters (RFC 2046 §5.1.1)"
        raise HTTPError(400, detail, code="invalid_boundary")
    return found[0]


async def _run(parser: PushMultipartParser, body: Body, collector: _Collector) -> None:
    """Parse in blocks of one size: of a damaged form the parser makes this or that depending on where it is cut."""
    size, block = 0, bytearray()
    while chunk := await body.next():  # not `async for`: an error would leave its generator open
        size += len(chunk)
        if size > collector.limits.total:
            raise _too_large(f"the form is larger than {collector.limits.total} bytes", "form_too_large")
        block += chunk
        while len(block) >= _BLOCK:
            whole = bytes(block[:_BLOCK])
            del block[: len(whole)]
            await _parse(parser, whole, collector)
    await _parse(parser, bytes(block), collector)


async def _parse(parser: PushMultipartParser, block: bytes, collector: _Collector) -> None:
    for event in parser.parse(block) if block else ():
        if event is None:
            await collector.close_part()
        elif isinstance(event, bytes | bytearray):
            await collector.data(bytes(event))
        else:
            collector.open_part(event)


class _Collector:
    """Takes the parser's events and gathers the pairs."""

    def __init__(self, limits: FormLimits) -> None:
        self.limits = limits
        self._pairs: list[tuple[str, str | Upload]] = []
        self._fields = self._files = self._text = self._size = 0
        self._name = self._filename = ""
        self._media = "application/octet-stream"
        self._spool: Spool | None = None
        self._chunks: list[bytes] = []

    def open_part(self, part: MultipartSegment) -> None:
        """Begin a part."""
        self._name, self._size, self._chunks = _name(part, self.limits), 0, []
        if part.filename is None and part.content_type != "application/octet-stream":
            self._add_field()
            _check_text(part)
            return
        self._filename = _filename(part, self.limits)
        self._files += 1
        if self._files > self.limits.files:
            raise HTTPError(400, f"there are more than {self.limits.files} files", code="too_many_files")
        self._media = part.content_type or "application/octet-stream"
        self._spool = Spool(self.limits.memory, self.limits.directory)

    async def data(self, chunk: bytes) -> None:
        """Take bytes of the open part."""
        self._size += len(chunk)
        if self._spool is None:
            self._take_text(chunk)
            return
        if self._size > self.limits.file_size:
            raise _too_large("a file is too large", "file_too_large", self._name, self.limits.file_size)
        try:
            await self._spool.write(chunk)
        except OSError as error:
            raise HTTPError(507, "the file could not be stored", code="storage_failed") from error

    async def close_part(self) -> None:
        """End the open part."""
        if self._spool is None:
            self._pairs.append((self._name, self._decoded()))
            return
        if not self._filename and not self._size:  # an input of type file that was left empty
            self._spool = None
            self._files -= 1
            self._add_field()
            return
        await self._spool.finish()
        self._pairs.append((self._name, Upload(self._spool, self._filename, self._media)))
        self._spool = None

    def end(self, *, complete: bool) -> list[tuple[str, str | Upload]]:
        """Return the pairs; when the form is not complete, delete what there is."""
        if not complete:
            if self._spool is not None:
                self._spool.close()
            for _, value in self._pairs:
                if isinstance(value, Upload):
                    value.close()
        return self._pairs

    def _add_field(self) -> None:
        self._fields += 1
        if self._fields > self.limits.fields:
            raise HTTPError(400, f"there are more than {self.limits.fields} fields", code="too_many_fields")

    def _take_text(self, chunk: bytes) -> None:
        self._text += len(chunk)
        if self._size > self.limits.field_size:
            raise _too_large("a field is too large", "field_too_large", self._name, self.limits.field_size)
        if self._text > self.limits.text:
            raise _too_large(f"the text fields are larger than {self.limits.text} bytes", "form_too_large")
        self._chunks.append(chunk)

    def _decoded(self) -> str:
        try:
            return b"".join(self._chunks).decode()
        except UnicodeDecodeError:
            row = FieldError(self._name, "invalid_encoding", "is not valid UTF-8")
            raise HTTPError(400, "a field is not valid UTF-8", code="invalid_encoding", errors=[row]) from None


def _name(part: MultipartSegment, limits: FormLimits) -> str:
    if sum(name == "Content-Disposition" for name, _ in part.headerlist) != 1:
        raise HTTPError(400, "a part has more than one Content-Disposition", code="malformed_multipart")
    if not part.name:
        raise HTTPError(400, "a part has no name (RFC 7578 §4.2)", code="malformed_multipart")
    if len(part.name) > limits.name_length:
        raise HTTPError(400, f"a field name is longer than {limits.name_length} characters", code="name_too_long")
    if (part.header("Content-Transfer-Encoding") or "").strip().lower() not in _PLAIN:
        raise HTTPError(400, "parts must not be transfer-encoded (RFC 7578 §4.7)", code="unsupported_transfer_encoding")
    return part.name


def _filename(part: MultipartSegment, limits: FormLimits) -> str:
    if len(part.filename or "") > limits.filename_length:
        detail = f"a file name is longer than {limits.filename_length} characters"
        raise HTTPError(400, detail, code="filename_too_long")
    return part.filename or ""


def _check_text(part: MultipartSegment) -> None:
    if (part.charset.lower() if part.charset else None) not in _CHARSETS:
        raise HTTPError(400, f"the field {part.name!r} is not in UTF-8", code="unsupported_charset")


def _too_large(detail: str, code: str, name: str = "", limit: int = 0) -> HTTPError:
    rows = [FieldError(name, code, f"is larger than {limit} bytes")] if name else []
    return HTTPError(413, detail, code=code, errors=rows)


def _library() -> Any:
    try:
        import multipart
    except ImportError:
        raise RuntimeError(
            "multipart forms need a parser that is not installed (fix: pip install 'arlen-core[multipart]')"
        ) from None
    return multipart
