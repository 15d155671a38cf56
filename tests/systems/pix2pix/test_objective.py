"""Training pix2pix: who moves when, every knob, every defect of its program that training had (facts B8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.networks.patchgan import PatchGAN
from restauro.networks.pixelgan import PixelGAN
from restauro.networks.resnet_generator import ResnetGenerator
from restauro.systems.pix2pix.objective import Pix2PixObjective, Sides
from restauro.training.checkpoint import read_log
from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.store import find, imported_folder, load
from tests.laws.pictures import waves

TINY: dict[str, Any] = {"width": 4, "downs": 3, "critic_width": 4, "layers": 1}
HOW: dict[str, Any] = {"batch": 2, "save_every": 5, "device": "cpu", "warm_up": 0, "decay": "none", "log_every": 1}


def pairs(n: int = 6, size: int = 16) -> Pictures:
    """What is asked for is the negative of what is shown."""
    shown = ((waves(3, n, size) + 1) * 127.5).round().byte()
    return Pictures(torch.cat([shown, 255 - shown], 1), [{} for _ in range(n)])


def singles(n: int = 6, size: int = 16) -> Pictures:
    return Pictures(pairs(n, size).pixels[:, :3], [{} for _ in range(n)])


def trained(out: Path, objective: Pix2PixObjective, data: Pictures | None = None, **settings: Any) -> dict[str, Tensor]:
    data = data or pairs()
    for _ in train(objective, data, data, Run(**{**HOW, "steps": 6, **settings}), out, resume=True):
        pass
    weights: dict[str, Tensor] = torch.load(out / "state.pt", weights_only=True)["network"]
    return weights


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


def prepared(objective: Pix2PixObjective, data: Pictures) -> tuple[Tensor, Tensor]:
    index = np.arange(3)
    return objective.prepare(data.batch(index), index, data, np.random.default_rng(1))


def played(objective: Pix2PixObjective, data: Pictures | None = None) -> list[float]:
    """Losses of two steps of plain gradient descent."""
    data = data or (singles() if objective.degradation else pairs())
    torch.manual_seed(0)
    network = objective.build(data).train()
    rng, losses = np.random.default_rng(1), []
    for _ in range(2):
        for player, loss in objective.turns(network, prepared(objective, data), rng):
            parameters = list(objective.players(network)[player].module.parameters())
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                if gradient is not None:
                    parameter.data -= 1e-2 * gradient
            losses.append(loss.item())
    return losses


def test_the_generator_meets_the_discriminator_that_has_moved() -> None:
    objective, data = Pix2PixObjective(**TINY, l1=0.0, gan="lsgan"), pairs()
    torch.manual_seed(0)
    network = objective.build(data).train()
    shown, asked = prepared(objective, data)
    turns = objective.turns(network, (shown, asked), np.random.default_rng(0))
    assert next(turns)[0] == "discriminator"
    with torch.no_grad():
        for parameter in network.discriminator.parameters():  # type: ignore[union-attr]
            parameter.zero_()
    player, loss = next(turns)
    assert (player, loss.item()) == ("generator", 1.0)


def test_the_discriminator_s_turn_does_not_touch_the_generator() -> None:
    objective, data = Pix2PixObjective(**TINY), pairs()
    network = objective.build(data).train()
    _, loss = next(objective.turns(network, prepared(objective, data), np.random.default_rng(0)))
    loss.backward()
    assert all(parameter.grad is None for parameter in network.generator.parameters())


def test_l1_alone_needs_no_discriminator(tmp_path: Path) -> None:
    objective = Pix2PixObjective(**TINY, gan="none")
    assert list(objective.players(objective.build(pairs()))) == ["generator"]
    data = pairs()
    torch.manual_seed(0)
    with torch.no_grad():
        untrained = objective.scores(objective.build(data).eval(), data)["PSNR"]
    trained(tmp_path, objective, steps=40, rate=5e-3, ema=0.5)
    log = read_log(tmp_path / "log.jsonl")
    assert log[-1]["loss"] < log[0]["loss"] / 2 and log[-1]["PSNR"] > untrained + 3


@pytest.mark.parametrize(("conditional", "channels"), [(True, 6), (False, 3)])
def test_an_unconditional_discriminator_sees_the_answer_alone(conditional: bool, channels: int) -> None:
    critic = Pix2PixObjective(**TINY, conditional=conditional).build(pairs()).discriminator
    assert isinstance(critic, PatchGAN) and critic.model[0].in_channels == channels


def test_the_pixel_discriminator_and_the_residual_blocks() -> None:
    network = Pix2PixObjective(**{**TINY, "layers": 0}, generator="resnet", blocks=1).build(pairs())
    assert isinstance(network.discriminator, PixelGAN) and isinstance(network.generator, ResnetGenerator)


def test_any_chain_is_a_paired_task(tmp_path: Path) -> None:
    objective, data = Pix2PixObjective(**TINY, degradation="grey+holes"), singles()
    trained(tmp_path, objective, data)
    scores = read_log(tmp_path / "log.jsonl")[-1]
    assert scores["PSNR"] > 0 and "dB over what is shown" in scores
    shown, asked = prepared(objective, data)
    torch.testing.assert_close(asked, data.batch(np.arange(3)))
    assert (shown - asked).abs().mean() > 0.05


OTHER: dict[str, Any] = {
    "generator": "resnet",
    "width": 6,
    "downs": 2,
    "norm": "none",
    "skips": False,
    "dropout": "inner",
    "up": "transposed",
    "gan": "lsgan",
    "layers": 0,
    "critic_width": 6,
    "conditional": False,
    "l1": 10.0,
    "degradation": "grey",
}


@pytest.mark.parametrize("knob", OTHER)
def test_every_knob_is_alive(knob: str) -> None:
    assert played(Pix2PixObjective(**TINY)) != played(Pix2PixObjective(**{**TINY, knob: OTHER[knob]}))


@pytest.mark.parametrize(
    ("base", "knob", "value"),
    [
        ({"gan": "wgangp"}, "penalty", 1.0),
        ({"gan": "vanilla"}, "pool", 2),
        ({"generator": "resnet", "blocks": 1}, "blocks", 2),
        ({"generator": "resnet", "blocks": 1}, "dropout", "middle"),
    ],
)
def test_every_knob_of_a_choice_is_alive(base: dict[str, Any], knob: str, value: Any) -> None:
    assert played(Pix2PixObjective(**TINY, **base)) != played(Pix2PixObjective(**TINY, **{**base, knob: value}))


def test_all_knobs_are_swept() -> None:
    elsewhere = {"layout", "direction", "preprocess", "labels"}  # tests/training/test_pairs.py
    assert {*OTHER, *elsewhere, "penalty", "pool", "blocks", "statistics"} == set(Pix2PixObjective.__struct_fields__)


def test_defect_2_what_is_shipped_is_used_as_it_was_trained(tmp_path: Path) -> None:
    """Trained on pictures one by one, a batch norm must use the picture's statistics; the passport says so, dropout is off."""
    objective, data = Pix2PixObjective(**TINY, norm="batch", statistics="picture", dropout="inner"), pairs()
    trained(tmp_path, objective, batch=1)
    passport = shipped(objective, data, tmp_path, "as-it-was-trained", batch=1)
    assert passport.arguments["statistics"] == "picture"
    network, x = load(passport.name), data.batch(np.arange(2))[:, :3]
    both = network(x)
    torch.testing.assert_close(both, network(x), rtol=0, atol=0)
    torch.testing.assert_close(both[1:], network(x[1:]))


