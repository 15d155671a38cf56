"""Defects 16 to 24 of the released code (../shared/facts/pgdiff.md, section 7): networks, sizes, photographs, cost."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restauro import api
from restauro.core.errors import RecipeError, WeightsError
from restauro.core.recipe import Published, Recipe, Want
from restauro.core.registry import SAMPLERS
from restauro.diffusion.contract import Estimate, Move, Observation
from restauro.diffusion.guidance import CleanGuidance, Wanted
from restauro.diffusion.schedule import NoiseSchedule
from restauro.networks.rrdb import TimedRestorer
from restauro.properties.identity import Identity
from restauro.properties.smooth_semantics import SmoothSemantics
from restauro.restorers.smooth import SmoothRestorer
from restauro.restorers.timed import Timed
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.faces import to_array
from restauro.systems.pgdiff.guidance import PublishedGuidance
from restauro.systems.pgdiff.likeness import JUDGE, judge_guides
from restauro.systems.pgdiff.recipe import PUBLISHED, TASKS
from restauro.weights.importing import import_file
from restauro.weights.loading import read_state_dict
from tests.laws.pictures import waves
from tests.systems.pgdiff.tiny import faces, never, ours, published, restore_photograph

CPU = torch.device("cpu")
BASE = NoiseSchedule.named("openai-linear")


def test_defect_16_the_restorer_keeps_a_graph_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            seen.append(torch.is_grad_enabled())
            return x * self.weight

    monkeypatch.setattr(engine, "restorer", lambda name, device: SmoothRestorer(Watching(), 4))
    for recipe in (ours("restore"), published("restore")):
        seen.clear()
        assert not engine.run(recipe, faces()).requires_grad
        assert seen == [False], "once per picture, without a graph"
    seen.clear()
    picture = faces().picture.requires_grad_()
    assert not SmoothRestorer(Watching(), 4)(picture).requires_grad


def test_defect_18_one_size_only() -> None:
    """The size is the prior's own; ours steps by means, not sums, so that a weight holds at every size."""
    assert engine.run(ours("restore", prior="tiny-prior-64"), faces(size=64)).shape[-2:] == (64, 64)
    for height, width in ((20, 28), (33, 47)):
        assert SmoothRestorer(nn.Conv2d(4, 4, 3, padding=1), 16)(waves(1, 1, height, width).float()).shape[-2:] == (height, width)


def test_defect_18_the_aspect_ratio_is_destroyed() -> None:
    """A crop that is not square keeps its size, and what nothing changes comes back as it was."""
    picture = to_array(waves(1, 1, 90, 60).float()[0])
    recipe = msgspec.structs.replace(TASKS["restore"], aligned=True, steps=2)
    outcome = restore_photograph(picture, recipe, CPU)
    assert outcome.pixels.shape == picture.shape and np.isfinite(outcome.pixels).all()


def test_defect_16_the_references_embedding_is_made_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Tensor] = []
    real = Identity.embed

    def watched(self: Identity, picture: Tensor, *more: Any) -> Tensor:
        looked.append(picture)
        return real(self, picture, *more)

    monkeypatch.setattr(Identity, "embed", watched)
    observed = faces(1)
    by_identity = (Want(property="identity", weight=0.2),)
    for recipe in (ours("reference", steps=4, wants=by_identity), published("reference", steps=4)):
        looked.clear()
        engine.run(recipe, observed)
        references = [one for one in looked if one is observed.reference]
        assert len(references) == 1 and len(looked) >= 5 and not references[0].requires_grad


def test_defect_17_a_checkpoint_may_run_code_or_load_nothing(tmp_path: Path) -> None:
    """`module.` is taken off where it is there and only there; whatever does not fit is an error, and nothing is run."""
    arguments = {"mid_channels": 8, "num_blocks": 1, "growth_channels": 4}
    bare = TimedRestorer(**arguments).state_dict()
    for name, prefix in (("bare", ""), ("wrapped", "module.")):
        torch.save({"state_dict": {prefix + key: value for key, value in bare.items()}}, tmp_path / f"{name}.pth")
        found = read_state_dict(tmp_path / f"{name}.pth")
        assert found.keys() == bare.keys() and all(torch.equal(found[key], bare[key]) for key in bare)

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"state_dict": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(WeightsError, match="is refused: it asks to run"):
        read_state_dict(tmp_path / "bomb.pth")
    assert not (tmp_path / "ran").exists()
    torn = {key: value for key, value in bare.items() if "conv_last" not in key}
    torch.save(torn, tmp_path / "torn.pth")
    with pytest.raises(WeightsError, match="conv_last"):
        import_file(tmp_path / "torn.pth", "torn", tell=lambda text: None)


