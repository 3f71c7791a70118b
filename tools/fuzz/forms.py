"""Forms: multipart and urlencoded bodies with random damage; where they are cut must not matter, nor what they hold."""

from random import Random
from typing import Self

from arlen_core.bodies import Feed
from arlen_core.errors import HTTPError
from arlen_core.forms import FormLimits, read_form
from arlen_core.requests import Request
from arlen_core.uploads import Upload
from tools.fuzz.mutations import cut, mutate

__all__ = ["Fuzzer"]

LIMITS = FormLimits(
    fields=6, files=3, field_size=60, text=150, file_size=90, total=600, header_size=200, name_length=20
)
PIECES = [
    b"--x", b"--x--", b"\r\n", b"\n", b"\r", b"\r\n--x\r\n", b"\r\n\r\n", b"--", b"-", b'"', b";", b"=", b"&", b"%",
    b"+", b"%41", b"%ff", b"%C3%A9", b"Content-Disposition: form-data; name=a\r\n", b'; filename="f"',
    b"; filename*=UTF-8''f", b"Content-Type: text/plain; charset=latin-1\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"\0", b"\xff", b"../",
]  # fmt: skip
MULTIPART = b"multipart/form-data; boundary=x"
URLENCODED = b"application/x-www-form-urlencoded"
Pairs = list[tuple[str, str | bytes]]


class Fuzzer:
    """Reads one body at once and in parts, and compares; what was not damaged must be what was meant."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""

    def streams(self, random: Random) -> list[bytes]:
        """Return a media type, then a body in the parts in which it arrives."""
        make = random.choice((_multipart, _multipart, _urlencoded))
        body = make(random)
        if random.randrange(4):
            body = mutate(body, random, [make(random)], PIECES)
        media = MULTIPART if make is _multipart else URLENCODED
        if random.randrange(12) == 0:
            media = mutate(media, random, [URLENCODED], PIECES)
        return [media, *cut(body, random)]

    async def judged(self, parts: list[bytes]) -> tuple[list[str], str]:
        """Return what is broken, and what became of the body."""
        media, *rest = parts
        whole, kind = await _read(media, [b"".join(rest)])
        pieces, _ = await _read(media, rest)
        # of several errors the one that is met first is told, and that depends on where the body is cut
        same = whole == pieces or (isinstance(whole, tuple) and isinstance(pieces, tuple))
        wrong = [] if same else [f"at once it is {whole!r}, in parts {pieces!r}"]
        if isinstance(whole, str):
            wrong.append(whole)
        elif isinstance(whole, list):
            wrong += _bounds(whole)
            if media == URLENCODED:
                wrong += _compare(b"".join(rest), whole)
        return wrong, kind


async def _read(media: bytes, parts: list[bytes]) -> tuple[Pairs | tuple[int, str] | str, str]:
    """Return the pairs, or status and code of the error that belongs there, or the wrong error."""
    feed = Feed()
    for part in parts:
        feed.feed(part)
    feed.close()
    request = Request("POST", headers=[(b"content-type", media)], body=feed)
    try:
        form = await read_form(request, LIMITS)
        return [(name, await _value(value)) for name, value in form.items()], "read"
    except HTTPError as error:
        good = error.status in {400, 413, 415} and error.code
        return ((error.status, error.code) if good else f"{error!r}"), str(error.status)
    except Exception as error:  # noqa: BLE001  # this is what is looked for
        return f"{type(error).__name__}: {error}", "broken"
    finally:
        for close in request.closers or ():
            await close(None)


async def _value(value: str | Upload) -> str | bytes:
    return value if isinstance(value, str) else await value.read()


def _bounds(pairs: Pairs) -> list[str]:
    """What was read is within every limit."""
    texts = [value.encode() for _, value in pairs if isinstance(value, str)]
    files = [value for _, value in pairs if isinstance(value, bytes)]
    good = (
        len(texts) <= LIMITS.fields
        and len(files) <= LIMITS.files
        and max(map(len, texts), default=0) <= LIMITS.field_size
        and max(map(len, files), default=0) <= LIMITS.file_size
        and sum(map(len, texts)) <= LIMITS.text
        and all(len(name) <= LIMITS.name_length for name, _ in pairs)
    )
    return [] if good else [f"a limit does not hold: {pairs!r}"]


def _compare(body: bytes, pairs: Pairs) -> list[str]:
    """Compare with a decoder that goes byte by byte (WHATWG URL §5.1)."""
    expected = [_decoded(part) for part in body.split(b"&") if part]
    return [] if pairs == expected else [f"the form is {pairs!r}; it should be {expected!r}"]


def _decoded(part: bytes) -> tuple[str, str]:
    name, _, value = part.partition(b"=")
    return _plain(name), _plain(value)


def _plain(text: bytes) -> str:
    made, at = bytearray(), 0
    while at < len(text):
        pair = text[at + 1 : at + 3]
        if text[at] == 0x25 and len(pair) == 2 and all(each in b"0123456789abcdefABCDEF" for each in pair):
            made.append(int(pair, 16))
            at += 3
        else:
            made.append(0x20 if text[at] == 0x2B else text[at])
            at += 1
    return made.decode()


def _multipart(random: Random) -> bytes:
    parts = []
    for _ in range(random.randrange(5)):
        name = random.choice((b'"a"', b"b", b'"a b"', b'"\xc3\xa9"', b'"%22"', b'""'))
        file = random.choice((b"", b"", b'; filename="f.txt"', b'; filename=""', b'; filename="../f"'))
        media = random.choice((b"", b"Content-Type: text/plain\r\n", b"Content-Type: application/octet-stream\r\n"))
        value = random.choice((b"", b"v", "é".encode(), b"\r\n", b"--x", b"x" * 61, random.randbytes(95)))
        parts.append(b"--x\r\nContent-Disposition: form-data; name=%b%b\r\n%b\r\n%b\r\n" % (name, file, media, value))
    return b"".join(parts) + b"--x--\r\n"


def _urlencoded(random: Random) -> bytes:
    words = (b"a", b"b%20c", b"%C3%A9", b"+", b"", b"x" * 59, b"%41" * 20, b"%", b"%4", b"%zz", "é".encode())
    return b"&".join(random.choice(words) + b"=" + random.choice(words) for _ in range(random.randrange(8)))
