"""RRDB networks: sizes and arguments; their numbers are pinned by the goldens."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.rrdb import RRDBNet, TimedRestorer, rrdb_arguments, timed_restorer_arguments

SMALL = {"mid_channels": 8, "num_blocks": 2, "growth_channels": 4}


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_scale_and_arguments(scale: int) -> None:
    network = RRDBNet(scale=scale, **SMALL)
    side = 3 * network.multiple
    with torch.no_grad():
        assert network(torch.rand(2, 3, side, side + network.multiple)).shape[2:] == (
            scale * side,
            scale * (side + network.multiple),
        )
    assert rrdb_arguments(network.state_dict()) == {"in_channels": 3, "out_channels": 3, "scale": scale, **SMALL}


def test_other_scales_do_not_exist() -> None:
    with pytest.raises(ValueError, match="there are 1, 2 and 4"):
        RRDBNet(scale=3)
    with pytest.raises(ValueError, match="fits no scale"):
        rrdb_arguments(RRDBNet(in_channels=5, **SMALL).state_dict())


def test_timed_restorer_knows_the_time() -> None:
    network = TimedRestorer(**SMALL)
    x, y = torch.randn(2, 3, 8, 12), torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        early, late = network(x, y, torch.tensor([0, 0])), network(x, y, torch.tensor([999, 999.0]))
    assert early.shape == x.shape
    assert not torch.equal(early, late)
    assert timed_restorer_arguments(network.state_dict()) == {"time_channels": 3, **SMALL}
