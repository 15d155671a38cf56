"""Real old photographs: drawn by the generator alone, at any scale, half of them grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from restauro.core.errors import InputError
from restauro.systems.oldphotos.collection import Collection, collection
from tests.systems.oldphotos.stages import old_photographs


def test_squares_of_both_kinds(tmp_path: Path) -> None:
    found = collection(old_photographs(tmp_path / "old"))
    assert (len(found.grey), len(found.tinted)) == (3, 2)
    drawn = found.squares(200, 24, np.random.default_rng(0))
    assert drawn.shape == (200, 3, 24, 24) and drawn.abs().max() <= 1
    assert torch.equal(drawn[:3], found.squares(3, 24, np.random.default_rng(0)))
    grey = (drawn - drawn.mean(1, keepdim=True)).abs().mean((1, 2, 3)) < 0.02
    assert 70 < int(grey.sum()) < 130  # three grey photographs and two toned ones: half and half all the same
    assert found.squares(2, 96, np.random.default_rng(0)).shape == (2, 3, 96, 96)  # enlarged


def test_held_ones_are_others(tmp_path: Path) -> None:
    whole = collection(old_photographs(tmp_path / "old", 12))
    train, held = whole.split(0.4)
    assert len(train) + len(held) == 12 and len(train) and len(held)
    names = [{one.numpy().tobytes() for one in (*part.grey, *part.tinted)} for part in (train, held)]
    assert not names[0] & names[1]
    alone = Collection(whole.grey[:1], [])
    assert alone.split() == (alone, alone)


def test_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="no readable photographs"):
        collection(str(tmp_path))
