"""A photograph with DiffBIR: faces by a face prior and nothing else painted, or all of it; and the releases' way."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from restauro import api
from restauro.core.errors import RecipeError
from restauro.core.recipe import Recipe, Release
from restauro.networks.rrdb import RRDBNet
from restauro.networks.swinir import SwinIR
from restauro.photo.faces.align import template
from restauro.photo.faces.detect import Face
from restauro.photo.tones import keep_colours, keep_light
from restauro.systems._report import Outcome
from restauro.systems.diffbir import published
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.diffbir.photograph import AROUND, restore_variants
from restauro.systems.pgdiff import faces
from tests.systems.diffbir.latent_weights import ours, put, stock
from tests.systems.oldphotos.old_weights import photograph

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def face_prior(restauro_home: Path) -> dict[str, str]:
    return stock()


@pytest.fixture(scope="module")
def any_prior(restauro_home: Path) -> dict[str, str]:
    return stock("any", face_template="")


@pytest.fixture
def one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """A face in the middle of any photograph, 40 pixels wide."""

    def found(pixels: np.ndarray) -> list[Face]:
        height, width = pixels.shape[:2]
        corner = np.array([width / 2 - 20, height / 2 - 20])
        points = template("restauro128", 40) + corner
        return [Face(box=(corner[0], corner[1], 40.0, 40.0), points=points, score=1.0, number=1)]

    monkeypatch.setattr(faces, "detect", found)


def outcome(pixels: np.ndarray, recipe: Recipe, **known: Any) -> Outcome:
    return next(restore_variants(pixels, recipe, [recipe.seed], CPU, **known))


def first_stage(pixels: np.ndarray, names: dict[str, str]) -> np.ndarray:
    """Its answer, in the photograph's own light and colours."""
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1
    clean = ((cleaned(names["restorer"], picture)[0].clamp(-1, 1) + 1) / 2).permute(1, 2, 0).numpy()
    known = np.ones(pixels.shape[:2], bool)
    return keep_colours(pixels, keep_light(pixels, clean, known), known)


@pytest.mark.usefixtures("one_face")
def test_a_face_prior_never_paints_outside_faces(face_prior: dict[str, str]) -> None:
    pixels = photograph(96, 120)
    found = outcome(pixels, ours(face_prior, force=True))
    clean = first_stage(pixels, face_prior)
    away = np.ones((96, 120), bool)
    away[16:80, 28:92] = False
    np.testing.assert_allclose(found.pixels[away], clean[away], atol=1e-5)
    assert np.abs(found.pixels - clean)[40:56, 52:68].max() > 0.02
    assert AROUND in found.report.notices and 0.05 < found.report.invented < 0.25
    assert [face.verdict for face in found.report.faces] in (["restored"], ["unsure"])
    kept = outcome(pixels, ours(face_prior, force=True, background="keep"))
    assert (kept.pixels[away] == pixels[away]).all() and AROUND not in kept.report.notices


def test_defect_16_a_photograph_without_faces_is_not_lost(face_prior: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "detect", lambda pixels: [])
    pixels = photograph(64, 80)
    found = outcome(pixels, ours(face_prior))
    np.testing.assert_allclose(found.pixels, first_stage(pixels, face_prior), atol=1e-5)
    assert found.report.invented == 0 and "no face was found" in found.report.notices


@pytest.mark.usefixtures("one_face")
@pytest.mark.parametrize("upscale", [1, 2])
def test_defect_24_what_is_around_faces_keeps_its_sides_and_every_variant_begins_anew(
    face_prior: dict[str, str], upscale: int
) -> None:
    """Version 1 swapped width and height there, and gave the next repeat the picture that the last one had made smaller."""
    pixels = photograph(96, 120)
    before, recipe = pixels.copy(), ours(face_prior, force=True, upscale=upscale, min_face=4)
    first, second = (found.pixels for found in restore_variants(pixels, recipe, [0, 1], CPU))
    assert first.shape == second.shape == (96 * upscale, 120 * upscale, 3) and (pixels == before).all()
    assert (first != second).any()
    alone = outcome(pixels, msgspec.structs.replace(recipe, seed=1))
    assert (alone.pixels == second).all()


