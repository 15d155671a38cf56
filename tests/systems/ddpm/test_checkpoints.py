"""Priors of others become ours: every official key list, the names' round trip, what a config says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.networks.unet import UNet
from restauro.systems.ddpm.keys import AVERAGED, from_diffusers, from_tensorflow, to_diffusers
from restauro.systems.ddpm.network import HO
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import Declared
from restauro.weights.recognise import Unrecognised, recognise
from tests.shared import GOLDENS, needs_shared

KEYS = GOLDENS / "ddpm_sr3" / "keys"
CIFAR = {"name": "ddpm-cifar32", "size": 32, "variance": "fixed_large"}
SCENES = {"name": "ddpm-256", "size": 256, "variance": "fixed_small_clipped"}


def listed(file: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with gzip.open(KEYS / f"{file}.json.gz") as stream:
        stored = json.load(stream)
    return {key: torch.empty(shape, device="meta") for key, shape in stored["keys"].items()}, stored["meta"]


@needs_shared
@pytest.mark.parametrize(
    ("file", "facts"),
    [
        ("diffusers_ddpm_cifar10_32", CIFAR),
        ("diffusers_ddpm_cifar10_32_legacy_attn_names", CIFAR),
        ("diffusers_ddpm_256", SCENES),
        ("diffusers_ddpm_256_legacy_attn_names", SCENES),
        ("ho_tf_cifar10_32", CIFAR),
        ("ho_tf_256", SCENES),
    ],
)
def test_official_key_lists(file: str, facts: Mapping[str, Any]) -> None:
    state_dict, meta = listed(file)
    passport, tensors = recognise(state_dict)
    assert {name: getattr(passport, name) for name in facts} == facts
    assert (passport.kind, passport.prediction, passport.schedule, passport.steps) == ("prior", "eps", "ho-linear", 1000)
    assert {name: passport.arguments[name] for name in HO} == HO and passport.arguments["num_heads"] == 1
    assert sum(value.numel() for value in tensors.values()) == sum(value.numel() for value in state_dict.values())
    assert not misfits(skeleton(passport), tensors)
    if "config" in meta:  # which says what was assumed
        said, _ = recognise(state_dict, said={"config.json": meta["config"]})
        network, same = skeleton(said), skeleton(passport)
        assert str(network) == str(same) and said.size == passport.size
    else:
        averaged = {f"{key}{AVERAGED}": value for key, value in state_dict.items()}
        slots = {f"{key}/Adam": torch.zeros(1) for key in state_dict}
        for given in (averaged, {**state_dict, **averaged, **slots}):
            again, shadow = recognise({**given, "global_step": torch.zeros(())})
            assert again == passport and shadow.keys() == tensors.keys()


def test_tensorflow_s_averaged_weights_win() -> None:
    shapes = {"temb/dense0/W": (2, 8), "conv_in/W": (3, 3, 3, 2)}
    tensors = {f"model/{name}": torch.zeros(shape) for name, shape in shapes.items()}
    tensors |= {f"model/{name}{AVERAGED}": torch.ones(shape) for name, shape in shapes.items()}
    found = from_tensorflow(tensors)
    assert {key: tuple(value.shape) for key, value in found.items()} == {
        "time_embedding.linear_1.weight": (8, 2),
        "conv_in.weight": (2, 3, 3, 3),
    }
    assert all(value.all() for value in found.values())


SMALL: dict[str, Any] = {"in_channels": 3, "out_channels": 3, "model_channels": 32, "channel_mult": [1, 2], "num_res_blocks": 1}
VARIANTS: list[dict[str, Any]] = [
    {"attention": [2], "scale_shift": False, **HO},
    {"attention": [1, 2], "out_channels": 6, "num_head_channels": 8},
    {"channel_mult": [1, 1, 2], "attention": [4], "num_res_blocks": 2, "resblock_updown": True},
    {"middle_attention": False},
    {"num_classes": 5},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
@pytest.mark.parametrize("new_order", [True, False])
def test_there_and_back_again(changes: dict[str, Any], new_order: bool) -> None:
    arguments = {**SMALL, **changes, "new_attention_order": new_order, "zero_init": False}
    network = UNet(**arguments)
    levels = range(len(arguments["channel_mult"]))
    attended = [level for level in levels if 2**level in arguments.get("attention", ())]
    width = arguments.get("num_head_channels")
    heads = {} if new_order else {c: c // width if width else 1 for c in (32, 64)}
    theirs = to_diffusers(network.state_dict(), [arguments["num_res_blocks"]] * len(levels), attended, heads)
    again = UNet(**{**arguments, "new_attention_order": True})
    again.load_state_dict(from_diffusers(theirs))
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3.0, 700.0])
    classes = torch.tensor([0, 4]) if "num_classes" in changes else None
    with torch.no_grad():
        torch.testing.assert_close(again(x, t, classes), network(x, t, classes))


def diffusers_file(**changes: Any) -> dict[str, Tensor]:
    with torch.device("meta"):
        network = UNet(**{**SMALL, "attention": [2], "new_attention_order": True, "scale_shift": False, **changes})
    return to_diffusers(network.state_dict(), [1, 1], [1], {})


def test_what_a_config_says() -> None:
    network = {"attention_head_dim": 16, "norm_num_groups": 8, "downsample_padding": 1, "sample_size": 48, "dropout": 0.1}
    training = {"beta_schedule": "linear", "beta_end": 0.03, "prediction_type": "v_prediction", "clip_sample": False}
    passport, _ = recognise(diffusers_file(), said={"config.json": network, "scheduler_config.json": training})
    assert (passport.size, passport.prediction, passport.schedule, passport.ends) == (48, "v", "ho-linear", [1e-4, 0.03])
    assert (passport.clip, passport.variance) == (False, "fixed_small_clipped")
    told = {"num_head_channels": 16, "groups": 8, "padding": "both", "eps": 1e-5, "sines_first": False, "frequency_shift": 0}
    assert {name: passport.arguments[name] for name in told} == told
    declared, _ = recognise(diffusers_file(), Declared(size=64, embedding="ho"), {"config.json": network})
    assert (declared.size, declared.arguments["sines_first"], declared.arguments["frequency_shift"]) == (64, True, 1)


@pytest.mark.parametrize(
    ("network", "training", "problem"),
    [
        ({"_class_name": "UNet2DConditionModel"}, {}, "_class_name 'UNet2DConditionModel' is not supported"),
        ({"act_fn": "gelu"}, {}, "act_fn 'gelu' is not supported"),
        ({"attn_norm_num_groups": 4}, {}, "attn_norm_num_groups 4"),
        ({"sample_size": [32, 48]}, {}, "not square"),
        ({}, {"beta_schedule": "linear", "thresholding": True}, "thresholding True is not supported"),
        ({}, {"_class_name": "KarrasVeScheduler"}, "beta_schedule None is not supported"),
        ({}, {"beta_schedule": "linear", "variance_type": "learned_range"}, "without a variance, and its scheduler says learned"),
    ],
)
def test_a_config_we_cannot_follow_is_refused(network: Any, training: Any, problem: str) -> None:
    said = {"config.json": network} | ({"scheduler_config.json": training} if training else {})
    with pytest.raises(WeightsError, match=problem):
        recognise(diffusers_file(), said=said)


def test_openai_s_network_under_diffusers_names() -> None:
    passport, _ = recognise(diffusers_file(scale_shift=True, out_channels=6))
    assert not HO.items() <= passport.arguments.items() and passport.arguments["num_head_channels"] == 64
    assert (passport.variance, passport.kind) == ("learned_range", "prior")
    told, _ = recognise(diffusers_file(num_classes=3))
    assert told.kind == "conditional-prior" and told.arguments["num_classes"] == 3


def test_damaged_lists_are_refused_in_one_line() -> None:
    whole = diffusers_file()
    for gone in ("mid_block.attentions.0.to_k.weight", "up_blocks.0.resnets.1.norm2.bias"):
        with pytest.raises(Unrecognised, match=r"looks like a U-Net in diffusers' layout, but .*missing"):
            recognise({key: value for key, value in whole.items() if key != gone})
    bent = {**whole, "mid_block.attentions.0.to_k.weight": torch.empty(64, 3, device="meta")}
    with pytest.raises(Unrecognised, match="looks like a U-Net in diffusers' layout, but"):
        recognise(bent)
