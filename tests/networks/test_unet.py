"""The U-Net's laws; its numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.blocks import Norm, SameConv2d, timestep_embedding
from restauro.networks.unet import SuperResUNet, UNet, unet_arguments

SMALL: dict[str, Any] = {"in_channels": 3, "out_channels": 3, "model_channels": 16, "channel_mult": [1, 2], "num_res_blocks": 1}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"out_channels": 6, "attention": [2], "num_head_channels": 8},
    {"channel_mult": [1, 1.5, 2], "num_res_blocks": [2, 1, 3], "attention": [4]},
    {"resblock_updown": True, "num_res_blocks": [1, 3], "attention": [1, 2], "new_attention_order": True},
    {"conv_resample": False, "scale_shift": False},
    {"num_classes": 5},
    {"conditions": 7},
    {"time_embedding": False, "in_channels": 4, "space_to_depth": 4},
    {"space_to_depth": 2, "out_channels": 6, "model_channels": 24},
    {"channel_mult": [1], "attention": [1]},
]


def answer(network: UNet, x: torch.Tensor, **more: Any) -> torch.Tensor:
    t = torch.linspace(0, 900, len(x)) if hasattr(network, "time_embed") else None
    classes = torch.arange(len(x)) % 5 if hasattr(network, "label_emb") else None
    with torch.no_grad():
        return network.eval()(x, t, classes, **more)


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_arguments_are_read_off_the_weights(changes: dict[str, Any]) -> None:
    network = UNet(**{**SMALL, **changes})
    read = unet_arguments(network.state_dict())
    wanted = {**SMALL, **changes}
    if isinstance(wanted["num_res_blocks"], int):
        wanted["num_res_blocks"] = [wanted["num_res_blocks"]] * len(wanted["channel_mult"])
    for name, value in wanted.items():
        if name not in ("num_head_channels", "new_attention_order"):
            assert read[name] == value, name
    again = UNet(**{**read, "num_head_channels": changes.get("num_head_channels")})
    again.load_state_dict(network.state_dict())
    assert read == unet_arguments(again.state_dict())


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_batch_equals_singles_and_memory_layout_is_free(changes: dict[str, Any]) -> None:
    network = UNet(**{**SMALL, **changes, "zero_init": False})
    side = 2 * network.multiple
    x = torch.randn(1, {**SMALL, **changes}["in_channels"], side, side + network.multiple)
    one = answer(network, x)
    assert one.shape == (1, {**SMALL, **changes}["out_channels"], *x.shape[2:])
    torch.testing.assert_close(answer(network, x.repeat(3, 1, 1, 1))[:1], one, atol=1e-5, rtol=1e-5)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.testing.assert_close(answer(network, x.contiguous(memory_format=torch.channels_last)), one, atol=1e-5, rtol=1e-5)


def test_a_fresh_network_answers_zero() -> None:
    assert not answer(UNet(**SMALL), torch.randn(2, 3, 8, 8)).any()


def test_half_precision_stays_close() -> None:
    network = UNet(**{**SMALL, "attention": [2], "zero_init": False})
    x = torch.randn(2, 3, 16, 16)
    exact = answer(network, x)
    rough = answer(network.bfloat16(), x.bfloat16())
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.02


def test_timesteps_may_be_fractions() -> None:
    low, middle, high = timestep_embedding(torch.tensor([10, 10.001, 11]), 16)
    assert (low - middle).abs().max() < 2e-3 < (low - high).abs().max()
    assert timestep_embedding(torch.tensor([3]), 7).shape == (1, 7)


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (48, 24), (56, 28), (7, 7), (37, 1), (34, 17)])
def test_groups_are_the_largest_divisor(channels: int, groups: int) -> None:
    assert Norm(channels, 32).num_groups == groups


def test_superres_sees_the_enlarged_picture_behind_x() -> None:
    network = SuperResUNet(**{**SMALL, "in_channels": 6, "zero_init": False}).eval()
    x, low, t = torch.randn(1, 3, 8, 8), torch.full((1, 3, 2, 2), 0.5), torch.tensor([3.0])
    with torch.no_grad():
        torch.testing.assert_close(network(x, t, low), UNet.forward(network, torch.cat([x, torch.full_like(x, 0.5)], 1), t))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_res_blocks": [1]}, "2 levels need 2 block counts"),
        ({"attention": [1], "num_head_channels": 64}, "heads of 64"),
        ({"attention": [1], "num_heads": 3}, "cannot be split"),
        ({"time_embedding": False, "num_classes": 2}, "time_embedding must be True"),
    ],
)
def test_impossible_arguments_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        UNet(**{**SMALL, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"sines_first": True},
        {"frequency_shift": 1},
        {"eps": 1e-2},
        {"padding": "same"},
        {"num_heads": 2},
        {"skip_scale": 0.7},
        {"time_scale": 2.0},
        {"norm": "pixel"},
        {"groups": 8},
    ],
    ids=str,
)
def test_every_switch_changes_the_answer_and_no_name(change: dict[str, Any]) -> None:
    networks = []
    for arguments in ({}, change):
        torch.manual_seed(0)
        networks.append(UNet(**{**SMALL, "attention": [2], "zero_init": False, **arguments}))
    plain, switched = networks
    assert switched.state_dict().keys() == plain.state_dict().keys()
    switched.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 16, 16)
    assert (answer(plain, x) - answer(switched, x)).abs().max() > 1e-4


def test_same_padding_puts_what_is_odd_at_the_end() -> None:
    conv = SameConv2d(1, 1, 3, stride=2, bias=False)
    torch.nn.init.ones_(conv.weight)
    ones = torch.ones(1, 1, 7, 6)
    with torch.no_grad():
        answer = conv(ones)[0, 0]
    assert answer[:, 0].tolist() == [6, 9, 9, 6] and answer[1].tolist() == [9, 9, 6]
