"""What trains the colorizer: rare colours count, tones are changed and colours are not; the scores know two simple answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from restauro.networks.colorizer import Colorizer
from restauro.restorers.colour import colorizer
from restauro.systems.pix2pix.colorizer import ColorizerObjective, aged, chroma_of, luma_of
from restauro.training.data import Pictures
from restauro.training.loop import train
from restauro.training.run import Run
from restauro.training.ship import ship
from restauro.weights.store import imported_folder

SMALL: dict[str, Any] = {"width": 8, "mult": (1, 2), "blocks": (1, 1), "bins": 5, "side": 32}


def pictures(count: int = 12, side: int = 32) -> Pictures:
    """Bright things are yellow and dark ones blue; every third picture shows a face, one is mostly grey."""
    rng = np.random.default_rng(0)
    light = np.kron(rng.uniform(0.2, 0.8, (count, side // 8, side // 8)), np.ones((8, 8)))[:, None]
    blue = np.where(light < 0.5, 0.15, -0.15)
    rgb = np.concatenate([light, light, light + blue], 1)
    rgb[0] = light[0]
    records: list[dict[str, Any]] = [{"lm": [[1, 2]] * 5} if i % 3 == 0 else {} for i in range(count)]
    return Pictures(torch.from_numpy(np.rint(rgb * 255).clip(0, 255).astype(np.uint8)), records)


def test_rare_colours_count_more() -> None:
    data = pictures()
    worth = [ColorizerObjective(**SMALL, rebalance=share).build(data).get_buffer("worth") for share in (0.0, 0.5, 1.0)]
    assert worth[0].max() / worth[0].min() > worth[1].max() / worth[1].min() or worth[0].argmin() == worth[1].argmin()
    assert worth[1].max() > 2 * worth[1].min()
    assert torch.allclose(worth[2], torch.ones(25), atol=1e-4)


def test_faces_are_drawn_as_often_as_asked() -> None:
    data = pictures()
    places = ColorizerObjective(faces=0.2).weights(data)
    faces = np.array([bool(record) for record in data.records])
    assert places[faces].sum() / places.sum() == pytest.approx(0.2)
    assert (ColorizerObjective().weights(Pictures(data.pixels, [{}] * 12)) == 1).all()


def test_tones_change_and_colours_do_not() -> None:
    data, goal = pictures(), ColorizerObjective(**SMALL, old=1.0)
    shown = data.batch(np.arange(12))
    light, chroma = goal.prepare(shown, np.arange(12), data, np.random.default_rng(1))
    plain, same = ColorizerObjective(**SMALL, old=0.0).prepare(shown, np.arange(12), data, np.random.default_rng(1))
    assert light.shape == plain.shape and light.shape[-1] % 8 == 0 and light.shape[-1] // 4 == chroma.shape[-1]
    assert torch.equal(chroma, same) and not torch.allclose(light, plain)
    assert light.abs().max() <= 1 and torch.equal(aged(plain, np.random.default_rng(0), 0.0), plain)


def test_a_picture_is_its_luma_and_its_chroma() -> None:
    shown = pictures().batch(np.arange(12))
    grey = luma_of(shown).expand(-1, 3, -1, -1)
    assert chroma_of(grey).abs().max() < 1e-6
    assert (chroma_of(shown) - chroma_of(shown - grey)).abs().max() < 1e-6


@pytest.mark.parametrize(("name", "value"), [("rebalance", 0.0), ("least", 0.5), ("old", 0.0)])
def test_every_knob_of_training_changes_the_loss(name: str, value: float) -> None:
    data = pictures()

    def loss(**knobs: Any) -> Tensor:
        goal = ColorizerObjective(**{**SMALL, "old": 1.0, **knobs})
        torch.manual_seed(0)
        network = goal.build(data)
        torch.nn.init.normal_(goal.shipped(network).out[-1].weight)  # type: ignore[union-attr, index, arg-type]
        rng = np.random.default_rng(3)
        return goal.loss(network, data.batch(np.arange(12)), np.arange(12), data, rng)

    assert loss() == loss() and loss() != loss(**{name: value})


def test_it_learns_and_what_it_learnt_is_shipped(tmp_path: Path) -> None:
    """Forty steps: yellow and blue told apart by their light, better than one colour for all."""
    goal, data = ColorizerObjective(**SMALL, temperature=1.0, old=0.0), pictures(24)
    run = Run(steps=40, batch=8, rate=2e-2, warm_up=5, ema=0.8, device="cpu")
    *_, last = train(goal, data, data, run, tmp_path / "run")
    assert last.scores is not None
    scores = last.scores
    assert next(iter(scores)) == "chroma error" and goal.better == "lower"
    assert scores["chroma error"] < 0.6 * scores["chroma error, one colour"]
    assert len(list((tmp_path / "run").glob("samples-*.png"))) == 1
    assert scores["colourfulness off"] < scores["colourfulness off, one colour"] <= scores["colourfulness off, grey"] + 1e-6
    about = {"about": "squares", "command": "", "licence": ""}
    passport = ship(goal, data, data, run, tmp_path / "run", name="tiny-colorizer", folder=imported_folder(), **about)
    assert passport.kind == "colorizer" and passport.size == 32 and not passport.face_template
    assert Colorizer(**passport.arguments).temperature == 1.0
    grey = np.repeat(np.kron(np.array([[0.3, 0.7]]), np.ones((32, 32)))[..., None], 3, -1).astype(np.float32)
    found = colorizer("tiny-colorizer", torch.device("cpu"))(grey)
    assert found[16, 8, 2] > found[16, 8, 0] + 0.03 and found[16, 56, 2] < found[16, 56, 0] - 0.03
