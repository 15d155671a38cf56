"""A whole photograph through Old Photos: any size, no seams, nothing stretched, nothing touched that was not asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import restauro.api
from restauro.core.errors import InputError, RecipeError, WeightsError
from restauro.core.recipe import Recipe, Whole
from restauro.networks.latent_mapping import LatentMapping, ScratchMapping
from restauro.networks.photo_vae import PhotoVAE
from restauro.photo.colour import srgb_to_lab
from restauro.systems._report import FaceReport
from restauro.systems.oldphotos import stages
from restauro.systems.oldphotos import whole as engine
from restauro.systems.oldphotos.photograph import in_the_light_of, restore_variants
from restauro.systems.oldphotos.recipe import as_a_whole
from restauro.systems.oldphotos.scratches import find_scratches
from restauro.systems.oldphotos.whole import Trio, restore
from tests.systems.oldphotos.old_weights import photograph, stock

CPU = torch.device("cpu")
ALONE = Whole(faces_by="", detector="")


@pytest.fixture(autouse=True)
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path)


def restored(pixels: np.ndarray, mask: np.ndarray | None = None, **changes: Any) -> Any:
    recipe = as_a_whole(Recipe(task="old-photo"), msgspec.structs.replace(ALONE, **changes))
    return next(restore_variants(pixels, recipe, [0], CPU, mask=mask))


def line(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[:, width // 2] = 1
    return mask


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 300), (7, 9), (41, 73), (64, 48)])
@pytest.mark.parametrize("masked", [False, True])
def test_defect_7_any_size_is_kept(height: int, width: int, masked: bool) -> None:
    pixels = photograph(height, width)
    mask = line(height, width) if masked and width > 1 else None
    done = restored(pixels, mask)
    assert done.pixels.shape == pixels.shape and done.pixels.dtype == np.float32
    assert np.isfinite(done.pixels).all() and 0 <= done.pixels.min() <= done.pixels.max() <= 1


def test_defect_5_nothing_is_stretched() -> None:
    """A uniform picture became black, and an outlier set the contrast of all."""
    trio, mask = Trio.load(ALONE, CPU), np.zeros((32, 32), np.float32)
    flat = restore(np.full((32, 32, 3), 0.5, np.float32), mask, trio, CPU)
    seen = trio(torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32))
    np.testing.assert_allclose(flat, (seen[0].permute(1, 2, 0).numpy() + 1) / 2, atol=1e-6)
    assert 0.02 < flat.mean() < 0.98


def test_defect_6_what_is_not_scratched_is_kept() -> None:
    pixels, mask = photograph(60, 80), line(60, 80)
    done = restored(pixels, mask, only_scratches=True)
    far = np.abs(np.arange(80) - 40) > 8
    assert (done.pixels[:, far] == pixels[:, far]).all() and (done.touched[:, 40]).any()
    assert not done.touched[:, far].any()
    whole = restored(pixels, mask)
    assert whole.touched.mean() > 0.9 and any("moved by" in one for one in whole.report.notices)
    nothing = restored(pixels, np.zeros((60, 80), np.float32), only_scratches=True)
    assert (nothing.pixels == pixels).all() and not nothing.touched.any()


def test_strength_0_is_the_photograph_and_less_is_less() -> None:
    pixels = photograph(40, 40)
    none, half, all_of_it = (restored(pixels, strength=strength).pixels for strength in (0.0, 0.5, 1.0))
    assert (none == pixels).all()
    np.testing.assert_allclose(half, (pixels + all_of_it) / 2, atol=1e-6)


def test_detail_is_what_the_first_vae_does_not_see_and_none_comes_back_near_holes() -> None:
    trio, picture, mask = Trio.load(ALONE, CPU), torch.zeros(1, 3, 64, 96), torch.zeros(1, 1, 64, 96)
    picture[:] = torch.from_numpy(photograph(64, 96)).permute(2, 0, 1) * 0.2 - 0.1
    mask[..., 10] = 1
    with torch.no_grad():
        without, all_of_it = trio(picture, mask), trio(picture, mask, detail=1.0)
        unseen = picture - trio.old.decode(trio.old.encode(picture))
    far, near = slice(10 + 2 * engine.NEAR, None), slice(10 - engine.NEAR // 2, 10 + engine.NEAR // 2)
    torch.testing.assert_close(all_of_it[..., far], (without + unseen).clamp(-1, 1)[..., far], atol=1e-5, rtol=0)
    assert unseen[..., near].abs().max() > 0.1 and torch.equal(all_of_it[..., near], without[..., near])


@pytest.mark.parametrize("skip", [False, True])
def test_a_linear_path_sees_holes_as_they_are_others_see_them_white(skip: bool) -> None:
    torch.manual_seed(0)
    vae, mapping = PhotoVAE(8, 8, norm="none").eval(), ScratchMapping(8, 8, 1, norm="none", skip=skip).eval()
    trio, pixels, mask = Trio(vae, mapping, vae), photograph(32, 32), line(32, 32)
    seen, holes = torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1, torch.from_numpy(mask)[None, None]
    with torch.no_grad():
        wanted = trio(seen if skip else seen * (1 - holes) + holes, holes)[0].permute(1, 2, 0).numpy() / 2 + 0.5
    assert trio.closes is skip
    np.testing.assert_allclose(restore(pixels, mask, trio, CPU), wanted, atol=1e-6)


def test_a_toned_photograph_stays_in_one_tone_which_the_networks_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = photograph(40, 40).mean(2, keepdims=True)
    yellowed, sepia = grey * np.float32([1, 0.95, 0.6]), grey * np.float32([1, 0.8, 0.6])
    for answer in (np.repeat(grey, 3, 2), sepia):
        monkeypatch.setattr(stages, "restore", lambda *_, answer=answer: answer.astype(np.float32))
        np.testing.assert_allclose(restored(yellowed.astype(np.float32)).pixels, answer, atol=0.02)
    stained = np.repeat(grey, 3, 2).astype(np.float32)
    stained[:20] = sepia[:20]
    monkeypatch.setattr(stages, "restore", lambda *_: stained)
    found, before = (srgb_to_lab(one).reshape(-1, 3) for one in (restored(yellowed.astype(np.float32)).pixels, stained))
    steps = [np.abs(np.diff(one[one[:, 0].argsort()], axis=0)) for one in (found, before)]
    chroma = [float(step[step[:, 0] < 0.05, 2].max()) for step in steps]  # of pixels of the same lightness, nearly
    assert chroma[0] < 0.5 and chroma[1] > 5


@pytest.mark.parametrize("deep", [False, True])
def test_defect_9_bands_make_what_the_undivided_picture_makes(monkeypatch: pytest.MonkeyPatch, deep: bool) -> None:
    """Tiles of their own statistics differ in tone; stitched ones showed seams."""
    torch.manual_seed(1)
    vae = PhotoVAE(8, 8, strides=3, deep=True) if deep else PhotoVAE(8, 8)
    trio = Trio(vae.eval(), LatentMapping(8, 16, blocks=1).eval(), vae)
    pixels, mask = photograph(150, 101), line(150, 101)
    with torch.no_grad():
        padded = np.pad(pixels, [(0, 2), (0, 3), (0, 0)], mode="reflect")
        holes = np.pad(mask, [(0, 2), (0, 3)], mode="reflect")[:, :, None]
        x = torch.from_numpy(padded * (1 - holes) + holes).permute(2, 0, 1)[None].float() * 2 - 1
        wanted = vae.decode(trio.mapping(vae.encode(x)))[0, :, :150, :101].permute(1, 2, 0).numpy() / 2 + 0.5
    for piece in (1, 10**9):
        monkeypatch.setattr(engine, "PIECE", piece)
        np.testing.assert_allclose(restore(pixels, mask, trio, CPU), wanted, atol=1e-4)


def test_a_scratch_is_filled_wherever_it_lies() -> None:
    """Defect 3, second half: of 16 pixels the original looked at five. White lines at all phases, across and along."""
    for phase in range(4):
        for turned in (False, True):
            pixels = photograph(32, 32)
            mask = np.zeros((32, 32), np.float32)
            mask[12 + phase] = 1
            mask = np.ascontiguousarray(mask.T) if turned else mask
            scratched = np.where(mask[:, :, None] > 0, np.float32(0), pixels)
            other = np.where(mask[:, :, None] > 0, np.float32(1), pixels)
            assert (restored(scratched, mask).pixels == restored(other, mask).pixels).all()


def test_big_holes_are_closed_from_their_edges_and_said() -> None:
    pixels, mask = photograph(120, 160), np.zeros((120, 160), np.float32)
    mask[20:100, 30:110] = 1
    done = restored(pixels, mask)
    assert any("too large for the network" in one for one in done.report.notices)
    mask[:] = 0
    mask[20:100, 30:34] = 1
    assert not any("too large" in one for one in restored(pixels, mask).report.notices)


def test_a_mapping_that_knows_no_holes_gets_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path / "other", holes=False)
    pixels, mask = photograph(40, 40), line(40, 40)
    dark = np.where(mask[:, :, None] > 0, np.float32(0), pixels)
    light = np.where(mask[:, :, None] > 0, np.float32(1), pixels)
    apart = np.abs(restored(dark, mask).pixels - restored(light, mask).pixels).mean()  # Telea is not quite blind to the hole
    assert apart < 0.2 * np.abs(restored(dark).pixels - restored(light).pixels).mean()


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.85, 0.6)])
def test_defect_20_grey_stays_grey_and_sepia_sepia(tint: tuple[float, ...]) -> None:
    grey = photograph(64, 64).mean(-1, keepdims=True)
    picture = Image.fromarray(np.rint(grey * np.array(tint) * 255).astype(np.uint8))
    kept = restauro.old_photo(picture, by=["old-photos"], mask="none")
    chroma = np.ptp(kept.pixels, axis=-1)
    if tint[1] == 1:
        assert kept.report.tone == "grey" and chroma.max() == 0
    else:
        assert kept.report.tone == "toned" and (kept.pixels[..., 0] >= kept.pixels[..., 2]).mean() > 0.99
    free = restauro.old_photo(picture, by=["old-photos"], mask="none", colour="invent")
    assert np.abs(free.pixels - kept.pixels).max() > 0.02


def test_masks_must_fit_and_leave_something() -> None:
    pixels = photograph(24, 32)
    with pytest.raises(InputError, match="must have one size"):
        restored(pixels, np.zeros((24, 24), np.float32))
    with pytest.raises(InputError, match="hides the whole"):
        restored(pixels, np.ones((24, 32), np.float32))


def test_defect_11_missing_weights_are_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    picture = Image.fromarray(np.rint(photograph(32, 32) * 255).astype(np.uint8))
    for file in (tmp_path / "weights").glob("old-photo-mapping.*"):
        file.unlink()
    with pytest.raises(WeightsError, match="old-photo-mapping"):
        restauro.old_photo(picture, by=["old-photos"])
    with pytest.raises(WeightsError, match="old-photo-mapping"):
        restauro.old_photo(picture, strength=0.5)
    plain = restauro.old_photo(picture)
    assert plain.recipe.whole is None and any("not here" in one for one in plain.report.notices)
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "empty"))
    with pytest.raises(WeightsError, match="scratch-detector"):
        restauro.old_photo(picture, mask="auto")


@pytest.mark.parametrize("times", [1, 2])
def test_faces_keep_the_light_of_the_whole_and_their_own_detail(times: int) -> None:
    base = np.full((120, 160, 3), 0.5, np.float32)
    y, x = np.mgrid[: 120 * times, : 160 * times] / times
    pasted = ((abs(x - 80) < 30) & (abs(y - 60) < 30))[:, :, None]
    blotch, detail = 0.2 * np.exp(-((x - 70) ** 2 + (y - 60) ** 2) / 200), 0.1 * np.sign(np.sin(1.5 * x))
    found = (0.5 + pasted * (blotch + detail)[:, :, None]).repeat(3, 2).astype(np.float32)
    face = FaceReport(number=1, box=(60.0, 35.0, 40.0, 50.0), eye_distance=20.0, verdict="restored", why="")
    kept = in_the_light_of(base, found, [face])
    left = kept - 0.5 - pasted * detail[:, :, None]
    inside = (abs(x - 80) < 20) & (abs(y - 60) < 20)
    assert abs(left[inside]).mean() < 0.35 * blotch[inside].mean()
    assert np.array_equal(kept[~pasted[:, :, 0]], found[~pasted[:, :, 0]]) and np.ptp(kept, -1).max() == 0
    refused = msgspec.structs.replace(face, verdict="unclear")
    assert np.array_equal(in_the_light_of(base, found, [refused]), found)


def test_all_knobs_act(tmp_path: Path) -> None:
    """A knob that changes nothing is a defect."""
    pixels = photograph(48, 48)
    stocked: dict[str, Any] = {"weights": "other"}
    for part in ("vae-1", "vae-2", "mapping"):
        for ending in (".json", ".safetensors"):
            text = (tmp_path / "weights" / f"old-photo-{'vae-2' if part != 'mapping' else part}{ending}").read_bytes()
            text = text.replace(b"old-photo-vae-2", f"other-{part}".encode()).replace(b"old-photo-mapping", b"other-mapping")
            (tmp_path / "weights" / f"other-{part}{ending}").write_bytes(text)
    found = find_scratches(pixels, "scratch-detector", CPU)
    some, more = (float(1 - np.quantile(found, share)) for share in (0.99, 0.96))
    usual: dict[str, Any] = {"detector": "scratch-detector", "sensitivity": some}
    changes = [
        stocked,
        {"detector": ""},
        {"sensitivity": more},
        {"grow": 3},
        {"strength": 0.5},
        {"detail": 0.1},
        {"only_scratches": True},
    ]
    first, *others = [restored(pixels, **(usual | one)) for one in ({}, *changes)]
    assert 0 < first.report.scratched < 0.5
    assert all((one.pixels != first.pixels).any() for one in others)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"by": ["oldphotos"]}, "did you mean 'old-photos'"),
        ({"by": ["pgdiff"], "strength": 0.5}, "strength is about the whole photograph"),
        ({"by": ["old-photos"], "fidelity": 0.5}, "fidelity is about faces"),
        ({"by": ["old-photos", "pgdiff"], "faithful": True}, "one system at a time"),
        ({"strength": 2.0}, "strength"),
    ],
)
def test_what_makes_no_sense_is_one_line(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as error:
        restauro.api.make_recipe("old-photo", **wrong)
    assert "\n" not in str(error.value)
    with pytest.raises(RecipeError, match="belongs to old-photo"):
        restauro.api.make_recipe("restore", strength=0.5)
