"""What the tables rest on: settings searched to where they are best, a cache that notices every change, disjoint splits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from benchmarks import ablation, pix2pix_ablation
from benchmarks.answers import DECIDES, key
from benchmarks.faces import Faces, damaged
from benchmarks.passport import note
from benchmarks.severities import Claim, claims
from benchmarks.tune_ours import laid_over, settings
from benchmarks.tuning import lowest, published
from benchmarks.verification import curve, reduced
from benchmarks.verification import scores as verification_scores
from restauro.core.errors import WeightsError
from restauro.core.recipe import Recipe, Want
from restauro.evaluation.identity import Pairs
from restauro.evaluation.segmentation import nearest_class
from restauro.evaluation.statistics import Interval
from restauro.systems.pgdiff.recipe import TASKS
from restauro.training.data import Pictures
from restauro.training.pairs import load_pairs
from restauro.weights.passports import Passport
from restauro.weights.store import find, imported_folder, save
from tests.shared import needs_shared


def test_the_best_setting_lies_inside_what_was_tried() -> None:
    for best in (0.002, 0.3, 40.0):
        found, tried = lowest(lambda s, best=best: abs(s / best - 1) if s > best else abs(best / s - 1), (0.01, 0.1, 1.0))
        assert min(tried) < found < max(tried)
        assert best / 2 < found < best * 2


def test_the_cache_notices_every_change() -> None:
    recipe, grey = published("reference", 0.1, 0.0), torch.zeros(2, 3, 8, 8)
    faces = Faces("reference", grey, grey, None, grey)
    others = [
        key(msgspec.structs.replace(recipe, seed=1), faces),
        key(msgspec.structs.replace(recipe, restorer="identity"), faces),
        *(key(recipe, replace(faces, **{part: grey + 0.1})) for part in ("clean", "picture", "reference", "restored")),
        key(recipe, replace(faces, mask=grey[:, :1])),
    ]
    assert len({key(recipe, faces), *others}) == len(others) + 1
    assert key(recipe, replace(faces)) == key(recipe, faces)


def test_a_setting_is_laid_over_a_recipe() -> None:
    recipe = TASKS["old-photo"]
    made = laid_over(recipe, {"start": 0.3, "sampler": "ddim:eta=1", "smooth-semantics.cutoff": 0.2, "lightness.weight": 0.5})
    assert (made.start, made.sampler, made.sampler_knobs) == (0.3, "ddim", {"eta": "1"})
    assert made.wants[0].knobs["cutoff"] == 0.2
    assert made.wants[1] == Want(property="lightness", weight=0.5)
    assert laid_over(recipe, {"smooth-semantics.weight": 0}).wants == ()
    assert laid_over(recipe, {"wants": "lightness;identity:weight=0.2"}).wants[1] == Want(property="identity", weight=0.2)
    grid = {"start": [0.1, 0.2, 0.3], "rho": [5, 7]}
    assert list(settings(grid, 0, 0))[:2] == [{}, {"start": 0.1, "rho": 5}]
    assert len(list(settings(grid, 4, 0))) == 5


def test_the_cache_outlives_a_recipe_that_learns_more_words() -> None:
    grey = torch.zeros(2, 3, 8, 8)
    faces, recipe = Faces("restore", grey, grey), TASKS["restore"]
    words = [name for name in Recipe.__struct_fields__ if name not in DECIDES]
    assert "upscale" in words and not {"start", "prior"} & set(words)
    assert key(msgspec.structs.replace(recipe, upscale=2), faces) != key(recipe, faces)
    assert set(DECIDES) <= set(Recipe.__struct_fields__)


def test_a_claim_says_how_sure_it_is() -> None:
    def verdict(mean: float, low: float, high: float, bound: float, least: bool) -> str:
        return Claim("x", Interval(mean, low, high, 9), bound, least).verdict

    assert verdict(2.0, 1.6, 2.2, 1.5, True) == "yes, beyond doubt"
    assert verdict(2.0, 1.4, 2.2, 1.5, True) == "yes on average, not beyond doubt"
    assert verdict(1.4, 1.3, 1.6, 1.5, True) == "no"
    assert verdict(-0.1, -0.2, -0.01, 0.0, False) == "yes, beyond doubt"
    assert verdict(0.005, -0.01, 0.02, 0.01, False) == "yes on average, not beyond doubt"
    assert verdict(0.02, 0.0, 0.04, 0.01, False) == "no"


def test_claims_are_made_of_paired_scores() -> None:
    rng, rows = np.random.default_rng(0), ("input", "classical by PSNR: x", "restorer alone", "ours 10")
    scores = {name: {column: rng.uniform(20, 34, 40) for column in ("LPIPS", "PSNR", "identity")} for name in rows}
    mild, heavy = (claims(severity, scores) for severity in ("mild", "heavy"))
    assert [claim.bound for claim in mild] == [0.0, -1.0, 0.0] and [claim.bound for claim in heavy[3:]] == [1.5, 0.7]
    poor = scores["input"]["PSNR"] < 28
    gain = (scores["restorer alone"]["PSNR"] - scores["input"]["PSNR"])[poor]
    assert heavy[3].difference.mean == pytest.approx(gain.mean()) and heavy[3].difference.n == poor.sum() < 40
    with_student = claims("mild", scores | {"student": scores["ours 10"]})
    assert with_student[-1].difference[:3] == (0, 0, 0) and with_student[-1].bound == 0.01


def test_verification_falls_with_the_size_of_one_of_the_two() -> None:
    """Sixteen patterns stand for sixteen people; a second picture of each has noise on it."""
    generator = torch.Generator().manual_seed(0)
    people = torch.randn(16, 3, 32, 32, generator=generator)
    pictures = torch.cat([people, people + 0.5 * torch.randn(people.shape, generator=generator)]).clamp(-1, 1)
    pairs = [(f"id-{i}", f"id-{16 + (i + shift) % 16}", shift == 0, i % 4) for i in range(16) for shift in (0, 5)]
    first, second, same, folds = zip(*pairs, strict=True)
    known = Pairs(list(first), list(second), np.array(same), np.array(folds))
    found = curve(lambda x: torch.nn.functional.normalize(x.flatten(1)), pictures, known, (32, 8, 2))
    areas = [one.roc_area for one in found.values()]
    assert areas[0] == 1.0 and areas[0] >= areas[1] > areas[2] - 1e-9
    told = verification_scores(found)
    assert told["10-fold verification on 800 pairs of other people"] == found[32].accuracy
    assert told["verification, one of the two at 2 px"] == found[2].accuracy
    assert torch.equal(reduced(pictures, 32), pictures) and reduced(pictures, 8).std() < 0.7 * pictures.std()


def test_figures_go_into_the_passport_of_the_weights_they_are_of() -> None:
    weights, about = {"a": torch.ones(2)}, Passport(name="noted", what="For a test.", kind="identity", scores={"old": 1.0})
    try:
        made = save(weights, about, imported_folder())
        after = note("noted", {"new": 0.123456})
        assert after.scores == {"old": 1.0, "new": 0.1235} and after.sha256 == made.sha256
        assert find("noted")[0] == after and note("noted", {"old": 2.0}).scores == {"old": 2.0, "new": 0.1235}
        find("noted")[1].write_bytes(b"other weights")
        with pytest.raises(WeightsError):
            note("noted", {"new": 1.0})
    finally:
        for file in imported_folder().glob("noted.*"):
            file.unlink()


@needs_shared
def test_nobody_is_in_both_halves_of_the_reference_task() -> None:
    val, test = (damaged("reference", split, 50, chain="grey") for split in ("val", "test"))
    assert val.reference is not None and test.reference is not None
    pictures = [*val.clean, *val.reference, *test.clean, *test.reference]
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(pictures) == 200


def test_a_direction_that_is_not_sure_says_so() -> None:
    sure, unsure = ablation.over_seeds([2.0, 2.1, 1.9]), ablation.over_seeds([2.0, -2.1, 1.9])
    assert (sure.high - sure.low) / 2 == pytest.approx(4.303 * 0.1 / 3**0.5)
    assert "worse" in ablation.verdict(sure) and "not significant" in ablation.verdict(unsure)
    assert "better" in ablation.verdict(ablation.over_seeds([-1.0, -1.1])) and ablation.over_seeds([1.0]).low == -float("inf")
    assert ablation.verdict(ablation.over_seeds([float("inf"), 1.0])) == "unstable"
    assert "better" in ablation.verdict(sure, "up") and "worse" in ablation.verdict(ablation.over_seeds([-1.0, -1.1]), "up")


@needs_shared
def test_the_ablation_runs_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cell in earnest; the others share its figures."""
    whole, done = ablation.scored, list[dict[str, float]]()

    def once(*words: Any) -> dict[str, float]:
        done.append(done[0] if done else whole(*words))
        return done[-1]

    monkeypatch.setattr(ablation, "scored", once)
    size = ["--steps", "2", "--samples", "4", "--timesteps", "25", "--width", "8", "--held", "2", "--batch", "2"]
    words = [*size, "--seeds", "2", "--pattern", "faces-val.tar", "--out", str(tmp_path)]
    ablation.main(words)
    table = (tmp_path / "ablation.md").read_text()
    assert len(done) == 12 and table.count("| mean:") == table.count("| eps:") == 3
    assert "LPIPS-Alex" in table and table.count("not significant") == 10 and 0 < done[0]["bits"] < 1000
    capsys.readouterr()
    ablation.main(words)
    assert len(done) == 12 and (tmp_path / "ablation.md").read_text() == table and "seed 0" not in capsys.readouterr().out


