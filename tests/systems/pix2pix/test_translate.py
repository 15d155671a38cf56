"""Whole photographs through generators: their size, their channels, their chance, and what the report says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from restauro import api
from restauro.core.errors import RecipeError, WeightsError
from restauro.core.events import Event
from restauro.networks.colorizer import Colorizer
from restauro.networks.dropout import Dropout
from restauro.networks.initial import initialise
from restauro.networks.patchgan import PatchGAN
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.networks.skip_unet import SkipUNet
from restauro.photo.colour import LUMA
from restauro.systems.pix2pix.translate import translate
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

CPU = torch.device("cpu")
UNET: dict[str, Any] = {"width": 4, "downs": 6, "norm": "instance", "dropout": "none"}
MADE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a-unet": ("translator", "skip-unet", UNET),
    "a-noisy-unet": ("translator", "skip-unet", {**UNET, "norm": "batch", "statistics": "picture", "dropout": "middle"}),
    "a-resnet": ("restorer", "resnet-generator", {"width": 4, "blocks": 1, "norm": "instance", "dropout": False}),
    "a-lab-unet": ("translator", "skip-unet", {**UNET, "in_channels": 1, "out_channels": 2}),
    "a-grey-unet": ("translator", "skip-unet", {**UNET, "in_channels": 1, "out_channels": 1}),
    "of-labels": ("translator", "skip-unet", {**UNET, "in_channels": 35}),
    "a-critic": ("discriminator", "patchgan", {"width": 4}),
    "a-colorizer": ("colorizer", "colorizer", {"width": 8, "mult": [1, 2], "blocks": [1, 1], "bins": 5, "temperature": 0.05}),
}
BUILT = {"skip-unet": SkipUNet, "resnet-generator": ResnetGenerator, "patchgan": PatchGAN, "colorizer": Colorizer}


@pytest.fixture(scope="module", autouse=True)
def generators(restauro_home: Path) -> Iterator[None]:
    """Of random weights, in the test home's store."""
    torch.manual_seed(0)
    for name, (kind, architecture, arguments) in MADE.items():
        network: nn.Module = BUILT[architecture](**arguments)
        if kind == "colorizer":
            nn.init.normal_(network.out[-1].weight)  # type: ignore[union-attr, index, arg-type]
        else:
            initialise(network, 0.3)
        facts = {"arguments": arguments, "licence": "for tests", "size": 32 if kind == "colorizer" else 0}
        save(
            network.state_dict(), Passport(name=name, what="-", kind=kind, architecture=architecture, **facts), imported_folder()
        )
    yield
    for name in MADE:
        for file in imported_folder().glob(f"{name}.*"):
            file.unlink()


def photograph(height: int = 70, width: int = 90) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 20.0
    return (0.5 + 0.4 * np.stack([np.sin(x), np.sin(y * 1.3 + x), np.cos(x - y)], -1)).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("name", ["a-unet", "a-noisy-unet", "a-resnet", "a-grey-unet", "a-lab-unet", "a-colorizer"])
@pytest.mark.parametrize("size", [(70, 90), (1, 9), (64, 64)])
def test_the_answer_has_the_photographs_size(name: str, size: tuple[int, int]) -> None:
    found = translate(photograph(*size), name, CPU)
    assert found.shape == (*size, 3) and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1


def test_it_is_the_network_and_nothing_else() -> None:
    from restauro.weights.store import load

    pixels = photograph(64, 128)
    with torch.no_grad():
        answer = load("a-unet")(torch.from_numpy(pixels).permute(2, 0, 1)[None] * 2 - 1)
    assert np.abs(translate(pixels, "a-unet", CPU) - (answer[0].permute(1, 2, 0).numpy() + 1) / 2).max() < 1e-5


def test_two_channels_are_colours_at_the_photographs_luma() -> None:
    """Published colouring networks answer with a* and b*; in Lab the luma of the file would move."""
    pixels = photograph()
    found = translate(pixels, "a-lab-unet", CPU)
    assert np.abs(found @ LUMA - pixels @ LUMA).max() < 1e-5 and np.ptp(found, -1).max() > 0.1
    grey = translate(pixels, "a-grey-unet", CPU)
    assert np.ptp(grey, -1).max() == 0


def test_dropout_is_chance_by_seed_and_off_unless_asked() -> None:
    pixels = photograph()
    plain = translate(pixels, "a-noisy-unet", CPU)
    assert np.array_equal(plain, translate(pixels, "a-noisy-unet", CPU))
    one, same, other = (translate(pixels, "a-noisy-unet", CPU, dropout_seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other) and not np.array_equal(one, plain)
    assert np.array_equal(plain, translate(pixels, "a-noisy-unet", CPU)), "and off again"


@pytest.mark.parametrize(
    ("name", "words"),
    [("of-labels", "35 channels"), ("a-critic", "discriminator"), ("face-prior", "prior"), ("nosuch", "no weights")],
)
def test_weights_that_translate_no_photograph_are_refused(name: str, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        translate(photograph(), name, CPU)


def test_the_report_says_what_is_the_networks() -> None:
    heard: list[Event] = []
    result = api.translate(photograph(120, 125), "a-noisy-unet", seed=3, listener=heard.append)
    report = result.report
    assert (report.task, report.calls, report.changed, report.invented) == ("translate", 1, 1.0, 1.0)
    said = " ".join(report.notices)
    for words in ("every pixel is the network's", "dropout is off", "own statistics", "for tests"):
        assert words in said
    assert "mirrored" not in said and heard[-1].done == heard[-1].total
    assert "mirrored" in " ".join(api.translate(photograph(20, 20), "a-unet").report.notices)
    assert "dropout" not in " ".join(api.translate(photograph(), "a-unet").report.notices)
    coloured = api.translate(photograph(), "a-colorizer").report.notices
    assert "lightness is the photograph's own" in coloured[0]


def test_a_recipe_that_cannot_be_is_one_line() -> None:
    for settings, words in (({"restorer": ""}, "--model"), ({"upscale": 2}, "keeps its size"), ({"dropout": True}, "no dropout")):
        with pytest.raises(RecipeError, match=words):
            api.run(photograph(), api.make_recipe("translate", **{"restorer": "a-unet", **settings}))


def test_an_official_checkpoint_is_used_as_it_was_trained(tmp_path: Path) -> None:
    """The file tells neither that batch norms take the picture's statistics nor that dropout is on: defect 2."""
    torch.manual_seed(1)
    network = SkipUNet(width=4, downs=5, norm="batch", dropout="middle")
    initialise(network, 0.3)
    torch.save(network.state_dict(), tmp_path / "latest_net_G.pth")
    result = api.translate(photograph(64, 64), tmp_path / "latest_net_G.pth")
    assert result.recipe.restorer.endswith("latest_net_G")
    pixels = torch.from_numpy(photograph(64, 64)).permute(2, 0, 1)[None] * 2 - 1
    for module in network.train().modules():  # as published but for dropout, which is off unless asked for
        if isinstance(module, Dropout):
            module.eval()
    with torch.no_grad():
        wanted = (network(pixels)[0].permute(1, 2, 0).numpy() + 1) / 2
    assert np.abs(result.pixels - wanted).max() < 1e-4
