"""EXIF as bytes: read the few tags we need, renew a block in place, move it into and out of a TIFF.

A block is kept as it is wherever possible, because maker notes point to absolute places in it. "Block" means the TIFF
structure without the leading "Exif\\0\\0". Specification: CIPA DC-008 (Exif 2.32), TIFF 6.0.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x0112, 0x8769, 0x8825, 0xA005
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
WIDTH, HEIGHT = 0xA002, 0xA003
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
# what describes the photograph, not the layout of the samples: description, make, model, software, date, artist, host,
# copyright, and Windows' title, comment, author, keywords, subject; rating
DESCRIPTIVE = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432, 18246, 18249, *range(40091, 40096))


class Entry(NamedTuple):
    kind: int
    number: int
    at: int  # where the value stands in the block
    value: bytes


class Tree(NamedTuple):
    """The directories of a block; `links` are the places of the pointers to the next directory of each."""

    order: Literal["little", "big"]
    ifds: dict[str, dict[int, Entry]]  # "0", "exif", "gps", "interop", "1"
    link: int


def parse(block: bytes) -> Tree:
    """ValueError where the structure is nonsense. A damaged sub-directory is left out."""
    if block[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("not an EXIF block")
    order: Literal["little", "big"] = "little" if block[:2] == b"II" else "big"
    main, link = _directory(block, int.from_bytes(block[4:8], order), order)
    ifds = {"0": main}
    for name, parent, tag in (("exif", "0", EXIF_IFD), ("gps", "0", GPS_IFD), ("interop", "exif", INTEROP_IFD)):
        pointer = ifds.get(parent, {}).get(tag)
        if pointer is not None:
            with contextlib.suppress(ValueError):
                ifds[name], _ = _directory(block, int.from_bytes(pointer.value[:4], order), order)
    following = int.from_bytes(block[link : link + 4], order)
    if following:
        with contextlib.suppress(ValueError):
            ifds["1"], _ = _directory(block, following, order)
    return Tree(order, ifds, link)


def _directory(block: bytes, at: int, order: Literal["little", "big"]) -> tuple[dict[int, Entry], int]:
    count = int.from_bytes(block[at : at + 2], order)
    if at < 8 or not 0 < count <= 1000 or at + 2 + 12 * count > len(block):
        raise ValueError("a directory lies outside the block")
    entries = {}
    for p in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = int.from_bytes(block[p : p + 2], order), int.from_bytes(block[p + 2 : p + 4], order)
        number = int.from_bytes(block[p + 4 : p + 8], order)
        length = _SIZES.get(kind, 0) * number
        place = p + 8 if length <= 4 else int.from_bytes(block[p + 8 : p + 12], order)
        if length and place + length <= len(block):
            entries[tag] = Entry(kind, number, place, block[place : place + length])
    return entries, at + 2 + 12 * count


def orientation(block: bytes | None) -> int:
    """1..8; 1 where there is no tag or no sense in it."""
    if not block:
        return 1
    try:
        tree = parse(block)
    except ValueError:
        return 1
    entry = tree.ifds["0"].get(ORIENTATION)
    value = int.from_bytes(entry.value[: _SIZES[entry.kind]], tree.order) if entry else 1
    return value if 1 <= value <= 8 else 1


def upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    """The (H, W, ...) samples turned as the tag asks."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    return np.ascontiguousarray(samples)


