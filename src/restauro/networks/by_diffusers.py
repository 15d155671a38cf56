"""The U-Net of a prior of latents by the class of the package diffusers (the extra `full`): whoever knows it can change there how
attention is computed or where layers lie. The other networks stay ours; of IRControlNet's kind diffusers has none."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from restauro.core.errors import WeightsError

ABSENT = "these weights were imported for the package diffusers, which is not here: pip install 'restauro[full]'"
ONLY: Mapping[str, Any] = {
    "scale_shift": False,
    "resblock_updown": False,
    "conv_resample": True,
    "middle_attention": True,
    "num_classes": None,
    "conditions": 0,
    "time_embedding": True,
    "space_to_depth": 1,
    "norm": "group",
    "padding": "both",
    "eps": 1e-5,
    "sines_first": False,
    "frequency_shift": 0,
}
"""Arguments of our `UNet` that must be so for diffusers' class to be the same network."""


class DiffusersUNet(nn.Module):
    """`UNet` of the same arguments; its tensors have the names of diffusers behind "network.". `ValueError` where there is no
    such network, `WeightsError` without the package."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        model_channels: int,
        channel_mult: Sequence[float],
        num_res_blocks: int | Sequence[int],
        attention: Sequence[int],
        context: int,
        num_heads: int = 1,
        num_head_channels: int | None = None,
        groups: int = 32,
        **more: Any,
    ):
        if wrong := [name for name, value in more.items() if ONLY.get(name, value) != value]:
            raise ValueError(f"diffusers' U-Net of latents knows no {wrong[0]} {more[wrong[0]]!r}")
        widths = [round(one * model_channels) for one in channel_mult]
        attended = [2**level in attention for level in range(len(widths))]
        blocks = [num_res_blocks] * len(widths) if isinstance(num_res_blocks, int) else num_res_blocks
        super().__init__()
        try:
            diffusers = importlib.import_module("diffusers")
        except ImportError as error:
            raise WeightsError(f"{ABSENT} ({error})") from None
        self.network: nn.Module = diffusers.UNet2DConditionModel(
            in_channels=in_channels,
            out_channels=out_channels,
            block_out_channels=tuple(widths),
            layers_per_block=tuple(blocks),
            down_block_types=tuple("CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attended),
            up_block_types=tuple("CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attended)),
            # what it calls the width of heads is their number
            attention_head_dim=tuple(width // num_head_channels if num_head_channels else num_heads for width in widths),
            cross_attention_dim=context,
            norm_num_groups=groups,
            use_linear_projection=True,
        )
        self.multiple = 2 ** (len(widths) - 1)

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        classes: None = None,
        conditions: None = None,
        context: Tensor | None = None,
        control: Sequence[Tensor] = (),
    ) -> Tensor:
        """As `UNet.forward`, which see."""
        skips, middle = (tuple(control[:-1]), control[-1]) if control else (None, None)
        told = {"down_block_additional_residuals": skips, "mid_block_additional_residual": middle}
        answer: Tensor = self.network(x, timesteps, context, **told, return_dict=False)[0]
        return answer
