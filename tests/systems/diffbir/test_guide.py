"""docs/diffbir.md stays true: its commands run, in order, with small networks and few steps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import restauro
from restauro.cli import main
from restauro.core.recipe import Latent, Recipe, Release
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.ircontrolnet import IRControlNet
from restauro.networks.rrdb import RRDBNet
from restauro.networks.swinir import SwinIR
from restauro.networks.text_tower import TextTower
from restauro.networks.unet import UNet
from restauro.systems import diffbir
from restauro.systems.diffbir import prompts, published
from restauro.systems.diffbir.objective import PARTS
from restauro.weights.declared import Declared
from tests.systems.diffbir.latent_weights import stock
from tests.systems.diffbir.test_checkpoints import old_names
from tests.test_readme import blocks, commands
from tests.test_readme import desk as desk

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "diffbir.md").read_text(encoding="utf-8")
FEW = ["--steps", "2"]
ONCE = ["--steps", "1", "--batch", "2", "--size", "32", "-q"]
SMALL = {
    "mine-stage1": "width=12 depths=2 heads=2 window=2 unshuffle=4 features=4",
    "mine-auto": "width=8 critic_width=4",
    "mine-prior": "width=8 mult=1,2 attention=2 head_channels=8",
}
UNET: dict[str, Any] = {
    "in_channels": 4, "model_channels": 64, "channel_mult": [1], "num_res_blocks": 1, "attention": [1], "num_head_channels": 64,
    "scale_shift": False, "context": 64,
}  # fmt: skip


def official() -> None:
    """Files that are named and laid out as the official ones."""
    networks = {
        "model.diffusion_model.": UNet(**UNET, out_channels=4),
        "first_stage_model.": AutoencoderKL(4, 8, [1, 1, 1, 1], 1),
        "cond_stage_model.model.": TextTower(64, 2, 1),
    }
    tensors = {f"{begin}{key}": value for begin, network in networks.items() for key, value in network.state_dict().items()}
    torch.save({"state_dict": tensors}, "v2-1_512-ema-pruned.ckpt")
    torch.save(IRControlNet(**UNET, hint_channels=4).state_dict(), "v2.pth")
    torch.save(old_names(RRDBNet(mid_channels=8, num_blocks=1, growth_channels=4)), "BSRNet.pth")
    torch.save(SwinIR(width=12, depths=[1], heads=2, features=8).state_dict(), "realesrgan_s4_swinir_100k.pth")


def quick(words: list[str]) -> list[str]:
    """The same with little to do."""
    if words[0] == "train":
        knobs = SMALL.get(words[words.index("--ship") + 1], "").split()
        return [*words, *(word for knob in knobs for word in ("--knob", knob)), *ONCE]
    return [*words, *FEW] if "diffbir" in words and "-w" not in words else words


def test_every_command_runs(desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(desk / "home"))
    monkeypatch.setattr(prompts, "_pairs", lambda word: [len(word)])
    monkeypatch.setattr(published, "LEAST", 64)
    torch.manual_seed(0)
    stock("face-latent")
    official()
    assert len(commands(GUIDE)) > 18
    for command in commands(GUIDE):
        code = main(quick(shlex.split(command)[1:]))
        assert code == 0, f"{command}: exit {code}\n{capsys.readouterr().err}"
    for block in blocks("python", GUIDE):
        exec(compile(block, "diffbir.md", "exec"), {"restauro": restauro})
    same, faithful = (np.asarray(Image.open(desk / name)) for name in ("same.jpg", "faithful.jpg"))
    assert (same == faithful).all()


def test_every_option_it_speaks_of_is_one() -> None:
    named = {option.replace("-", "_") for option in re.findall(r"`--([a-z0-9-]+)", GUIDE)}
    fields = {name for struct in (Recipe, Latent, Release, Declared) for name in struct.__struct_fields__}
    assert named <= fields | {"want", "knob", "low_memory"}, named - fields
    assert {*Latent.__struct_fields__, *Release.__struct_fields__} - {"text"} <= named | {"release"}


def test_the_guide_to_training_names_the_parts_in_their_order_and_their_presets() -> None:
    table = (DOCS / "training.md").read_text(encoding="utf-8").partition("## Parts that belong together")[2].partition("\n## ")[0]
    rows = [re.findall(r"`([a-z][^`]*)`", line) for line in table.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == list(PARTS)
    presets = {path.stem for path in (Path(diffbir.__file__ or "").parent / "presets").glob("*.json")}
    assert {word for row in rows for word in row[1:] if "=" not in word} <= presets
