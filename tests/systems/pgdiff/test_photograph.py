"""A whole photograph: only faces that need it are touched, and nothing else."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import restauro
from restauro.core.errors import InputError, RecipeError
from restauro.photo.colour import tone
from restauro.photo.faces.detect import detect
from restauro.photo.read import read
from restauro.systems.pgdiff import photograph
from restauro.systems.pgdiff.recipe import TASKS
from tests.shared import SHARED, needs_shared
from tests.systems.pgdiff.tiny import restore_photograph

PHOTOS = SHARED / "data" / "photos"


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A blurred and noisy portrait, (H, W, 3) in [0, 1]."""
    skimage = pytest.importorskip("skimage.data")
    small = Image.fromarray(skimage.astronaut()).crop((100, 0, 356, 256)).resize((192, 192)).resize((72, 72)).resize((192, 192))
    noisy = np.asarray(small) / 255 + np.random.default_rng(0).normal(0, 0.02, (192, 192, 3))
    return noisy.clip(0, 1).astype(np.float32)


def test_only_the_face_changes(portrait: np.ndarray) -> None:
    outcome = restore_photograph(portrait, TASKS["restore"], torch.device("cpu"))
    assert [face.verdict for face in outcome.report.faces] in (["restored"], ["unsure"])
    assert outcome.report.outside_exact and 0.05 < outcome.report.changed < 0.95
    assert (outcome.pixels[~outcome.touched] == portrait[~outcome.touched]).all()
    assert not (outcome.pixels[outcome.touched] == portrait[outcome.touched]).all()


def test_a_picture_without_faces_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "meadow.jpg"
    ramp = np.linspace(0, 255, 160 * 120).reshape(120, 160).astype(np.uint8)
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp], -1)).save(path)
    result = restauro.restore(path)
    assert not result.changed and "no face was found" in result.report.notices
    result.save(tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == path.read_bytes()


def test_grey_stays_grey_and_colour_is_only_invented_when_asked(portrait: np.ndarray) -> None:
    grey = np.repeat((portrait @ np.float32([0.299, 0.587, 0.114]))[..., None], 3, -1)
    kept = restore_photograph(grey, TASKS["restore"], torch.device("cpu"))
    assert kept.report.tone == "grey" and tone(kept.pixels) == "grey"
    alone = msgspec.structs.replace(TASKS["colorize"], colorizer="")  # the faces: no weights of a colorizer are needed
    coloured = restore_photograph(grey, alone, torch.device("cpu"))
    assert np.ptp(coloured.pixels, -1).max() > 0.02
    assert any("guess" in notice for notice in coloured.report.notices)


def test_inpainting_leaves_known_pixels_exactly(portrait: np.ndarray) -> None:
    mask = np.zeros(portrait.shape[:2], np.float32)
    mask[90:110, 80:120] = 1
    torn = np.where(mask[..., None] > 0, 1, portrait).astype(np.float32)
    outcome = restore_photograph(torn, TASKS["inpaint"], torch.device("cpu"), mask=mask)
    assert (outcome.pixels[mask == 0] == torn[mask == 0]).all()
    assert (outcome.pixels[mask > 0] != 1).any()


def test_masks_that_cannot_be_right_are_refused(portrait: np.ndarray) -> None:
    cpu, recipe = torch.device("cpu"), TASKS["inpaint"]
    with pytest.raises(RecipeError, match="needs a mask"):
        restore_photograph(portrait, recipe, cpu)
    with pytest.raises(InputError, match="one size"):
        restore_photograph(portrait, recipe, cpu, mask=np.zeros((10, 12), np.float32))
    with pytest.raises(InputError, match="hides the whole picture"):
        restore_photograph(portrait, recipe, cpu, mask=np.ones(portrait.shape[:2], np.float32))
    with pytest.raises(InputError, match="hides nothing"):
        restore_photograph(portrait, recipe, cpu, mask=np.zeros(portrait.shape[:2], np.float32))


def test_the_size_is_what_was_asked_for(portrait: np.ndarray) -> None:
    odd = portrait[:187, :171]
    assert restauro.restore(odd, upscale=2, steps=2).pixels.shape == (374, 342, 3)
    assert restauro.restore(odd, aligned=True, steps=2).pixels.shape == odd.shape


@needs_shared
@pytest.mark.parametrize("name", ["couple-pebbles.jpg", "family-beach.jpg", "orchestra.jpg", "class-group.jpg"])
def test_photographs_outside_the_annotated_faces_are_exact(name: str) -> None:
    photo = read(PHOTOS / name)
    faces = json.loads((PHOTOS / "faces.json").read_text())["pictures"][name]["faces"]
    recipe = restauro.api.make_recipe("restore", steps=1, force=True)
    outcome = restore_photograph(photo.pixels, recipe, torch.device("cpu"))
    assert (outcome.pixels[~outcome.touched] == photo.pixels[~outcome.touched]).all()
    for face in outcome.report.faces:  # every edited box is an annotated face
        if face.verdict in ("restored", "unsure"):
            assert max(overlap(face.box, other["box"]) for other in faces) > 0.3, (name, face)


def overlap(a: tuple[float, ...], b: list[float]) -> float:
    """Intersection over the smaller box."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0) / min(a[2] * a[3], b[2] * b[3])


def test_detection_is_what_inspect_reports(portrait: np.ndarray) -> None:
    found = restauro.inspect(portrait)
    assert [face.number for face in found.faces] == [face.number for face in detect(portrait)]
    assert found.size == (192, 192)


def test_in_an_enlarged_photograph_the_restored_face_is_enlarged_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prior works at its own size and SR3 above it: an aligned face of 100 px made twice as large is 200 px wide."""
    asked, enlarged = [], photograph.enlarge

    def heard(pixels: np.ndarray, factor: int, *rest: object) -> np.ndarray:
        asked.append((pixels.shape[0], factor))
        return enlarged(pixels, factor, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(photograph, "enlarge", heard)
    face = Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8))
    result = restauro.restore(face, aligned=True, upscale=2, steps=1)
    assert asked == [(100, 2), (128, 2)] and result.pixels.shape == (200, 200, 3)
    asked.clear()
    restauro.restore(face, aligned=True, steps=1)
    assert not asked
