"""CLIP's text tower: what comes later is not seen; the last block is left out. Its numbers are pinned by the goldens."""

from __future__ import annotations

import torch

from restauro.networks.text_tower import TextTower, text_arguments, used

SMALL = {"width": 64, "blocks": 2, "heads": 1, "length": 7, "vocabulary": 20}


@torch.no_grad()
def test_a_token_is_told_of_those_before_it() -> None:
    tower = TextTower(**SMALL).eval()
    tokens = torch.arange(14).view(2, 7)
    told = tower(tokens)
    assert told.shape == (2, 7, 64)
    changed = tokens.clone()
    changed[:, 4] = 19
    again = tower(changed)
    torch.testing.assert_close(again[:, :4], told[:, :4])
    assert (again[:, 4:] - told[:, 4:]).abs().amin(1).amax() > 1e-3


def test_the_last_block_and_the_way_to_pictures_are_left_out() -> None:
    whole = TextTower(**{**SMALL, "blocks": 3}).state_dict()
    whole |= {"text_projection": torch.zeros(64, 8), "logit_scale": torch.zeros(())}
    assert text_arguments(whole) == SMALL
    TextTower(**SMALL).load_state_dict(used(whole))
