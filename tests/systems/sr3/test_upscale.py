"""Enlarging a photograph: any size, no seams, consistent with what it was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

import restauro
from restauro.core.errors import RecipeError, RestauroError
from restauro.core.events import Event
from restauro.core.recipe import Want
from restauro.core.registry import PROPERTIES
from restauro.diffusion.denoiser import NetworkDenoiser
from restauro.photo.resize import resize
from restauro.systems.sr3 import enlarge as tiled
from restauro.systems.sr3.enlarge import calls, enlarge
from restauro.systems.sr3.recipe import TASKS

CPU = torch.device("cpu")
FEW = msgspec.structs.replace(TASKS["upscale"], steps=2)


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft shapes and hard edges, (H, W, 3) in [0.1, 0.9]."""
    y, x = np.mgrid[:height, :width] / 7.0
    waves = np.stack([np.sin(x + seed), np.sin(y * 1.3 + x), np.cos(x - y)], -1)
    return (0.5 + 0.3 * waves + 0.1 * (np.sin(x * y) > 0)[..., None]).clip(0.1, 0.9).astype(np.float32)


@pytest.mark.parametrize(("height", "width", "factor"), [(1, 1, 2), (3, 17, 4), (33, 20, 2)])
def test_any_size(height: int, width: int, factor: int) -> None:
    large = enlarge(photograph(height, width), msgspec.structs.replace(FEW, upscale=factor), CPU)
    assert (
        large.shape == (height * factor, width * factor, 3) and np.isfinite(large).all() and 0 <= large.min() <= large.max() <= 1
    )


@pytest.mark.parametrize("factor", [2, 4])
def test_reduced_it_is_the_photograph(factor: int) -> None:
    small = photograph(30, 22)
    large = enlarge(small, msgspec.structs.replace(FEW, upscale=factor), CPU)
    assert np.abs(resize(large, 30, 22, clip=False) - small).max() < 0.5 / 255
    free = enlarge(small, msgspec.structs.replace(FEW, upscale=factor, wants=()), CPU)
    assert np.abs(resize(free, 30, 22, clip=False) - small).max() > 0.5 / 255


def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Complaint 10 of the SR3 repository's users: fixed sizes only. (Sides of 16 pixels: only the padding would differ.)"""
    small, recipe = photograph(40, 104), msgspec.structs.replace(FEW, steps=3)
    whole = enlarge(small, recipe, CPU)
    monkeypatch.setattr(tiled, "TILE", 128)
    assert np.abs(enlarge(small, recipe, CPU) - whole).max() < 0.5 / 255


def test_the_noise_is_the_seed_and_the_place() -> None:
    small = photograph(24, 24)
    first, again, other = (enlarge(small, msgspec.structs.replace(FEW, seed=seed), CPU) for seed in (1, 1, 2))
    assert (first == again).all() and np.abs(first - other).max() > 1 / 255


def test_fidelity_1_is_one_call_and_says_so() -> None:
    assert calls(TASKS["upscale"]) == TASKS["upscale"].steps
    assert calls(msgspec.structs.replace(TASKS["upscale"], fidelity=1)) == 1
    heard: list[Event] = []
    recipe = msgspec.structs.replace(FEW, fidelity=1)
    enlarge(photograph(16, 16), recipe, CPU, heard.append)
    assert heard[-1].done == heard[-1].total == 1
    assert (
        enlarge(photograph(16, 16), msgspec.structs.replace(recipe, start=2), CPU) == enlarge(photograph(16, 16), recipe, CPU)
    ).all()


def test_progress_is_told_step_by_step_and_tile_by_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "TILE", 64)
    monkeypatch.setattr(tiled, "OVERLAP", 16)
    heard: list[Event] = []
    enlarge(photograph(40, 24), msgspec.structs.replace(FEW, steps=3), CPU, heard.append)
    assert [event.done for event in heard] == list(range(1, heard[-1].total + 1)) and heard[-1].total == 2 * 3


def test_grey_stays_grey() -> None:
    grey = photograph(24, 24).mean(-1, keepdims=True).repeat(3, -1)
    picture = Image.fromarray(np.rint(grey * 255).astype(np.uint8))
    result = restauro.upscale(picture, 2, steps=2)
    assert result.report.tone == "grey" and np.ptp(np.asarray(result.image), axis=-1).max() == 0
    assert np.abs(resize(result.pixels, 24, 24, clip=False) - np.asarray(picture, np.float32) / 255).max() < 1 / 255


