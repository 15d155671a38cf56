"""restauro old-photo and the scratches of inspect, with tiny networks of random weights; and without them, as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from restauro.systems.oldphotos import scratches
from tests.cli.conftest import Run
from tests.systems.oldphotos.old_weights import Thin, hide, photograph, stock


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path / "home")


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that sees light lines of one pixel."""
    monkeypatch.setattr(scratches, "load", lambda name, device: Thin())


def scratched(path: Path, **more: Any) -> Path:
    levels = np.rint(photograph(48, 64) * 128).astype(np.uint8)
    levels[20] = 250
    Image.fromarray(levels).save(path, **more)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_the_whole_and_its_faces(old: None, run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run("old-photo", damaged, "-o", out, "--steps", "1", "--strength", "0.05", "--json").json["done"][0]
    assert done["recipe"]["system"] == "oldphotos" and done["recipe"]["whole"]["faces_by"] == "pgdiff"
    assert done["report"]["changed"] > 0.9 and done["report"]["calls"] == 1
    assert pixels(out).shape == pixels(damaged).shape
    said = run("old-photo", damaged, "-o", out, "--overwrite", "--with", "pgdiff", "--steps", "1", "--json").json["done"][0]
    assert said["recipe"]["system"] == "pgdiff" and said["report"]["changed"] < 0.9
    alone = run("old-photo", damaged, "-o", out, "--overwrite", "--with", "old-photos", "--json").json["done"][0]
    assert alone["report"]["faces"] == [] and alone["recipe"]["prior"] == ""


def test_without_its_weights_it_is_what_it_was_and_says_so(
    run: Run, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, tmp_path)
    done = run("old-photo", damaged, "-o", tmp_path / "out.png", "--steps", "1")
    assert done.code == 0 and "only faces were restored" in done.err and "old-photo-vae-1" in done.err
    assert run("recipe", tmp_path / "out.png", "--json").json["system"] == "pgdiff"
    refused = run("old-photo", damaged, "-o", tmp_path / "b.png", "--with", "old-photos")
    assert refused.code == 5 and "old-photo-vae-1" in refused.err and refused.err.count("\n") == 1
    assert run("old-photo", damaged, "-o", tmp_path / "b.png", "--with", "diffbir").code == 2
    assert not (tmp_path / "b.png").exists()


def test_a_mask_is_found_edited_and_taken_back(old: None, thin: None, run: Run, tmp_path: Path) -> None:
    photo, mask, out = scratched(tmp_path / "a.png"), tmp_path / "mask.png", tmp_path / "out.png"
    found = run("inspect", photo, "--mask-out", mask, "--grow", "0", "--json").json["done"][0]
    assert found["scratched"] == pytest.approx(1 / 48, abs=1e-4)
    with Image.open(mask) as picture:
        assert picture.mode == "L" and set(np.unique(np.asarray(picture))) == {0, 255} and (np.asarray(picture)[20] == 255).all()
        edited = np.asarray(picture).copy()
    edited[:, 30] = 255
    Image.fromarray(edited).save(mask)
    words = ["old-photo", photo, "-o", out, "--with", "old-photos", "--only-scratches"]
    done = run(*words, "--mask", mask, "--json").json["done"][0]
    assert done["report"]["scratched"] == pytest.approx((edited > 0).mean(), abs=1e-4)
    far = np.ones((48, 64), bool)
    far[12:29], far[:, 22:39] = False, False
    assert (pixels(out)[far] == pixels(photo)[far]).all() and (pixels(out)[20] != pixels(photo)[20]).any()
    again = run("replay", out, "--source", photo, "--mask", mask)
    assert again.code == 0 and "identical, byte for byte" in again.out, again.err
    auto = run(*words, "--overwrite", "--grow", "0", "--json").json["done"][0]
    assert 0 < auto["report"]["scratched"] < done["report"]["scratched"]
    assert "identical" in run("replay", out, "--source", photo, "--overwrite").out


def test_scratches_of_several_photographs_and_words_for_them(old: None, thin: None, run: Run, tmp_path: Path) -> None:
    first, second = scratched(tmp_path / "a.png"), scratched(tmp_path / "b.png")
    done = run("inspect", first, second, "--mask-out", tmp_path / "masks")
    assert done.code == 0 and "scratches" in done.out and "many" in done.out
    assert sorted(one.name for one in (tmp_path / "masks").iterdir()) == ["a.png", "b.png"]
    assert run("inspect", first, "--mask-out", tmp_path / "mask.jpg").code == 2


def test_without_a_detector_inspect_says_so_in_one_line(
    run: Run, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, tmp_path)
    assert "scratches" in (said := run("inspect", plain)).out and "not looked for" in said.out
    refused = run("inspect", plain, "--mask-out", tmp_path / "mask.png")
    assert refused.code == 5 and "scratch-detector" in refused.err and refused.err.count("\n") == 1
    assert run("inspect", plain, "--json").json["done"][0]["scratched"] is None


def test_defect_2_what_fails_is_said_and_the_others_are_done(old: None, run: Run, tmp_path: Path) -> None:
    """The original printed a line, skipped the picture and ended well."""
    scratched(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    done = run("old-photo", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out", "--with", "old-photos")
    assert done.code == 6 and "b.png" in done.err and [one.name for one in (tmp_path / "out").iterdir()] == ["a.png"]


def test_defects_15_and_16_any_name_any_folder(old: None, run: Run, tmp_path: Path) -> None:
    """Shell strings, four letters cut off every name, one name for a.jpg and a.png, hidden files that ended the run."""
    folder = tmp_path / "it's a $(touch x); folder"
    folder.mkdir()
    for name in ("a.jpeg", "a.jpg", "a.png", "ohne endung.webp"):
        scratched(folder / name)
    (folder / ".DS_Store").write_bytes(b"x")
    done = run("old-photo", folder, "-o", tmp_path / "out", "--with", "old-photos", "--mask", "none", "--ext", "png")
    assert done.code in (0, 2), done.err
    done = run("old-photo", folder, "-o", tmp_path / "out", "--with", "old-photos", "--mask", "none", "--overwrite")
    assert done.code == 0, done.err
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["a.jpeg", "a.jpg", "a.png", "ohne endung.webp"]
    assert not Path("x").exists()


def test_defect_16_masks_belong_to_photographs_by_name(old: None, run: Run, tmp_path: Path) -> None:
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    photos.mkdir()
    masks.mkdir()
    for name, row in (("b", 10), ("a", 30)):
        scratched(photos / f"{name}.png")
        mask = np.zeros((48, 64), np.uint8)
        mask[row] = 255
        Image.fromarray(mask).save(masks / f"{name}.png")
    Image.new("L", (64, 48)).save(masks / "0-first.png")
    words = ["old-photo", photos, "-o", tmp_path / "out", "--mask", masks, "--with", "old-photos", "--only-scratches"]
    assert run(*words).code == 0
    for name, row in (("b", 10), ("a", 30)):
        moved = (pixels(tmp_path / "out" / f"{name}.png") != pixels(photos / f"{name}.png")).any((1, 2)).nonzero()[0]
        assert abs(moved.mean() - row) < 2


def test_defect_17_orientation_profile_depth_alpha_and_metadata(old: None, run: Run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "grandma"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo, out = scratched(tmp_path / "a.jpg", exif=exif, icc_profile=profile, quality=95), tmp_path / "out.jpg"
    assert run("old-photo", photo, "-o", out, "--with", "old-photos", "--mask", "none").code == 0
    with Image.open(out) as picture:
        assert picture.size == (48, 64) and picture.getexif().get(0x0112, 1) == 1
        assert picture.getexif()[0x010E] == "grandma" and picture.info["icc_profile"] == profile
    info = PngInfo()
    info.add_text("Title", "grandpa")
    with Image.open(scratched(tmp_path / "b.png")) as picture:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(tmp_path / "b.png", pnginfo=info)
    out = tmp_path / "out.png"
    assert run("old-photo", tmp_path / "b.png", "-o", out, "--with", "old-photos", "--mask", "none").code == 0
    with Image.open(out) as after, Image.open(tmp_path / "b.png") as before:
        assert (np.asarray(after)[..., 3] == np.asarray(before)[..., 3]).all() and after.info["Title"] == "grandpa"


def test_as_published_it_is_resampled_and_stretched(old: None, run: Run, tmp_path: Path) -> None:
    photo, out = tmp_path / "a.png", tmp_path / "out.png"
    Image.fromarray(np.rint(photograph(41, 73) * 255).astype(np.uint8)).save(photo)
    done = run("old-photo", photo, "-o", out, "--with", "old-photos", "--faithful", "--mask", "none")
    assert done.code == 0 and "as published" in done.err, done.err
    assert pixels(out).shape == (40, 72, 3) and pixels(out).min() == 0 and pixels(out).max() == 255
    assert run("old-photo", photo, "-o", out, "--overwrite", "--with", "old-photos", "--faithful", "--detector", "").code == 0


def test_strength_0_writes_the_photograph_as_it_is(old: None, run: Run, tmp_path: Path) -> None:
    photo, out = scratched(tmp_path / "a.jpg"), tmp_path / "out.jpg"
    done = run("old-photo", photo, "-o", out, "--with", "old-photos", "--strength", "0")
    assert done.code == 0 and "nothing to do" in done.out and out.read_bytes() == photo.read_bytes()


def test_enlarged_and_several_variants(old: None, run: Run, damaged: Path, tmp_path: Path) -> None:
    photo = scratched(tmp_path / "a.png")
    words = ["--mask", "none", "--strength", "0.05", "--steps", "1", "-q"]
    assert run("old-photo", photo, "-o", tmp_path / "big.png", "-s", "2", "--with", "old-photos", "--mask", "none").code == 0
    assert pixels(tmp_path / "big.png").shape == (96, 128, 3)
    assert run("old-photo", damaged, "-o", tmp_path / "k.png", "--variants", "2", *words).code == 0
    assert (pixels(tmp_path / "k-1.png") != pixels(tmp_path / "k-2.png")).any()