def test_defect_19_flags_that_crash_or_do_nothing() -> None:
    """Every sampler runs under the published rules and under ours; only DDIM without noise is Euler's method."""
    for recipe in (ours("restore", start=0.0), published("restore", steps=8)):
        found = [engine.run(msgspec.structs.replace(recipe, sampler=name), faces(1)) for name in SAMPLERS]
        assert all(one.isfinite().all() for one in found)
        alike = {
            pair for pair in combinations(SAMPLERS, 2) if torch.allclose(*(found[SAMPLERS.names().index(name)] for name in pair))
        }
        assert alike <= {("ddim", "euler")}
    assert engine.run(ours("restore", wants=()), faces(1)).isfinite().all(), "without guidance, too"


def test_defect_19_an_impossible_number_of_steps_is_named() -> None:
    with pytest.raises(RecipeError, match="no whole stride gives 37 of 1000 steps; 36 or 38 are possible, or '37' in sections"):
        engine.run(published("restore", steps=37), faces(1))
    recipe = api.make_recipe("restore", faithful=True, respacing="37", prior="tiny-prior", restorer="tiny-restorer")
    assert recipe.steps == 37 and engine.respaced(recipe, BASE).original_index[[0, -1]].tolist() == [0, 999]  # type: ignore[union-attr]


SCRATCH = np.s_[60:62, 10:80]


def scratched(task: str, monkeypatch: pytest.MonkeyPatch, *, faithful: bool = False) -> tuple[np.ndarray, Observation]:
    """A grey photograph with a white scratch, and what the engine is told of it."""
    seen: list[Observation] = []

    def watched(recipe: Recipe, observed: Observation, **more: Any) -> Tensor:
        seen.append(observed)
        return observed.picture

    monkeypatch.setattr(engine, "run", watched)
    picture = np.repeat(to_array(waves(1, 1, 128).float()[0]).mean(-1, keepdims=True), 3, -1) * 0.5
    mask = np.zeros((128, 128), np.float32)
    mask[SCRATCH] = 1
    torn = picture.copy()
    torn[SCRATCH] = 1
    recipe = msgspec.structs.replace((PUBLISHED if faithful else TASKS)[task], aligned=True)
    restore_photograph(torn.astype(np.float32), recipe, CPU, mask=mask)
    return picture, seen[0]


def test_defect_21_scratches_go_into_the_restorer_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are closed from their edges before anything looks at the face; as published the raw photograph is used."""
    whole, seen = scratched("old-photo", monkeypatch)
    assert np.abs(to_array(seen.picture[0]) - whole)[SCRATCH].max() < 0.05
    _, raw = scratched("old-photo", monkeypatch, faithful=True)
    assert to_array(raw.picture[0])[SCRATCH].min() == 1


def test_defect_21_nothing_but_the_prior_fills_the_hole() -> None:
    """Ours guides inside the hole as well, towards what the first stage made of its neighbourhood."""
    observed = replace(faces(1), restored=waves(5, 1, 32).float(), template="restauro128")
    clean, inside = waves(6, 1, 32).float(), faces(1).mask.expand(1, 3, -1, -1) > 0  # type: ignore[union-attr]
    bent = engine.guidance_of(ours("old-photo"), observed, BASE.respace("karras:5@0.2")).clean(Estimate(clean, clean), clean, 2)
    assert (bent.clean - clean).abs()[inside].mean() > 0.01
    theirs = engine.guidance_of(published("old-photo"), observed, BASE.respace("ddpm10"))
    assert isinstance(theirs, PublishedGuidance)
    gradient = theirs.gradient(clean, [w.property.target(theirs.observed) for w in theirs.wanted])
    assert (gradient[inside] == 0).all() and (gradient[~inside] != 0).any()


def test_defect_22_a_strong_guidance_overshoots() -> None:
    """However heavy a wish is, it goes as far as the target and not beyond; the published shift knows no end."""

    class Pulled(SmoothSemantics, frozen=True, kw_only=True):
        project = None

    clean, wanted = torch.ones(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.8)  # a saturated estimate
    observed, few = Observation(wanted, restored=wanted), BASE.respace("karras:5")
    for prop in (SmoothSemantics(), Pulled()):
        for weight in (0.5, 1.0, 50.0):
            bent = CleanGuidance([Wanted(prop, weight)], observed, few).clean(Estimate(clean, clean), clean, 2).clean
            assert bent.min() >= 0.8 - 1e-5 and bent.max() < 1
    move = Move(clean, 9, 0, clean, torch.full_like(clean, 0.3), Estimate(clean, clean), clean)
    theirs = engine.guidance_of(published("restore", published=Published(scale=30.0)), observed, BASE.respace("ddpm10"))
    assert theirs.step(move, never).max() < 0, "2 s S = 18 times the way"


def test_defect_22_the_strength_cannot_be_read_as_how_much() -> None:
    """Fidelity can: it lowers the noise in proportion, and 1 is the first stage itself (test_fidelity.py has the distances)."""
    shares = []
    for w in (0.0, 0.25, 0.5, 0.75):
        schedule = engine.respaced(ours("restore", fidelity=w), BASE)
        assert schedule is not None
        shares.append(float(schedule.sigma(len(schedule) - 1)) / TASKS["restore"].start)
    assert shares == pytest.approx([2, 1.5, 1, 0.5], rel=1e-2)
    observed = replace(faces(), restored=faces().picture)
    assert torch.equal(engine.run(ours("old-photo", fidelity=1.0), observed), observed.picture)
    with pytest.raises(RecipeError, match="has no fidelity"):
        api.make_recipe("restore", faithful=True, fidelity=0.5)


def test_defect_23_identity_is_compared_without_norm_or_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer embedding is no other person, and the face is moved to the embedder's own template."""
    as_published = engine.property_of(PUBLISHED["reference"].wants[1])
    mine = engine.property_of(Want(property="identity"))
    assert isinstance(as_published, Identity) and isinstance(mine, Identity)
    assert (mine.align, as_published.align) == (True, False)
    observed = Observation(waves(1, 1, 64).float(), reference=waves(2, 1, 64).float(), template="ffhq512")
    clean, real = waves(3, 1, 64).float(), Identity.embed
    near = [float(prop.distance(clean, prop.target(observed))) for prop in (mine, as_published)]
    monkeypatch.setattr(Identity, "embed", lambda self, *more: 10 * real(self, *more))
    far = [float(prop.distance(clean, prop.target(observed))) for prop in (mine, as_published)]
    assert far == pytest.approx([near[0], 100 * near[1]], rel=1e-4)
    monkeypatch.undo()
    elsewhere = replace(observed, template="restauro128")
    assert mine.distance(clean, mine.target(observed)) != mine.distance(clean, mine.target(elsewhere))
    assert as_published.distance(clean, as_published.target(observed)) == as_published.distance(
        clean, as_published.target(elsewhere)
    )


