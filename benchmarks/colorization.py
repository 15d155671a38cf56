"""What colouring gains: `python -m benchmarks.colorization`

Whole test photographs made grey and coloured again: by nothing, by one chroma for all (the mean of the validation
photographs), by ours, and by the true chroma as small as ours knows it, which is as far as edges and size allow. "off" is the
distance to the truth's colourfulness, "luma" the share of pixels whose 8-bit luma is within one level of the grey photograph's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.faces import SHARED
from benchmarks.upscaling import photographs
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import chroma_error, colourfulness
from restauro.evaluation.statistics import paired_difference
from restauro.evaluation.tables import Column, Table
from restauro.networks.colorizer import PATCH, Colorizer
from restauro.photo.colour import LUMA, into_range
from restauro.photo.resize import resize
from restauro.restorers.colour import FROM_CHROMA, SIDE, TO_CHROMA, colorized, painted
from restauro.weights.build import network_from
from restauro.weights.loading import read_state_dict
from restauro.weights.store import find

COLUMNS = [
    Column("off", "down", 1),
    Column("colourfulness", "", 1),
    Column("chroma error", "down", 2),
    Column("LPIPS", "down", 3),
    Column("luma", "up", 5),
    Column("s/MP", "down", 1),
]
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A grey photograph (H, W, 3), and the true one, which only the ways that are no answers look at, to one in colour."""
Scores = dict[str, dict[str, np.ndarray]]


def ways(name: str, temperatures: Sequence[float], mean: np.ndarray) -> dict[str, Way]:
    """What is compared; mean: (2,) the one chroma for all."""
    passport, path = find(name)
    network = network_from(passport, read_state_dict(path), path, torch.device("cpu"))  # of our own: temperatures change it
    assert isinstance(network, Colorizer)
    side, usual = passport.size or SIDE, network.temperature

    def ours(temperature: float) -> Way:
        def colour(grey: np.ndarray, truth: np.ndarray) -> np.ndarray:
            network.temperature = temperature
            return colorized(grey, network, side)

        return colour

    def known(grey: np.ndarray, truth: np.ndarray) -> np.ndarray:
        small = [max(1, round(length * side / np.sqrt(grey[..., 0].size) / PATCH)) for length in grey.shape[:2]]
        return painted(grey @ LUMA, resize(truth @ TO_CHROMA.T, small[0], small[1], "area"))

    found: dict[str, Way] = {"grey": lambda grey, _: grey, "one colour": lambda grey, _: into_range(grey + mean @ FROM_CHROMA)}
    found |= {f"ours, temperature {one:g}": ours(one) for one in temperatures if one != usual}
    return found | {"ours": ours(usual), "true chroma, small": known}


def scored(pictures: Sequence[np.ndarray], compared: dict[str, Way]) -> Scores:
    """Way -> column -> one figure a photograph."""
    judge = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    rows: dict[str, dict[str, list[float]]] = {name: {column.title: [] for column in COLUMNS} for name in compared}
    for clean in pictures:
        levels = np.rint(clean @ LUMA * 255)
        grey = np.repeat(levels[..., None] / np.float32(255), 3, -1).astype(np.float32)
        truth = _tensor(clean)
        for name, way in compared.items():
            began = time.perf_counter()
            answer = np.rint(way(grey, clean).clip(0, 1) * 255)
            seconds = time.perf_counter() - began
            picture = _tensor(answer / np.float32(255))
            measured = {
                "off": (colourfulness(picture) - colourfulness(truth)).abs(),
                "colourfulness": colourfulness(picture),
                "chroma error": chroma_error(picture, truth),
                "LPIPS": judge(picture, truth),
                "luma": (np.abs(np.rint(answer @ LUMA) - levels) <= 1).mean(),
                "s/MP": seconds / (levels.size / 1e6),
            }
            for title, value in measured.items():
                rows[name][title].append(float(value))
    return {name: {title: np.array(values) for title, values in row.items()} for name, row in rows.items()}


def table(scores: Scores, title: str) -> Table:
    return Table(
        title, COLUMNS, [(name, [float(row[column.title].mean()) for column in COLUMNS]) for name, row in scores.items()]
    )


def claims(scores: Scores) -> str:
    """What ours gains on the two simple answers, paired; below zero is better."""
    lines = []
    for other in ("grey", "one colour"):
        said = [
            f"{title} {found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
            for title, digits in (("off", 1), ("chroma error", 2), ("LPIPS", 4))
            for found in [paired_difference(scores["ours"][title], scores[other][title])]
        ]
        lines.append(f"ours - {other}: {', '.join(said)}")
    least = min(float(row["luma"].min()) for name, row in scores.items() if name.startswith("ours"))
    return "\n".join([*lines, f"luma within one level, the worst photograph: {least:.3%} of pixels"])


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(2, 0, 1)[None] * 2 - 1


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="colorizer", help="name of the colorizer")
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs (default: all)")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument(
        "--temperatures", nargs="+", type=float, default=[1.0], help="ours with these, too: chosen on --split val"
    )
    args = parser.parse_args(words)
    mean = np.mean([(one @ TO_CHROMA.T).mean((0, 1)) for one in photographs("val", 100)], 0)
    pictures = photographs(args.split, args.limit)
    scores = scored(pictures, ways(args.weights, args.temperatures, mean))
    print(table(scores, f"{len(pictures)} {args.split} photographs").text())
    print(claims(scores), flush=True)


if __name__ == "__main__":
    main()
