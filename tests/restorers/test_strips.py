"""Strips change nothing: the numbers are those of one call, whatever the layers, and memory is that of strips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.core.events import Event
from restauro.networks.initial import initialise
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.networks.skip_unet import SkipUNet
from restauro.restorers import strips
from restauro.restorers.strips import Strips, through

BOUND = 1e-4
"""A hundredth of a level of 8 bits, for pictures in [-1, 1]."""
NORMS: tuple[dict[str, Any], ...] = (
    {"norm": "instance"},
    {"norm": "batch", "statistics": "picture"},
    {"norm": "batch"},
    {"norm": "instance", "up": "resize"},
    {"norm": "none"},
)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a few rows, all layers in files."""
    monkeypatch.setattr(strips, "STRIP", 2**12)
    monkeypatch.setattr(strips, "KEPT", 0)


def generator(kind: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    network = ResnetGenerator(width=8, blocks=2, **settings) if kind == "resnet" else SkipUNet(width=8, downs=4, **settings)
    initialise(network, 0.1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return network.eval()


def photograph(height: int, width: int) -> np.ndarray:
    """Darker on the left, so that the statistics of its parts differ."""
    rng = np.random.default_rng(0)
    return (np.linspace(-0.8, 0.5, width)[None, :, None] + rng.uniform(-0.2, 0.2, (height, width, 3))).astype(np.float32)


def called(network: nn.Module, picture: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("settings", NORMS, ids=str)
@pytest.mark.parametrize("kind", ["unet", "resnet"])
def test_strips_equal_one_call(kind: str, settings: dict[str, Any]) -> None:
    network, picture = generator(kind, **settings), photograph(64, 96)
    whole = called(network, picture)
    assert np.abs(through(network, picture) - whole).max() < BOUND and whole.std() > 0.01
    halves = np.concatenate([called(network, picture[:, part]) for part in (slice(0, 48), slice(48, 96))], 1)
    if settings["norm"] != "none" and settings.get("statistics", "") != "training" and settings != {"norm": "batch"}:
        assert np.abs(halves - whole).max() > 100 * BOUND, "tiles with statistics of their own do differ"


LAYERS: dict[str, nn.Module] = {
    "stride and dilation": nn.Conv2d(3, 4, 3, stride=2, padding=2, dilation=2),
    "groups": nn.Conv2d(3, 6, (5, 3), padding=(2, 1), groups=3),
    "same": nn.Conv2d(3, 4, 3, padding="same"),
    "mirrored": nn.Conv2d(3, 4, 5, padding=2, padding_mode="reflect"),
    "repeated edge": nn.ReplicationPad2d(2),
    "transposed": nn.ConvTranspose2d(3, 4, 4, 2, 1),
    "transposed, one row more": nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1),
    "transposed, unpadded": nn.ConvTranspose2d(3, 4, 3, 3, 0, output_padding=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "learned statistics": nn.InstanceNorm2d(3, affine=True),
    "groups of channels": nn.GroupNorm(3, 3),
    "one group, learned nothing": nn.GroupNorm(1, 3, affine=False),
    "zeros around": nn.ZeroPad2d((0, 1, 2, 3)),
    "cut and zeros": nn.ZeroPad2d((-1, 0, 2, -3)),
    "kept statistics": nn.InstanceNorm2d(3, track_running_stats=True),
}


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_what_torch_has(name: str) -> None:
    layer = LAYERS[name].eval()
    x = torch.from_numpy(photograph(41, 67)).permute(2, 0, 1)[None]
    with torch.no_grad():
        wanted = layer(x)
        with Strips(torch.device("cpu")):
            assert torch.allclose(layer(x), wanted, atol=1e-6)


@pytest.mark.usefixtures("narrow")
def test_sums_and_layers_side_by_side() -> None:
    class Both(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = torch.cat([x, x.mean((2, 3), keepdim=True).expand_as(x)], 1)
            return (y + y) * 0.5 - torch.sigmoid(y) * y + nn.functional.leaky_relu(y, 0.1)

    x = torch.from_numpy(photograph(33, 20)).permute(2, 0, 1)[None]
    wanted = Both()(x)
    with Strips(torch.device("cpu")):
        assert torch.allclose(Both()(x), wanted, atol=1e-6)


@pytest.mark.usefixtures("narrow")
def test_attention_sees_all_places() -> None:
    q, k, v = (torch.randn(1, 200, 4, generator=torch.Generator().manual_seed(i)) for i in range(3))
    wanted = nn.functional.scaled_dot_product_attention(q, k, v)
    with Strips(torch.device("cpu")):
        assert torch.allclose(nn.functional.scaled_dot_product_attention(q, k, v), wanted, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 50), (37, 41)])
@pytest.mark.parametrize("kind", ["unet", "resnet"])
def test_any_size_is_answered_in_its_size(kind: str, height: int, width: int) -> None:
    found = through(generator(kind, norm="instance"), photograph(height, width))
    assert found.shape == (height, width, 3) and np.isfinite(found).all()


def test_padding_does_not_enter_the_statistics() -> None:
    """pix2pix's users (746): what was added to a picture changed all of it."""
    network, picture = nn.Sequential(nn.InstanceNorm2d(3), nn.Conv2d(3, 3, 1)), photograph(40, 70)
    wanted = called(network, picture)
    network.multiple = 64  # type: ignore[assignment]
    assert np.abs(through(network, picture) - wanted).max() < 1e-6
    padded = np.pad(picture, ((0, 24), (0, 58), (0, 0)), mode="reflect")
    assert np.abs(called(network, padded)[:40, :70] - wanted).max() > 0.05


@pytest.mark.usefixtures("narrow")
def test_layers_are_neither_kept_in_memory_nor_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    network, made, empty = generator("unet", norm="instance"), list[int](), torch.empty
    monkeypatch.setattr(torch, "empty", lambda *shape, **more: made.append(1) or empty(*shape, **more))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    through(network, photograph(64, 64))
    assert not made and not list(tmp_path.iterdir())


def test_the_listener_hears_every_convolution() -> None:
    heard: list[Event] = []
    network = generator("resnet", norm="instance")
    through(network, photograph(16, 16), heard.append)
    shares = [event.done / event.total for event in heard]
    assert len(heard) == 10 and shares == sorted(shares) and shares[-1] == 1


def test_another_size_is_an_error() -> None:
    with pytest.raises(WeightsError, match="change the size"):
        through(nn.Sequential(nn.Conv2d(3, 3, 3)), photograph(20, 20))
