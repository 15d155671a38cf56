"""One-pass networks keep the picture's size and speak its range, whatever they were trained on."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.networks.rrdb import RRDBNet
from restauro.networks.skip_unet import SkipUNet
from restauro.restorers.smooth import OnePass, restorer
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save

PICTURE = torch.linspace(-1, 1, 3 * 9 * 14).reshape(1, 3, 9, 14)


class Brighter(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert x.min() >= 0 and x.max() <= 1
        return x + 0.1


def test_a_network_of_zero_to_one_is_spoken_to_in_its_own_range() -> None:
    torch.testing.assert_close(OnePass(Brighter(), (0.0, 1.0))(PICTURE), PICTURE + 0.2)
    torch.testing.assert_close(OnePass(nn.Identity())(PICTURE), PICTURE)


def test_an_imported_rrdb_file_is_a_restorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path))
    arguments = {"in_channels": 3, "out_channels": 3, "mid_channels": 4, "num_blocks": 1, "growth_channels": 2, "scale": 1}
    about = Passport(name="plain", what="A test.", kind="restorer", architecture="rrdb", arguments=arguments, range=(0.0, 1.0))
    save(RRDBNet(**arguments).state_dict(), about, imported_folder())
    found = restorer("plain", torch.device("cpu"))
    assert isinstance(found, OnePass) and found.range == (0.0, 1.0)
    assert found(PICTURE).shape == PICTURE.shape


@pytest.mark.parametrize("scale", [2, 4])
def test_an_upscaler_is_a_restorer_whose_answer_is_reduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: int) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path))
    arguments = {"mid_channels": 4, "num_blocks": 1, "growth_channels": 2, "scale": scale}
    about = Passport(name="large", what="A test.", kind="upscaler", architecture="rrdb", arguments=arguments, range=(0.0, 1.0))
    save(RRDBNet(**arguments).state_dict(), about, imported_folder())
    found = restorer("large", torch.device("cpu"))
    assert found.scale == scale and found(PICTURE).shape == PICTURE.shape


class Larger(nn.Module):
    """A perfect upscaler."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2, mode="bicubic")


def test_what_a_perfect_upscaler_says_is_the_picture() -> None:
    smooth = torch.linspace(-0.8, 0.8, 32).expand(1, 3, 32, 32)
    found = OnePass(Larger(), (0.0, 1.0), multiple=1, scale=2)(smooth)
    torch.testing.assert_close(found[..., 4:-4], smooth[..., 4:-4], rtol=0, atol=5e-3)


def test_what_is_no_restorer_is_refused_in_one_line() -> None:
    with pytest.raises(WeightsError, match="'identity' is a identity, not a restorer"):
        restorer("identity", torch.device("cpu"))


def test_a_generator_of_three_channels_is_a_restorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pix2pix's generators: as a first stage, and as what smooth semantics hold to."""
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path))
    for name, channels in (("generator", 3), ("colours", 1)):
        arguments = {"in_channels": channels, "width": 4, "downs": 3, "norm": "instance", "dropout": "none"}
        about = Passport(name=name, what="A test.", kind="translator", architecture="skip-unet", arguments=arguments)
        save(SkipUNet(**arguments).state_dict(), about, imported_folder())  # type: ignore[arg-type]
    found = restorer("generator", torch.device("cpu"))
    assert isinstance(found, OnePass) and found.multiple == 8 and found(PICTURE).shape == PICTURE.shape
    with pytest.raises(WeightsError, match="translates 1 channels to 3"):
        restorer("colours", torch.device("cpu"))
