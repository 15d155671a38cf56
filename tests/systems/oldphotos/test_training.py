"""The stages are trained in their order, each can be stopped and shipped, and every knob changes what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.networks.photo_vae import PhotoVAE
from restauro.networks.vgg import VGG
from restauro.systems.oldphotos.autoencoders import CleanVae, OldVae
from restauro.systems.oldphotos.detector import DetectorObjective
from restauro.systems.oldphotos.practice import closed
from restauro.systems.oldphotos.translation import MappingObjective
from restauro.weights.passports import Passport
from restauro.weights.store import find, imported_folder, load, save
from tests.systems.oldphotos.stages import DETECTOR, MAPPING, RUN, VAE, old_photographs, pictures, shipped, trained


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> str:
    return old_photographs(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module", autouse=True)
def weights(restauro_home: Path) -> None:
    """Two VAEs, another one with more channels, and a VGG, of random weights."""
    torch.manual_seed(0)
    for name, latent in (("tiny-vae-1", 8), ("tiny-vae-2", 8), ("tiny-vae-3", 12)):
        shape: dict[str, Any] = {"width": 8, "latent": latent}
        passport = Passport(name=name, what="-", kind="autoencoder", architecture="photo-vae", arguments=shape)
        save(PhotoVAE(**shape).state_dict(), passport, imported_folder())
    shape = {"blocks": [1] * 5, "widths": [4] * 5}
    passport = Passport(name="tiny-vgg", what="-", kind="features", architecture="vgg", arguments=shape)
    save(VGG(**shape).state_dict(), passport, imported_folder())


def stages(old: str) -> dict[str, Any]:
    return {
        "vae-1": OldVae(old=old, **VAE),
        "vae-2": CleanVae(**VAE),
        "mapping": MappingObjective(**MAPPING),
        "mapping-plain": MappingObjective(holes="plain", **MAPPING),
        "mapping-patches": MappingObjective(holes="patches", **MAPPING),
        "detector": DetectorObjective(**DETECTOR),
    }


@pytest.mark.parametrize("name", ["vae-1", "vae-2", "mapping", "mapping-plain", "mapping-patches", "detector"])
def test_resumed_it_goes_on_to_the_same_bit_and_ships(tmp_path: Path, old: str, name: str) -> None:
    """Defect A9.12: upstream's mapping saves nothing, and its critic of latents begins again at random."""
    objective = stages(old)[name]
    longer = msgspec.structs.replace(RUN, steps=3, decay="none")
    whole = trained(objective, tmp_path / "whole", longer)
    trained(objective, tmp_path / "parts", msgspec.structs.replace(longer, steps=2))
    parts = trained(objective, tmp_path / "parts", longer, resume=True)
    assert whole["step"] == parts["step"] == 3 and set(whole["optimizers"]) == set(parts["optimizers"])
    assert all(torch.equal(value, parts["network"][key]) for key, value in whole["network"].items())

    passport = shipped(objective, tmp_path / "whole", f"shipped-{name}")
    assert find(passport.name)[0] == passport and all(np.isfinite(list(passport.scores.values())))
    network = load(passport.name)
    assert {key: value.shape for key, value in network.state_dict().items()} == {
        key: value.shape for key, value in objective.shipped(objective.build(pictures())).state_dict().items()
    }


def test_all_networks_of_a_stage_are_in_its_checkpoint(tmp_path: Path, old: str) -> None:
    kept = trained(stages(old)["vae-1"], tmp_path)
    assert {key.partition(".")[0] for key in kept["network"]} == {"generator", "critic", "latent_critic"}
    assert set(kept["optimizers"]) == {"generator", "critic", "latent-critic"}


def test_frozen_vaes_stay(tmp_path: Path) -> None:
    kept = trained(MappingObjective(**MAPPING), tmp_path)["network"]
    for side in ("first", "second"):
        vae = load(f"tiny-vae-{1 + (side == 'second')}").state_dict()
        assert all(torch.equal(value, kept[f"{side}.{key}"]) for key, value in vae.items())
    assert set(trained(MappingObjective(**MAPPING), tmp_path, resume=True)["optimizers"]) == {"generator", "critic"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_both_halves_are_there_in_any_batch(old: str, count: int) -> None:
    """Defect A9.13: upstream draws the domains together and fails where a batch holds one of them only."""
    objective, data = OldVae(old=old, **VAE), pictures()
    batch = data.batch(np.arange(count))
    mixed, is_old = objective.prepare(batch, np.arange(count), data, np.random.default_rng(0))
    assert len(mixed) == len(is_old) and int(is_old.sum()) == int((~is_old).sum()) == (count + 1) // 2
    turns = objective.turns(objective.build(data), (mixed, is_old), np.random.default_rng(0))
    assert [name for name, loss in turns if loss.isfinite()] == ["generator", "critic", "latent-critic"]


def test_old_photographs_are_drawn_from_the_generator(old: str) -> None:
    objective, data = OldVae(old=old, **VAE), pictures()
    batch = data.batch(np.arange(4))

    def drawn(seed: int) -> torch.Tensor:
        return objective.prepare(batch, np.arange(4), data, np.random.default_rng(seed))[0]

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1)[:2], drawn(2)[:2])