def test_defect_23_one_reference_only() -> None:
    several = Observation(waves(1, 1, 32).float(), reference=waves(2, 3, 32).float(), template="restauro128")
    first = replace(several, reference=several.reference[:1])  # type: ignore[index]
    recipe = ours("reference", wants=(Want(property="identity", weight=5.0),))
    assert not torch.allclose(engine.run(recipe, several), engine.run(recipe, first), atol=1e-4)


def test_defect_23_the_gradient_paints_texture() -> None:
    """A blur and the mirror image take the fine grain out of it that only the network would see; the guide does not judge."""
    observed = Observation(waves(1, 1, 64).float(), reference=waves(2, 1, 64).float(), template="restauro128")
    clean = waves(3, 1, 64).float()

    def grain(prop: Identity) -> float:
        gradient = prop.gradient(clean, prop.target(observed))
        power = torch.fft.fft2(gradient).abs().square()
        frequency = torch.fft.fftfreq(64).abs()
        return float(power[..., (frequency[:, None] > 0.3) | (frequency[None] > 0.3)].sum() / power.sum())

    plain = Identity(loss="cosine", align=False, mirror=False, blur=0.0)
    assert grain(Identity()) < 0.5 * grain(plain)
    by_the_judge = Want(property="identity", knobs={"embedder": JUDGE})
    assert judge_guides(ours("reference", wants=(by_the_judge,))) and not judge_guides(TASKS["restore"])


def test_defect_24_two_networks_at_a_thousand_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look of the first stage and a few calls of the prior; the published restorer is asked at every step."""
    asked: list[str] = []
    real = engine.restorer

    class Counted(Timed):
        def __init__(self, name: str, device: torch.device):
            self.first = real(name, device)

        def __call__(self, picture: Tensor, **more: Any) -> Tensor:
            asked.append("once")
            return self.first(picture, mask=more.get("mask"))

        def at(self, picture: Tensor, x: Tensor, t: float) -> Tensor:
            asked.append("again")
            return picture

    monkeypatch.setattr(engine, "restorer", Counted)
    engine.run(ours("restore"), faces())
    assert asked == ["once"]
    asked.clear()
    engine.run(published("restore", steps=10, published=Published(repeats=2)), faces())
    assert asked == ["again"] * 10, "the repeats reuse the first answer"
    assert all(recipe.steps <= 20 for recipe in TASKS.values())
