"""One-pass networks keep the picture's size and speak its range, whatever they were trained on."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.networks.rrdb import RRDBNet, TimedRestorer
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


def test_a_restorer_that_wants_the_noisy_state_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path))
    arguments = {"mid_channels": 4, "num_blocks": 1, "growth_channels": 2}
    about = Passport(name="timed", what="A test.", kind="restorer", architecture="rrdb-timed", arguments=arguments)
    save(TimedRestorer(**arguments).state_dict(), about, imported_folder())
    with pytest.raises(WeightsError, match="noisy state"):
        restorer("timed", torch.device("cpu"))
