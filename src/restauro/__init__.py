"""Restores photographs: `restauro.restore("grandma.jpg").save("out.jpg")`.

Importing this package is free: torch is loaded when the first picture is worked on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from restauro.core.errors import (
    InputError,
    Interrupted,
    OutputError,
    PartialError,
    RecipeError,
    RestauroError,
    WeightsError,
)

if TYPE_CHECKING:
    from restauro.api import (
        Result,
        colorize,
        degrade,
        enhance,
        evaluate,
        inpaint,
        inspect,
        interpolate,
        old_photo,
        restore,
        sample,
        scratches,
        translate,
        upscale,
        variants,
    )
    from restauro.core.recipe import Recipe

__version__ = "0.1.0"

__all__ = [
    "InputError",
    "Interrupted",
    "OutputError",
    "PartialError",
    "Recipe",
    "RecipeError",
    "RestauroError",
    "Result",
    "WeightsError",
    "__version__",
    "colorize",
    "degrade",
    "enhance",
    "evaluate",
    "inpaint",
    "inspect",
    "interpolate",
    "old_photo",
    "restore",
    "sample",
    "scratches",
    "translate",
    "upscale",
    "variants",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module("restauro.core.recipe" if name == "Recipe" else "restauro.api"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
