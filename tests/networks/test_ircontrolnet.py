"""IRControlNet and the U-Net with a context: the laws; their numbers are pinned by the goldens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from restauro.networks.ircontrolnet import IRControlNet, control_arguments
from restauro.networks.unet import UNet, unet_arguments

SMALL: dict[str, Any] = {"model_channels": 16, "channel_mult": [1, 2], "num_res_blocks": 1, "attention": [2]}
VARIANTS: list[dict[str, Any]] = [{}, {"context": 6, "num_head_channels": 8, "scale_shift": False}, {"space_to_depth": 2}]


def inputs(**more: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    draw = torch.Generator().manual_seed(0)
    z, hint = torch.randn(2, 2, 4, 8, 12, generator=draw)
    context = torch.randn(2, 5, more["context"], generator=draw) if "context" in more else None
    return z, hint, torch.tensor([3.0, 700.0]), context


@torch.no_grad()
@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_it_begins_as_the_encoder_and_silent(changes: dict[str, Any]) -> None:
    z, hint, t, context = inputs(**changes)
    unet = UNet(4, 4, **{**SMALL, **changes, "zero_init": False}).eval()
    control = IRControlNet(4, 4, **{**SMALL, **changes, "zero_init": False}).eval()
    control.begin(unet)
    told = control(z, hint, t, context)
    assert len(told) == len(unet.input_blocks) + 1
    assert not any(one.any() for one in told)
    alone = unet(z, t, context=context)
    assert torch.equal(unet(z, t, context=context, control=told), alone)
    for conv in [*control.zero_convs, control.middle_block_out]:
        nn.init.dirac_(conv[0].weight)  # type: ignore[index]
    spoken = control(z, hint, t, context)
    middle, skips = unet._encode(z, unet._embed(t, None, None), context)
    for one, other in zip(spoken, [*skips, middle], strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(unet(z, t, context=context, control=spoken), alone)


@torch.no_grad()
def test_the_condition_and_the_context_are_seen_and_pictures_are_by_themselves() -> None:
    z, hint, t, context = inputs(context=6)
    assert context is not None
    control = IRControlNet(4, 4, **{**SMALL, **VARIANTS[1], "zero_init": False}).eval()
    for conv in [*control.zero_convs, control.middle_block_out]:
        nn.init.dirac_(conv[0].weight)  # type: ignore[index]
    told = control(z, hint, t, context)[-1]
    assert not torch.allclose(told, control(z, hint + 1, t, context)[-1])
    assert not torch.allclose(told, control(z, hint, t, context.flip(1) * 2)[-1])
    torch.testing.assert_close(told[1:], control(z[1:], hint[1:], t[1:], context[1:])[-1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("changes", VARIANTS[:2], ids=str)
def test_arguments_are_read_off_the_weights(changes: dict[str, Any]) -> None:
    control, unet = IRControlNet(4, 4, **{**SMALL, **changes}), UNet(4, 4, **{**SMALL, **changes})
    read, beside = control_arguments(control.state_dict()), unet_arguments(unet.state_dict())
    for name, value in {**SMALL, **changes, "in_channels": 4, "num_res_blocks": [1, 1]}.items():
        if name != "num_head_channels":
            assert read[name] == beside[name] == value, name
    heads = {"num_head_channels": 8}
    assert IRControlNet(**{**read, **heads}).state_dict().keys() == control.state_dict().keys()


def test_a_context_must_be_given() -> None:
    z, _, t, _ = inputs()
    with pytest.raises(AssertionError, match="needs a context"):
        UNet(4, 4, **{**SMALL, **VARIANTS[1]})(z, t)