@pytest.mark.parametrize(("batch", "statistics", "right"), [(1, "training", "picture"), (2, "picture", "training")])
def test_defect_2_statistics_that_training_did_not_see_are_refused(
    tmp_path: Path, batch: int, statistics: Any, right: str
) -> None:
    with pytest.raises(RecipeError, match=f"say statistics={right}"):
        trained(tmp_path, Pix2PixObjective(**TINY, norm="batch", statistics=statistics), batch=batch)


def test_defect_4_wgangp_has_its_penalty_and_no_batch_norm() -> None:
    with pytest.raises(RecipeError, match="norm=instance or norm=none"):
        Pix2PixObjective(gan="wgangp", norm="batch")
    assert Pix2PixObjective(gan="wgangp").penalty == 10
    discriminators = [played(Pix2PixObjective(**TINY, gan="wgangp", penalty=penalty))[0] for penalty in (0.0, 1.0, 2.0)]
    assert discriminators[2] - discriminators[0] == pytest.approx(2 * (discriminators[1] - discriminators[0]), rel=1e-4)


@pytest.mark.parametrize(
    "how", [{"gan": "vanilla", "pool": 3, "dropout": "inner"}, {"gan": "wgangp"}, {"norm": "batch", "degradation": "gfpgan"}]
)
def test_defect_5_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path, how: dict[str, Any]) -> None:
    objective = Pix2PixObjective(**TINY, **how)
    data = singles() if objective.degradation else pairs()
    whole = trained(tmp_path / "whole", objective, data)
    trained(tmp_path / "parts", objective, data, steps=3)
    assert equal(whole, trained(tmp_path / "parts", objective, data))


