"""The restorer that also sees the noisy state: a picture in, a picture out, and no graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restauro.networks.rrdb import TimedRestorer
from restauro.restorers.smooth import restorer
from restauro.restorers.timed import LAST, Timed
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, save
from tests.laws.pictures import waves

ARGUMENTS = {"mid_channels": 4, "num_blocks": 1, "growth_channels": 2}
PICTURE = waves(1, 2, 32).float()


@pytest.fixture
def network() -> TimedRestorer:
    torch.manual_seed(3)
    return TimedRestorer(**ARGUMENTS).eval().requires_grad_(False)


def test_as_a_first_stage_it_is_asked_for_a_state_that_says_nothing(network: TimedRestorer) -> None:
    noise = torch.randn(2, 3, 32, 32)
    expected = network(noise, PICTURE, torch.tensor([LAST, LAST])).clamp(-1, 1)
    torch.testing.assert_close(Timed(network)(PICTURE, noise=noise), expected)
    assert Timed(network)(PICTURE).shape == PICTURE.shape


def test_it_builds_no_graph(network: TimedRestorer) -> None:
    picture = PICTURE.clone().requires_grad_()
    assert not Timed(network)(picture).requires_grad and not Timed(network).at(picture, picture, 3.0).requires_grad


def test_an_imported_one_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: TimedRestorer) -> None:
    monkeypatch.setenv("RESTAURO_HOME", str(tmp_path))
    about = Passport(name="timed", what="A test.", kind="restorer", architecture="rrdb-timed", arguments=ARGUMENTS)
    save(network.state_dict(), about, imported_folder(), half=False)
    found = restorer("timed", torch.device("cpu"))
    assert isinstance(found, Timed)
    torch.testing.assert_close(found.at(PICTURE, PICTURE, 7.0), Timed(network).at(PICTURE, PICTURE, 7.0))
