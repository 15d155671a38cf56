"""What a task answers: the restored photograph, what was done to it, and how to keep it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from restauro import __version__
from restauro.core.recipe import Recipe
from restauro.evaluation.sheets import before_after
from restauro.photo.photo import Photo
from restauro.photo.write import write
from restauro.photo.xmp import provenance
from restauro.systems._report import Report
from restauro.systems.oldphotos.recipe import weights_of
from restauro.weights.store import find


@dataclass(frozen=True, eq=False)
class Result:
    """A restored photograph. pixels: (H, W, 3) float32 sRGB in [0, 1]; touched: (H, W), where it was changed."""

    pixels: np.ndarray
    touched: np.ndarray
    report: Report
    recipe: Recipe
    source: Photo
    date: str = ""

    @property
    def image(self) -> Image.Image:
        """The result as an 8-bit PIL picture."""
        return Image.fromarray(np.rint(self.pixels * 255).clip(0, 255).astype(np.uint8))

    @property
    def changed(self) -> bool:
        return bool(self.touched.any()) or self.pixels.shape != self.source.pixels.shape

    def save(self, path: str | Path, *, metadata: bool = True, quality: int | None = None, overwrite: bool = True) -> list[str]:
        """Write in the source's format, depth and colour space, with its metadata and the recipe; returns notices.

        An unchanged photograph is copied byte for byte. Raises OutputError where it cannot be written.
        """
        if not self.changed:
            return write(path, self.source, metadata=metadata, quality=quality, overwrite=overwrite)
        kind = "compositeWithTrainedAlgorithmicMedia" if self.report.invented else "algorithmicallyEnhanced"
        recipe = self.recipe
        enlarged = recipe.upscaler if recipe.upscale > 1 and recipe.task != "upscale" else ""
        beside = (recipe.latent.autoencoder, recipe.latent.control) if recipe.latent else ()
        whole = weights_of(recipe.whole) if recipe.whole else ()
        used = (recipe.prior, recipe.restorer, enlarged, recipe.colorizer, *whole, *beside)
        weights = {name: find(name)[0].sha256 for name in used if name}
        said = provenance(
            source=self.source.name,
            sha256=self.source.sha256,
            tool=f"restauro {__version__}",
            date=self.date or datetime.date.today().isoformat(),
            recipe=recipe.to_json(),
            kind=kind,  # type: ignore[arg-type]
            more={"weights": msgspec.json.encode(weights).decode(), "changed": f"{self.report.changed:.4f}"},
        )
        touched = self.touched if self.pixels.shape == self.source.pixels.shape else None
        return write(
            path,
            self.source,
            self.pixels,
            touched=touched,
            metadata=metadata,
            quality=quality,
            overwrite=overwrite,
            extra_xmp=said,
        )

    def compare(self) -> Image.Image:
        """Before and after, side by side."""
        return before_after(self.source.pixels, self.pixels)
