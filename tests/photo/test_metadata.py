from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro.core.errors import InputError
from restauro.photo import exif
from restauro.photo.metadata import has_credentials
from restauro.photo.read import read
from restauro.photo.recall import read_fact, read_recipe
from restauro.photo.write import write
from restauro.photo.xmp import SOURCE_TYPE, decode, find, merge, provenance
from tests.photo.pictures import IPTC, MAKER_NOTE, TIME, XMP, exif_block, jpeg, scene, wide_gamut

RECIPE = '{"name": "portrait <&> Großmutter", "steps": 20}'


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.avif", "a.heic"])
def test_round_trip(name: str, depth: int, order: str, tmp_path: Path) -> None:
    if name == "a.heic":
        pytest.importorskip("pillow_heif")
    photo = read(jpeg(order=order))  # type: ignore[arg-type]
    assert photo.size == (60, 80) and photo.metadata.iptc == IPTC and photo.notices == ()
    if depth == 16:
        from dataclasses import replace

        photo = replace(photo, stored=photo.stored.astype(np.uint16) * 257, depth=16, data=b"", format="TIFF")
    said = provenance(source="grandma.jpg", sha256=photo.sha256, tool="restauro 1.0", date="2026-11-21", recipe=RECIPE)
    notices = write(tmp_path / name, photo, np.clip(photo.pixels + 0.05, 0, 1), extra_xmp=said)
    again = read(tmp_path / name)
    assert again.size == photo.size and again.icc == wide_gamut()
    _same_exif(again.metadata.exif, photo.size)
    packet = decode(again.metadata.xmp)
    assert "Großmutters Album" in packet and 'tiff:Orientation="1"' in packet and SOURCE_TYPE in packet
    assert read_recipe(tmp_path / name) == RECIPE
    assert read_fact(tmp_path / name, "source") == "grandma.jpg" and read_fact(tmp_path / name, "sourceSHA256") == photo.sha256
    if name in ("a.jpg", "a.tif"):
        assert again.metadata.iptc == IPTC
    else:
        assert any("IPTC" in notice for notice in notices)
    if name in ("a.jpg", "a.png", "a.tif"):
        assert again.metadata.dpi == pytest.approx((300, 300), abs=0.01)


def _same_exif(block: bytes | None, size: tuple[int, int]) -> None:
    assert block is not None
    tree = exif.parse(block)
    assert "1" not in tree.ifds and b"\xff\xd8\xff" not in block  # the old thumbnail
    assert exif.orientation(block) == 1
    assert tree.ifds["0"][0x0132].value == TIME and tree.ifds["exif"][0x9003].value == TIME
    assert tree.ifds["exif"][0x927C].value == MAKER_NOTE
    shape = [int.from_bytes(tree.ifds["exif"][tag].value, tree.order) for tag in (exif.WIDTH, exif.HEIGHT)]
    assert tuple(shape) == size
    other = Image.Exif()  # as another program reads it
    other.load(b"Exif\0\0" + block)
    assert other.get_ifd(exif.GPS_IFD)[2] == (48.0, 12.0, 30.0)


def test_metadata_can_be_left_out_but_never_the_profile(tmp_path: Path) -> None:
    photo = read(jpeg())
    write(tmp_path / "a.jpg", photo, photo.pixels * 0.5, metadata=False)
    again = read(tmp_path / "a.jpg")
    assert again.icc == wide_gamut()
    assert again.metadata.exif is None and again.metadata.xmp is None and again.metadata.iptc is None


def test_a_maker_note_keeps_its_place() -> None:
    block = exif_block()
    assert exif.renewed(block, (60, 80)).index(MAKER_NOTE) == block.index(MAKER_NOTE)


def test_texts_of_a_png_stay(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    info.add_itxt("Description", "Großmutter — бабушка")
    Image.fromarray(scene()).save(file, "PNG", pnginfo=info)
    photo = read(file.getvalue())
    write(tmp_path / "a.png", photo, photo.pixels * 0.5)
    assert read(tmp_path / "a.png").metadata.text["Description"] == "Großmutter — бабушка"


def test_our_part_replaces_our_earlier_part() -> None:
    def said(recipe: str) -> str:
        return provenance(source="a", sha256="b", tool="t", date="d", recipe=recipe, more={"inventedShare": "0.1"})

    once = merge(XMP, said("one"))
    twice = merge(once, said("two"))
    assert twice is not None and find(twice, "recipe") == "two" and find(twice, "inventedShare") == "0.1"
    text = decode(twice)
    assert text.count("DigitalSourceType>") == 2 and text.count("urn:restauro") == 1 and "Album" in text
    fresh = merge(b"no xml at all", said("three"))
    assert find(fresh, "recipe") == "three"
    assert find(merge(XMP.decode().encode("utf-16"), said("four")), "recipe") == "four"


def test_exploding_entities_are_not_parsed() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x xmlns:r="urn:restauro:1.0#"><r:recipe>&b;</r:recipe></x>'
    assert find(bomb, "recipe") is None
    assert find(b"<broken", "recipe") is None and find(None, "recipe") is None


def test_pictures_without_a_recipe(tmp_path: Path) -> None:
    write(tmp_path / "a.png", read(scene()))
    assert read_recipe(tmp_path / "a.png") is None
    (tmp_path / "b.txt").write_text("nothing")
    with pytest.raises(InputError):
        read_recipe(tmp_path / "b.txt")


def test_content_credentials_are_noticed() -> None:
    assert has_credentials(b"....jumb....c2pa....") and not has_credentials(jpeg())
