"""Networks lent one at a time: what they say is what they say when they are kept, and one of them has weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import WeightsError
from restauro.networks.patchgan import PatchGAN
from restauro.weights import store
from restauro.weights.lending import Desk
from restauro.weights.passports import Passport
from restauro.weights.store import imported_folder, lending, load, save

SHAPE = {"in_channels": 3, "width": 4, "layers": 2, "norm": "none"}
NAMES = ("lent-1", "lent-2")


@pytest.fixture(autouse=True)
def two(home: Path) -> None:
    torch.manual_seed(0)
    for name in NAMES:
        passport = Passport(name=name, what="-", kind="critic", architecture="patchgan", arguments=SHAPE)
        save(PatchGAN(**SHAPE).state_dict(), passport, imported_folder())  # type: ignore[arg-type]


def weights(network: nn.Module) -> int:
    """Bytes."""
    return sum(one.untyped_storage().nbytes() for one in network.parameters() if one.numel() > 1)


def picture() -> Tensor:
    return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_they_say_the_same_and_one_lies_there() -> None:
    kept = [load(name) for name in NAMES]
    wanted = [network(picture()) for network in kept]
    desk = Desk()
    with lending(desk):
        lent = [load(name) for name in NAMES]
        assert load(NAMES[0]) is lent[0] is not kept[0]
        for one in (0, 1, 1, 0):
            assert torch.equal(lent[one](picture()), wanted[one])
            assert weights(lent[one]) == weights(kept[one]) and weights(lent[1 - one]) < 100
    assert max(map(weights, lent)) < 100
    assert torch.equal(lent[1](picture()), wanted[1])  # whoever holds one may go on with it
    assert load(NAMES[0]) is not lent[0] and weights(load(NAMES[0]))


def test_all_else_can_be_asked_of_one_that_lies_nowhere() -> None:
    kept = load(NAMES[0])
    with lending(Desk()):
        lent, _ = (load(name) for name in NAMES)
        told = [(name, one.shape, one.device, one.dtype, one.requires_grad) for name, one in lent.named_parameters()]
        assert told == [(name, one.shape, one.device, one.dtype, False) for name, one in kept.named_parameters()]


def test_a_gradient_outlives_the_weights() -> None:
    def slope(network: nn.Module, other: nn.Module) -> Tensor:
        leaf = picture().requires_grad_(True)
        answer = network(leaf).square().sum()
        other(picture())
        (found,) = torch.autograd.grad(answer, leaf)
        return found

    wanted = slope(*(load(name) for name in NAMES))
    with lending(Desk()):
        assert torch.equal(slope(*(load(name) for name in NAMES)), wanted)


def test_what_was_kept_is_forgotten() -> None:
    load(NAMES[0])
    with lending(Desk()):
        assert not store._loaded


def test_a_damaged_file_is_refused_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "sha256_of", lambda path: "0" * 64)
    with lending(Desk()), pytest.raises(WeightsError, match="damaged or was changed"):
        load(NAMES[0])
