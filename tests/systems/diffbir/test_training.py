"""The four parts are trained in their order, each can be stopped and shipped, and every knob changes what is learned."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.knobs import build
from restauro.networks.autoencoder_kl import AutoencoderKL
from restauro.systems.diffbir import objective
from restauro.systems.diffbir.autoencoder import AutoencoderObjective, evenly
from restauro.systems.diffbir.control import ControlObjective
from restauro.systems.diffbir.latent_prior import LatentPriorObjective
from restauro.systems.diffbir.practice import codec, drawn
from restauro.systems.diffbir.stage1 import Stage1Objective
from restauro.weights.build import misfits
from restauro.weights.passports import Passport
from restauro.weights.store import find, load
from tests.shared import needs_shared
from tests.systems.diffbir.test_checkpoints import listed
from tests.systems.diffbir.tiny import SWINIR, awake, keep, store_all
from tests.systems.oldphotos.stages import RUN, pictures, shipped, trained

CPU = torch.device("cpu")
PARTS: dict[str, Any] = {
    "stage1": Stage1Objective(**SWINIR, chain="codeformer"),
    "autoencoder": AutoencoderObjective(width=8, critic_width=4, critic_after=0, features="mini-critic"),
    "prior": LatentPriorObjective(autoencoder="mini-latents", width=8, mult=(1, 2), attention=(2,), head_channels=8),
    "control": ControlObjective(prior="mini-prior", restorer="mini-restorer", chain="codeformer"),
}
PROMPTED = msgspec.structs.replace(PARTS["control"], prior="mini-prompted", text="mini-text")


@pytest.fixture(scope="module", autouse=True)
def weights(restauro_home: Path) -> None:
    store_all()


@pytest.mark.parametrize("name", PARTS)
def test_resumed_it_goes_on_to_the_same_bit_and_ships(tmp_path: Path, name: str) -> None:
    part = PARTS[name]
    longer = msgspec.structs.replace(RUN, steps=2, decay="none")
    whole = trained(part, tmp_path / "whole", longer)
    trained(part, tmp_path / "parts", msgspec.structs.replace(longer, steps=1))
    parts = trained(part, tmp_path / "parts", longer, resume=True)
    assert all(torch.equal(value, parts["network"][key]) for key, value in whole["network"].items())
    passport = shipped(part, tmp_path / "whole", f"shipped-{name}")
    assert msgspec.json.encode(find(passport.name)[0]) == msgspec.json.encode(passport)  # lists are lists there
    assert all(np.isfinite(list(passport.scores.values())))
    assert not misfits(load(passport.name), part.shipped(part.build(pictures())).state_dict())


@pytest.mark.parametrize(("name", "count"), [("stage1", 12), ("autoencoder", 8), ("prior", 16), ("control", 16)])
@torch.no_grad()
def test_pictures_show_how_far_it_is(name: str, count: int) -> None:
    part, data = PARTS[name], pictures()
    network = awake(part.build(data)).eval()
    seen = part.samples(network, 32) if name == "prior" else part.answers(network, data)
    assert seen.shape == (count, 3, 32, 32) and seen.isfinite().all()


def test_passports_say_what_they_were_trained_with() -> None:
    about = {name: Passport(name="a", **part.passport()) for name, part in PARTS.items()}
    assert about["prior"].needs == {"autoencoder": "mini-latents"}
    assert about["control"].needs == {"autoencoder": "mini-latents", "prior": "mini-prior", "restorer": "mini-restorer"}
    assert PROMPTED.passport()["needs"]["text"] == "mini-text"
    prior, control = about["prior"], about["control"]
    assert (prior.prediction, prior.schedule, prior.steps) == (control.prediction, control.schedule, control.steps)
    assert not prior.clip and prior.face_template == control.face_template == "restauro128"
    general = Passport(name="a", **Stage1Objective(**SWINIR).passport())
    assert (general.size, general.face_template) == (0, "")


def test_the_scale_is_measured_and_kept() -> None:
    part, data = PARTS["autoencoder"], pictures()
    network = part.build(data)
    before = float(network.autoencoder.scale)
    part.loss(network, data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(0))
    assert float(network.autoencoder.scale) != before
    kept = load("mini-latents")
    assert isinstance(kept, AutoencoderKL) and isinstance(kept.scale, torch.Tensor)


def test_a_frozen_encoder_leaves_latents_as_a_prior_knows_them() -> None:
    part, data = msgspec.structs.replace(PARTS["autoencoder"], frozen=True), pictures()
    network, batch = part.build(data), data.batch(np.arange(2))
    before, (mean, _) = float(network.autoencoder.scale), network.autoencoder.encode(batch)
    optimizer = torch.optim.AdamW([one for player in part.players(network).values() for one in player.module.parameters()], 0.1)
    decoded = network.autoencoder.decode(mean).detach()
    part.loss(network, batch, np.arange(2), data, np.random.default_rng(0)).backward()
    optimizer.step()
    assert float(network.autoencoder.scale) == before and torch.equal(network.autoencoder.encode(batch)[0], mean)
    assert not torch.allclose(network.autoencoder.decode(mean), decoded)


def test_the_critic_comes_later() -> None:
    part, data = msgspec.structs.replace(PARTS["autoencoder"], critic_after=2), pictures()
    network, batch = part.build(data), data.batch(np.arange(2))
    said = [[who for who, _ in part.turns(network, batch, np.random.default_rng(step))] for step in range(3)]
    assert said == [["autoencoder"], ["autoencoder"], ["autoencoder", "critic"]]


def test_both_sides_ask_as_much_of_the_last_layer() -> None:
    weight = torch.randn(3, 4, requires_grad=True)
    one, other = weight.square().mean(), (weight * 7).sin().sum()
    factor = evenly(one, other, weight)
    (ours,), (theirs,) = (torch.autograd.grad(loss, weight, retain_graph=True) for loss in (one, factor * other))
    torch.testing.assert_close(ours.norm(), theirs.norm())


def test_drawn_latents_spread_as_they_are_said_to() -> None:
    coder, data = codec("mini-latents", CPU), pictures()
    picture = data.batch(np.arange(1))
    with torch.no_grad():
        mean, logvar = coder.network.encode(picture)
    many = drawn(coder, picture.expand(400, -1, -1, -1), torch.Generator().manual_seed(0)) / coder.network.scale
    torch.testing.assert_close(many.mean(0), mean[0], atol=0.3, rtol=0)
    torch.testing.assert_close((many.var(0).log() - logvar[0]).mean(), torch.zeros(()), atol=0.05, rtol=0)


@torch.no_grad()
def test_the_control_begins_silent_and_learns_from_what_it_is_shown() -> None:
    part, data = PARTS["control"], pictures()
    network = part.build(data)
    scores = part.scores(network, data)
    assert scores["held-out loss"] == pytest.approx(scores["held-out loss without it"], rel=1e-6)
    with torch.enable_grad():
        part.loss(network, data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(0)).backward()
    assert all(conv[0].weight.grad.any() for conv in (*network.zero_convs, network.middle_block_out))
    assert all(parameter.grad is None for parameter in load("mini-prior").parameters())
    assert set(part.scores(awake(network), data).values()) != set(scores.values())


def test_captions_are_told_as_often_as_is_said() -> None:
    data = pictures()
    for i, record in enumerate(data.records):
        record["caption"] = f"face {i}"
    for share, told in ((0.0, [""] * 4), (1.0, [f"face {i}" for i in range(4)])):
        part = msgspec.structs.replace(PROMPTED, captions=share)
        assert list(part.prepare(data.batch(np.arange(4)), np.arange(4), data, np.random.default_rng(0)).prompts) == told


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(RecipeError, match="ends in noise alone"):
        LatentPriorObjective(predicts="eps")
    LatentPriorObjective(predicts="eps", schedule="sd-scaled-linear")
    with pytest.raises(WeightsError, match="serves as restorer"):
        codec("mini-restorer", CPU)
    with pytest.raises(RecipeError, match="'mini-latents' is a latent-autoencoder, not a latent-prior"):
        ControlObjective(prior="mini-latents").build(pictures())
    with pytest.raises(RecipeError, match="name autoencoder="):
        ControlObjective(prior="mini-stray").passport()
    with pytest.raises(RecipeError, match="name text="):
        ControlObjective(prior="mini-prompted").build(pictures())
    with pytest.raises(RecipeError, match="leave out text"):
        ControlObjective(prior="mini-prior", text="mini-text").build(pictures())
    with pytest.raises(RecipeError, match="need weights that read them"):
        ControlObjective(captions=0.5)
    for part in (Stage1Objective, ControlObjective):
        with pytest.raises(RecipeError, match="unknown chain 'rust'"):
            part(chain="rust")


OTHER: dict[str, dict[str, Any]] = {
    "stage1": {
        "width": 8,
        "depths": (1, 1),
        "heads": 3,
        "inner": 1.0,
        "window": 4,
        "unshuffle": 2,
        "features": 8,
        "chain": "grey",
        "faces": "restauro128",
    },
    "autoencoder": {
        "latent": 3,
        "width": 12,
        "mult": (1, 1.5),
        "blocks": 2,
        "patch": 1,
        "attention": True,
        "kl": 0.1,
        "perceptual": 0.0,
        "features": "mini-critic-2",
        "adversarial": 0.0,
        "critic_after": 1,
        "critic_width": 8,
        "frozen": True,
    },
    "prior": {
        "autoencoder": "mini-latents-2",
        "predicts": "clean",
        "schedule": "cosine",
        "width": 16,
        "mult": (1, 1),
        "blocks": 2,
        "attention": (1,),
        "head_channels": 4,
        "dropout": 0.5,
        "faces": "none",
    },
    "control": {
        "prior": "mini-prior-2",
        "autoencoder": "mini-latents-2",
        "restorer": "mini-restorer-2",
        "chain": "grey",
        "told_noise": 900,
        "text": "mini-text-2",
        "captions": 1.0,
        "faces": "ffhq512",
    },
}


def learnt(part: Any) -> tuple[float, float, str]:
    """All losses of one step, what they ask of the weights, and whose faces the passport says it knows."""
    data = pictures()
    for record in data.records:
        record["caption"] = "a face"
    torch.manual_seed(0)
    network, rng, index = awake(part.build(data)), np.random.default_rng(1), np.arange(4)
    if hasattr(part, "turns"):
        losses = [loss for _, loss in part.turns(network, data.batch(index), rng)]
    else:
        losses = [part.loss(network, data.batch(index), index, data, rng)]
    told = torch.stack(losses).sum()
    told.backward()
    asked = sum(float(one.grad.abs().sum()) for one in network.parameters() if one.grad is not None)
    return float(told.detach()), asked, part.passport()["face_template"]


@pytest.mark.parametrize(("name", "knob"), [(name, knob) for name, others in OTHER.items() for knob in others])
def test_every_knob_is_alive(name: str, knob: str) -> None:
    if knob == "captions" and not importlib.util.find_spec("open_clip"):
        pytest.skip("captions need the vocabulary of open_clip_torch")
    plain = PROMPTED if knob in ("text", "captions") else PARTS[name]
    assert set(OTHER[name]) == set(plain.__struct_fields__)
    assert learnt(plain) != learnt(msgspec.structs.replace(plain, **{knob: OTHER[name][knob]}))


def preset(name: str) -> dict[str, Any]:
    file = Path(objective.__file__).parent / "presets" / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def part_of(name: str, **knobs: Any) -> Any:
    told = preset(name)
    return build(objective.PARTS[told["part"]], {**told["objective"], **knobs})


def test_the_small_ones_are_small_together() -> None:
    coder = part_of("face-latent-autoencoder")
    first = coder.shipped(coder.build(pictures()))
    keep("small-latents", first, **coder.passport())
    prior = part_of("face-latent-prior", autoencoder="small-latents")
    second = prior.build(pictures())
    keep("small-prior", second, **prior.passport())
    third = part_of("face-latent-control", prior="small-prior").build(pictures())
    assert first.multiple == 4
    assert 2 * sum(one.numel() for network in (first, second, third) for one in network.parameters()) < 4.8e6


@needs_shared
@pytest.mark.parametrize("name", ["diffbir-stage1-published", "diffbir-stage1-faces-published", "diffbir-stage1-v2.1-published"])
def test_published_first_stages_are_the_official_network(name: str) -> None:
    part, data = part_of(name), pictures()
    with torch.device("meta"):
        network = part.build(data)
    official = listed("swinir_stage1")
    assert {key: value.shape for key, value in network.state_dict().items()}.items() <= {
        key: value.shape for key, value in official.items()
    }.items()
