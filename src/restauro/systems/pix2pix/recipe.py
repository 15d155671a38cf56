"""What a user runs: a photograph, translated by the generator they name."""

from __future__ import annotations

from restauro.core.recipe import Recipe

TASKS: dict[str, Recipe] = {
    "translate": Recipe(task="translate", system="pix2pix", prior="", restorer="", steps=1, start=0),
}
"""`restorer` is the generator: there is none that everybody would want."""
