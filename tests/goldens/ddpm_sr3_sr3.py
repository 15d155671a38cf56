"""SR3: the repository's networks, losses, sampling and data, and the paper's sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from restauro.networks.sr3 import Sr3UNet, attention_at, sr3_arguments
from tests.goldens.runner import Case, close, fill, handles

F32 = {"abs": 2e-5, "rel": 2e-5}


def repository_unet(ctor: Mapping[str, Any], told: str = "level") -> Sr3UNet:
    """The network of the repository's constructor arguments, with formula-made weights."""
    down, up = attention_at(ctor["attn_res"], ctor["image_size"], len(ctor["channel_mults"]))
    network: Sr3UNet = fill(
        Sr3UNet(
            ctor["in_channel"],
            ctor["out_channel"],
            ctor["inner_channel"],
            ctor["channel_mults"],
            ctor["res_blocks"],
            down,
            up,
            ctor["norm_groups"],
            ctor["dropout"],
            told,  # type: ignore[arg-type]
        ),
        keep=("inv_freq",),
    )
    return network


@handles("ddpm_sr3", "unet_sr3repo_")
def unet(case: Case) -> None:
    ctor, told = case.config["ctor"], "level" if "level" in case else "timesteps"
    network = repository_unet(ctor, told)
    shapes = {key: list(value.shape) for key, value in network.state_dict().items()}
    if "keys" in case.config:
        assert shapes == case.config["keys"]
    read = sr3_arguments(network.state_dict())
    assert {key: list(value.shape) for key, value in Sr3UNet(**read, groups=ctor["norm_groups"]).state_dict().items()} == shapes
    with torch.no_grad():
        y = network(case.tensor("x"), case.tensor("level" if told == "level" else "t").flatten())
    close(y, case["y"], **F32)
