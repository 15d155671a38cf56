"""Which crops a prior gets: what its passport does not say is asked for; large crops go in small batches."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError, WeightsError
from restauro.photo.photo import Photo
from restauro.photo.read import read
from restauro.systems.pgdiff import engine, photograph
from restauro.systems.pgdiff.recipe import TASKS
from restauro.systems.pgdiff.report import notices
from restauro.weights import store
from tests.laws.pictures import waves
from tests.systems.pgdiff.tiny import ours, restore_photograph

CPU = torch.device("cpu")
PICTURE = ((waves(1, 1, 48).float()[0].permute(1, 2, 0) + 1) / 2).clamp(0, 1).numpy()


def reference() -> Photo:
    return read(np.full((32, 32, 3), 99, np.uint8))


def test_a_prior_without_a_template_takes_what_is_cut_out_for_it() -> None:
    recipe = ours("restore", aligned=True)
    assert restore_photograph(PICTURE, recipe, CPU).pixels.shape == PICTURE.shape
    for other, more in ((ours("restore"), ()), (recipe, (reference(),))):
        with pytest.raises(RecipeError, match=r"'tiny-prior' does not say how faces are aligned .* goes with --aligned"):
            restore_photograph(PICTURE, other, CPU, reference=more)


def test_a_prior_without_a_size_says_how_to_give_it_one(monkeypatch: pytest.MonkeyPatch) -> None:
    passport, path = store.find("tiny-prior")
    monkeypatch.setattr("restauro.systems.pgdiff.faces.find", lambda name: (msgspec.structs.replace(passport, size=0), path))
    with pytest.raises(WeightsError, match="'tiny-prior' does not say how large its pictures are; import it again with --size N"):
        restore_photograph(PICTURE, ours("restore", aligned=True), CPU)


@pytest.mark.parametrize(("pixels", "sizes"), [(photograph.BATCH, [2]), (128**2, [1, 1]), (1, [1, 1])])
def test_memory_is_bounded_by_the_pixels_of_a_batch(monkeypatch: pytest.MonkeyPatch, pixels: int, sizes: list[int]) -> None:
    skimage = pytest.importorskip("skimage.data")
    face = skimage.astronaut()[0:256, 100:356] / np.float32(255)
    asked: list[int] = []

    def run(recipe: object, seen: engine.Observation, **_: object) -> Tensor:
        asked.append(len(seen.picture))
        return seen.picture

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(photograph, "BATCH", pixels)
    recipe = msgspec.structs.replace(TASKS["restore"], force=True)
    restore_photograph(np.concatenate([face, face], 1), recipe, CPU)
    assert asked == sizes


def test_a_restorer_of_other_crops_is_told_of() -> None:
    passport = msgspec.structs.replace(store.find("tiny-prior")[0], name="large", face_template="ffhq512", licence="theirs")
    store.save({"x": torch.zeros(1)}, passport, store.imported_folder())
    said = notices(msgspec.structs.replace(TASKS["restore"], prior="large"), "colour", False)
    assert any("face-restorer was made for faces aligned otherwise than large wants them" in notice for notice in said)
    assert {"the weights are theirs", f"the weights are {store.find('face-restorer')[0].licence}"} <= set(said)
    assert not any("aligned otherwise" in notice for notice in notices(TASKS["restore"], "colour", False))
