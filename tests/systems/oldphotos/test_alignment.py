"""Two VAEs are compared on the same photographs."""

from __future__ import annotations

from pathlib import Path

import torch

from restauro.networks.photo_vae import PhotoVAE
from restauro.systems.oldphotos.alignment import compare
from restauro.systems.oldphotos.collection import collection
from tests.systems.oldphotos.stages import old_photographs, pictures


def test_the_same_vae_is_as_near_and_another_is_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, other = PhotoVAE(8, 8), PhotoVAE(8, 8)
    old, clean = collection(old_photographs(tmp_path / "old")), pictures(12)
    same = compare(one, one, old, clean, chain="old-portrait")
    assert same.before == same.after and same.difference[:3] == (0, 0, 0) and not same.difference.decided
    apart = compare(one, other, old, clean, chain="old-portrait")
    assert apart.before == same.before and abs(apart.after.mean - apart.before.mean - apart.difference.mean) < 1e-9
    assert apart.before.n == 24 and apart.before.low <= apart.before.mean <= apart.before.high
