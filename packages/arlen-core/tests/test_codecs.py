"""Codecs: each coding decodes to what went in, chunk by chunk."""

import gzip
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arlen_core.codecs import available, codec

chunks = st.lists(st.binary(min_size=1, max_size=2000), max_size=6)


class Reader:
    """A decoder of each coding that gives out what it can."""

    def __init__(self, name):
        self.name = name
        if name == "gzip":
            self.flow = zlib.decompressobj(31)
        elif name == "br":
            self.flow = pytest.importorskip("brotli").Decompressor()
        else:
            self.flow = pytest.importorskip("zstandard").ZstdDecompressor().decompressobj()

    def feed(self, data: bytes) -> bytes:
        return self.flow.process(data) if self.name == "br" else self.flow.decompress(data)


@pytest.mark.parametrize("name", available())
@given(parts=chunks)
def test_every_chunk_can_be_read_when_it_was_sent(name, parts):
    """A flush after each chunk lets the client see it, not later."""
    flow, reader = codec(name), Reader(name)
    for part in parts:
        assert part == reader.feed(flow.feed(part))
    assert b"" == reader.feed(flow.finish())


@pytest.mark.parametrize("name", available())
@given(data=st.binary(max_size=5000))
def test_one_go_decodes(name, data):
    """A whole body at once decodes to itself."""
    assert data == Reader(name).feed(codec(name).finish(data))


@given(parts=chunks)
def test_small_gzip_decodes(parts):
    """The small window is legal gzip too."""
    flow = codec("gzip", small=True)
    assert b"".join(parts) == gzip.decompress(b"".join([flow.feed(part) for part in parts]) + flow.finish())


def test_gzip_is_the_same_for_the_same_bytes():
    """There is no time in it, so caches and tests can compare."""
    assert codec("gzip").finish(b"x" * 99) == codec("gzip").finish(b"x" * 99)
    assert bytes(4) == codec("gzip").finish(b"x")[4:8]


def test_an_unknown_coding_is_a_key_error():
    """Only what is available can be begun."""
    with pytest.raises(KeyError):
        codec("deflate")


def test_small_matters_for_gzip_alone():
    """The others begin as they always do."""
    for name in available():
        assert b"hello" == Reader(name).feed(codec(name, small=True).finish(b"hello"))


def test_without_the_extras_there_is_gzip():
    """Neither zstd nor brotli is needed."""
    program = (
        "import sys; sys.modules.update({'brotli': None, 'backports': None, 'compression': None})\n"
        "from arlen_core.codecs import available; print(available())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "('gzip',)" == done.stdout.strip()


def test_nothing_is_imported_before_it_is_needed():
    """Importing the module brings neither engine."""
    program = "import sys, arlen_core.compression; print({'brotli', 'backports.zstd'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()
