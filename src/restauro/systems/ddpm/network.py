"""The networks of Ho et al. 2020 (arXiv 2006.11239, appendix B) as arguments of our U-Net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HO: Mapping[str, Any] = {"sines_first": True, "frequency_shift": 1, "eps": 1e-6, "padding": "same"}
"""What sets the TensorFlow networks, and diffusers' google/ddpm-*, apart from OpenAI's, and no file tells."""

PUBLISHED: Mapping[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "model_channels": 128,
    "num_res_blocks": 2,
    "num_heads": 1,
    "scale_shift": False,
    **HO,
}
CIFAR10: Mapping[str, Any] = {**PUBLISHED, "channel_mult": [1, 2, 2, 2], "attention": [2], "dropout": 0.1}
"""32 pixels: 35.7 million parameters."""
CELEBAHQ256: Mapping[str, Any] = {**PUBLISHED, "channel_mult": [1, 1, 2, 2, 4, 4], "attention": [16]}
"""256 pixels, for the LSUN scenes as well: 113.7 million parameters."""
