"""Networks under diffusers' and TensorFlow's names: recognised, converted, built, and asked. And TensorFlow's padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from restauro.networks.blocks import SameConv2d
from restauro.weights.build import build
from restauro.weights.recognise import Configs, recognise
from tests.goldens.runner import Case, close, formula_weights, handles


def ask(tensors: dict[str, Tensor], said: Configs, x: Tensor, t: Tensor) -> Tensor:
    passport, ours = recognise(tensors, said=said)
    network = build(passport).eval()
    network.load_state_dict(ours)
    with torch.no_grad():
        answer: Tensor = network(x, t)
    return answer


@handles("ddpm_sr3", "unet_diffusers_")
def diffusers(case: Case) -> None:
    keys = case.config["keys"]
    tensors = {key: torch.from_numpy(formula_weights(key, tuple(shape))) for key, shape in keys.items()}
    answer = ask(tensors, {"config.json": case.config["ctor"]}, case.tensor("x"), case.tensor("t"))
    close(answer, case["y"], abs=2e-5, rel=2e-5)


@handles("ddpm_sr3", "unet_ho_tf_")
def tensorflow(case: Case) -> None:
    def weights(key: str, shape: Any) -> Tensor:
        bias = key.endswith(("/b", "/beta"))
        return torch.from_numpy(formula_weights(f"{key}.bias" if bias else key, tuple(shape)))

    tensors = {key: weights(key, shape) for key, shape in case.config["keys"].items()}
    answer = ask(tensors, {}, case.tensor("x").permute(0, 3, 1, 2), case.tensor("t"))
    close(answer.permute(0, 2, 3, 1), case["y"], abs=2e-5, rel=2e-5)


@handles("ddpm_sr3", "tf_same_conv")
def same_padding(case: Case) -> None:
    weight = case.tensor("W").permute(3, 2, 0, 1)
    conv = SameConv2d(weight.shape[1], weight.shape[0], weight.shape[2:], stride=case.config["stride"], bias=False)
    with torch.no_grad():
        conv.weight.copy_(weight)
        answer = conv(case.tensor("x").permute(0, 3, 1, 2))
    close(answer.permute(0, 2, 3, 1), case["y"], abs=2e-5, rel=2e-5)
