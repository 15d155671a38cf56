"""How well an embedder knows people that no network was trained on. `python -m benchmarks.verification [--write]`

Ten-fold verification of the identity protocol (800 pairs), true accepts at 1 % false ones, ROC area; then the same when one
picture of each pair is reduced to so many pixels and enlarged again, as faces in the back of a photograph are. --write puts
the figures into the embedder's passport.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.faces import SHARED
from benchmarks.passport import note
from restauro.evaluation.identity import Pairs, Verification, distances, read_pairs, verify
from restauro.evaluation.tables import Column, Table
from restauro.properties.identity import Identity
from restauro.systems.pgdiff.faces import OURS
from restauro.training.data import load

OUT = Path(__file__).parent / "out"
SIDES = (128, 64, 32, 16)
"""Pixels; 128 is the picture as it is."""
COLUMNS = [
    Column("accuracy", "up", 4),
    Column("deviation", "", 4),
    Column("ROC area", "up", 4),
    Column("TAR at FAR 1 %", "up", 4),
]
Embed = Callable[[Tensor], Tensor]


def reduced(pictures: Tensor, side: int) -> Tensor:
    """(N, 3, S, S) made small, bicubic with antialias, and large again."""
    size = pictures.shape[-2:]
    if side >= max(size):
        return pictures
    small = F.interpolate(pictures, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return F.interpolate(small, size, mode="bicubic", align_corners=False).clamp(-1, 1)


def curve(embed: Embed, pictures: Tensor, pairs: Pairs, sides: tuple[int, ...] = SIDES) -> dict[int, Verification]:
    """Side of the second picture of each pair -> verification. pictures: (n, 3, S, S); their keys end in their number."""
    first, second = (np.array([int(key.rpartition("-")[2]) for key in keys]) for keys in (pairs.first, pairs.second))
    known = embed(pictures).numpy()
    found = {}
    for side in sides:
        seen = known if side >= pictures.shape[-1] else embed(reduced(pictures, side)).numpy()
        found[side] = verify(distances(known[first], seen[second]), pairs.same, pairs.folds)
    return found


def embedder(name: str) -> Embed:
    """Directions (N, D) of length 1."""
    network = Identity(embedder=name, mirror=False, blur=0)  # as it is, without what guidance adds

    @torch.no_grad()
    def embed(pictures: Tensor) -> Tensor:
        return torch.cat([F.normalize(network.embed(part, OURS)) for part in pictures.split(32)])

    return embed


def scores(found: dict[int, Verification]) -> dict[str, float]:
    """In the words of the passports."""
    whole = found[max(found)]
    told = {
        "10-fold verification on 800 pairs of other people": whole.accuracy,
        "its deviation": whole.deviation,
        "ROC area": whole.roc_area,
        "true accepts at 1 % false ones": whole.true_accepts[0.01],
    }
    for side in sorted(set(found) - {max(found)}, reverse=True):
        told[f"verification, one of the two at {side} px"] = found[side].accuracy
        told[f"true accepts at 1 % false ones, one of the two at {side} px"] = found[side].true_accepts[0.01]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedders", nargs="+", default=["identity", "identity-guide"])
    parser.add_argument("--write", action="store_true", help="into their passports")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes")
    args = parser.parse_args()
    folder = SHARED / "data" / "identity"
    data, pairs = load(folder / "identity.tar", 128), read_pairs(folder / "pairs.csv")
    pictures, rows = data.batch(np.arange(len(data))), []
    for name in args.embedders:
        found = curve(embedder(name), pictures, pairs)
        for side, one in found.items():
            rows.append((f"{name}, {side} px", [one.accuracy, one.deviation, one.roc_area, one.true_accepts[0.01]]))
        if args.write:
            note(name, scores(found))
    table = Table(f"{len(pairs.same)} pairs of people nobody was trained on; the second picture reduced", COLUMNS, rows)
    print(table.text())
    args.out.mkdir(parents=True, exist_ok=True)
    table.save(args.out / "verification.md")


if __name__ == "__main__":
    main()
