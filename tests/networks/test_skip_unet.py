"""pix2pix's U-Net: official keys, where dropout sits, sizes, what makes its variants different."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from restauro.networks.dropout import Dropout, drawn, dropping
from restauro.networks.initial import initialise
from restauro.networks.resize_conv import ResizeConv
from restauro.networks.skip_unet import SkipUNet
from tests.networks.keys import shapes
from tests.shared import needs_shared

OFFICIAL: dict[str, dict[str, Any]] = {
    "unet_256_batch": {},
    "unet_128_batch": {"downs": 7},
    "unet_256_instance": {"norm": "instance"},
    "unet_128_instance": {"downs": 7, "norm": "instance"},
    "unet_256_batch_nodropout": {"dropout": "none"},
    "unet_256_batch_lab_1to2": {"in_channels": 1, "out_channels": 2},
}


@needs_shared
@pytest.mark.parametrize("name", OFFICIAL)
def test_official_keys(name: str) -> None:
    with torch.device("meta"):
        network = SkipUNet(**OFFICIAL[name])
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == shapes(f"pix2pix_{name}")


@pytest.mark.parametrize(
    ("downs", "dropout", "sides"),
    [
        (8, "middle", [4, 8, 16]),
        (7, "middle", [4, 8]),
        (6, "middle", [4]),
        (5, "middle", []),
        (8, "inner", [2, 4, 8]),
        (8, "none", []),
    ],
)
def test_where_dropout_sits(downs: int, dropout: Any, sides: list[int]) -> None:
    """Facts B2: PyTorch's middle levels, the paper's three innermost; never the innermost in the former."""
    network = SkipUNet(width=1, downs=downs, norm="none", dropout=dropout).train()
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[-1]))
    network(torch.zeros(1, 3, 2**downs, 2**downs))
    assert seen == sides


def test_an_encoder_decoder_has_no_skips() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 16, 16)
    with_skips, without = (SkipUNet(width=4, downs=3, norm="none", skips=skips).eval() for skips in (True, False))
    for network in (with_skips, without):
        bottleneck = next(module for name, module in network.named_modules() if name == "model.model.1.model.3.model.1")
        nn.init.zeros_(bottleneck.weight)
        nn.init.zeros_(bottleneck.bias)
    assert (with_skips(x) - with_skips(x.flip(3))).abs().max() > 1e-4
    torch.testing.assert_close(without(x), without(x.flip(3)))
    assert without.model.model[3].in_channels * 2 == with_skips.model.model[3].in_channels  # type: ignore[union-attr,operator]


def test_resize_convolutions_leave_no_checkerboard() -> None:
    """Defect 8: what a transposed convolution makes of a constant is a pattern; of ours, away from the border, a constant."""
    torch.manual_seed(0)
    constant = torch.ones(1, 2, 8, 8)
    transposed, ours = nn.ConvTranspose2d(2, 1, 4, 2, 1)(constant), ResizeConv(2, 1)(constant)
    assert transposed[..., 4:-4, 4:-4].std() > 0.01 and ours.std() < 1e-6
    assert not any(isinstance(module, nn.ConvTranspose2d) for module in SkipUNet(downs=3, width=4, up="resize").modules())
    assert SkipUNet(width=4, downs=3, up="resize")(torch.zeros(2, 3, 24, 32)).shape == (2, 3, 24, 32)


def test_statistics_of_the_picture_are_what_a_batch_of_one_saw() -> None:
    torch.manual_seed(0)
    network = SkipUNet(width=4, downs=4, dropout="none", statistics="picture")
    initialise(network, 0.2)
    x = torch.randn(2, 3, 32, 32)
    network.eval()
    both = network(x)
    torch.testing.assert_close(both[1:], network(x[1:]))
    network.train()
    torch.testing.assert_close(both[1:], network(x[1:]), rtol=1e-4, atol=1e-5)


def test_dropout_is_off_unless_asked_and_each_picture_has_its_own() -> None:
    """Defect 2: in use a network is deterministic; with masks, a batch equals its singles."""
    torch.manual_seed(0)
    network = SkipUNet(width=4, downs=6, norm="instance").eval()
    initialise(network, 0.2)
    x = torch.randn(2, 3, 64, 64)
    quiet = network(x)
    torch.testing.assert_close(quiet, network(x), rtol=0, atol=0)

    def masks(*seeds: int) -> Any:
        return drawn([torch.Generator().manual_seed(seed) for seed in seeds])

    with dropping(network, masks(1, 2)):
        both = network(x)
    with dropping(network, masks(2)):
        torch.testing.assert_close(both[1:], network(x[1:]), rtol=1e-4, atol=1e-5)
    assert (both - quiet).abs().max() > 1e-4
    torch.testing.assert_close(quiet, network(x), rtol=0, atol=0)


def test_initial_weights() -> None:
    torch.manual_seed(0)
    network = SkipUNet(width=16, downs=4)
    initialise(network)
    weight = network.model.model[1].model[1].weight  # type: ignore[union-attr,index]
    assert abs(weight.std().item() - 0.02) < 0.001
    scales = torch.cat([module.weight for module in network.modules() if isinstance(module, nn.BatchNorm2d)])
    assert abs(scales.mean() - 1) < 0.01 and 0.01 < scales.std() < 0.03
    assert all(not parameter.any() for name, parameter in network.named_parameters() if name.endswith("bias"))


def test_one_level_is_none() -> None:
    with pytest.raises(ValueError, match="it needs two"):
        SkipUNet(downs=1)
