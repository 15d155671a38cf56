"""`restauro train pix2pix`, from files to weights that are used by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restauro.api.parts import presets
from restauro.cli import main
from restauro.core.knobs import build
from restauro.networks.skip_unet import SkipUNet
from restauro.systems.pix2pix.objective import Pix2PixObjective
from restauro.training.data import Pictures
from restauro.training.run import Run
from restauro.weights.store import find, load
from tests.networks.keys import shapes
from tests.shared import needs_shared

TINY = ("width=4", "critic_width=4", "layers=1", "downs=3")


def trained(folder: Path, name: str, *knobs: str) -> int:
    words = ["train", "pix2pix", "--data", str(folder), "--size", "16", "--steps", "2", "--batch", "2", "--device", "cpu", "-q"]
    words += [word for knob in (*TINY, *knobs) for word in ("--knob", knob)]
    return main([*words, "--out", str(folder / "run"), "--ship", name, "--about", "noise"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two squares side by side."""
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.mark.parametrize(("knob", "kind"), [("direction=BtoA", "translator"), ("degradation=grey", "restorer")])
def test_pairs_and_any_degradation(folder: Path, knob: str, kind: str) -> None:
    assert trained(folder, f"by-command-{kind}", knob) == 0
    passport, _ = find(f"by-command-{kind}")
    assert passport.kind == kind and passport.scores["PSNR"] > 0 and knob in passport.command
    assert load(passport.name)(torch.zeros(1, 3, 24, 16)).shape == (1, 3, 24, 16)


def test_a_mistake_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained(folder, "never", "gan=wgan") == 2
    assert "gan: 'wgan' is none of none, vanilla, lsgan, wgangp" in capsys.readouterr().err


@needs_shared
def test_the_preset_is_the_published_network_and_way() -> None:
    config = presets()["pix2pix-published"]
    objective: Pix2PixObjective = build(Pix2PixObjective, config.objective)
    with torch.device("meta"):
        network = objective.build(Pictures(torch.zeros(1, 6, 256, 256, dtype=torch.uint8), [{}]))
    for part, name in ((network.generator, "unet_256_batch"), (network.discriminator, "D_basic_batch")):
        assert part is not None
        assert {key: list(value.shape) for key, value in part.state_dict().items()} == shapes(f"pix2pix_{name}")
    assert isinstance(network.generator, SkipUNet) and (objective.l1, objective.gan) == (100, "vanilla")
    run: Run = build(Run, config.run)
    assert (run.batch, run.beta1, run.beta2, run.weight_decay, run.rate) == (1, 0.5, 0.999, 0, 2e-4)
    assert [run.rate_at(step + 1, step / run.steps) for step in (0, run.steps // 2)] == [2e-4, 2e-4]
    assert 0 < run.rate_at(run.steps, 1 - 1 / run.steps) < 1e-8
