"""The networks of the paper (2104.07636, appendix A) as arguments of our U-Net; Janspiry's variant is `networks/sr3.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from restauro.core.errors import RecipeError
from restauro.core.knobs import suggest


class Paper(NamedTuple):
    """One row of the paper's table; `millions` of parameters as it tells them."""

    size: int
    model_channels: int
    channel_mult: tuple[int, ...]
    num_res_blocks: int
    millions: int
    dropout: float = 0.0


PAPER = {
    "16-128": Paper(128, 128, (1, 2, 4, 8, 8), 3, 550, 0.2),
    "64-256": Paper(256, 128, (1, 2, 4, 4, 8, 8), 3, 625),
    "64-512": Paper(512, 64, (1, 2, 4, 8, 8, 16, 16), 3, 625),
    "256-1024": Paper(1024, 16, (1, 2, 4, 8, 16, 32, 32, 32), 2, 150),
}
ATTENTION = 16
"""Side of the pictures with attention, as in DDPM. The paper does not state it; of the usual choices it comes nearest to its
counts of parameters: 561, 617, 610 and 149 million."""

TIME_SCALE = 5000.0
"""Of levels in 0..1 before their sinusoids (WaveGrad, 2009.00713)."""


def paper_arguments(task: str) -> dict[str, Any]:
    """Of `networks.unet.UNet`, for a task such as "16-128": six channels in, the condition before the noisy picture.

    BigGAN's residual blocks resample inside; every sum of a block and its input is divided by sqrt 2; the embedding is the
    noise level's, spread as WaveGrad spreads it. Raises RecipeError for an unknown task.
    """
    if task not in PAPER:
        raise RecipeError(f"SR3's paper has no network {task!r}{suggest(task, PAPER)}")
    row = PAPER[task]
    return arguments(row.model_channels, row.channel_mult, row.num_res_blocks, [row.size // ATTENTION], row.dropout)


def arguments(width: int, mult: Sequence[int], blocks: int, attention: Sequence[int], dropout: float) -> dict[str, Any]:
    """Of a network built as the paper's are; attention: levels, as downsampling factors."""
    return {
        "in_channels": 6,
        "out_channels": 3,
        "model_channels": width,
        "channel_mult": list(mult),
        "num_res_blocks": blocks,
        "attention": list(attention),
        "num_heads": 1,
        "scale_shift": False,
        "resblock_updown": True,
        "skip_scale": 2**-0.5,
        "dropout": dropout,
        "groups": min(32, width // 4),  # a group of one channel would undo what is added to it
        "time_scale": TIME_SCALE,
    }
