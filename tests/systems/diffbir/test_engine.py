"""From a recipe to restored pictures: every knob does something, fidelity is monotone, every property guides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import RecipeError, WeightsError
from restauro.core.recipe import Latent, Recipe, Want
from restauro.diffusion.contract import Observation
from restauro.diffusion.schedule import NoiseSchedule
from restauro.properties.region_adaptive import RegionAdaptive
from restauro.systems._built import property_of
from restauro.systems.diffbir import cleaning, engine, prompts
from restauro.systems.diffbir.cleaning import cleaned
from restauro.systems.diffbir.parts import Parts
from restauro.weights.store import find
from tests.laws.conftest import tiny_networks as tiny_networks
from tests.laws.pictures import disc, waves
from tests.systems.diffbir.latent_weights import ours, put, stock

pytestmark = pytest.mark.usefixtures("tiny_networks")


@cache
def names(context: int = 0) -> dict[str, str]:
    return stock("prompted", context=context) if context else stock()


def seen(n: int = 1, side: int = 32, **known: Any) -> Observation:
    """Pictures with a little noise."""
    noise = 0.1 * torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))
    return Observation(waves(1, n, side).float() + noise, **known)


def run(recipe: Recipe, observed: Observation | None = None, **more: Any) -> Tensor:
    return engine.run(recipe, seen() if observed is None else observed, **more)


def test_noise_is_each_pictures_own() -> None:
    recipe, three = ours(names()), seen(3)
    together = run(recipe, three)
    alone = run(recipe, Observation(three.picture[2:]), pictures=[2])
    torch.testing.assert_close(together[2:], alone, atol=1e-4, rtol=0)
    assert not torch.allclose(together[2:], run(recipe, Observation(three.picture[2:])), atol=1e-2)


@pytest.mark.parametrize(("height", "width"), [(37, 50), (20, 64), (9, 40)])
def test_any_size(height: int, width: int) -> None:
    """Smaller than the prior's pictures, or with sides the networks do not divide."""
    out = run(ours(names()), Observation(waves(1, 1, height, width).float()))
    assert out.shape == (1, 3, height, width) and out.isfinite().all() and out.abs().max() <= 1


OTHER: dict[str, Any] = {
    "control_scale": 0.5,
    "residual": 0.5,
    "augment": 600,
    "colour_fix": "none",
    "guided": "picture",
    "tile_size": 64,
    "steps": 2,
    "start": 1.0,
    "told": False,
    "fidelity": 0.9,
    "seed": 1,
    "sampler": "ddim",
    "wants": (Want(property="total-variation"),),
}


@pytest.mark.parametrize("knob", OTHER)
def test_every_knob_changes_the_result(knob: str) -> None:
    observed = seen(side=96) if knob == "tile_size" else seen()
    steps = {"steps": 5} if knob == "sampler" else {}  # in three, of which the first is from noise alone, all take the same
    found = [run(ours(names(), **steps, **change), observed) for change in ({}, {knob: OTHER[knob]})]
    assert not torch.allclose(*found, atol=1e-6, rtol=0)


def test_every_knob_of_a_prompted_prior_changes_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "_pairs", lambda word: [len(word)])
    named = names(16)
    base: dict[str, Any] = {"prompt": "a face", "unlike": "blurred", "cfg": 2.0}
    found = [
        run(ours(named, **base | change)) for change in ({}, {"prompt": "trees"}, {"unlike": ""}, {"cfg": 4.0}, {"rising": True})
    ]
    for i, one in enumerate(found):
        assert not any(torch.allclose(one, other, atol=1e-6, rtol=0) for other in found[:i])
    assert {*OTHER, *base, "rising", "text", "autoencoder", "control", "background"} >= set(Latent.__struct_fields__)


class Means:
    """A codec that keeps what it can: means of 4x4 pixels."""

    def encode(self, picture: Tensor) -> Tensor:
        return F.avg_pool2d(picture, 4) * 2

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents / 2, scale_factor=4.0)


