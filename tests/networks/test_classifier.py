"""The classifier of noisy pictures."""

from __future__ import annotations

import pytest
import torch

from restauro.networks.classifier import NoisyClassifier


@pytest.mark.parametrize("patch", [1, 2])
def test_one_logit_a_label_for_any_size_and_noise(patch: int) -> None:
    torch.manual_seed(0)
    network = NoisyClassifier(
        5,
        in_channels=3,
        model_channels=8,
        channel_mult=[1, 2],
        num_res_blocks=1,
        attention=[2],
        space_to_depth=patch,
        zero_init=False,
    ).eval()
    x, t = torch.randn(3, 3, 32, 32), torch.tensor([1.0, 500.0, 999.0])
    out = network(x, t)
    assert out.shape == (3, 5) and network(torch.randn(2, 3, 16, 24), t[:2]).shape == (2, 5)
    torch.testing.assert_close(network(x[1:2], t[1:2]), out[1:2], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(x, t.flip(0))[0], out[0], atol=1e-5)
    assert not any(name.startswith("output_blocks") for name in network.state_dict())
