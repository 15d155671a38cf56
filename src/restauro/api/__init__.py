"""What Python callers use: paths, bytes, PIL pictures, arrays in; a `Result` out. Nothing is printed or left behind."""

from __future__ import annotations

from restauro.api.drawing import degrade, sample
from restauro.api.evaluation import Evaluation, evaluate
from restauro.api.inspection import Inspection, inspect
from restauro.api.result import Result
from restauro.api.several import spread_of, variants
from restauro.api.tasks import colorize, enhance, inpaint, make_recipe, old_photo, recipe_of, replay, restore, run, runs, upscale
from restauro.api.training import ship, train
from restauro.core.recipe import Recipe
from restauro.photo.read import read
from restauro.systems._report import FaceReport, Report

__all__ = [
    "Evaluation",
    "FaceReport",
    "Inspection",
    "Recipe",
    "Report",
    "Result",
    "colorize",
    "degrade",
    "enhance",
    "evaluate",
    "inpaint",
    "inspect",
    "make_recipe",
    "old_photo",
    "read",
    "recipe_of",
    "replay",
    "restore",
    "run",
    "runs",
    "sample",
    "ship",
    "spread_of",
    "train",
    "upscale",
    "variants",
]
