"""Names for diffusers: the whole published table, and the same answers from its networks."""

from __future__ import annotations

import gzip
import json

import pytest
import torch
from torch import Tensor

from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.networks.unet import UNet
from restauro.systems.diffbir.keys import autoencoder_to_diffusers, unet_to_diffusers
from tests.networks.keys import shapes
from tests.shared import GOLDENS, needs_shared

BLOCKS, ATTENDED = (2, 2, 2, 2), (0, 1, 2)


def part(file: str, begin: str) -> dict[str, Tensor]:
    found = {key: torch.empty(shape, device="meta") for key, shape in shapes(file, "diffbir").items() if key.startswith(begin)}
    return {key.removeprefix(begin): value for key, value in found.items()}


@needs_shared
def test_the_published_table() -> None:
    with gzip.open(GOLDENS / "diffbir/keys/map_original_to_diffusers.json.gz") as stream:
        table: dict[str, str] = json.load(stream)
    prior = part("sd21_needed_by_diffbir", "model.diffusion_model.")
    control, vae = part("controlnet_v1_v2_v2.1", ""), part("sd21_needed_by_diffbir", "first_stage_model.")
    found = {
        "model.diffusion_model.": (prior, unet_to_diffusers(prior, BLOCKS, ATTENDED)),
        "controlnet:": (control, unet_to_diffusers(control, BLOCKS, ATTENDED)),
        "first_stage_model.": (vae, autoencoder_to_diffusers(vae)),
    }
    assert sum(len(ours) for ours, _ in found.values()) == len(table)
    for begin, (ours, theirs) in found.items():
        assert [table[begin + key] for key in ours] == list(theirs)
        assert all(one.numel() == other.numel() for one, other in zip(ours.values(), theirs.values(), strict=True))


@torch.no_grad()
def test_diffusers_answers_alike() -> None:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(3)
    sizes = {"model_channels": 32, "channel_mult": [1, 2], "num_res_blocks": 1, "attention": [1], "num_head_channels": 16}
    ours = UNet(4, 4, **sizes, scale_shift=False, context=24, zero_init=False).eval()
    kinds = {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D")}
    theirs = diffusers.UNet2DConditionModel(
        **kinds, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=24, attention_head_dim=(2, 4),
        use_linear_projection=True,
    ).eval()  # fmt: skip
    theirs.load_state_dict(unet_to_diffusers(ours.state_dict(), (1, 1), (0,)))
    x, t, context = torch.randn(2, 4, 8, 12), torch.tensor([3, 700]), torch.randn(2, 5, 24)
    torch.testing.assert_close(ours(x, t, context=context), theirs(x, t, context).sample, atol=1e-4, rtol=1e-4)

    vae = AutoencoderKL(4, 32, [1, 2], 1).eval()
    other = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, block_out_channels=(32, 64),
        layers_per_block=1, latent_channels=4,
    ).eval()  # fmt: skip
    other.load_state_dict(autoencoder_to_diffusers(vae.state_dict()))
    picture = torch.randn(1, 3, 16, 24)
    torch.testing.assert_close(vae.encode(picture)[0], other.encode(picture).latent_dist.mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(vae.decode(x[:1]), other.decode(x[:1]).sample, atol=1e-4, rtol=1e-4)