def test_the_report_says_what_is_a_guess_and_how_far_it_is_from_the_photograph() -> None:
    result = restauro.upscale(Image.fromarray(np.rint(photograph(20, 20) * 255).astype(np.uint8)), 2, steps=2)
    assert result.report.calls == 2 and result.report.invented == 1 and result.pixels.shape == (40, 40, 3)
    assert any("guess" in one for one in result.report.notices) and any("of 255" in one for one in result.report.notices)


def test_a_noisy_photograph_is_told_of_cleaning() -> None:
    smooth = np.linspace(60, 180, 40 * 40 * 3).reshape(40, 40, 3)
    noisy = (smooth + np.random.default_rng(0).normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)
    for levels, cleaning, told in ((noisy, 0.0, True), (noisy, 0.5, False), (smooth.astype(np.uint8), 0.0, False)):
        result = restauro.upscale(Image.fromarray(levels), 2, steps=1, cleaning=cleaning)
        assert any("--cleaning" in one for one in result.report.notices) == told


@pytest.mark.parametrize("name", PROPERTIES.names())
def test_every_property_guides_it_or_says_why_not(name: str) -> None:
    small = photograph(20, 20)
    plain = msgspec.structs.replace(TASKS["upscale"], steps=3, wants=())
    try:
        bent = enlarge(small, msgspec.structs.replace(plain, wants=(Want(property=name, weight=1.0),)), CPU)
    except RestauroError as error:
        assert "\n" not in str(error)
        assert name in NEED_MORE, f"{name}: {error}"
        return
    assert name not in NEED_MORE
    assert np.abs(bent - enlarge(small, plain, CPU)).max() > 1e-4


NEED_MORE = {"identity", "known-region", "classifier", "detail-transfer"}
"""They need a mask, a reference, a classifier, or faces that are aligned."""


def test_cleaning_leaves_out_what_it_is_told_to_expect() -> None:
    """Complaint 18: training only ever sees clean small pictures, so that noise is enlarged as detail."""
    clean = photograph(40, 40)
    noisy = (clean + np.random.default_rng(0).normal(0, 8 / 255, clean.shape)).clip(0, 1).astype(np.float32)
    truth = resize(clean, 80, 80)
    kept, left_out = (enlarge(noisy, msgspec.structs.replace(FEW, cleaning=c), CPU) for c in (0.0, 0.8))
    assert np.square(left_out - truth).mean() < 0.7 * np.square(kept - truth).mean()


def test_what_is_not_finite_is_the_enlarged_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiled.super_resolver

    def broken(*args: Any) -> NetworkDenoiser:
        denoiser = made(*args)
        return replace(denoiser, network=lambda x, told: denoiser.network(x, told) * float("nan"))

    monkeypatch.setattr(tiled, "super_resolver", broken)
    with pytest.warns(UserWarning, match="not finite"):
        large = enlarge(photograph(16, 16), FEW, CPU)
    assert np.isfinite(large).all()


@pytest.mark.parametrize("wrong", [{"upscale": 1}, {"mask": True}])
def test_what_makes_no_sense_is_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError) as error:
        picture = Image.new("RGB", (8, 8))
        if "mask" in wrong:
            restauro.api.run(picture, FEW, mask=picture)
        else:
            restauro.upscale(picture, 1)
    assert "\n" not in str(error.value)


def test_a_file_of_any_kind_keeps_its_kind(tmp_path: Path) -> None:
    """16 bits stay 16 bits; alpha comes along at the new size."""
    levels = np.rint(photograph(12, 18) * 65535).astype(np.uint16)
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", levels)
    restauro.upscale(tmp_path / "a.tif", 2, steps=1).save(tmp_path / "b.tif")
    assert tifffile.imread(tmp_path / "b.tif").dtype == np.uint16 and tifffile.imread(tmp_path / "b.tif").shape == (24, 36, 3)
    with_alpha = Image.fromarray(np.rint(photograph(12, 18) * 255).astype(np.uint8)).convert("RGBA")
    with_alpha.putalpha(128)
    with_alpha.save(tmp_path / "c.png")
    restauro.upscale(tmp_path / "c.png", 2, steps=1).save(tmp_path / "d.png")
    with Image.open(tmp_path / "d.png") as found:
        assert found.size == (36, 24) and found.mode == "RGBA" and found.getchannel("A").getextrema() == (128, 128)
