"""Official checkpoint files at full size: their keys, prefixes and wrappers, with weights made by formula."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from restauro.systems.diffbir.checkpoints import PARTS
from restauro.systems.diffbir.keys import autoencoder_to_diffusers, unet_to_diffusers
from tests.goldens.runner import formula_weights
from tests.shared import GOLDENS
from tests.systems.diffbir.test_folders import SCHEDULER, ZSNR, text_to_transformers

BEGINNINGS = (*PARTS, "cond_encoder.", "module.")


@dataclass(frozen=True)
class Official:
    """file: as it was published, or in its place as safetensors, in half precision. keys: its list among the goldens.
    name: what it must be recognised as, a name for each network that it holds. words: said on import."""

    file: str
    keys: str
    name: str
    prefix: str = ""
    wrap: Callable[[dict[str, Any]], dict[str, Any]] = dict
    words: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        with gzip.open(GOLDENS / f"{self.keys}.json.gz") as stream:
            listed = json.load(stream)
        shapes = {key.removeprefix("module."): shape for key, shape in listed.get("keys", listed).items()}
        path, half = folder / self.file, self.file.endswith(".safetensors")
        weights = {f"{self.prefix}{key}": _made(key, shape, half) for key, shape in shapes.items()}
        if half:
            save_file(weights, path)
        else:
            torch.save(self.wrap(weights), path)
        return path

    def same_as(self, other: Official) -> bool:
        """But for the name of the file."""
        plain = self.file.endswith(".safetensors") and other.file.endswith(".safetensors")
        return plain and (self.keys, self.prefix) == (other.keys, other.prefix)


class Folder(Official):
    """Stable Diffusion as diffusers saves it."""

    def write(self, folder: Path) -> Path:
        with gzip.open(GOLDENS / f"{self.keys}.json.gz") as stream:
            listed = json.load(stream)
        for begin, part, rename in (
            ("model.diffusion_model.", "unet", partial(unet_to_diffusers, blocks=(2, 2, 2, 2), attended=(0, 1, 2))),
            ("first_stage_model.", "vae", autoencoder_to_diffusers),
            ("cond_stage_model.model.", "text_encoder", partial(text_to_transformers, blocks=23)),
        ):
            made = {key.removeprefix(begin): _made(key, shape, True) for key, shape in listed.items() if key.startswith(begin)}
            place = folder / self.file / part
            place.mkdir(parents=True)
            file = "model" if part == "text_encoder" else "diffusion_pytorch_model"
            save_file({key: value.contiguous() for key, value in rename(made).items()}, place / f"{file}.safetensors")
            (place / "config.json").write_text(json.dumps(CONFIGS[part]))
        (folder / self.file / "scheduler").mkdir()
        (folder / self.file / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER | ZSNR))
        return folder / self.file


CONFIGS: dict[str, dict[str, Any]] = {
    "unet": {"_class_name": "UNet2DConditionModel", "attention_head_dim": [5, 10, 20, 20], "sample_size": 64},
    "vae": {"_class_name": "AutoencoderKL", "sample_size": 768},
    "text_encoder": {"hidden_act": "gelu", "num_attention_heads": 16},
}


def _made(key: str, shape: list[int], half: bool) -> torch.Tensor:
    """By the name that it has in its network, so that what stands in several files is the same."""
    for begin in BEGINNINGS:
        key = key.removeprefix(begin)
    value = torch.from_numpy(formula_weights(key, shape))  # type: ignore[arg-type]
    return value.half() if half else value


def in_training(weights: dict[str, Any]) -> dict[str, Any]:
    """As a training framework leaves them: among other networks, beside an optimiser."""
    more = {"discriminator.conv0.weight": torch.zeros(64, 3, 3, 3), "step_counter": torch.tensor(100_000)}
    return {"meta": {"iter": 100_000}, "state_dict": weights | more, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]}}


FACES = (
    Official("iddpm_ffhq512_ema500000.pth", "pgdiff/keys/iddpm_ffhq512_unet", "ffhq512", "module."),
    Official("iddpm_ffhq512_bare.pth", "pgdiff/keys/iddpm_ffhq512_unet", "ffhq512"),
    Official("rrdb_iter_100000.pth", "pgdiff/keys/rrdb_restorer", "pgdiff-restorer", wrap=in_training),
    Official("ms1mv3_arcface_r50_fp16.pth", "pgdiff/keys/iresnet50", "arcface-iresnet50"),
    Official("iddpm_ffhq256_ema750000.pth", "pgdiff/keys/iddpm_ffhq256_unet", "ffhq256", "module."),
    Official("google-ddpm-celebahq-256.bin", "ddpm_sr3/keys/diffusers_ddpm_256_legacy_attn_names", "ddpm-256"),
    Official("ho-cifar10-variables.pt", "ddpm_sr3/keys/ho_tf_cifar10_32", "ddpm-cifar32"),
    Official("256x256_diffusion_uncond.pt", "ddpm_sr3/keys/openai_guided_256_uncond", "guided256"),
)
SD = "diffbir/keys/sd21_needed_by_diffbir"
CONTROL = "diffbir/keys/controlnet_v1_v2_v2.1"
SWINIR = "diffbir/keys/swinir_stage1"
V21 = (
    Official("DiffBIR_v2.1.safetensors", CONTROL, "diffbir-v2.1-control"),
    Official("realesrgan_s4_swinir_100k.safetensors", SWINIR, "diffbir-swinir"),
)
BESIDE = "sd21-autoencoder sd21-text"

GROUPS: dict[str, tuple[Official, ...]] = {
    "faces": FACES,
    "diffbir-v2.1": (
        Official("sd2.1-base-zsnr-laionaes5.safetensors", SD, f"sd21-prior-zsnr {BESIDE}"),
        *V21,
    ),
    "diffusers": (
        Folder("sd21-zsnr", SD, "full-prior full-autoencoder full-text", words=("--name", "full", "--by", "diffusers")),
        *V21,
    ),
    "diffbir-v2": (
        Official("v2-1_512-ema-pruned.safetensors", SD, f"sd21-prior {BESIDE}"),
        Official("v2.safetensors", CONTROL, "diffbir-v2-control"),
        Official("BSRNet.pth", "diffbir/keys/bsrnet_x4", "bsrnet-x4"),
        Official("scunet_color_real_psnr.pth", "diffbir/keys/scunet_color_real", "scunet"),
    ),
    "diffbir-v1": (
        Official(
            "general_full_v1.safetensors",
            "diffbir/keys/v1_full_single_file",
            f"sd21-prior {BESIDE} diffbir-v1-control diffbir-swinir-v1",
        ),
        Official("v1_general.safetensors", CONTROL, "diffbir-v1-control"),
        Official("v1_face.safetensors", CONTROL, "diffbir-v1-face-control"),
        Official("face_swinir_v1.safetensors", SWINIR, "diffbir-swinir-face"),
    ),
}
"""By the word that runs them alone."""
FILES = tuple(dict.fromkeys(official for files in GROUPS.values() for official in files))
