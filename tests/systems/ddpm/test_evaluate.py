"""`restauro evaluate ddpm`: bits per dimension of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restauro import api
from restauro.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(3):
        levels = np.random.default_rng(seed).integers(0, 256, (20, 16, 3), np.uint8)
        Image.fromarray(levels).save(tmp_path / f"{seed}.png")
    (tmp_path / "torn.png").write_bytes(b"no picture")
    return tmp_path


def test_the_parts_are_the_whole(folder: Path) -> None:
    found = api.evaluate(folder, prior="tiny-learned", device="cpu")
    assert (found.pictures, found.timesteps, found.of, len(found.broken)) == (3, 50, 50, 1)
    assert found.total.value == pytest.approx(found.decoder.value + found.between.value + found.last.value)
    assert found.total.error > 0 and found.last.value >= 0
    assert len(found.progressive) == 50
    assert found.progressive[-1].rate == pytest.approx(found.total.value - found.decoder.value)
    few = api.evaluate(folder, prior="tiny-learned", timesteps=5, count=1, device="cpu")
    assert (few.pictures, few.timesteps) == (1, 5) and np.isnan(few.total.error)


def test_command(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["evaluate", *words])
        return code, *capfd.readouterr()

    code, out, err = run("ddpm", "--data", str(folder), "--bits", "--prior", "tiny-learned", "--timesteps", "4", "--progressive")
    assert code == 0 and "4 of 50 timesteps" in out and "bits/dim" in out and "±" in out and "RMSE" in out
    assert "torn.png" in err
    code, out, _ = run("ddpm", "--data", str(folder), "--prior", "tiny-learned", "--timesteps", "all", "--json")
    found = api.evaluate(folder, prior="tiny-learned", device="cpu")
    assert code == 0 and json.loads(out)["bits_per_dim"]["value"] == found.total.value and "progressive" not in out
    assert run("ddpm")[0] == run("ddmp", "--data", str(folder))[0] == 2
    assert run("ddpm", "--data", str(folder / "none"))[0] == 3
    assert run("ddpm", "--data", str(folder), "--prior", "face-restorer")[0] == 5
    assert run("ddpm", "--data", str(folder), "--timesteps", "1")[0] == 2
