"""Every official key list is recognised, built and matched, without its weights: tensors on the meta device."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
import torch

from restauro.core.errors import WeightsError
from restauro.networks.rrdb import RRDBNet
from restauro.networks.unet import SuperResUNet, UNet
from restauro.weights.build import misfits, skeleton
from restauro.weights.declared import Declared
from restauro.weights.recognise import Unrecognised, recognise
from tests.shared import GOLDENS

pytestmark = pytest.mark.skipif(not GOLDENS.exists(), reason="../shared is not here")


def listed(file: str) -> dict[str, torch.Tensor]:
    with gzip.open(GOLDENS / f"{file}.json.gz") as stream:
        keys = json.load(stream)["keys"]
    return {key.removeprefix("module."): torch.empty(shape, device="meta") for key, shape in keys.items()}


EXPECTED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "pgdiff/keys/iddpm_ffhq512_unet": ("ffhq512", "unet", {"attention": [16, 32, 64], "num_res_blocks": [1, 2, 2, 2, 2, 3, 4]}),
    "pgdiff/keys/iddpm_ffhq256_unet": ("ffhq256", "unet", {"model_channels": 128, "attention": [16, 32]}),
    "pgdiff/keys/rrdb_restorer": ("pgdiff-restorer", "rrdb-timed", {"num_blocks": 23}),
    "pgdiff/keys/iresnet18": ("arcface-iresnet18", "iresnet", {"blocks": [2, 2, 2, 2]}),
    "pgdiff/keys/iresnet34": ("arcface-iresnet34", "iresnet", {"blocks": [3, 4, 6, 3]}),
    "pgdiff/keys/iresnet50": ("arcface-iresnet50", "iresnet", {"blocks": [3, 4, 14, 3], "size": 112}),
    "pgdiff/keys/iresnet100": ("arcface-iresnet100", "iresnet", {"blocks": [3, 13, 30, 3]}),
    "ddpm_sr3/keys/openai_guided_256_uncond": ("guided256", "unet", {"resblock_updown": True, "attention": [8, 16, 32]}),
    "ddpm_sr3/keys/openai_improved_cifar10_32": ("improved-cifar32", "unet", {"num_heads": 4, "attention": [2, 4]}),
    "ddpm_sr3/keys/openai_improved_imagenet_64": ("improved-imagenet64", "unet", {"num_heads": 4, "attention": [4, 8]}),
    "ddpm_sr3/keys/openai_improved_lsun_256": ("improved-lsun256", "unet", {"num_heads": 1, "attention": [16]}),
}


@pytest.mark.parametrize("file", EXPECTED)
def test_official_key_lists(file: str) -> None:
    state_dict = listed(file)
    name, architecture, arguments = EXPECTED[file]
    passport, tensors = recognise(state_dict)
    assert passport.name == name
    assert passport.architecture == architecture
    assert {key: passport.arguments[key] for key in arguments} == arguments
    assert tensors.keys() == state_dict.keys()
    assert not misfits(skeleton(passport), state_dict)
    assert passport.licence and (passport.kind != "prior" or passport.size == int(re.sub(r"\D", "", name)))


def test_the_restorer_among_other_networks() -> None:
    state_dict = listed("pgdiff/keys/rrdb_restorer")
    more = {**state_dict, "discriminator.conv0.weight": torch.zeros(1), "step_counter": torch.zeros(1)}
    passport, tensors = recognise(more)
    assert passport.name == "pgdiff-restorer"
    assert tensors.keys() == state_dict.keys()


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("blocks", [6, 23])
def test_plain_rrdb_networks(scale: int, blocks: int) -> None:
    with torch.device("meta"):
        network = RRDBNet(num_blocks=blocks, scale=scale)
    passport, _ = recognise(network.state_dict())
    assert (passport.name, passport.arguments["num_blocks"]) == (f"rrdb-x{scale}", blocks)
    assert passport.kind == ("restorer" if scale == 1 else "upscaler")


def superres(classes: int | None, out: int) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        network = SuperResUNet(6, out, 64, [1, 2], 1, attention=[2], num_head_channels=64, num_classes=classes)
    return network.state_dict()


@pytest.mark.parametrize("classes", [None, 1000])
@pytest.mark.parametrize("out", [3, 6])
def test_a_prior_that_is_also_shown_a_small_picture(classes: int | None, out: int) -> None:
    passport, _ = recognise(superres(classes, out))
    assert (passport.kind, passport.architecture) == ("conditional-prior", "unet-superres")
    assert passport.arguments["in_channels"] == 6 and passport.arguments["num_classes"] == classes
    assert passport.variance == ("learned_range" if out == 6 else "fixed_large")
    assert "enlarges" in passport.what and not misfits(skeleton(passport), superres(classes, out))


def test_a_prior_that_is_told_a_class() -> None:
    uncond = listed("ddpm_sr3/keys/openai_guided_256_uncond")
    width = uncond["time_embed.2.weight"].shape[0]
    passport, _ = recognise({**uncond, "label_emb.weight": torch.empty(1000, width, device="meta")})
    assert (passport.kind, passport.arguments["num_classes"]) == ("conditional-prior", 1000)
    assert passport.name == "unet-554m" and passport.variance == "learned_range"


def test_declared_arguments_win() -> None:
    with torch.device("meta"):
        network = UNet(3, 6, 32, [1, 2], 1, attention=[2], num_head_channels=32)
    with pytest.raises(WeightsError, match="64 channels cannot be split into heads of 48"):
        recognise(network.state_dict(), Declared(head_channels=48))
    passport, _ = recognise(network.state_dict(), Declared(head_channels=32, qkv_order="new"))
    assert passport.arguments["num_head_channels"] == 32
    assert passport.arguments["new_attention_order"]


@pytest.mark.parametrize("file", EXPECTED)
def test_one_missing_tensor_is_named(file: str) -> None:
    state_dict = listed(file)
    key = next(key for key in reversed(state_dict) if key.endswith("bias"))
    del state_dict[key]
    with pytest.raises(Unrecognised, match=rf"1 of \d+ tensors missing \({key}\)"):
        recognise(state_dict)


def test_unknown_weights_say_what_was_found_and_what_not() -> None:
    state_dict = listed("pgdiff/keys/rrdb_restorer")
    del state_dict["time_embed.2.weight"]
    with pytest.raises(Unrecognised) as caught:
        recognise(state_dict)
    assert caught.value.missing == ("time_embed.2.weight",)
    assert "generator.conv_first.weight" in caught.value.found
    assert "missing time_embed.2.weight" in str(caught.value)
    with pytest.raises(Unrecognised, match=r"of no kind restauro knows; they hold encoder\.embed"):
        recognise({"encoder.embed": torch.zeros(1)})
    with pytest.raises(Unrecognised, match="no tensors"):
        recognise({})


def test_a_text_to_image_network_is_not_taken_for_a_pixel_prior() -> None:
    with torch.device("meta"):
        state_dict = UNet(4, 4, 64, [1, 2], 1, attention=[1, 2], num_head_channels=64).state_dict()
        state_dict["input_blocks.1.1.transformer_blocks.0.norm1.weight"] = torch.empty(64)
    with pytest.raises(Unrecognised, match="not part of it"):
        recognise(state_dict)


SHAPES_THAT_TELL = (
    "input_blocks.0.0.weight",
    "input_blocks.1.0.emb_layers.1.weight",
    "out.2.weight",
    "time_embed.0.weight",
    "generator.conv_first.weight",
    "generator.body.0.rdb1.conv1.weight",
    "layer1.0.conv1.weight",
    "fc.weight",
)


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("shape", [(), (3,), (0, 0), (64, 7, 3, 3)])
@pytest.mark.parametrize("file", ["pgdiff/keys/iddpm_ffhq512_unet", "pgdiff/keys/rrdb_restorer", "pgdiff/keys/iresnet18"])
def test_absurd_shapes_are_refused_in_one_line(file: str, shape: tuple[int, ...]) -> None:
    whole = listed(file)
    for key in SHAPES_THAT_TELL:
        if key in whole:
            with pytest.raises(Unrecognised):
                recognise({**whole, key: torch.empty(shape, device="meta")})
