"""Official checkpoints by their keys, traps included (facts B5): full size without their weights, small ones to the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from restauro.core.errors import RecipeError
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.networks.skip_unet import SkipUNet
from restauro.weights import store
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import Declared
from restauro.weights.importing import import_file
from restauro.weights.recognise import Unrecognised, recognise
from tests.networks.keys import shapes
from tests.shared import needs_shared

BATCH = {"norm": "batch", "statistics": "picture"}
INSTANCE = {"norm": "instance", "statistics": "training"}
UNET = {"downs": 8, "width": 64, "skips": True, "up": "transposed"}
PUBLISHED: dict[str, tuple[str, dict[str, Any]]] = {
    "unet_256_batch": ("pix2pix-unet256", {**UNET, **BATCH}),
    "unet_128_batch": ("pix2pix-unet128", {**BATCH, "downs": 7}),
    "unet_256_instance": ("pix2pix-unet256", {**UNET, **INSTANCE}),
    "unet_128_instance": ("pix2pix-unet128", {**INSTANCE, "downs": 7}),
    "unet_256_batch_nodropout": ("pix2pix-unet256", {**UNET, **BATCH}),
    "unet_256_batch_lab_1to2": ("pix2pix-unet256", {**UNET, **BATCH, "in_channels": 1, "out_channels": 2}),
    "resnet_9blocks_batch": ("pix2pix-resnet9", {**BATCH, "blocks": 9, "dropout": True}),
    "resnet_6blocks_batch": ("pix2pix-resnet6", {**BATCH, "blocks": 6, "dropout": True}),
    "resnet_9blocks_instance": ("pix2pix-resnet9", {**INSTANCE, "blocks": 9, "dropout": True}),
    "resnet_6blocks_instance": ("pix2pix-resnet6", {**INSTANCE, "blocks": 6, "dropout": True}),
    "resnet_9blocks_instance_nodropout": ("pix2pix-resnet9", {**INSTANCE, "blocks": 9, "dropout": False}),
    "D_basic_batch": ("pix2pix-patchgan3", {"norm": "batch", "layers": 3, "in_channels": 6}),
    "D_basic_instance": ("pix2pix-patchgan3", {"norm": "instance", "layers": 3, "in_channels": 6}),
    "D_n1_batch": ("pix2pix-patchgan1", {"norm": "batch", "layers": 1}),
    "D_n1_instance": ("pix2pix-patchgan1", {"norm": "instance", "layers": 1}),
    "D_n5_batch": ("pix2pix-patchgan5", {"norm": "batch", "layers": 5}),
    "D_n5_instance": ("pix2pix-patchgan5", {"norm": "instance", "layers": 5}),
    "D_pixel_batch": ("pix2pix-pixelgan", {"norm": "batch", "width": 64}),
    "D_pixel_instance": ("pix2pix-pixelgan", {"norm": "instance", "width": 64}),
}
SMALL: dict[str, Any] = {"width": 4, "downs": 5, "norm": "batch"}


def official(name: str) -> dict[str, Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in shapes(f"pix2pix_{name}").items()}


@needs_shared
@pytest.mark.parametrize("file", PUBLISHED)
def test_official_key_lists(file: str) -> None:
    name, arguments = PUBLISHED[file]
    passport, tensors = recognise(official(file))
    assert passport.name == name and "BSD" in passport.licence
    assert {key: passport.arguments[key] for key in arguments} == arguments
    assert passport.kind == ("discriminator" if file.startswith("D_") else "translator")
    assert not misfits(skeleton(passport), tensors)


@pytest.mark.parametrize("wrong", ["model.model.1.model.3.model.5.weight", "model.model.1.model.2.bias"])
def test_a_missing_tensor_is_named(wrong: str) -> None:
    tensors = SkipUNet(**SMALL).state_dict()
    del tensors[wrong]
    with pytest.raises(Unrecognised, match=f"1 of 46 tensors missing .{wrong}"):
        recognise(tensors)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_defect_12_prefix_and_instance_statistics(tmp_path: Path, prefix: str) -> None:
    """A file of torch 0.3 from several GPUs: `module.` before every name, and statistics that instance norm does not have."""
    torch.manual_seed(0)
    network = ResnetGenerator(width=4, blocks=6, norm="instance", dropout=False).eval()
    old = dict(network.state_dict())
    for index, width in ((2, 4), (5, 8), (8, 16), (17, 8), (20, 4)):
        old |= {f"model.{index}.running_mean": torch.randn(width), f"model.{index}.running_var": torch.rand(width)}
    old |= {f"model.{10 + i}.conv_block.{j}.running_mean": torch.randn(16) for i in range(6) for j in (2, 6)}
    path = tmp_path / "latest_net_G.pth"
    torch.save({prefix + key: value for key, value in old.items()}, path)
    passport = import_file(path, f"old-{len(prefix)}", tell=lambda note: None)
    assert (passport.arguments["norm"], passport.arguments["dropout"]) == ("instance", False)
    x = torch.randn(1, 3, 16, 20)
    torch.testing.assert_close(store.load(passport.name)(x), network(x))


def test_defect_12_a_batch_norm_without_its_count() -> None:
    tensors = SkipUNet(**SMALL).state_dict()
    whole = {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}
    passport, found = recognise(whole)
    assert passport.arguments["norm"] == "batch" and found.keys() == tensors.keys()


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dropout", [False, True])
def test_defect_12_dropout_shifts_an_index(norm: Any, dropout: bool) -> None:
    passport, _ = recognise(ResnetGenerator(width=4, blocks=6, norm=norm, dropout=dropout).state_dict())
    assert passport.arguments["dropout"] is dropout


@pytest.mark.parametrize(
    "change", [{}, {"skips": False}, {"up": "resize"}, {"skips": False, "up": "resize"}, {"downs": 2}, {"downs": 7}]
)
def test_every_shape_of_unet_is_read_off(change: dict[str, Any]) -> None:
    arguments = {**SMALL, **change}
    passport, _ = recognise(SkipUNet(**arguments).state_dict())
    assert {key: passport.arguments[key] for key in arguments} == arguments


def test_defect_2_a_batch_of_one_is_used_as_it_was_trained(tmp_path: Path) -> None:
    """What a published network saw in training were statistics of the picture; the averages give another picture."""
    torch.manual_seed(0)
    network = SkipUNet(**SMALL, dropout="none")
    path = tmp_path / "latest_net_G.pth"
    torch.save(network.state_dict(), path)
    loaded = store.load(import_file(path, "as-trained", tell=lambda note: None).name)
    frozen = store.load(import_file(path, "frozen", declared=Declared(statistics="training"), tell=lambda note: None).name)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(frozen(x), network.eval()(x))
    torch.testing.assert_close(loaded(x), network.train()(x).detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(loaded(x), loaded(x), rtol=0, atol=0)
    assert (loaded(x) - frozen(x)).abs().max() > 1e-3


def test_statistics_mean_nothing_elsewhere() -> None:
    with pytest.raises(RecipeError, match="--statistics means nothing here"):
        recognise(torch.nn.ModuleDict({"net": _pixel()}).state_dict(), Declared(statistics="training"))


def _pixel() -> torch.nn.Module:
    from restauro.networks.pixelgan import PixelGAN

    return PixelGAN(6, 4).net
