"""From a folder of pictures to a prior that everything else can use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro import api
from restauro.api import parts
from restauro.cli import main
from restauro.systems.ddpm.objective import DdpmObjective
from restauro.training.run import Run
from restauro.weights.store import find

TINY = [f"--knob={knob}" for knob in ("width=8", "mult=1,2", "blocks=1", "attention=[2]", "T=100", "schedule=openai-linear")]
TINY += ["--knob=variance=learned_range", "--knob=minimises=rescaled_mse"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(6):
        levels = np.random.default_rng(index).integers(0, 255, (4, 4, 3), np.uint8)
        Image.fromarray(levels).resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def test_train_sample_evaluate_interpolate_restore(pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name, out = "mine", tmp_path / "run"
    words = ["--data", str(pictures), "--size", "32", "--out", str(out), "--steps", "2", "--batch", "2", *TINY]
    assert main(["train", "ddpm", *words, "--ship", name, "--about", "squares", "--json"]) == 0
    last = json.loads(capfd.readouterr().out)["last"]
    assert last["step"] == 2 and last["scores"].keys() == {"bits/dim", "L_0"}
    assert [one.name for one in out.glob("samples-*.png")] == ["samples-2.png"]
    passport = find(name)[0]
    assert (passport.kind, passport.size, passport.steps, passport.schedule) == ("prior", 32, 100, "openai-linear")
    one, other = sorted(pictures.glob("*.png"))[:2]
    assert main(["sample", "-n", "2", "--prior", name, "--steps", "4", "-o", str(tmp_path / "samples.png"), "-q"]) == 0
    assert len(api.sample(1, prior=name, faithful=True, device="cpu")) == 1
    assert api.evaluate(pictures, prior=name, timesteps=4, device="cpu").total.value > 0
    assert api.interpolate(one, other, prior=name, aligned=True, steps=3, faithful=True, device="cpu")[0].depth == 50
    result = api.restore(one, prior=name, aligned=True, steps=2, force=True, device="cpu")
    assert result.image.size == (32, 32)
    faithful = api.restore(one, prior=name, aligned=True, steps=2, faithful=True, force=True, device="cpu")
    assert faithful.image.size == (32, 32)


@pytest.mark.parametrize(
    ("preset", "parameters"), [("ddpm-cifar10", 35_746_307), ("ddpm-256", 113_673_219), ("ddpm-32", 1_114_822)]
)
def test_presets_are_as_large_as_they_say(preset: str, parameters: int) -> None:
    config = parts.config(preset)
    objective: DdpmObjective = parts.objective(config.part)(**config.objective)
    assert Run(**config.run).ema >= 0.999
    with torch.device("meta"):
        network = objective.build(None)  # type: ignore[arg-type]
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == parameters and f"{found / 1e6:.1f} million" in config.what