def test_a_mask_lies_where_the_picture_is_destroyed() -> None:
    """Defect A9.14: upstream's mask and picture part where the size they are loaded at is not the one they are cut to."""
    objective, data = MappingObjective(chain="scratches", **{**MAPPING}, told=1.0, widened=0), pictures()
    published, clean = msgspec.structs.replace(objective, skip=False), data.batch(np.arange(4))
    aged, white = (one.prepare(clean, np.arange(4), data, np.random.default_rng(0)) for one in (objective, published))
    assert aged.mask.any() and torch.equal(aged.target, clean) and torch.equal(aged.mask, white.mask)
    holes = aged.mask.expand_as(clean) > 0
    assert torch.equal((white.picture != clean).any(1, keepdim=True), aged.mask > 0) and (white.picture[holes] == 1).all()
    torch.testing.assert_close(aged.picture[~holes], clean[~holes])
    away = [(one.picture - clean)[holes].abs().mean() for one in (aged, white)]
    assert away[0] < away[1]  # closed from their edges
    whole = torch.ones_like(aged.mask)
    assert torch.equal(closed(white.picture, whole), white.picture)  # nothing to close it from
    grey, mask = DetectorObjective(chain="scratches", clean=0.0).scratched(clean, np.random.default_rng(0))
    assert grey.shape == mask.shape == (4, 1, 32, 32) and set(mask.unique().tolist()) == {0.0, 1.0}


def test_what_is_meant_to_be_grey_is_clean() -> None:
    """VAE-2 sees the mapping's targets."""
    data, rng = pictures(), np.random.default_rng(0)
    kept = [
        CleanVae(**VAE, chain=name).prepare(data.batch(np.arange(4)), np.arange(4), data, rng)[0]
        for name in ("grey", "old-photo")
    ]
    assert torch.equal(kept[0], data.batch(np.arange(4))) and not torch.equal(kept[1], kept[0])
    toned = MappingObjective(**MAPPING).prepare(data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(0)).target
    assert not torch.equal(toned, data.batch(np.arange(4)))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="needs real old photographs"):
        OldVae(**VAE).build(pictures())
    with pytest.raises(RecipeError, match="'tiny-vgg' is a features, not a VAE"):
        MappingObjective(**{**MAPPING, "first": "tiny-vgg"}).build(pictures())
    with pytest.raises(RecipeError, match="8 channels of latents, tiny-vae-3 has 12"):
        MappingObjective(**{**MAPPING, "second": "tiny-vae-3"}).build(pictures())
    for objective in (CleanVae, MappingObjective, DetectorObjective):
        with pytest.raises(RecipeError, match="unknown chain 'rust'"):
            objective(chain="rust")


BOTH: dict[str, Any] = {"norm": "instance", "window": 16, "critic_width": 8, "pixel": 1.0, "features": "tiny-vgg", "raw": True}
OTHER: dict[str, dict[str, Any]] = {
    "vae-1": {**BOTH, "width": 12, "latent": 12, "kl": 0.1, "chain": "grey", "told": 1.0, "widened": 6, "align": 2.0},
    "vae-2": {**BOTH, "width": 12, "latent": 12, "kl": 0.1, "chain": "old-photo"},
    "mapping": {
        **BOTH,
        "first": "tiny-vae-2",
        "second": "tiny-vae-1",
        "holes": "plain",
        "latents": 1.0,
        "skip": False,
        "width": 12,
        "blocks": 2,
        "spectral": False,
        "sampled": True,
        "chain": "grey",
        "told": 0.0,
        "widened": 6,
    },
    "detector": {
        "width": 8,
        "depth": 1,
        "convs": 2,
        "focal": 2.0,
        "dice": 0.0,
        "gamma": 0.5,
        "chain": "grey",
        "clean": 1.0,
        "magnified": 1.0,
        "together": 1,
    },
}
ELSEWHERE = {"faces", "critic_rate", "old"}
"""Knobs that other tests are about."""


def told(objective: Any, seed: int) -> float:
    """All losses of one step."""
    data = pictures()
    torch.manual_seed(0)
    network, rng = objective.build(data), np.random.default_rng(seed)
    prepared = objective.prepare(data.batch(np.arange(4)), np.arange(4), data, rng)
    turns = (
        objective.turns(network, prepared, rng)
        if hasattr(objective, "turns")
        else [("", objective.learn(network, prepared, rng))]
    )
    return sum(float(loss.detach()) for _, loss in turns)


@pytest.mark.parametrize(("stage", "knob"), [(stage, knob) for stage, knobs in OTHER.items() for knob in knobs])
def test_every_knob_is_alive(old: str, stage: str, knob: str) -> None:
    objective = stages(old)[stage]
    assert set(OTHER[stage]) | ELSEWHERE >= set(objective.__struct_fields__)
    bases: dict[str, dict[str, Any]] = {
        "raw": {"features": "tiny-vgg"},
        "window": {"features": "tiny-vgg"},
        "widened": {"told": 1.0},
        "sampled": {"told": 1.0},
    }
    basis = bases.get(knob, {"latent": 16} if (stage[:3], knob) == ("vae", "width") else {})
    if "chain" in objective.__struct_fields__:
        basis = {**basis, "chain": "old-portrait+scratches"}
    plain = msgspec.structs.replace(objective, **basis)
    other = msgspec.structs.replace(plain, **{knob: OTHER[stage][knob]})
    seeds = range(1, 9) if knob == "together" else [1]  # how many are laid together is drawn
    assert any(told(plain, seed) != told(other, seed) for seed in seeds)


def test_faces_are_drawn_as_often_as_is_said() -> None:
    data = pictures(5)
    data.records[1]["lm"] = data.records[2]["lm"] = [[0, 0]] * 5
    weights = CleanVae(faces=0.25).weights(data)
    assert weights[[1, 2]].sum() / weights.sum() == pytest.approx(0.25)
    assert CleanVae(faces=0.25).weights(pictures()).tolist() == [1] * 4


def test_the_critic_has_its_own_rate() -> None:
    objective = MappingObjective(critic_rate=4.0, **MAPPING)
    assert objective.players(objective.build(pictures()))["critic"].rate == 4
