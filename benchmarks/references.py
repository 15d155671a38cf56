"""How surely a wrong reference is refused. `python -m benchmarks.references`

The pairs of the identity protocol: the first picture is damaged and seen through the first stage, as a face that is to be
restored; the second is the reference. Shares of the same people that are kept, and of strangers that are refused, at the
product's two thresholds; and the threshold that would keep 95 % on the first five folds, tried on the other five.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import SHARED
from benchmarks.likeness import LEVELS
from restauro.degradations.chains import degrade
from restauro.evaluation.identity import read_pairs, roc_area
from restauro.restorers.smooth import restorer
from restauro.systems.pgdiff.faces import OURS
from restauro.systems.pgdiff.likeness import embed
from restauro.systems.pgdiff.recipe import TASKS
from restauro.systems.pgdiff.references import DOUBTFUL, KNOWS, STRANGER
from restauro.training.data import load

CHAINS = {"clean": "", "light": LEVELS["light"], "heavy": LEVELS["heavy"], "old photo": "old-portrait"}
BATCH = 32


def directions(pictures: Tensor, embedder: str) -> np.ndarray:
    return torch.cat([embed(part, OURS, embedder) for part in pictures.split(BATCH)]).numpy()


def seen(pictures: Tensor, chain: str) -> Tensor:
    """Damaged, each in its own way, and what the first stage makes of it."""
    if not chain:
        return pictures
    done = [degrade(one[None], chain, np.random.default_rng([7, i])) for i, one in enumerate(pictures)]
    damaged = torch.cat([one.picture for one in done])
    mask = torch.cat([one.mask if one.mask is not None else torch.zeros_like(one.picture[:, :1]) for one in done])
    first = restorer(TASKS["reference"].restorer, pictures.device)
    return torch.cat([first(part, mask=hole) for part, hole in zip(damaged.split(BATCH), mask.split(BATCH), strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default=KNOWS, help="weights to try instead of the product's")
    args = parser.parse_args()
    folder = SHARED / "data" / "identity"
    pictures, pairs = load(folder / "identity.tar", 128), read_pairs(folder / "pairs.csv")
    index = {side: np.array([int(key.removeprefix("id-")) for key in keys]) for side, keys in zip("ab", pairs[:2], strict=True)}
    every = pictures.batch(np.arange(len(pictures)))
    references, tried = directions(every, args.embedder), np.unique(index["a"])
    for name, chain in CHAINS.items():
        found = np.zeros_like(references)
        found[tried] = directions(seen(every[tried], chain), args.embedder)
        cosine = (found[index["a"]] * references[index["b"]]).sum(1)
        report(name, cosine, pairs.same, pairs.folds < 5)


def report(name: str, cosine: np.ndarray, same: np.ndarray, first: np.ndarray) -> None:
    def shares(threshold: float, part: np.ndarray) -> str:
        return f"keeps {(cosine[part & same] >= threshold).mean():.2f}, refuses {(cosine[part & ~same] < threshold).mean():.2f}"

    all_of_them, chosen = np.ones_like(first), float(np.quantile(cosine[first & same], 0.05))
    print(f"{name}: ROC {roc_area(-cosine, same):.3f}; medians {np.median(cosine[same]):.2f}, {np.median(cosine[~same]):.2f}")
    for what, threshold in (("stranger", STRANGER), ("doubtful", DOUBTFUL)):
        print(f"  {what} {threshold:g}: {shares(threshold, all_of_them)}")
    print(f"  95 % of the first folds {chosen:.2f}: on the others {shares(chosen, ~first)}", flush=True)


if __name__ == "__main__":
    main()
