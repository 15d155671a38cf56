"""Pictures and metadata for the tests of the photograph, made here."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from restauro.photo import exif
from restauro.photo.encode import _photoshop
from restauro.photo.exif import Entry

IPTC = b"\x1c\x02\x78\0\x12Grandmother in 1911"
TIME = b"1911:06:24 12:00:00\0"
MAKER_NOTE = bytes(range(40))
XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">'
    "<dc:source>Großmutters Album</dc:source></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()


def scene(height: int = 60, width: int = 80, seed: int = 1) -> np.ndarray:
    """A smooth uint8 (H, W, 3) picture in colour."""
    walk = np.random.default_rng(seed).normal(0, 2, (height, width, 3)).cumsum(0).cumsum(1) / 8
    return np.clip(walk - walk.mean() + 128, 3, 252).astype(np.uint8)


def exif_block(order: Literal["little", "big"] = "big", orientation: int = 6, *, thumbnail: bool = True) -> bytes:
    """EXIF with description, dates, maker note, GPS, and a red thumbnail."""

    def whole(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)

    def ratio(*values: int) -> Entry:
        return Entry(5, len(values), 0, b"".join(whole(v, 4) + whole(1, 4) for v in values))

    main = {
        0x010E: Entry(2, 6, 0, b"Print\0"), exif.ORIENTATION: Entry(3, 1, 0, whole(orientation, 2)),
        exif.X_RESOLUTION: ratio(300), exif.Y_RESOLUTION: ratio(300), exif.RESOLUTION_UNIT: Entry(3, 1, 0, whole(2, 2)),
        0x0132: Entry(2, 20, 0, TIME),
    }  # fmt: skip
    sub = {
        0x9003: Entry(2, 20, 0, TIME), 0x927C: Entry(7, 40, 0, MAKER_NOTE),
        exif.WIDTH: Entry(4, 1, 0, whole(999, 4)), exif.HEIGHT: Entry(3, 1, 0, whole(999, 2)),
    }  # fmt: skip
    gps = {1: Entry(2, 2, 0, b"N\0"), 2: ratio(48, 12, 30), 3: Entry(2, 2, 0, b"E\0"), 4: ratio(16, 22, 0)}
    tree = exif.Tree(order, {"0": main, "exif": sub, "gps": gps}, 0)
    room = len(exif.emit(main, 8, order, {exif.EXIF_IFD: 0, exif.GPS_IFD: 0}))
    body, places = exif.sub_directories(tree, 8 + room)
    block = bytearray((b"MM\0*" if order == "big" else b"II*\0") + whole(8, 4) + exif.emit(main, 8, order, places) + body)
    if thumbnail:
        small = io.BytesIO()
        Image.new("RGB", (32, 24), (255, 0, 0)).save(small, "JPEG")
        at, link = len(block), exif.parse(bytes(block)).link
        block[link : link + 4] = whole(at, 4)
        old = {0x0201: Entry(4, 1, 0, whole(at + 30, 4)), 0x0202: Entry(4, 1, 0, whole(len(small.getvalue()), 4))}
        block += exif.emit(old, at, order) + small.getvalue()
    return bytes(block)


def wide_gamut() -> bytes:
    """Adobe RGB (1998) by its numbers: a matrix profile with gamma 563/256."""
    import struct

    def tag(kind: bytes, body: bytes) -> bytes:
        return kind + bytes(4) + body

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    curve = tag(b"curv", struct.pack(">IH", 1, 563))
    tags = {
        b"desc": tag(b"desc", struct.pack(">I", 5) + b"wide\0" + bytes(79)), b"cprt": tag(b"text", b"none\0"),
        b"wtpt": tag(b"XYZ ", fixed(0.9642, 1.0, 0.8249)), b"rXYZ": tag(b"XYZ ", fixed(0.60974, 0.31111, 0.01947)),
        b"gXYZ": tag(b"XYZ ", fixed(0.20528, 0.62567, 0.06087)), b"bXYZ": tag(b"XYZ ", fixed(0.14919, 0.06322, 0.74457)),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value
    head = struct.pack(">I4sI4s4s4s", 0, bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    head += fixed(0.9642, 1.0, 0.8249) + bytes(48)
    profile = head + table + body
    profile = struct.pack(">I", len(profile)) + profile[4:]
    ImageCms.ImageCmsProfile(io.BytesIO(profile))  # a colour management library accepts it
    return profile


def jpeg(array: np.ndarray | None = None, order: Literal["little", "big"] = "big", *, quality: int = 92) -> bytes:
    """A JPEG with every kind of metadata; stored sideways (orientation 6)."""
    file = io.BytesIO()
    picture = Image.fromarray(scene() if array is None else array)
    picture.save(
        file, "JPEG", quality=quality, exif=b"Exif\0\0" + exif_block(order), xmp=XMP, extra=_photoshop(IPTC),
        icc_profile=wide_gamut(), dpi=(300, 300), comment=b"from the attic",
    )  # fmt: skip
    return file.getvalue()