def renewed(block: bytes, size: tuple[int, int], dpi: tuple[float, float] | None = None) -> bytes:
    """The block for a picture of this (width, height): orientation 1, dimensions and resolution right, no old thumbnail.

    ValueError where the block is nonsense.
    """
    tree, new = parse(block), bytearray(block)
    main, sub = tree.ifds["0"], tree.ifds.get("exif", {})
    _put(new, tree, main.get(ORIENTATION), 1)
    _put(new, tree, sub.get(WIDTH), size[0])
    _put(new, tree, sub.get(HEIGHT), size[1])
    for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), dpi or (), strict=False):
        if tag in main and main[tag].kind == 5:
            unit = main.get(RESOLUTION_UNIT)
            centimetres = unit is not None and int.from_bytes(unit.value[:2], tree.order) == 3
            ratio = Fraction(value / (2.54 if centimetres else 1)).limit_denominator(10000)
            at = main[tag].at
            new[at : at + 8] = ratio.numerator.to_bytes(4, tree.order) + ratio.denominator.to_bytes(4, tree.order)
    thumbnail = tree.ifds.get("1", {})
    new[tree.link : tree.link + 4] = bytes(4)
    if 0x0201 in thumbnail and 0x0202 in thumbnail:
        start, length = (int.from_bytes(thumbnail[tag].value[:4], tree.order) for tag in (0x0201, 0x0202))
        end = min(start + length, len(new))
        if 8 < start < end == len(new):
            del new[start:]
        elif 8 < start < end:  # others may point behind it: blank the old picture, keep the places
            new[start:end] = bytes(end - start)
    return bytes(new)


def _put(new: bytearray, tree: Tree, entry: Entry | None, value: int) -> None:
    if entry is not None and entry.kind in (3, 4) and (entry.kind == 4 or value < 65536):
        width = _SIZES[entry.kind]
        new[entry.at : entry.at + width] = value.to_bytes(width, tree.order)


def from_tiff(data: bytes) -> bytes | None:
    """A free-standing block with the descriptive tags, EXIF and GPS of a TIFF file; None where it has none of them."""
    try:
        tree = parse(data)
    except ValueError:
        return None
    main = {tag: entry for tag, entry in tree.ifds["0"].items() if tag in DESCRIPTIVE}
    if not main and "exif" not in tree.ifds and "gps" not in tree.ifds:
        return None
    head = (b"II*\0" if tree.order == "little" else b"MM\0*") + (8).to_bytes(4, tree.order)
    pointers = {tag: 0 for tag, name in ((EXIF_IFD, "exif"), (GPS_IFD, "gps")) if name in tree.ifds}
    room = len(emit(main, 8, tree.order, pointers))
    body, places = sub_directories(tree, 8 + room)
    return head + emit(main, 8, tree.order, places) + body


def sub_directories(tree: Tree, base: int) -> tuple[bytes, dict[int, int]]:
    """The EXIF and GPS directories laid out from offset `base` on, and the offset of each by its pointer's tag."""
    body, places = b"", {}
    if "interop" in tree.ifds:
        places[INTEROP_IFD] = base
        body += emit(tree.ifds["interop"], base, tree.order)
    if "exif" in tree.ifds:
        inner = {INTEROP_IFD: places[INTEROP_IFD]} if INTEROP_IFD in places else {}
        entries = {tag: entry for tag, entry in tree.ifds["exif"].items() if tag != INTEROP_IFD}
        places[EXIF_IFD] = base + len(body)
        body += emit(entries, base + len(body), tree.order, inner)
    if "gps" in tree.ifds:
        places[GPS_IFD] = base + len(body)
        body += emit(tree.ifds["gps"], base + len(body), tree.order)
    places.pop(INTEROP_IFD, None)
    return body, places


def emit(entries: dict[int, Entry], base: int, order: Literal["little", "big"], pointers: dict[int, int] | None = None) -> bytes:
    """One directory with its values, to stand at offset `base` (even). The link to a next directory is 0."""
    every = entries | {tag: Entry(4, 1, 0, at.to_bytes(4, order)) for tag, at in (pointers or {}).items()}
    table, values = len(every).to_bytes(2, order), b""
    start = base + 2 + 12 * len(every) + 4
    for tag in sorted(every):
        entry = every[tag]
        table += tag.to_bytes(2, order) + entry.kind.to_bytes(2, order) + entry.number.to_bytes(4, order)
        if len(entry.value) <= 4:
            table += entry.value.ljust(4, b"\0")
        else:
            table += (start + len(values)).to_bytes(4, order)
            values += entry.value + b"\0" * (len(entry.value) % 2)
    return table + bytes(4) + values
