"""Named chains: every one runs on every size, is replayed exactly, and tells what it drew."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restauro.core.errors import RecipeError
from restauro.core.registry import DEGRADATIONS
from restauro.degradations._links import draw, walk
from restauro.degradations._named import ABOUT
from restauro.degradations.chains import CHAINS, chain, degrade, replay
from tests.laws.pictures import waves


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("size", [(64, 64), (7, 5), (33, 50)], ids=str)
def test_a_chain_runs_and_is_replayed(name: str, size: tuple[int, int]) -> None:
    picture = waves(0, 2, *size).float()
    for seed in range(3):
        damaged = degrade(picture, name, np.random.default_rng(seed))
        assert damaged.picture.shape == picture.shape and damaged.picture.abs().max() <= 1 + 1e-5
        assert damaged.mask is None or damaged.mask.shape == (1, 1, *size)
        told = [(link, params) for link, params in json.loads(json.dumps(damaged.params))]
        again = replay(picture, chain(name), told)
        assert torch.equal(again.picture, damaged.picture)


def test_the_blind_chains_have_the_published_ranges() -> None:
    for seed in range(20):
        drawn = degrade(waves(0, 1, 32).float(), "codeformer-large", np.random.default_rng(seed)).params
        blur, reduce, noise, jpeg = (params for _, params in drawn)
        assert 1 <= blur["sigma"][0] <= 15 and 4 <= reduce["factor"] <= 30
        assert 0 <= noise["sigma"] <= 20 and 30 <= jpeg["quality"] <= 80
    assert [type(link).__name__ for link in chain("gfpgan")] == ["Blur", "Downsample", "Noise", "Jpeg"]


def test_noise_and_compression_act_on_the_reduced_picture() -> None:
    """Enlarged after, so that grain and blocks come out coarse: neighbours in the result are alike."""
    flat = torch.zeros(1, 3, 128, 128)
    damaged = degrade(flat, [*chain("codeformer-large")], np.random.default_rng(0)).picture
    step = (damaged[..., 1:] - damaged[..., :-1]).std()
    assert damaged.std() > 0 and step < damaged.std()


def test_masks_of_a_chain_add_up() -> None:
    picture = waves(0, 1, 64).float()
    holes, scratches = DEGRADATIONS.get("holes")(), DEGRADATIONS.get("scratches")()
    rng = np.random.default_rng(0)
    drawn = [holes.sample(rng), scratches.sample(rng)]
    both = replay(picture, [holes, scratches], [("holes", drawn[0]), ("scratches", drawn[1])]).mask
    assert both is not None and torch.equal(both, holes.mask(picture, drawn[0]).maximum(scratches.mask(picture, drawn[1])))


def test_an_unknown_chain_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeError, match="did you mean 'codeformer'"):
        chain("codeformr")


def test_a_chain_can_be_spelled_out() -> None:
    links = chain("blur:low=4,high=4,anisotropic=0+jpeg:low=20,high=30")
    assert [type(link).__name__ for link in links] == ["Blur", "Jpeg"] and links[0].low == 4.0  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="blur has no knob 'lw'"):
        chain("blur:lw=4")
    assert degrade(waves(0, 1, 32).float(), "noise:low=9,high=9", np.random.default_rng(0)).params[0][1]["sigma"] == 9


def test_every_chain_is_told_in_one_line() -> None:
    assert list(ABOUT) == list(CHAINS) and all(10 <= len(line) <= 100 for line in ABOUT.values())


@pytest.mark.parametrize("name", CHAINS)
def test_a_batch_equals_its_singles(name: str) -> None:
    """All pictures of a batch get the same damage."""
    pictures = waves(0, 3, 48).float()
    for seed in range(3):
        batch = degrade(pictures, name, np.random.default_rng(seed))
        singles = [replay(pictures[i : i + 1], chain(name), batch.params).picture for i in range(3)]
        # a level that lies between two may be coded as either
        assert (batch.picture - torch.cat(singles)).abs().mean() < 1e-3


def links_of(drawn: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """What was applied, choices resolved."""
    return [one for name, params in drawn for one in (links_of(params["drawn"]) if "drawn" in params else [(name, params)])]


def test_gfpgan_changes_colours_as_often_as_published() -> None:
    found = [[name for name, _ in drawn] for drawn in draws("gfpgan-v1", 1000)]
    assert all(one[:5] == ["blur", "downsample", "noise", "jpeg", "resize"] for one in found)
    shares = {name: np.mean([name in one for one in found]) for name in ("colour-shift", "colour-jitter", "grey")}
    assert shares == pytest.approx({"colour-shift": 0.3, "colour-jitter": 0.3, "grey": 0.01}, abs=0.04)


def test_real_esrgan_draws_as_published() -> None:
    found = draws("real-esrgan", 1500)
    firsts = [one[0] for one in found]
    families = {
        name: np.mean([first[0] == name for first in firsts]) for name in ("blur", "generalized-blur", "plateau-blur", "sinc")
    }
    expected = {"blur": 0.9 * 0.7, "generalized-blur": 0.9 * 0.15, "plateau-blur": 0.9 * 0.15, "sinc": 0.1}
    assert families == pytest.approx(expected, abs=0.035)
    blurs = [params for name, params in firsts if name != "sinc"]
    assert all(0.2 <= sigma <= 3 for params in blurs for sigma in params["sigma"])
    assert {params["taps"] for _, params in firsts} == set(range(7, 22, 2))
    assert np.mean([params["sigma"][0] != params["sigma"][1] for params in blurs]) == pytest.approx(0.31, abs=0.04)
    assert np.mean([one[2][0] == "poisson" for one in found]) == pytest.approx(0.5, abs=0.04)
    assert np.mean([one[2][1]["grey"] for one in found]) == pytest.approx(0.4, abs=0.04)
    ends = [[name for name, _ in one[-3:]] for one in found]
    last = {
        order: np.mean([tuple(end[-len(order) :]) == order for end in ends])
        for order in (("jpeg",), ("resize",), ("resize", "sinc"))
    }
    assert last == pytest.approx({("jpeg",): 0.5, ("resize",): 0.1, ("resize", "sinc"): 0.4}, abs=0.04)
    second = np.mean([one[4][0] in families for one in found])
    assert second == pytest.approx(0.8, abs=0.03)


def test_real_esrgan_ends_at_a_quarter() -> None:
    """Its last size is the clean picture's over 4, whatever the two rounds did; the test sees it before the enlargement."""
    clean = waves(0, 1, 64, 48).float()
    for name, size in (("real-esrgan", (16, 12)), ("real-esrgan-x2", (32, 24))):
        for seed in range(5):
            drawn = degrade(clean, name, np.random.default_rng(seed)).params
            assert walk(clean, chain(name), drawn, clean).shape[-2:] == size


