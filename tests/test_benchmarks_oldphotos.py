"""What the table of old photographs rests on: the same damage in every run, one mask for every way, nothing left out unsaid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.oldphotos import Old, Way, aged, answers, claims, here, ways
from tests.systems.oldphotos.old_weights import photograph, stock


def test_the_damage_is_the_same_in_every_run_and_the_target_keeps_what_was_meant() -> None:
    clean = [photograph(48, 64, seed) for seed in range(4)]
    first, again = aged(clean), aged(clean)
    for one, other, picture in zip(first, again, clean, strict=True):
        assert (one.picture == other.picture).all() and (one.mask == other.mask).all()
        assert one.picture.shape == one.target.shape == picture.shape and one.mask.shape == picture.shape[:2]
        assert np.abs(one.picture - one.target).max() > 0.05


def test_every_way_runs_on_the_same_picture_and_mask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stock(monkeypatch, tmp_path)
    picture, mask = photograph(40, 48), np.zeros((40, 48), np.float32)
    mask[10] = 1
    (found, _), peak = answers("Old Photos", ("", "old-photo-plain"), [Old(picture, picture, mask)] * 2)
    assert found[0].shape == picture.shape and peak > 10
    shown = ways()["OpenCV Telea, NLM 5"].restore(np.where(mask[:, :, None] > 0, np.float32(1), picture), mask)
    assert np.abs(shown - picture)[10].mean() < 0.05


def test_what_cannot_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = here({"a": Way(lambda picture, mask: picture), "b": Way(lambda picture, mask: picture, ("nobody",))})
    assert list(found) == ["a"] and "left out: b (weights nobody" in capsys.readouterr().out


def test_claims_are_paired() -> None:
    rng = np.random.default_rng(0)
    base = {title: rng.random(20) for title in ("PSNR", "SSIM", "LPIPS", "GMSD")}
    better = {title: values + 0.5 for title, values in base.items()}
    assert "PSNR +0.50 [+0.50, +0.50]" in claims({"Old Photos": better, "input": base}, "Old Photos")