def test_defect_8_own_models_have_no_transposed_convolutions() -> None:
    network = Pix2PixObjective().build(Pictures(torch.zeros(1, 6, 64, 64, dtype=torch.uint8), [{}]))
    assert not any(isinstance(module, nn.ConvTranspose2d | nn.BatchNorm2d) for module in network.modules())


def test_defect_13_a_seed_and_held_out_scores(tmp_path: Path) -> None:
    objective = Pix2PixObjective(**TINY)
    first, again = trained(tmp_path / "1", objective), trained(tmp_path / "2", objective)
    other = trained(tmp_path / "3", objective, seed=1)
    assert equal(first, again) and not equal(first, other)
    assert {"loss", "PSNR", "L1"} <= read_log(tmp_path / "1" / "log.jsonl")[-1].keys()


def test_defect_15_held_out_pictures_are_shown(tmp_path: Path) -> None:
    """Shown, answered, asked for, in a row; three rows."""
    objective = Pix2PixObjective(**TINY)
    trained(tmp_path, objective, steps=2, ema=0.0)
    with Image.open(tmp_path / "samples-2.png") as sheet:
        assert sheet.size == (3 * 16 + 4, 3 * 16 + 4)
        levels = np.asarray(sheet)
    shown, asked = pairs().pixels[1].numpy().transpose(1, 2, 0)[..., :3], pairs().pixels[1].numpy().transpose(1, 2, 0)[..., 3:]
    assert np.abs(levels[18:34, :16].astype(int) - shown).max() <= 1 and np.abs(levels[18:34, 36:].astype(int) - asked).max() <= 1


def test_defect_13_the_parts_of_a_step_agree_on_statistics(tmp_path: Path) -> None:
    """Two parts of one device, as two devices: what batch norm learned is one set of finite averages, and both players move."""
    objective = Pix2PixObjective(**TINY, norm="batch")
    before, after = (
        trained(tmp_path, objective, batch=4, accumulate=2, steps=1),
        trained(tmp_path, objective, batch=4, accumulate=2),
    )
    for side in ("generator", "discriminator"):
        assert any(not torch.equal(before[key], after[key]) for key in after if key.startswith(side))
    assert all(value.isfinite().all() for value in after.values())


def test_defect_16_no_option_has_to_be_repeated(tmp_path: Path) -> None:
    """The passport builds the network, whatever it was trained with."""
    how: dict[str, Any] = {"norm": "none", "skips": False, "up": "transposed", "dropout": "inner", "gan": "lsgan"}
    objective, data = Pix2PixObjective(**TINY, **how), pairs()
    weights = trained(tmp_path, objective, ema=0.0)
    passport = shipped(objective, data, tmp_path, "whatever-it-was")
    assert (passport.kind, passport.size, find(passport.name)[0]) == ("translator", 0, passport)
    network, sides = load(passport.name), objective.build(data)
    assert isinstance(sides, Sides)
    sides.load_state_dict(weights)
    x = data.batch(np.arange(2))[:, :3]
    torch.testing.assert_close(network(x), sides.eval()(x), rtol=1e-2, atol=1e-3)  # shipped in float16


def test_what_undoes_a_degradation_is_a_restorer(tmp_path: Path) -> None:
    objective, data = Pix2PixObjective(**TINY, degradation="grey"), singles()
    trained(tmp_path, objective, data)
    passport = shipped(objective, data, tmp_path, "grey-restorer")
    assert passport.kind == "restorer" and "grey" in passport.what

    from restauro.restorers.smooth import restorer

    picture = torch.zeros(1, 3, 21, 30)
    assert restorer(passport.name, torch.device("cpu"))(picture).shape == picture.shape


@pytest.mark.parametrize(
    ("knobs", "size", "words"),
    [
        ({"downs": 5}, 16, "takes multiples of 32"),
        ({"generator": "resnet"}, 18, "takes multiples of 4"),
        ({"layers": 3, "downs": 3}, 16, "needs pictures of 24 px"),
    ],
)
def test_pictures_of_no_use_are_refused(tmp_path: Path, knobs: dict[str, Any], size: int, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        trained(tmp_path, Pix2PixObjective(**{**TINY, **knobs}), pairs(size=size))


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(RecipeError, match="leave nothing to learn"):
        Pix2PixObjective(gan="none", l1=0.0)


def shipped(objective: Pix2PixObjective, data: Pictures, out: Path, name: str, **settings: Any) -> Any:
    run = Run(**{**HOW, "steps": 6, **settings})
    about = {"about": "waves", "command": "-", "licence": ""}
    return ship(objective, data, data, run, out, name=name, folder=imported_folder(), **about)
