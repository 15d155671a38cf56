"""pix2pix's generators, its pixel discriminator and the receptive fields of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from restauro.networks.dropout import dropping
from restauro.networks.norms import Statistics
from restauro.networks.patchgan import PatchGAN, receptive_field
from restauro.networks.pixelgan import PixelGAN
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.networks.skip_unet import SkipUNet
from tests.goldens.pix2pix_networks import wave
from tests.goldens.runner import Case, close, exact, fill, handles


def generator(case: Case, statistics: Statistics = "training") -> SkipUNet:
    config = case.config
    network: SkipUNet = fill(SkipUNet(width=config["ngf"], downs=config["num_downs"], norm=config["norm"], statistics=statistics))
    return network


def square(case: Case) -> Tensor:
    """`wave((1,3,S,S), phase)` of the smallest side that the network takes."""
    found = re.fullmatch(r"wave\(\(1,3,S,S\), ([\d.]+)\)", case.config["input"])
    assert found is not None
    side = 2 ** case.config["num_downs"]
    return wave((1, 3, side, side), float(found[1]))


@handles("oldphotos_pix2pix", "p2p_unet")
@torch.no_grad()
def unet(case: Case) -> None:
    x, stride = square(case), case.config["stride"]
    y = generator(case)(x)
    close(y[..., ::stride, ::stride], case["y_eval"], abs=2e-4, rel=2e-4)
    whole = y.double()
    close(
        torch.stack([whole.mean(), whole.std(unbiased=False), whole.min(), whole.max()]),
        case["y_eval_stats64"],
        abs=2e-4,
        rel=2e-4,
    )
    if "y_batchstats" in case:
        of_picture = generator(case, statistics="picture")(x)
        close(of_picture[..., ::stride, ::stride], case["y_batchstats"], abs=1e-3)


@handles("oldphotos_pix2pix", "p2p_unet_dropout")
@torch.no_grad()
def unet_dropout(case: Case) -> None:
    def kept() -> Iterator[Tensor]:
        count = 0
        while f"keep_{count}" in case:
            yield case.tensor(f"keep_{count}")
            count += 1

    masks = kept()

    def next_mask(shape: torch.Size) -> Tensor:
        mask = next(masks)
        assert mask.shape == shape
        return mask

    network = generator(case).train()
    x = square(case)
    with dropping(network, next_mask):
        y = network(x)
    assert next(masks, None) is None
    stride = y.shape[-1] // case["y"].shape[-1]
    close(y[..., ::stride, ::stride], case["y"], abs=1e-4, rel=1e-4)


@handles("oldphotos_pix2pix", "p2p_resnet")
@torch.no_grad()
def resnet(case: Case) -> None:
    config = case.config
    dropout = config.get("dropout", False)
    network = ResnetGenerator(width=config["ngf"], blocks=config["n_blocks"], norm=config["norm"], dropout=dropout)
    close(fill(network)(case.tensor("x")), case["y"], abs=1e-4, rel=1e-4)


@handles("oldphotos_pix2pix", "p2p_pixel")
@torch.no_grad()
def pixel(case: Case) -> None:
    x = case.tensor("x")
    network = fill(PixelGAN(x.shape[1], case.config["ndf"], case.config["norm"]))
    close(network(x), case["y"], abs=1e-5, rel=1e-5)


@handles("oldphotos_pix2pix", "p2p_receptive_fields")
def receptive_fields(case: Case) -> None:
    layers = case["n_layers"].tolist()
    exact([receptive_field(n) for n in layers], case["field"])
    with torch.device("meta"):
        exact([PatchGAN(6, 1, n)(torch.empty(2, 6, 256, 256)).shape[-1] for n in layers], case["map_size_256"])
