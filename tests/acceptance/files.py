"""Official checkpoint files at full size: their keys, prefixes and wrappers, with weights made by formula."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.goldens.runner import formula_weights
from tests.shared import GOLDENS


@dataclass(frozen=True)
class Official:
    """file: as it was published. keys: its list among the goldens. name: what it must be recognised as."""

    file: str
    keys: str
    name: str
    prefix: str = ""
    wrap: Callable[[dict[str, Any]], dict[str, Any]] = dict

    def write(self, folder: Path) -> Path:
        with gzip.open(GOLDENS / f"{self.keys}.json.gz") as stream:
            shapes = {key.removeprefix("module."): shape for key, shape in json.load(stream)["keys"].items()}
        weights = {f"{self.prefix}{key}": torch.from_numpy(formula_weights(key, shape)) for key, shape in shapes.items()}
        torch.save(self.wrap(weights), folder / self.file)
        return folder / self.file


def in_training(weights: dict[str, Any]) -> dict[str, Any]:
    """As a training framework leaves them: among other networks, beside an optimiser."""
    more = {"discriminator.conv0.weight": torch.zeros(64, 3, 3, 3), "step_counter": torch.tensor(100_000)}
    return {"meta": {"iter": 100_000}, "state_dict": weights | more, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}


FILES = (
    Official("iddpm_ffhq512_ema500000.pth", "pgdiff/keys/iddpm_ffhq512_unet", "ffhq512", "module."),
    Official("iddpm_ffhq512_bare.pth", "pgdiff/keys/iddpm_ffhq512_unet", "ffhq512"),
    Official("rrdb_iter_100000.pth", "pgdiff/keys/rrdb_restorer", "pgdiff-restorer", wrap=in_training),
    Official("ms1mv3_arcface_r50_fp16.pth", "pgdiff/keys/iresnet50", "arcface-iresnet50"),
    Official("iddpm_ffhq256_ema750000.pth", "pgdiff/keys/iddpm_ffhq256_unet", "ffhq256", "module."),
    Official("google-ddpm-celebahq-256.bin", "ddpm_sr3/keys/diffusers_ddpm_256_legacy_attn_names", "ddpm-256"),
    Official("ho-cifar10-variables.pt", "ddpm_sr3/keys/ho_tf_cifar10_32", "ddpm-cifar32"),
    Official("256x256_diffusion_uncond.pt", "ddpm_sr3/keys/openai_guided_256_uncond", "guided256"),
)
