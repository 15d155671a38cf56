"""PNG by hand where the libraries fall short: integrity, text bombs, salvage, and writing 16 bits with metadata.

Specification: W3C PNG (third edition), sections 5 and 9.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_TEXT = (b"tEXt", b"zTXt", b"iTXt")


class Header(NamedTuple):
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool


class Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    sound: bool  # complete, and its checksum is right


def header(data: bytes) -> Header:
    """The IHDR chunk; ValueError where there is none."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ValueError("no header chunk")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return Header(width, height, data[24], data[25], bool(data[28]))


def chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks up to IEND or the end of the data."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
        body, check = view[at + 8 : at + 8 + length], view[at + 8 + length : at + 12 + length]
        sound = len(check) == 4 and zlib.crc32(body, zlib.crc32(kind)) == int.from_bytes(check, "big")
        yield Chunk(kind, body, sound)
        if kind == b"IEND":
            return
        at += 12 + length


def damage(data: bytes) -> str:
    """What is wrong with the file: "truncated", "corrupt", or "" for a sound one."""
    found = list(chunks(data))
    if not all(chunk.sound for chunk in found[:-1]):
        return "corrupt"
    if not found or found[-1].kind != b"IEND":
        return "truncated"
    return "" if found[-1].sound else "corrupt"


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with length and checksum."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big")


def without_text(data: bytes) -> bytes:
    """The same picture without its text chunks."""
    kept = (chunk(c.kind, bytes(c.body)) for c in chunks(data) if c.kind not in _TEXT)
    return SIGNATURE + b"".join(kept)


def salvaged(data: bytes) -> tuple[bytes, float]:
    """A sound PNG with all rows that can still be had, and the share of them; the others are black or transparent.

    ValueError for an interlaced file, whose rows come in seven passes.
    """
    head = header(data)
    if head.interlaced:
        raise ValueError("an interlaced PNG cannot be salvaged")
    found = list(chunks(data))
    row = 1 + (head.width * head.depth * CHANNELS[head.colour] + 7) // 8
    raw = _inflate((bytes(c.body) for c in found if c.kind == b"IDAT"), row * head.height)
    whole = len(raw) // row
    raw = raw[: whole * row].ljust(row * head.height, b"\0")
    before = [chunk(c.kind, bytes(c.body)) for c in found if c.sound and c.kind not in (b"IDAT", b"IEND", *_TEXT)]
    return SIGNATURE + b"".join(before) + chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""), whole / head.height


def _inflate(parts: Iterable[bytes], limit: int) -> bytes:
    stream, out = zlib.decompressobj(), bytearray()
    for part in parts:
        for at in range(0, len(part), 256):  # small steps: an error loses only what follows it
            try:
                out += stream.decompress(part[at : at + 256], limit - len(out) + 1)
            except zlib.error:
                return bytes(out)
            if len(out) >= limit:
                return bytes(out[:limit])
    return bytes(out)


def encode(samples: np.ndarray, extra: Iterable[bytes] = (), level: int = 6) -> bytes:
    """uint16 samples (H, W) or (H, W, 1..4: grey, grey+alpha, RGB, RGBA) as a PNG. `extra`: chunks to stand before the data."""
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    ihdr = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((16, colour, 0, 0, 0))
    packer, data = zlib.compressobj(level), bytearray()
    above = np.zeros((1, width * channels * 2), np.uint8)
    for top in range(0, height, 128):
        rows = samples[top : top + 128].astype(">u2").view(np.uint8).reshape(-1, width * channels * 2)
        data += packer.compress(_paeth(np.vstack((above, rows)), channels * 2).tobytes())
        above = rows[-1:]
    data += packer.flush()
    return SIGNATURE + chunk(b"IHDR", ihdr) + b"".join(extra) + chunk(b"IDAT", bytes(data)) + chunk(b"IEND", b"")


def _paeth(rows: np.ndarray, step: int) -> np.ndarray:
    """Filter type 4 (section 9.4) of all rows but the first, which is the row above."""
    whole = np.pad(rows.astype(np.int16), ((0, 0), (step, 0)))
    here, left, up, corner = whole[1:, step:], whole[1:, :-step], whole[:-1, step:], whole[:-1, :-step]
    by_left, by_up, by_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    guess = np.where((by_left <= by_up) & (by_left <= by_corner), left, np.where(by_up <= by_corner, up, corner))
    filtered = np.full((len(here), here.shape[1] + 1), 4, np.uint8)
    filtered[:, 1:] = (here - guess).astype(np.uint8)
    return filtered
