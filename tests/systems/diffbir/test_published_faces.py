"""Faces of a whole photograph as the releases restore them: each alone, in what they make of the rest; nothing is lost."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from restauro.core.recipe import Recipe
from restauro.diffusion.contract import Observation
from restauro.photo.faces.align import template
from restauro.photo.faces.detect import Face
from restauro.systems._report import Outcome
from restauro.systems.diffbir import engine, published_faces
from restauro.systems.diffbir.photograph import restore_variants
from restauro.systems.diffbir.published_faces import around, levels, picture
from restauro.weights.store import find, imported_folder, keep
from tests.systems.diffbir.latent_weights import put, stock
from tests.systems.diffbir.test_photograph import released, swinir
from tests.systems.oldphotos.old_weights import photograph

CPU = torch.device("cpu")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, restauro_home: Any) -> dict[str, str]:
    """A first stage of faces at 64 pixels, and that of version 2.1 for what is around them; the prior knows both."""
    from restauro.systems.diffbir import published

    monkeypatch.setattr(published, "LEAST", 64)
    torch.manual_seed(0)
    facts: dict[str, Any] = {"range": (0.0, 1.0), "prediction": "clean"}
    put("diffbir-swinir", *swinir(), **facts)
    put("tiny-face-swinir", *swinir(), face_template="ffhq512", size=64, **facts)
    return stock("any", face_template="") | {"restorer": "tiny-face-swinir"}


def faces_at(*places: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """x, y of the corner and the side of each crop; their eyes are a quarter of it apart."""
    found = [
        Face((x, y, side, side), template("ffhq512", 64) * side / 64 + (x, y), 1.0, number)
        for number, (x, y, side) in enumerate(places, 1)
    ]
    monkeypatch.setattr(published_faces, "detect", lambda pixels, min_size: found)


def outcome(pixels: np.ndarray, recipe: Recipe) -> Outcome:
    return next(restore_variants(pixels, recipe, [recipe.seed], CPU))


def test_each_face_is_restored_alone_and_pasted(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, recipe = photograph(96, 160), released(names)
    faces_at((4, 10, 48), (100, 30, 56), (60, 60, 12), monkeypatch=monkeypatch)  # the last one's eyes are too close
    found = outcome(pixels, recipe)
    assert [face.verdict for face in found.report.faces] == ["restored", "restored"] and found.pixels.shape == pixels.shape
    background = around(recipe)
    assert background is not None and background.recipe.restorer == "diffbir-swinir" and background.side == 64
    ground = (levels(engine.run(background.recipe, Observation(picture(np.rint(pixels * 255).astype(np.uint8))))) / 255).astype(
        np.float32
    )
    away = np.ones((96, 160), bool)
    for x, y, side in ((4, 10, 48), (100, 30, 56)):
        away[max(0, y - 4) : y + side + 4, max(0, x - 4) : x + side + 4] = False
    np.testing.assert_allclose(found.pixels[away], ground[away], atol=1.01 / 255)
    assert np.abs(found.pixels - ground)[20:50, 15:45].max() > 2 / 255, "the middle of the first face is its own"


def test_defect_16_no_face_no_loss(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs pairs results with an empty list of faces, and saves nothing."""
    faces_at(monkeypatch=monkeypatch)
    pixels, recipe = photograph(64, 80), released(names)
    found = outcome(pixels, recipe)
    assert found.report.faces == () and "no face was found" in found.report.notices
    plain = outcome(pixels, released(names | {"restorer": "diffbir-swinir"}))
    np.testing.assert_allclose(found.pixels, plain.pixels, atol=1.01 / 255)


def test_a_control_of_faces_has_its_like_around_them(names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 2.1's own, under its name."""
    passport, path = find(names["control"])
    for name, face in (("diffbir-v2.1-control", ""), ("face-control", "ffhq512")):
        keep(path.read_bytes(), msgspec.structs.replace(passport, name=name, face_template=face, file=""), imported_folder())
    how = around(released(names | {"control": "face-control", "restorer": "diffbir-swinir"}))
    assert how is not None and how.recipe.latent is not None
    assert (how.recipe.latent.control, how.recipe.restorer) == ("diffbir-v2.1-control", "diffbir-swinir")
    assert around(msgspec.structs.replace(released(names), aligned=True)) is None
    assert around(released(names | {"restorer": "diffbir-swinir"})) is None
