"""Weights come in and go out: `restauro models import` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from restauro.networks.unet import UNet
from restauro.systems.ddpm.network import HO
from tests.cli.conftest import Run

SMALL: dict[str, Any] = {
    "in_channels": 3, "out_channels": 3, "model_channels": 32, "channel_mult": [1, 1], "num_res_blocks": 1, "attention": [2],
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path / "home"))


def openai_file(folder: Path, **changes: Any) -> Path:
    torch.manual_seed(0)
    torch.save(UNet(**{**SMALL, "zero_init": False, **changes}).state_dict(), folder / "prior.pt")
    return folder / "prior.pt"


def test_what_a_file_does_not_tell_is_said(run: Run, tmp_path: Path) -> None:
    file = openai_file(tmp_path, num_head_channels=16)
    refused = run("models", "import", file)
    assert refused.code == 5 and "say --head-channels or --heads" in refused.err
    told = run(
        "models", "import", file, "--head-channels", "16", "--size", "16", "--rescaled", "yes", "--clip", "no", "--json"
    ).json
    assert told["arguments"]["num_head_channels"] == 16
    assert (told["size"], told["rescaled"], told["clip"]) == (16, True, False)
    said = ["--embedding", "ho", "--padding", "same", "--epsilon", "1e-6", "--groups", "16"]
    told = run("models", "import", file, "--name", "other", "--heads", "2", *said, "--json").json
    assert {name: told["arguments"][name] for name in HO} == HO
    assert (told["arguments"]["groups"], told["arguments"]["num_heads"]) == (16, 2)
    assert "how large the pictures of 'other' are is not known" in run("sample", "--prior", "other", "-o", tmp_path / "x.png").err


def test_out_and_in_again_and_drawn_from(run: Run, tmp_path: Path) -> None:
    run("models", "import", openai_file(tmp_path), "--name", "mine", "--heads", "1", "--size", "8")
    out = tmp_path / "out"
    assert run("models", "export", "mine", "--to", "diffusers", "-o", out).out == f"exported mine (prior) to {out}\n"
    assert "is not empty" in run("models", "export", "mine", "--to", "diffusers", "-o", out).err
    back = run("models", "import", out, "--name", "back", "--json").json
    assert (back["size"], back["kind"], back["prediction"]) == (8, "prior", "eps")
    for prior in ("back", "mine"):
        done = run("sample", "--prior", prior, "-n", "2", "--steps", "2", "-o", tmp_path / f"{prior}.png")
        assert done.code == 0, done.err
    assert (tmp_path / "back.png").read_bytes() == (tmp_path / "mine.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["export", "face-prior", "--to", "diffusers"], 5, "ONNX can (--to onnx)"),
        (["export", "face-prior"], 2, "say --to diffusers or --to onnx"),
        (["export", "--to", "onnx"], 2, "name the weights"),
        (["show", "face-prior", "--to", "onnx"], 2, "--to belongs to `restauro models export NAME`"),
        (["export", "face-prior", "--to", "onnx", "--heads", "2"], 2, "--heads belongs to `restauro models import"),
    ],
)
def test_what_cannot_be_exported(run: Run, words: list[str], code: int, problem: str) -> None:
    ran = run("models", *words)
    assert ran.code == code and problem in ran.err and ran.err.count("\n") == 1
