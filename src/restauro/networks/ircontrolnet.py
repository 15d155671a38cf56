"""IRControlNet: a copy of a U-Net's encoder that sees a clean latent and steers the U-Net (DiffBIR, arXiv 2308.15070).

control = IRControlNet(4, 4, 320, ...)             # as the U-Net it serves: UNet(4, 4, 320, ...)
control.begin(unet)                                # before training: as the encoder, blind to the condition, silent
told = control(z, condition, timesteps, context)   # 13 tensors of Stable Diffusion's U-Net
noise = unet(z, timesteps, context=context, control=[strength * one for one in told])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from restauro.networks.unet import UNet, encoder_arguments


class IRControlNet(UNet):
    """Noisy latents (N, in_channels, H, W) and clean ones (N, hint_channels, H, W) to what `UNet.forward` takes as control.

    The other arguments are those of the U-Net it serves. ControlNet (Zhang et al. 2023, arXiv 2302.05543) without its stem: the
    condition is a latent already.
    """

    def __init__(self, in_channels: int, hint_channels: int, model_channels: int, **arguments: Any):
        super().__init__(in_channels + hint_channels, 1, model_channels, **arguments)
        del self.output_blocks, self.out
        self.zero_convs = nn.ModuleList([_silent(width) for width in self.skips])
        self.middle_block_out = _silent(self.skips[-1])

    @torch.no_grad()
    def begin(self, unet: UNet) -> None:
        """The U-Net's weights where it has them; what the condition weighs in the first convolution is zero."""
        own = self.state_dict()
        for key, value in unet.state_dict().items():
            if key in own:
                own[key].zero_()[tuple(map(slice, value.shape))].copy_(value)

    def forward(  # type: ignore[override]
        self, z: Tensor, hint: Tensor, timesteps: Tensor, context: Tensor | None = None
    ) -> list[Tensor]:
        """One tensor of each input block, then that of the middle. timesteps, context: as the U-Net's."""
        middle, skips = self._encode(torch.cat([z, hint], 1), self._embed(timesteps, None, None), context)
        return [*(conv(skip) for conv, skip in zip(self.zero_convs, skips, strict=True)), self.middle_block_out(middle)]


def _silent(width: int) -> nn.Sequential:
    conv = nn.Conv2d(width, width, 1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(conv)


def control_arguments(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments of `IRControlNet` that made this state dict; noisy and clean latents have equally many channels.

    `KeyError` if this is none.
    """
    latent = state_dict["input_blocks.0.0.weight"].shape[1] // 2
    return {"in_channels": latent, "hint_channels": latent, **encoder_arguments(state_dict)}
