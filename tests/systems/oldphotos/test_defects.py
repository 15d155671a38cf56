"""Defects of the published pipeline (../shared/facts, A9): its faces, its high-resolution variant; others are in test_whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import restauro.api
from restauro.core.recipe import Recipe, Whole
from restauro.networks.latent_mapping import HighResMapping, ScratchMapping
from restauro.photo.holes import big, fill
from restauro.systems._report import FaceReport, Outcome, Report
from restauro.systems.oldphotos import photograph as way_of_it
from restauro.systems.oldphotos import published_faces
from restauro.systems.oldphotos.photograph import in_the_light_of, restore_variants
from restauro.systems.oldphotos.recipe import as_a_whole
from restauro.systems.oldphotos.whole import Trio, restore
from tests.systems.oldphotos.old_weights import photograph, stock

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path)


def other_system(handed: list[tuple[np.ndarray, Recipe]]) -> Any:
    """Restores no face, but two dots, and remembers what it was given."""

    def variants(pixels: np.ndarray, recipe: Recipe, seeds: list[int], device: torch.device, **more: Any) -> Iterator[Outcome]:
        for seed in seeds:
            handed.append((pixels, recipe))
            out, touched = pixels.copy(), np.zeros(pixels.shape[:2], bool)
            out[3, 4], touched[3, 4] = seed / 10, True
            face = FaceReport(number=1, box=(0, 0, 9, 9), eye_distance=4, verdict="restored", why="", likeness=0.5)
            known: dict[str, Any] = {"tone": "colour", "changed": 0.1, "invented": 0.1, "outside_exact": True, "device": "cpu"}
            report = Report(task="old-photo", faces=(face,), notices=("x",), calls=7, seconds=0.0, **known)
            yield Outcome(out, touched, report)

    return variants


def test_defects_18_and_19_faces_are_another_systems_by_default_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original always ran its own face generator, which could not be told from the rest nor left out."""
    handed: list[tuple[np.ndarray, Recipe]] = []
    monkeypatch.setattr(way_of_it, "way", lambda recipe: other_system(handed))
    recipe = as_a_whole(Recipe(task="old-photo", fidelity=0.7, faces=(1,)), Whole(detector=""))
    pixels = photograph(40, 40)
    first, second = restore_variants(pixels, recipe, [1, 2], CPU)
    (base, given), (again, _) = handed
    assert given.system == "pgdiff" and given.fidelity == 0.7 and given.faces == (1,) and given.task == "restore"
    assert base is again and (base != pixels).any()  # the whole is restored once
    assert first.report.faces[0].likeness == 0.5 and first.report.calls == 7 and "x" in first.report.notices
    for found, own in ((first, 0.1), (second, 0.2)):
        pasted = base.copy()
        pasted[3, 4] = own
        assert np.array_equal(found.pixels, in_the_light_of(base, pasted, found.report.faces))
    handed.clear()
    alone = next(restore_variants(pixels, as_a_whole(Recipe(task="old-photo"), Whole(detector="", faces_by="")), [1], CPU))
    assert not handed and alone.report.faces == () and (alone.pixels == base).all()


def test_defect_18_small_faces_are_not_pasted_by_the_original() -> None:
    """Its mask is eroded by 12 pixels of the photograph, whatever the size of the face. Eyes stand on whole pixels."""
    points = np.array([[40, 40], [46, 40], [43, 43], [41, 47], [45, 47]])
    picture = photograph(90, 90) * 255
    changed = published_faces.restore_faces(picture, [points], lambda crop: np.full(crop.shape, 255, np.uint8))
    assert np.abs(changed - picture).max() < 1e-6
    large = 40 + (points - 40) * 6
    picture = photograph(200, 200) * 255
    changed = published_faces.restore_faces(picture, [large], lambda crop: 255 - crop.astype(np.uint8))
    assert np.abs(changed - picture).max() > 5
    marks = np.zeros((68, 2), int)
    marks[39] = 3
    assert published_faces.five_of(marks)[0].tolist() == [1, 1]


@pytest.mark.parametrize("holes", ["few", "nearly all"])
def test_defect_10_the_high_resolution_mapping_takes_any_size_and_nearly_no_intact_patch(holes: str) -> None:
    trio = Trio.load(Whole(), CPU)
    torch.manual_seed(2)
    trio = trio._replace(mapping=HighResMapping(8, 8).eval())
    pixels, mask = photograph(45, 70), np.zeros((45, 70), np.float32)
    mask[10:14] = 1
    if holes == "nearly all":
        mask[:], mask[0, 0] = 1, 0
    done = restore(pixels, mask, trio, CPU)
    assert done.shape == pixels.shape and np.isfinite(done).all()


def test_defect_4_big_holes_are_told_from_long_ones() -> None:
    mask = np.zeros((200, 200), np.float32)
    mask[90:94], mask[:, 20:23] = 1, 1
    assert not big(mask, 10).any()
    mask[120:180, 120:180] = 1
    deep = big(mask, 10)
    assert deep[150, 150] and not deep[91, 150] and not deep[10, 21]
    closed = fill(photograph(200, 200), mask * deep)
    assert np.abs(closed - photograph(200, 200))[120:180, 120:180].mean() < 0.3


def test_a_mask_is_found_for_every_task() -> None:
    """`--mask auto` is what `old-photo` does by itself; with PGDiff alone the found mask is a given one."""
    picture = Image.fromarray(np.rint(photograph(40, 40) * 255).astype(np.uint8))
    how = Whole(sensitivity=0.5)
    found = restauro.scratches(picture, how=how)
    assert found.shape == (40, 40) and set(np.unique(found)) <= {0, 1}
    recipe = restauro.api.make_recipe("old-photo", by=["old-photos"])
    by_itself = restauro.api.run(picture, recipe)
    assert by_itself.recipe == recipe and by_itself.report.scratched is not None
    none = restauro.api.run(picture, recipe, mask="none")
    assert none.recipe.whole == msgspec.structs.replace(Whole(faces_by=""), detector="") and none.report.scratched == 0


def test_holes_of_a_very_large_picture_are_filled_from_a_grid_of_places() -> None:
    torch.manual_seed(0)
    mapping = ScratchMapping(8, 8, 1).eval()
    latent, mask = torch.randn(1, 8, 12, 20), torch.zeros(1, 1, 48, 80)
    mask[..., 20:24, :] = 1
    with torch.no_grad():
        every, enough, few = (mapping(latent, mask, keys=keys) for keys in (0, 240, 60))
        torch.testing.assert_close(every, enough)
        assert few.isfinite().all() and (few - every).abs().max() > 1e-4
        seen = mapping.NL(mapping.before_NL(latent), mask, keys=60)
        torch.testing.assert_close(seen[:, :, :5], mapping.before_NL(latent)[:, :, :5])  # what is intact stays as it is