@needs_shared
def test_the_ablation_of_pix2pix_runs_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cell of each direction in earnest; the others share their figures."""
    whole, done, count = pix2pix_ablation.scored, dict[str, Any](), list[str]()

    def once(args: Any, cell: str, seed: int, judge: Any) -> Any:
        count.append(cell)
        if (kind := pix2pix_ablation.reference(cell)) not in done:
            done[kind] = whole(args, cell, seed, judge)
        return done[kind]

    def few(size: int, direction: Any) -> tuple[Pictures, Pictures]:
        test = load_pairs(pix2pix_ablation.MAPS / "facades-test.tar", size, direction=direction, labels="B")
        return test, test

    monkeypatch.setattr(pix2pix_ablation, "facades", few)
    monkeypatch.setattr(pix2pix_ablation, "scored", once)
    words = ["--steps", "2", "--size", "32", "--width", "4", "--judged", "2", "--seeds", "2", "--out", str(tmp_path)]
    pix2pix_ablation.main(words)
    table = (tmp_path / "pix2pix_ablation.md").read_text()
    assert len(count) == 2 * 12  # patches of 286 px have no room
    assert "patches of 286 px" not in table and "to labels: cGAN" in table and table.count("not significant") == 2 * 8 + 2
    assert (tmp_path / "pix2pix_ablation.png").exists() and (tmp_path / "pix2pix_ablation-labels.png").exists()
    capsys.readouterr()
    pix2pix_ablation.main(words)
    assert len(count) == 2 * 12 and (tmp_path / "pix2pix_ablation.md").read_text() == table
    assert "seed 0" not in capsys.readouterr().out


@needs_shared
def test_the_classes_of_facades_are_read_off_their_colours() -> None:
    """At full size every second pixel lies within a few levels of a colour: JPEG softens edges only."""
    test = load_pairs(pix2pix_ablation.MAPS / "facades-test.tar", 256, labels="B")
    painted = test.pixels[:4, 3:].permute(0, 2, 3, 1).numpy()
    classes = np.stack([nearest_class(one, pix2pix_ablation.PALETTE) for one in painted])
    off = np.abs(painted.astype(int) - pix2pix_ablation.PALETTE[classes]).max(-1)
    assert (off <= 8).mean() > 0.5 and len(np.unique(classes)) >= 8