def test_diffbir_takes_what_is_sharpened_for_the_truth() -> None:
    """The damaged picture has its size and 256 levels."""
    edge = torch.full((1, 3, 64, 64), -0.4)
    edge[..., 32:] = 0.4
    damaged = degrade(edge, "diffbir-stage2", np.random.default_rng(0))
    assert damaged.target.max() > 0.45 and damaged.target.min() < -0.45
    levels = (damaged.picture + 1) * 127.5
    assert damaged.picture.shape == edge.shape and torch.allclose(levels, levels.round(), atol=1e-3)


def draws(name: str, count: int) -> list[list[tuple[str, dict[str, Any]]]]:
    links, rng = chain(name), np.random.default_rng(0)
    return [links_of(draw(links, rng)) for _ in range(count)]


@pytest.mark.parametrize(
    ("name", "sigma", "factor", "noise", "seed", "quality"),
    [
        ("gfpgan", [6.288445, 6.288445], 2.961197, 17.471069, 1073283950, 93),
        ("codeformer", [6.288445, 6.288445], 4.301829, 13.103302, 1073283950, 93),
        ("codeformer-large", [9.751337, 9.751337], 11.804323, 17.471069, 1073283950, 71),
        ("difface", [9.413922, 9.413922], 10.165188, 17.471069, 1073283950, 88),
    ],
)
def test_chains_of_benchmarks_draw_what_they_always_drew(
    name: str, sigma: list[float], factor: float, noise: float, seed: int, quality: int
) -> None:
    """Tables and trained networks stand on these numbers."""
    blur, reduce, grain, jpeg = (params for _, params in draw(chain(name), np.random.default_rng([7, 0])))
    assert set(blur) == {"sigma", "angle"} and blur["sigma"] == pytest.approx(sigma)
    assert (reduce["factor"], grain["sigma"]) == pytest.approx((factor, noise))
    assert (grain["seed"], grain["grey"], jpeg["quality"]) == (seed, False, quality)


def test_old_portraits_are_what_they_always_were() -> None:
    """The tables of old faces stand on it; it was once called old-photo."""
    drawn = draw(chain("old-portrait"), np.random.default_rng([7, 0]))
    names = ["grey", "fade", "scratches", "blur", "downsample", "noise", "jpeg"]
    assert [name for name, _ in drawn] == names
    tone, fade, scratches, *_ = (params for _, params in drawn)
    assert tone["tone"] == 0 and fade == pytest.approx({"contrast": 0.9486069004847877, "shift": 0.019835678959167716})
    assert scratches == pytest.approx(
        {"count": 3, "dust": 22, "width": 2.0631836547868967, "level": 0.72006651396, "seed": 1073283950}
    )


def test_the_guide_names_every_entry_and_every_chain() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "degradations.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z0-9-]+", guide))
    assert not (set(DEGRADATIONS) | set(CHAINS)) - words
