"""The paper's four networks: their sizes, counted without memory, and their blocks."""

from __future__ import annotations

import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.networks.blocks import ResBlock
from restauro.networks.unet import UNet
from restauro.systems.sr3.network import PAPER, paper_arguments


@pytest.mark.parametrize("task", PAPER)
def test_parameters_are_near_those_of_the_paper(task: str) -> None:
    """Within 2.5 %: attention and the rows of the embedding are not stated."""
    with torch.device("meta"):
        network = UNet(**paper_arguments(task))
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert millions == pytest.approx(PAPER[task].millions, rel=0.025)
    blocks = [module for module in network.modules() if isinstance(module, ResBlock)]
    assert sum(block.resample is not None for block in blocks) == 2 * (len(PAPER[task].channel_mult) - 1)
    assert {block.skip_scale for block in blocks} == {2**-0.5}


def test_a_small_one_answers() -> None:
    small = paper_arguments("16-128") | {
        "model_channels": 8,
        "groups": 2,
        "channel_mult": [1, 2],
        "attention": [2],
        "zero_init": False,
    }
    torch.manual_seed(0)
    network = UNet(**small).eval()
    seen = torch.randn(2, 6, 8, 12)
    near, far = (network(seen, torch.full((2,), level)) for level in (0.99, 0.9))
    assert near.shape == (2, 3, 8, 12) and (near - far).abs().max() > 1e-2, "levels are told apart"


def test_other_tasks_are_refused() -> None:
    with pytest.raises(RecipeError, match="did you mean '64-256'"):
        paper_arguments("64-255")
