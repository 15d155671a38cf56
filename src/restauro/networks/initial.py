"""Initial weights as image-to-image networks have them since DCGAN (Radford et al. 2015, arXiv 1511.06434)."""

from __future__ import annotations

from torch import nn


def initialise(network: nn.Module, spread: float = 0.02) -> None:
    """Convolutions N(0, spread) without bias, batch norms N(1, spread), in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, spread)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, spread)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d) and module.bias is not None:
            nn.init.zeros_(module.bias)
