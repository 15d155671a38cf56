"""What Python callers use: paths, bytes, PIL pictures, arrays in; a `Result` out. Nothing is printed or left behind."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restauro.api.drawing import degrade, sample
    from restauro.api.evaluation import Evaluation, evaluate
    from restauro.api.inspection import Inspection, inspect, scratches
    from restauro.api.interpolation import interpolate
    from restauro.api.labels import Segmentation, segmentation
    from restauro.api.result import Result
    from restauro.api.several import spread_of, variants
    from restauro.api.tasks import (
        colorize,
        enhance,
        inpaint,
        make_recipe,
        old_photo,
        recipe_of,
        replay,
        restore,
        run,
        runs,
        translate,
        upscale,
    )
    from restauro.api.training import ship, train
    from restauro.core.recipe import Recipe
    from restauro.evaluation.answers import read_answers
    from restauro.evaluation.study import make_study
    from restauro.photo.read import read
    from restauro.systems._report import FaceReport, Report

__all__ = [
    "Evaluation",
    "FaceReport",
    "Inspection",
    "Recipe",
    "Report",
    "Result",
    "Segmentation",
    "colorize",
    "degrade",
    "enhance",
    "evaluate",
    "inpaint",
    "inspect",
    "interpolate",
    "make_recipe",
    "make_study",
    "old_photo",
    "read",
    "read_answers",
    "recipe_of",
    "replay",
    "restore",
    "run",
    "runs",
    "sample",
    "scratches",
    "segmentation",
    "ship",
    "spread_of",
    "train",
    "translate",
    "upscale",
    "variants",
]

_HOMES = {
    "restauro.api.drawing": "degrade sample",
    "restauro.api.evaluation": "Evaluation evaluate",
    "restauro.api.inspection": "Inspection inspect scratches",
    "restauro.api.interpolation": "interpolate",
    "restauro.api.result": "Result",
    "restauro.api.labels": "Segmentation segmentation",
    "restauro.api.several": "spread_of variants",
    "restauro.api.tasks": "colorize enhance inpaint make_recipe old_photo recipe_of replay restore run runs translate upscale",
    "restauro.api.training": "ship train",
    "restauro.core.recipe": "Recipe",
    "restauro.evaluation.answers": "read_answers",
    "restauro.evaluation.study": "make_study",
    "restauro.photo.read": "read",
    "restauro.systems._report": "FaceReport Report",
}
"""Where the names are at home: a module is imported when one of its names is asked for. Training needs no photo library."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names.split():
            value = globals()[name] = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