def test_around_faces_grey_stays_grey(face_prior: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A first stage that was trained on faces makes everything as light and as coloured as skin."""
    monkeypatch.setattr(faces, "detect", lambda pixels: [])
    grey = photograph(64, 80).mean(-1, keepdims=True).repeat(3, -1)
    found = outcome(grey, ours(face_prior))
    assert np.ptp(found.pixels, -1).max() == 0 and found.report.tone == "grey"
    assert np.ptp(outcome(grey, ours(face_prior, colour="invent")).pixels, -1).max() > 0


@pytest.mark.parametrize("upscale", [1, 2])
def test_a_prior_of_anything_restores_the_whole(any_prior: dict[str, str], upscale: int) -> None:
    """In tiles, too: of 64 pixels, where the result has 60 x 90 or 120 x 180."""
    pixels = photograph(60, 90)
    found = outcome(pixels, ours(any_prior, upscale=upscale, tile_size=64))
    assert found.pixels.shape == (60 * upscale, 90 * upscale, 3) and found.report.changed == 1
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1
    assert any("broad shapes and tones moved by" in notice for notice in found.report.notices)
    again = outcome(pixels, ours(any_prior, upscale=upscale, tile_size=64))
    assert (again.pixels == found.pixels).all()


def test_tiles_leave_no_seams(any_prior: dict[str, str]) -> None:
    """Of the change to the picture, the slope across borders of tiles is at most 1.2 times that inside."""
    pixels = photograph(64, 192)
    change = outcome(pixels, ours(any_prior, tile_size=64, colour_fix="none")).pixels - pixels
    slope = np.abs(np.diff(change, axis=1)).mean((0, 2))
    borders = [x - 1 for x in (32, 64, 96, 128, 160)]  # tiles of 64 pixels begin and end there
    assert slope[borders].mean() <= 1.2 * np.delete(slope, borders).mean()


def test_a_grey_photograph_stays_grey(any_prior: dict[str, str]) -> None:
    grey = photograph(48, 48).mean(-1, keepdims=True).repeat(3, -1)
    kept, free = (outcome(grey, ours(any_prior, colour=colour)).pixels for colour in ("keep", "invent"))
    assert np.ptp(kept, axis=-1).max() < 1e-3 < np.ptp(free, axis=-1).max()


def test_inpainting_leaves_the_rest_exactly(any_prior: dict[str, str]) -> None:
    pixels, mask = photograph(48, 64), np.zeros((48, 64), np.float32)
    mask[10:30, 20:40] = 1
    found = outcome(pixels, ours(any_prior, "inpaint"), mask=mask)
    assert (found.pixels[mask == 0] == pixels[mask == 0]).all() and (found.touched == (mask > 0)).all()
    with pytest.raises(RecipeError, match="inpaint needs a mask"):
        outcome(pixels, ours(any_prior, "inpaint"))
    with pytest.raises(RecipeError, match="a reference photograph is for faces"):
        outcome(pixels, ours(any_prior), reference=[object()])


def released(names: dict[str, str], **changes: Any) -> Recipe:
    release = Release(**{"release": "v2.1", "walk": "spaced"} | changes)
    return msgspec.structs.replace(ours(names), faithful=True, start=0.0, steps=2, released=release)


@pytest.fixture
def official(any_prior: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """With a first stage as the releases have them; the short side at least 64, not 512."""
    torch.manual_seed(0)
    monkeypatch.setattr(published, "LEAST", 64)
    put("tiny-swinir", *swinir(), range=(0.0, 1.0), prediction="clean")
    return any_prior | {"restorer": "tiny-swinir"}


def swinir() -> tuple[str, str, torch.nn.Module, dict[str, Any]]:
    arguments: dict[str, Any] = {"width": 12, "depths": [1], "heads": 2, "features": 8}
    return "restorer", "swinir", SwinIR(**arguments), arguments


def test_every_setting_of_the_releases_changes_their_result(official: dict[str, str]) -> None:
    pixels = photograph(64, 80)
    pull = {"release": "v2", "pull": 0.5}
    changes: list[dict[str, Any]] = [
        {}, {"walk": "ddim"}, pull, pull | {"pulls": 3}, pull | {"space": "rgb"}, pull | {"regions": False},
        {"release": "v1", "pull": 0.5, "regions": False},
        pull | {"pull_from": 999}, pull | {"pull_to": 1}, {"formula": "paper", "pull": 1e4},
        {"walk": "edm_euler"}, {"walk": "edm_euler:churn=1,churn_below=1e5"}, {"walk": "edm_dpm++_2m_sde"},
        {"walk": "edm_dpm++_2m_sde:eta=0.3"},
    ]  # fmt: skip
    found = [outcome(pixels, released(official, **change)).pixels for change in changes]
    for i, one in enumerate(found):
        assert one.shape == pixels.shape
        assert not any((one == other).all() for other in found[:i]), changes[i]
    with pytest.raises(RecipeError, match=r"version 2.1 has no restoration guidance"):
        outcome(pixels, released(official, pull=1.0))
    with pytest.raises(RecipeError, match=r"edm_euler has no knob 'chorn'; did you mean 'churn'"):
        outcome(pixels, released(official, walk="edm_euler:chorn=1"))
    with pytest.raises(RecipeError, match=r"releases' dpm_m2 has no eta"):
        outcome(pixels, released(official, walk="dpm_m2:eta=1"))


def test_a_first_stage_that_enlarges_sees_the_photograph_as_it_is(
    official: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2's BSRNet: what it makes of that is brought to the size that is asked for, or to the least, at once."""
    shape: dict[str, Any] = {"mid_channels": 8, "num_blocks": 1, "growth_channels": 4, "scale": 4}
    put("tiny-bsrnet", "upscaler", "rrdb", RRDBNet(**shape), shape, range=(0.0, 1.0), prediction="clean")
    sizes: list[tuple[Any, Any]] = []
    cleaned = published.cleaned

    def seen(picture: torch.Tensor, *known: Any) -> torch.Tensor:
        answer = cleaned(picture, *known)
        sizes.append((tuple(picture.shape[-2:]), tuple(answer.shape[-2:])))
        return answer

    monkeypatch.setattr(published, "cleaned", seen)
    for upscale, tiled in ((1, False), (2, False), (4, False), (4, True)):
        recipe = msgspec.structs.replace(
            released(official | {"restorer": "tiny-bsrnet"}, release="v2", tiled=tiled), upscale=upscale
        )
        assert outcome(photograph(24, 36), recipe).pixels.shape == (24 * upscale, 36 * upscale, 3)
    assert [one for one, _ in sizes] == [(24, 36)] * 4
    assert [other for _, other in sizes] == [(64, 96), (64, 96), (96, 144), (96, 144)]


def test_a_start_from_the_condition_counts_where_noise_is_not_all(official: dict[str, str]) -> None:
    eps = {"prediction": "eps", "schedule": "sd-scaled-linear"}
    names = stock("eps", face_template="", **eps) | {"restorer": official["restorer"]}
    for named, same in ((official, True), (names, False)):
        found = [outcome(photograph(64, 64), released(named, begin=begin)).pixels for begin in ("noise", "cond")]
        assert (found[0] == found[1]).all() == same


def test_in_tiles_the_releases_way_is_another(official: dict[str, str]) -> None:
    found = [outcome(photograph(96, 128), msgspec.structs.replace(
        released(official, tiled=tiled), latent=msgspec.structs.replace(ours(official).latent, tile_size=64)  # type: ignore[type-var]
    )).pixels for tiled in (False, True)]  # fmt: skip
    assert found[0].shape == found[1].shape == (96, 128, 3) and not (found[0] == found[1]).all()


def test_the_releases_way_of_faces_needs_what_restores_the_rest(official: dict[str, str], face_prior: dict[str, str]) -> None:
    put("tiny-face-swinir", *swinir(), face_template="ffhq512", size=64, range=(0.0, 1.0), prediction="clean")
    for names, release in ((face_prior, "v2.1"), (official | {"restorer": "tiny-face-swinir"}, "v1")):
        with pytest.raises(RecipeError, match=r"nothing restores what is around the faces .* say --aligned"):
            outcome(photograph(64, 64), released(names, release=release))


def test_restore_with_diffbir_writes_a_file_with_its_recipe(face_prior: dict[str, str], tmp_path: Path) -> None:
    place, out = tmp_path / "face.png", tmp_path / "out.png"
    Image.fromarray((photograph(40, 40) * 255).astype(np.uint8)).save(place)
    names = {"prior": face_prior["prior"], "restorer": face_prior["restorer"]}
    beside = {part: face_prior[part] for part in ("control", "autoencoder")}
    result = api.restore(place, by=["diffbir"], aligned=True, steps=2, **names, **beside)
    result.save(out)
    assert api.recipe_of(out) == result.recipe and result.recipe.system == "diffbir" and result.report.calls == 2
    assert (np.asarray(api.replay(out).image) == np.asarray(result.image)).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prompt": "a face"}, "prompt belongs to diffbir"),
        ({"by": ["diffbir"], "faithful": True, "scale": 1.0}, "scale is of the algorithms that pgdiff has"),
        ({"by": ["diffbir"], "walk": "ddim"}, "walk is the releases' own"),
        ({"by": ["diffbir"], "faithful": True, "sampler": "ddim"}, "the releases have no sampler"),
        ({"by": ["diffbir"], "release": "v3", "faithful": True}, "DiffBIR has no release 'v3'"),
        ({"by": ["diffbir"], "cfg": 0.0}, "cfg"),
    ],
)
def test_what_does_not_go_together_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        api.make_recipe("restore", **settings)


def test_presets_of_the_releases() -> None:
    found = {
        release: api.make_recipe("restore", by=["diffbir"], faithful=True, release=release) for release in ("v1", "v2", "v2.1")
    }
    assert {one.latent.cfg for one in found.values() if one.latent} == {1.0, 4.0, 6.0}
    assert [one.steps for one in found.values()] == [50, 50, 10]
    assert found["v2.1"].prior == "sd21-prior-zsnr" and found["v1"].prior == "sd21-prior"
    assert Recipe.from_json(found["v2.1"].to_json()) == found["v2.1"]
