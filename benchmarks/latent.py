"""DiffBIR beside the others: its recipes, whether its weights are at hand, its rows. Part of `restoration` and `fidelity`."""

from __future__ import annotations

import argparse

import msgspec

from benchmarks.answers import Answer, answer
from benchmarks.comparing import Scores, said
from benchmarks.faces import Faces
from restauro.core.errors import RecipeError, WeightsError
from restauro.core.recipe import Recipe
from restauro.evaluation.statistics import paired_difference
from restauro.systems.diffbir import engine
from restauro.systems.diffbir.parts import checked
from restauro.systems.diffbir.recipe import OURS, RESTORING, TASKS_WITH
from restauro.weights.store import find

assert OURS.latent is not None
WEIGHTS = {"prior": OURS.prior, "control": OURS.latent.control, "autoencoder": OURS.latent.autoencoder}
FIDELITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of the region guidance; at 0 there is none."""


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Options for other weights than those that ship."""
    for part, usual in WEIGHTS.items():
        parser.add_argument(f"--{part}", metavar="NAME", default=usual, help=f"DiffBIR's {part} (default {usual})")


def weights(args: argparse.Namespace) -> dict[str, str]:
    """What these options say, by part."""
    return {part: getattr(args, part) for part in WEIGHTS}


def recipe_of(task: str, names: dict[str, str], **changes: object) -> Recipe:
    """DiffBIR's recipe of a task, with the weights of these names."""
    base = TASKS_WITH[task]
    assert base.latent is not None
    latent = msgspec.structs.replace(base.latent, control=names["control"], autoencoder=names["autoencoder"])
    return msgspec.structs.replace(base, prior=names["prior"], latent=latent, **changes)


def missing(names: dict[str, str]) -> str:
    """Why it cannot run with these weights, in one line; empty where it can."""
    recipe = recipe_of("restore", names)
    try:
        checked(recipe)
        find(recipe.restorer)
    except (RecipeError, WeightsError) as error:
        return f"no rows of DiffBIR: {error}"
    return ""


def recipes_of(task: str, names: dict[str, str]) -> dict[str, Recipe]:
    """Row -> recipe: where the region guidance says how faithful a restoration is, several of its strengths."""
    if task not in TASKS_WITH:
        return {}
    if task not in RESTORING:
        return {f"DiffBIR {OURS.steps}": recipe_of(task, names)}
    found = {w: recipe_of(task, names, fidelity=w) for w in FIDELITIES}
    return {f"DiffBIR {OURS.steps}, {f'w {w:g}' if w else 'unguided'}": recipe for w, recipe in found.items()}


def rows_of(task: str, names: dict[str, str], faces: Faces) -> dict[str, tuple[Answer, int]]:
    """Name -> answer and calls: of the prior, and one of the first stage. Nothing where weights are missing."""
    if missing(names):
        return {}
    return {row: (answer(recipe, faces), engine.calls(recipe) + 1) for row, recipe in recipes_of(task, names).items()}


def notes(scores: Scores) -> list[str]:
    """What restoring with it gains on the others, as a user gets it, and what its guidance does; paired."""
    rows = [row for row in scores if row.startswith("DiffBIR") and "," in row]
    if not rows:
        return []
    usual, free = (next(row for row in rows if row.endswith(end)) for end in (f"w {OURS.fidelity:g}", "unguided"))
    others = ["restorer alone", "ours 10", *(row for row in scores if row.startswith("SR3"))]
    pairs = [(usual, other) for other in others if other in scores] + [(row, free) for row in rows if row != free]

    def gains(a: str, b: str) -> str:
        titles = ("LPIPS", "PSNR", "identity")
        return "; ".join(f"{title} {said(paired_difference(scores[a][title], scores[b][title]))}" for title in titles)

    return [f"{a} - {b}: {gains(a, b)}" for a, b in pairs]
