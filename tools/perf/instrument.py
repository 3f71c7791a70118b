"""Instrument: tells callgrind to begin counting, so that the start of a program runs at five times the speed."""

import ctypes
import mmap
import platform
from array import array

__all__ = ["begin", "possible"]

_BEGIN = (ord("C") << 24 | ord("T") << 16) + 4  # callgrind.h: CALLGRIND_START_INSTRUMENTATION
# valgrind.h, __SPECIAL_INSTRUCTION_PREAMBLE of amd64: instructions that do nothing, except below valgrind
_CODE = bytes.fromhex(
    "53"  # push rbx
    "48 89 f8"  # mov rax, rdi: where the six words of the request are
    "31 d2"  # xor edx, edx: the answer without valgrind
    "48 c1 c7 03  48 c1 c7 0d  48 c1 c7 3d  48 c1 c7 33"  # rol rdi, 3, 13, 61 and 51: all the way round
    "48 87 db"  # xchg rbx, rbx
    "48 89 d0"  # mov rax, rdx
    "5b"  # pop rbx
    "c3"  # ret
)


def possible() -> bool:
    """Say whether `begin` works on this machine; elsewhere callgrind counts from the start."""
    return platform.machine() in {"x86_64", "AMD64"}


def begin() -> None:
    """Make callgrind count from now on. Does nothing without valgrind."""
    request = array("Q", [_BEGIN, 0, 0, 0, 0, 0])
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_CODE)
        code = ctypes.c_char.from_buffer(page)
        call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(ctypes.addressof(code))
        call(request.buffer_info()[0])
        del call, code
