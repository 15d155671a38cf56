"""How well scratches are found: `python -m benchmarks.scratches [--split val] [--detector NAME]`

Held-out photographs, aged by the chain "old-photo": of the pixels that are found or true those count as right that lie within
2 px of a true or a found one. False alarms are the share of the undamaged photographs that is taken for scratches.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor

from benchmarks.oldphotos import CPU, aged, photographs
from restauro.core.recipe import Whole
from restauro.evaluation.marks import Counts, f1, found_and_true, precision_recall
from restauro.evaluation.tables import Column, Table
from restauro.systems.oldphotos.scratches import find_scratches

COLUMNS = [Column("F1", "up", 3), Column("precision", "up", 3), Column("recall", "up", 3), Column("false alarms", "down", 4)]
SENSITIVITIES = (0.05, 0.1, 0.2, 0.4, 0.6)
WHOLE = 10**6
"""Pixels of a side: photographs are not cut."""


def row(found: list[Tensor], truth: list[Tensor], clean: list[Tensor], threshold: float) -> list[float]:
    """found, clean: probabilities (1, 1, H, W) of damaged and of undamaged photographs; truth: their masks."""
    each = [found_and_true(one > threshold, mask > 0) for one, mask in zip(found, truth, strict=True)]
    counts = Counts(*(sum(values) for values in zip(*each, strict=True)))
    return [f1(counts), *precision_recall(counts), float(np.mean([(one > threshold).float().mean() for one in clean]))]


def table(clean: list[np.ndarray], detector: str) -> Table:
    old = aged(clean)
    found, without = (
        [_tensor(find_scratches(one, detector, CPU)) for one in pictures] for pictures in ([one.picture for one in old], clean)
    )
    truth = [_tensor(one.mask) for one in old]
    rows = [(f"--sensitivity {level}", row(found, truth, without, 1 - level)) for level in SENSITIVITIES]
    return Table(f"{len(old)} photographs", COLUMNS, rows)


def _tensor(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(mask)[None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs (default: all)")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--side", type=int, default=WHOLE, help="px of the middle that is looked at (default: all)")
    parser.add_argument("--detector", default=Whole().detector, metavar="NAME")
    args = parser.parse_args()
    print(table(photographs("natural", args.split, args.limit, args.side), args.detector).text())


if __name__ == "__main__":
    main()
