"""Packed bytes unpacked: gzip members and Zstandard frames that follow each other, in whatever state of repair.

May live here: which packing a stream has, by its first bytes; unpacking piece by piece in bounded memory. May not: files, lines.
A member or frame that is cut short or damaged gives what comes before the damage, and `say` is told in one sentence.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
SKIPPABLE_MAGIC = b"\x2a\x4d\x18"  # after one byte 0x50-0x5f: a frame that carries no text (RFC 8878, 3.1.2); pzstd begins with one
MAGIC_BYTES = 4
GZIP_WINDOW = 31  # zlib: 15 bits of window, with a gzip header
UNPACKED_BYTES_MAX = 1 << 18  # of one step: a few packed bytes may stand for gigabytes

Say = Callable[[str], None]


def unpacked(pieces: Iterator[bytes], name: str, say: Say) -> Iterator[bytes]:
    """Bytes as they are, or unpacked where the first ones are those of gzip or Zstandard. name: for what is said about them."""
    first = next(pieces, b"")
    while 0 < len(first) < MAGIC_BYTES and (more := next(pieces, b"")):
        first += more
    whole = _chain(first, pieces)
    if first.startswith(GZIP_MAGIC):
        return gunzip(whole, name, say)
    return unzstd(whole, name, say) if is_zstd(first) else whole


def is_zstd(head: bytes) -> bool:
    """Whether a stream that begins so is packed with Zstandard."""
    return head.startswith(ZSTD_MAGIC) or (head[1:4] == SKIPPABLE_MAGIC and 0x50 <= head[0] <= 0x5F)


def is_packed(head: bytes) -> bool:
    """Whether a stream that begins so is packed with gzip or Zstandard."""
    return head.startswith(GZIP_MAGIC) or is_zstd(head)


def gunzip(pieces: Iterator[bytes], name: str, say: Say) -> Iterator[bytes]:
    """Unpacked bytes of gzip members (RFC 1952); padding with zero bytes between them is passed over."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    begun = False  # a member is open
    rest = b""
    for piece in pieces:
        rest += piece
        while rest:
            if not begun:
                rest = rest.lstrip(b"\0")  # tape and block padding between members
                if len(rest) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(rest):
                    break
                if not rest.startswith(GZIP_MAGIC):
                    say(f"{name}: bytes after the last gzip member are not gzip and were left out")
                    return
                unpacker, begun = zlib.decompressobj(GZIP_WINDOW), True
            try:
                text = unpacker.decompress(rest, UNPACKED_BYTES_MAX)
            except zlib.error as fault:
                say(f"{name}: gzip is damaged ({fault}); what comes before the damage was used")
                return
            if text:
                yield text
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if unpacker.eof:
                begun = False
            elif not text and not rest:
                break
    if begun or rest:
        say(f"{name}: gzip ends in the middle of a member; what there is was used")


def unzstd(pieces: Iterator[bytes], name: str, say: Say) -> Iterator[bytes]:
    """Unpacked bytes of Zstandard frames (RFC 8878). Windows beyond 128 MiB are refused as damage, to bound memory."""
    unpacker = zstd.ZstdDecompressor()
    begun = False  # a frame is open
    rest = b""
    for piece in pieces:
        rest += piece
        while rest or (begun and not unpacker.needs_input):
            if not begun:
                if len(rest) < MAGIC_BYTES and (ZSTD_MAGIC.startswith(rest) or SKIPPABLE_MAGIC.startswith(rest[1:])):
                    break
                if not is_zstd(rest):
                    say(f"{name}: bytes after the last Zstandard frame are not Zstandard and were left out")
                    return
                unpacker, begun = zstd.ZstdDecompressor(), True
            try:
                text = unpacker.decompress(rest, UNPACKED_BYTES_MAX)
            except zstd.ZstdError as fault:
                say(f"{name}: Zstandard is damaged ({fault}); what comes before the damage was used")
                return
            if text:
                yield text
            rest = unpacker.unused_data if unpacker.eof else b""  # what it has not unpacked yet it keeps itself
            begun = not unpacker.eof
    if begun or rest:
        say(f"{name}: Zstandard ends in the middle of a frame; what there is was used")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
