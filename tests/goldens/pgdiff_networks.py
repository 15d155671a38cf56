"""U-Nets, RRDB networks and iresnets: the adapters from upstream's constructor arguments, and the comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from restauro.networks.iresnet import BLOCKS, IBlock, IResNet
from restauro.networks.rrdb import RRDBNet, TimedRestorer
from restauro.networks.unet import SuperResUNet, UNet
from tests.goldens.runner import Case, close, fill, handles

SAME_NAMES = {
    "model_channels": "model_channels",
    "out_channels": "out_channels",
    "num_res_blocks": "num_res_blocks",
    "num_heads": "num_heads",
    "use_scale_shift_norm": "scale_shift",
    "resblock_updown": "resblock_updown",
    "conv_resample": "conv_resample",
    "use_new_attention_order": "new_attention_order",
    "num_classes": "num_classes",
    "dropout": "dropout",
}


def openai_arguments(upstream: Mapping[str, Any], sizes: bool = False) -> dict[str, Any]:
    """OpenAI's arguments in our words. sizes: attention is given as picture sizes and the decoder's attention is not
    told the number of heads, as in PGDiff's and DifFace's copies."""
    ours = {new: upstream[old] for old, new in SAME_NAMES.items() if old in upstream}
    attention = upstream["attention_resolutions"]
    ours["attention"] = [upstream["image_size"] // size for size in attention] if sizes else attention
    ours["in_channels"], ours["channel_mult"] = upstream["in_channels"], upstream.get("channel_mult", (1, 2, 4, 8))
    ours.setdefault("scale_shift", False)
    for name in ("num_head_channels", "num_heads_upsample"):
        ours[name] = None if upstream.get(name, -1) == -1 else upstream[name]
    if sizes:
        ours["num_heads_upsample"] = 1
    return ours


def check_unet(
    case: Case, arguments: Mapping[str, Any], inputs: str, expected: str, classes: str, abs: float, rel: float = 0
) -> None:
    t = torch.tensor(case.config["t"]) if "t" in case.config else case.tensor("t")
    labels = case.tensor(classes) if classes in case and arguments.get("num_classes") else None
    with torch.no_grad():
        if "low_res" in case:
            network = fill(SuperResUNet(**{**arguments, "in_channels": 2 * arguments["in_channels"]}))
            out = network(case.tensor(inputs), t, case.tensor("low_res"), labels)
        else:
            network = fill(UNet(**arguments))
            out = network(case.tensor(inputs), t, labels)
    if "n_keys" in case.config:
        assert len(network.state_dict()) == case.config["n_keys"]
    if "keys" in case.config:
        assert {key: list(value.shape) for key, value in network.state_dict().items()} == case.config["keys"]
    close(out, case[expected], abs=abs, rel=rel)


@handles("pgdiff", "unet_pg_")
def pgdiff_unet(case: Case) -> None:
    check_unet(case, openai_arguments(case.config["args"], sizes=True), "x", "out", "y", abs=1e-4)


@handles("pgdiff", "unet_openai_")
def openai_unet(case: Case) -> None:
    check_unet(case, openai_arguments(case.config["args"]), "x", "out", "y", abs=1e-4)


@handles("pgdiff", "full_unet_")
def full_unet(case: Case) -> None:
    check_unet(case, openai_arguments(case.config["args"], sizes=True), "x", "out", "y", abs=1e-3)


@handles("ddpm_sr3", "unet_improved_")
@handles("ddpm_sr3", "unet_guided_")
def openai_release(case: Case) -> None:
    check_unet(case, openai_arguments(case.config["ctor"]), "x", "y", "y_label", abs=2e-5, rel=2e-5)


@handles("pgdiff", "rrdbnet")
def rrdbnet(case: Case) -> None:
    arguments = dict(case.config["args"])
    network = fill(RRDBNet(scale=arguments.pop("upscale_factor"), **arguments))
    with torch.no_grad():
        close(network(case.tensor("x")), case["out"], abs=1e-4)


@handles("pgdiff", "rrdb_restorer")
@handles("pgdiff", "full_restorer")
def timed_restorer(case: Case) -> None:
    arguments = case.config["args"]
    assert (arguments["out_channels"], arguments["upscale_factor"]) == (3, 1)
    shape = {name: arguments[name] for name in ("mid_channels", "num_blocks", "growth_channels")}
    network = fill(TimedRestorer(**shape, time_channels=arguments["in_channels"] - 6))
    t = torch.tensor(case.config["t"])
    with torch.no_grad():
        out = network(case.tensor("x_t"), case.tensor("y"), t)
        if "time_embed" in case:
            close(network.embed(t), case["time_embed"], abs=1e-4)
    if "n_keys" in case.config:
        assert len(network.state_dict()) == case.config["n_keys"]
    full = case.name.startswith("full_")  # values up to 56
    close(out, case["out"], abs=0 if full else 1e-4, peak=1e-4 if full else 0)


@handles("pgdiff", "iresnet")
def iresnet(case: Case) -> None:
    network = fill(IResNet(BLOCKS[int(case.config["arch"].removeprefix("iresnet"))]))
    with torch.no_grad():
        close(network(case.tensor("x", torch.float32)), case["out"], peak=1e-4)


@handles("pgdiff", "iresnet_block")
def iresnet_block(case: Case) -> None:
    network = fill(IBlock(case.config["inplanes"], case.config["planes"], case.config["stride"]))
    assert sorted(network.state_dict()) == sorted(case.config["keys"])
    with torch.no_grad():
        close(network(case.tensor("x")), case["out"], abs=1e-4)