@pytest.mark.parametrize(("guided", "side"), [("latent", 32), ("picture", 32), ("latent", 96)])
def test_fidelity_brings_it_nearer_to_the_first_stage_step_by_step(
    guided: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defect 1: in version 2.1 the strength of its guidance changes nothing. Here it does so in tiles, too."""
    monkeypatch.setattr(Parts, "codec", property(lambda parts: Means()))
    observed, how = seen(2, side), {"guided": guided, "tile_size": 64, "colour_fix": "none"}
    first = cleaned(names()["restorer"], observed.picture)
    prop = RegionAdaptive()
    target = prop.target(Observation(first, restored=first))
    found = [prop.distance(run(ours(names(), fidelity=w, **how), observed), target) for w in (0, 0.25, 0.5, 0.75, 1)]
    assert (torch.stack(found).diff(dim=0) < 0).all(), found


def test_no_steps_are_the_first_stage() -> None:
    first = cleaned(names()["restorer"], seen().picture)
    torch.testing.assert_close(run(ours(names(), steps=0)), first.clamp(-1, 1), atol=1e-5, rtol=0)
    assert engine.calls(ours(names(), steps=0)) == 0 and engine.calls(ours(names())) == 3


@pytest.mark.parametrize("sampler", ["unipc", "dpmpp-2m"])
def test_at_most_ten_calls_by_default_and_the_walk_starts_at_the_last_timestep(sampler: str) -> None:
    recipe = ours(names(), steps=10, sampler=sampler)
    schedule = engine.respaced(recipe, NoiseSchedule.named("sd-zero-snr"))
    assert schedule is not None and engine.calls(recipe) == 10 and schedule.original_index[-1] == 999
    less = engine.respaced(ours(names(), steps=10, start=1.0), NoiseSchedule.named("sd-zero-snr"))
    assert less is not None and len(less) == 10 and less.sigma(9) == pytest.approx(1.0, abs=0.02)


CROSS: dict[str, dict[str, Any]] = {
    "lightness": {},
    "known-region": {"mask": disc(32).float()},
    "identity": {"reference": waves(9, 1, 32).float()},
    "colour-statistics": {},
    "downscaling": {},
    "smooth-semantics": {},
    "perceptual": {},
}
"""PGDiff's and SR3's properties, and what they are told."""


@pytest.mark.parametrize("name", CROSS)
def test_every_property_guides_the_latent_prior(name: str) -> None:
    """Colorize, inpaint or guide by identity with DiffBIR's prior."""
    knobs = {"embedder": "tiny-identity"} if name == "identity" else {}
    want = Want(property=name, weight=1.0, knobs=knobs)
    observed = seen(**CROSS[name])
    prop, first = property_of(want), cleaned(names()["restorer"], observed.picture, observed.mask)
    target = prop.target(replace(observed, restored=first))
    made = [run(ours(names(), "colorize", wants=wants, start=0.0), observed) for wants in ((), (want,))]
    before, after = (prop.distance(one, target) for one in made)
    assert after < before
    if name in ("lightness", "known-region"):  # exact, though the autoencoder is not
        assert after < 1e-6


def test_inpainting_keeps_what_is_known() -> None:
    mask = disc(32).float()
    out = run(ours(names(), "inpaint"), replace(seen(), mask=mask))
    kept = (mask == 0).expand_as(out)
    torch.testing.assert_close(out[kept], seen().picture[kept], atol=1e-5, rtol=0)


def test_colours_are_those_of_the_first_stage() -> None:
    """The prior may not move the broad tones of a picture, whatever it was trained on."""
    first = cleaned(names()["restorer"], seen(side=64).picture)
    means = [
        (run(ours(names(), colour_fix=fix, fidelity=0.0, residual=0.0), seen(side=64)) - first).mean((2, 3)).abs().max()
        for fix in ("wavelet", "none")
    ]
    assert means[0] < 0.5 * means[1]


def test_a_large_first_stage_goes_in_strips_or_tiles() -> None:
    picture = seen(side=64).picture
    whole = cleaned(names()["restorer"], picture)
    torch.testing.assert_close(cleaned(names()["restorer"], picture, whole=0), whole, atol=1e-4, rtol=0)


def test_tiles_of_the_first_stage_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blur:
        tiles = True

        def __call__(self, picture: Tensor, *, mask: Tensor | None = None) -> Tensor:
            return F.avg_pool2d(F.pad(picture, (2, 2, 2, 2), mode="replicate"), 5, 1)

    monkeypatch.setattr(cleaning, "restorer", lambda name, device: Blur())
    monkeypatch.setattr(cleaning, "TILE", 24)
    monkeypatch.setattr(cleaning, "OVERLAP", 12)
    picture = seen(side=64).picture
    parts, whole = cleaned("", picture, whole=0), cleaned("", picture)
    torch.testing.assert_close(parts, whole, atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prior": "tiny-restorer"}, "'tiny-restorer' is a restorer, not a latent-prior"),
        ({"control": "eps-control"}, "another release"),
        ({"control": "needy-control"}, "was trained with 'another-prior', not with 'tiny-prior'"),
        ({"autoencoder": "absent"}, "there are no weights named 'absent'"),
    ],
)
def test_networks_that_do_not_belong_together_are_refused(change: dict[str, Any], said: str) -> None:
    """Files of different releases have the same names and shapes: a wrong pair paints garbage."""
    base = names()
    parts = Parts.load(ours(base), torch.device("cpu"))
    control: Any = parts.control
    arguments = find("tiny-control")[0].arguments
    put("eps-control", "latent-control", "ircontrolnet", control, arguments, prediction="eps", schedule="sd-scaled-linear")
    put("needy-control", "latent-control", "ircontrolnet", control, arguments, needs={"prior": "another-prior"})
    with pytest.raises(WeightsError, match=said):
        run(ours(base, **change))


@pytest.mark.parametrize("change", [{"prompt": "a face"}, {"cfg": 2.0}, {"unlike": "blurred"}])
def test_prompts_are_refused_where_the_prior_knows_none(change: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="knows no prompts"):
        run(ours(names(), **change))


def test_cfg_needs_two_prompts() -> None:
    with pytest.raises(RecipeError, match="from one prompt to another"):
        run(ours(names(16), cfg=2.0))
