"""Forms: fields and files of a request body, urlencoded or multipart, within limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from arlen_core.encodings import plain
from arlen_core.errors import FieldError, HTTPError
from arlen_core.queries import Query, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from arlen_core.bodies import Body
    from arlen_core.requests import Request
    from arlen_core.uploads import Upload

__all__ = ["Form", "FormLimits", "limited", "read_form"]

_charset = re.compile(r';\s*charset\s*=\s*"?([^\s;"]*)', re.IGNORECASE).search


class FormLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of forms. The request's own body limit (`max_body`) holds as well, and is usually met first.

    Attributes:
        fields: most text fields; 400 `too_many_fields`.
        files: most files; 400 `too_many_files`.
        field_size: most bytes of one text field; 413 `field_too_large`.
        text: most bytes of all text fields together, which are held in memory; 413 `form_too_large`.
        file_size: most bytes of one file; 413 `file_too_large`.
        total: most bytes of a whole multipart body; 413 `form_too_large`.
        memory: a file larger than this goes to a temporary file on disk.
        header_size: most bytes of one header line of a part; 400 `part_header_too_large`.
        name_length: longest field name in characters; 400 `name_too_long`.
        filename_length: longest file name in characters; 400 `filename_too_long`.
        directory: the folder for temporary files; by default the system's.
    """

    fields: int = 1000
    files: int = 32
    field_size: int = 262_144
    text: int = 1_048_576
    file_size: int = 16_777_216
    total: int = 67_108_864
    memory: int = 65_536
    header_size: int = 4096
    name_length: int = 200
    filename_length: int = 255
    directory: str | None = None


class Form:
    """What a form sent: text fields and files under their names, in order. It never changes.

    Args:
        pairs: `(name, value)` pairs; a value is text or an `Upload`.

    Attributes:
        fields: the text fields alone, as a `Query`, with `integer`, `flag` and so on.

    >>> form = Form([("tag", "a"), ("tag", "b"), ("page", "2")])
    >>> form.get("tag"), form.all("tag"), form.fields.integer("page"), form.file("photo")
    ('a', ['a', 'b'], 2, None)
    """

    __slots__ = ("_pairs", "_values", "fields")

    def __init__(self, pairs: Iterable[tuple[str, str | Upload]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, list[str | Upload]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, []).append(value)
        self.fields = Query((name, value) for name, value in self._pairs if isinstance(value, str))

    def get(self, name: str) -> str | Upload | None:
        """Return the first value of `name`, text or file, or `None`."""
        values = self._values.get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str | Upload]:
        """Return every value of `name`, in order."""
        return list(self._values.get(name, ()))

    def file(self, name: str) -> Upload | None:
        """Return the first file of `name`, or `None`; an input that was left empty sends none."""
        files = self.files(name)
        return files[0] if files else None

    def files(self, name: str | None = None) -> list[Upload]:
        """Return every file of `name`, or of the whole form, in order."""
        found = self._pairs if name is None else [(name, value) for value in self._values.get(name, ())]
        return [value for _, value in found if not isinstance(value, str)]

    def items(self) -> Iterator[tuple[str, str | Upload]]:
        """Yield every pair, in order."""
        return iter(self._pairs)

    def close(self) -> None:
        """Delete the files; the application does this after the response."""
        for upload in self.files():
            upload.close()

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        # values are people's data: names only
        return f"Form({sorted(self._values)})"


_DEFAULT = FormLimits()


async def read_form(request: Request, limits: FormLimits = _DEFAULT) -> Form:
    """Read the form in the request's body; a second call returns the same `Form`.

    Nothing is parsed before this call. Its files are deleted when the response has been sent, and at once when reading
    fails or is cancelled.

    Args:
        request: with a body of `application/x-www-form-urlencoded` or `multipart/form-data` (RFC 7578).
        limits: how much is taken.

    Raises `HTTPError`: 400 for a malformed or over-long one, 413 when it is too large, 415 for another media type,
    charset or a content coding, each with its code. Raises `RuntimeError` for multipart without its parser.

    >>> import anyio
    >>> from arlen_core.bodies import Body
    >>> from arlen_core.requests import Request
    >>> kind = [(b"content-type", b"application/x-www-form-urlencoded")]
    >>> anyio.run(read_form, Request("POST", headers=kind, body=Body(b"title=Tea+time"))).get("title")
    'Tea time'
    """
    kept = request.state.get("form")
    if isinstance(kept, Form):
        return kept
    form = await _read(request, limits)
    request.state["form"] = form

    async def end(_: BaseException | None) -> None:
        form.close()

    request.closers = [*(request.closers or ()), end]
    return form


async def limited(body: Body, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raises `HTTPError` 413, code `form_too_large`."""
    parts, size = [], 0
    while chunk := await body.next():
        size += len(chunk)
        if size > limit:
            raise HTTPError(413, f"the form is larger than {limit} bytes", code="form_too_large")
        parts.append(chunk)
    return b"".join(parts)


async def _read(request: Request, limits: FormLimits) -> Form:
    plain(request)
    media = request.media
    if media == "multipart/form-data":
        from arlen_core.parts import read_parts  # a form without files does not need it

        return Form(await read_parts(request.body, request.headers["content-type"], limits))
    if media == "application/x-www-form-urlencoded":
        _check_charset(request.headers["content-type"])
        return Form(_pairs(await limited(request.body, limits.text), limits))
    raise HTTPError(
        415,
        f"the body is {media or 'of no declared type'}; send a form",
        code="not_a_form",
        headers={"Accept": "application/x-www-form-urlencoded, multipart/form-data"},
    )


def _pairs(raw: bytes, limits: FormLimits) -> list[tuple[str, str]]:
    _check_sizes(raw, limits)
    pairs = decode(raw, max_fields=limits.fields)
    for name, value in pairs:
        if len(name) > limits.name_length:
            raise _long_name(limits)
        if len(value) * 4 > limits.field_size and len(value.encode()) > limits.field_size:
            raise _large(name, limits)
    return pairs


def _check_sizes(raw: bytes, limits: FormLimits) -> None:
    """Refuse what is too large however it decodes, before that is done: a byte takes at most three, a letter twelve."""
    value, name = 3 * limits.field_size, 12 * limits.name_length
    if len(raw) > value + name + 1 and raw.count(b"&") <= limits.fields:
        for part in raw.split(b"&"):
            head = part.partition(b"=")[0]
            if len(head) > name:
                raise _long_name(limits)
            if len(part) > value + name + 1:
                raise _large(decode(head + b"=")[0][0], limits)


def _large(name: str, limits: FormLimits) -> HTTPError:
    row = FieldError(name, "field_too_large", f"is larger than {limits.field_size} bytes")
    return HTTPError(413, "a field is too large", code="field_too_large", errors=[row])


def _long_name(limits: FormLimits) -> HTTPError:
    return HTTPError(400, f"a field name is longer than {limits.name_length} characters", code="name_too_long")


def _check_charset(header: str) -> None:
    found = _charset(header)
    if found is not None and found[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise HTTPError(415, "the form is not in UTF-8; send it in UTF-8", code="unsupported_charset")
