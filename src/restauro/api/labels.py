"""What segmentations are worth: scores of a folder of labels against another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from restauro.core.errors import InputError
from restauro.core.files import by_name
from restauro.evaluation.labels import SUFFIXES, read_labels, read_palette, to_size
from restauro.evaluation.segmentation import confusion, intervals, scores
from restauro.evaluation.statistics import Interval


@dataclass(frozen=True)
class Segmentation:
    """The scores of `pictures` pairs of labels, with bootstrap intervals over the pictures, and class by class (NaN: does not
    occur). missing: true labels to which nothing was found, which are not scored.
    """

    pictures: int
    classes: int
    pixel_accuracy: Interval
    class_accuracy: Interval
    class_iou: Interval
    accuracies: list[float]
    ious: list[float]
    missing: list[str]


def segmentation(
    truth: str | Path, found: str | Path, classes: int = 0, *, palette: str | Path | None = None, faithful: bool = False
) -> Segmentation:
    """Per-pixel accuracy, per-class accuracy and class IoU (pix2pix's FCN score) of labels in the folder `found`.

    Both folders hold labels under the same names, whatever their endings: grey or indexed pictures whose values are classes, or
    .npy files of labels (H, W) or of a network's scores (classes, H, W). palette: a text file of the classes' colours, for
    pictures in colour. classes: how many there are, by default as many as colours. Smaller or larger labels are brought to the
    truth's size. True labels outside of 0..classes-1 are not looked at. faithful: what does not occur counts as 0, as published.
    """
    colours = read_palette(Path(palette)) if palette else None
    classes = classes or (0 if colours is None else len(colours))
    if classes < 2 or (colours is not None and classes < len(colours)):
        raise InputError(f"{classes} classes: there are at least two, and as many as the palette has colours")
    true, seen = (by_name(folder, SUFFIXES) for folder in (truth, found))
    names = sorted(true.keys() & seen.keys())
    if not names:
        raise InputError(f"{found}: no labels with the names of those in {truth}", "missing")
    matrices = [_matrix(true[name], seen[name], classes, colours) for name in names]
    three = intervals(matrices, published=faithful)
    whole = scores(np.sum(matrices, 0), published=faithful)
    missing = [str(true[name]) for name in sorted(true.keys() - seen.keys())]
    return Segmentation(len(names), classes, *three, whole.accuracies.tolist(), whole.ious.tolist(), missing)


def _matrix(true: Path, seen: Path, classes: int, palette: np.ndarray | None) -> np.ndarray:
    labels, answer = read_labels(true, palette), read_labels(seen, palette)
    try:
        return confusion(labels, to_size(answer, *labels.shape), classes)
    except InputError as error:
        raise InputError(f"{seen}: {error}") from None
