"""The ablations of pix2pix (Isola et al. 2017, tables 1 to 5) at small scale. `python -m benchmarks.pix2pix_ablation`

Facades of 64 px, labels to photographs: five losses; the U-Net and an encoder-decoder; discriminators that judge patches of 1,
16, 70 and, where the pictures are large enough (--size 128), 286 px; and photographs to labels. Networks as published but
narrower, pictures one by one, Adam without clipping, dropout in training only; the same number of steps for each cell.

Scores on held-out facades, as in the paper: what a segmentation network, trained here on the real photographs, finds in the
made ones, against the labels they were made from; class averages leave out classes that do not occur. LPIPS-Alex to the real
photograph. Of photographs to labels the nearest colour counts. Intervals are Student's over the seeds, differences paired by
seed; a difference whose interval holds zero is called not significant. What is done stays in OUT/pix2pix_ablation.json, so that
an interrupted table goes on; the answers of the first seed are on the contact sheets.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.ablation import over_seeds, trained, verdict
from benchmarks.faces import SHARED
from restauro.core.files import write_atomically
from restauro.evaluation.lpips import lpips
from restauro.evaluation.segmentation import confusion, nearest_class, scores
from restauro.evaluation.sheets import contact_sheet, save_sheet
from restauro.evaluation.tables import Cell, Column, Table
from restauro.networks.skip_unet import SkipUNet
from restauro.systems.pix2pix.objective import Pix2PixObjective
from restauro.training.augment import mirror
from restauro.training.data import Pictures
from restauro.training.pairs import Direction, halves, load_pairs
from restauro.training.run import Run

OUT, MAPS = Path(__file__).parent / "out", SHARED / "data" / "maps"
PALETTE = np.array(
    [(0, 0, 222), (0, 48, 255), (0, 128, 255), (0, 207, 255), (32, 255, 224), (112, 255, 142),
     (192, 255, 63), (255, 240, 0), (255, 159, 0), (255, 80, 0), (255, 0, 0), (174, 0, 0)], np.uint8,
)  # fmt: skip
"""Colours of the twelve classes of facades, from wall to shop."""
TO_LABELS = "to labels: "
CELLS: dict[str, dict[str, Any]] = {
    "L1": {"gan": "none"},
    "GAN": {"conditional": False, "l1": 0},
    "cGAN": {"l1": 0},
    "L1 + GAN": {"conditional": False},
    "L1 + cGAN": {},
    "encoder-decoder, L1": {"skips": False, "gan": "none"},
    "encoder-decoder, L1 + cGAN": {"skips": False},
    "patches of 1 px": {"layers": 0},
    "patches of 16 px": {"layers": 1},
    "patches of 286 px": {"layers": 5},
    f"{TO_LABELS}L1": {"gan": "none"},
    f"{TO_LABELS}cGAN": {"l1": 0},
    f"{TO_LABELS}L1 + cGAN": {},
}
"""All but what is said is as in L1 + cGAN: U-Net, patches of 70 px, labels to photographs."""
PAPER = {
    "L1": ".42 .15 .11", "GAN": ".22 .05 .01", "cGAN": ".57 .22 .16", "L1 + GAN": ".64 .20 .15", "L1 + cGAN": ".66 .23 .17",
    "encoder-decoder, L1": ".35 .12 .08", "encoder-decoder, L1 + cGAN": ".29 .09 .05", "patches of 1 px": ".39 .15 .10",
    "patches of 16 px": ".65 .21 .17", "patches of 286 px": ".42 .16 .11", f"{TO_LABELS}L1": ".86 .42 .35",
    f"{TO_LABELS}cGAN": ".74 .28 .22", f"{TO_LABELS}L1 + cGAN": ".83 .36 .29", "real photographs": ".80 .26 .21",
}  # fmt: skip
"""Their per-pixel accuracy, per-class accuracy and class IoU on Cityscapes; other settings for the encoder-decoder."""
COLUMNS = [
    Column("per-pixel accuracy", "", 3),
    Column("per-class accuracy", "", 3),
    Column("class IoU", "", 3),
    Column("IoU - that of L1 + cGAN", "", 3),
    Column("LPIPS", "", 3),
    Column("LPIPS - that of L1 + cGAN", "", 3),
    Column("paper, Cityscapes", "", 0),
]
BUDGET = ("steps", "size", "width", "judged")
SHOWN = 6
"""Facades on the contact sheets."""


class Judge(NamedTuple):
    """segment: (N, 3, H, W) in [-1, 1] to (N, H, W) classes. photographs, labels: held out, (N, 3, H, W) and (N, H, W)."""

    segment: Callable[[Tensor], np.ndarray]
    distance: Callable[[Tensor, Tensor], Tensor]
    photographs: Tensor
    labels: np.ndarray


def classes_of(painted: Tensor) -> np.ndarray:
    """(N, 3, H, W) painted labels in [-1, 1] to (N, H, W)."""
    return np.stack([nearest_class(one, PALETTE) for one in levels_of(painted)])


def levels_of(pictures: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] to (N, H, W, 3) uint8."""
    return np.asarray(((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


def segmenter(data: Pictures, steps: int) -> Callable[[Tensor], np.ndarray]:
    """A small U-Net that has learned the classes of real photographs (shown) from their painted labels (asked)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = SkipUNet(3, len(PALETTE), width=24, downs=4, norm="batch", dropout="none", up="resize")
    network.model.model[-1] = nn.Identity()  # type: ignore[union-attr]  # logits, not a picture
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / steps)
        photographs, painted = halves(mirror(data.batch(rng.integers(len(data), size=8), rng), rng, 0.5))
        loss = F.cross_entropy(network(photographs), torch.from_numpy(classes_of(painted)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()

    @torch.no_grad()
    def segment(pictures: Tensor) -> np.ndarray:
        return np.asarray(network(pictures).argmax(1).numpy())

    return segment


@cache
def facades(size: int, direction: Direction) -> tuple[Pictures, Pictures]:
    """For training, as much larger as in the published jitter (286 : 256), and held out."""
    train = load_pairs(MAPS / "facades-train.tar", size, stored=round(size * 286 / 256), direction=direction, labels="B")
    return train, load_pairs(MAPS / "facades-test.tar", size, direction=direction, labels="B")


def measured(found: np.ndarray, judge: Judge) -> dict[str, float]:
    score = scores(confusion(judge.labels, found, len(PALETTE)))
    return {"pixel": score.pixel_accuracy, "class": score.class_accuracy, "iou": score.class_iou}


def scored(args: argparse.Namespace, cell: str, seed: int, judge: Judge) -> tuple[dict[str, float], Tensor]:
    """One run of one cell: its figures, and its answers to the held-out facades."""
    facts: dict[str, Any] = {"norm": "batch", "statistics": "picture", "dropout": "inner", "up": "transposed"}
    facts |= {"width": args.width, "critic_width": args.width, "downs": args.size.bit_length() - 1}
    direction: Direction = "AtoB" if cell.startswith(TO_LABELS) else "BtoA"
    objective: Any = Pix2PixObjective(**facts, labels="B", direction=direction, **CELLS[cell])
    data, held = facades(args.size, direction)
    run = Run(
        steps=args.steps, batch=1, rate=2e-4, warm_up=0, decay="linear", flat=0.5, beta1=0.5, beta2=0.999, weight_decay=0,
        ema=0, clip=1e6, flip=0.5, seed=seed, save_every=1e6, samples_every=0,
    )  # fmt: skip
    network = trained(objective, data, held, run)
    shown, asked = halves(held.batch(np.arange(len(held))))
    with torch.no_grad():
        answers = torch.cat([network(one) for one in shown.split(1)])
    if cell.startswith(TO_LABELS):
        return measured(classes_of(answers), judge), answers
    return measured(judge.segment(answers), judge) | {"lpips": float(judge.distance(answers, asked).mean())}, answers


def reference(cell: str) -> str:
    """The cell with which it is compared."""
    return (TO_LABELS if cell.startswith(TO_LABELS) else "") + "L1 + cGAN"


def table(found: dict[str, list[dict[str, float]]], real: dict[str, float], about: str) -> Table:
    rows: list[tuple[str, Sequence[Cell]]] = []
    for cell, runs in found.items():
        shares: list[Cell] = [over_seeds([one[name] for one in runs]) for name in ("pixel", "class", "iou")]
        distance = over_seeds([one["lpips"] for one in runs]) if "lpips" in runs[0] else None
        others = found[reference(cell)]
        iou, lower = (
            (None, None) if others is runs else (against(runs, others, "iou", "up"), against(runs, others, "lpips", "down"))
        )
        rows.append((cell, [*shares, iou, distance, lower, PAPER[cell]]))
    alone: list[Cell] = [real[name] for name in ("pixel", "class", "iou")]
    rows.append(("real photographs", [*alone, None, None, None, PAPER["real photographs"]]))
    return Table("The ablations of pix2pix at small scale", COLUMNS, rows, about)


def against(runs: list[dict[str, float]], others: list[dict[str, float]], name: str, better: Literal["up", "down"]) -> str | None:
    """The difference of the two, paired by seed, in words."""
    if name not in runs[0]:
        return None
    return verdict(over_seeds([ours[name] - theirs[name] for ours, theirs in zip(runs, others, strict=True)]), better)


def sheet(args: argparse.Namespace, cells: Sequence[str], judge: Judge, painted: Tensor, path: Path) -> None:
    """Rows: what is shown, the answers of each cell, what is asked for."""
    to_labels = cells[0].startswith(TO_LABELS)
    first, last = (judge.photographs, painted) if to_labels else (painted, judge.photographs)
    answers = [np.load(kept_at(args, cell)) for cell in cells]
    columns = [levels_of(first[:SHOWN]), *answers, levels_of(last[:SHOWN])]
    titles = ["shown", *(cell.removeprefix(TO_LABELS) for cell in cells), "real"]
    heading = f"Facades, {'photographs to labels' if to_labels else 'labels to photographs'}, seed 0"
    save_sheet(contact_sheet([list(row) for row in zip(*columns, strict=True)], titles, cell=192, heading=heading), path)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000, help="of every run: the budget (the paper: 80,000)")
    parser.add_argument("--seeds", type=int, default=3, choices=range(2, 11), metavar="2..10")
    parser.add_argument("--size", type=int, default=64, choices=[32, 64, 128, 256])
    parser.add_argument("--width", type=int, default=16, help="of both networks (published: 64)")
    parser.add_argument("--judged", type=int, default=1000, help="steps in which the segmentation network learns")
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=list(CELLS), metavar="CELL", help="only these")
    parser.add_argument("--out", type=Path, default=OUT, help="where table, sheets and scores go")
    args = parser.parse_args(words)
    wanted = [cell for cell in args.cells if args.size >= 3 * 2 ** CELLS[cell].get("layers", 3)]
    run(args, [cell for cell in CELLS if cell in {*wanted, *map(reference, wanted)}])


def run(args: argparse.Namespace, cells: Sequence[str]) -> None:
    train, test = facades(args.size, "AtoB")
    photographs, painted = halves(test.batch(np.arange(len(test))))
    distance = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    judge = Judge(segmenter(train, args.judged), distance, photographs, classes_of(painted))
    found = collected(args, cells, judge)
    about = f"{args.seeds} seeds; {args.steps} steps of one facade of {args.size} px; {len(test)} held out"
    made = table(found, measured(judge.segment(photographs), judge), about)
    print(made.text())
    made.save(args.out / "pix2pix_ablation.md")
    for word, inverse in (("", False), ("-labels", True)):
        if part := [cell for cell in cells if cell.startswith(TO_LABELS) == inverse]:
            sheet(args, part, judge, painted, args.out / f"pix2pix_ablation{word}.png")


def collected(args: argparse.Namespace, cells: Sequence[str], judge: Judge) -> dict[str, list[dict[str, float]]]:
    """The figures of all runs, by their cells; what the store has is not done again."""
    store = args.out / "pix2pix_ablation.json"
    done: dict[str, dict[str, float]] = json.loads(store.read_text()) if store.exists() else {}
    found: dict[str, list[dict[str, float]]] = {cell: [] for cell in cells}
    for seed, cell in product(range(args.seeds), cells):
        name, began = json.dumps([cell, seed, {name: getattr(args, name) for name in BUDGET}]), time.monotonic()
        if name not in done:
            done[name], answers = scored(args, cell, seed, judge)
            if seed == 0:
                keep(answers[:SHOWN], kept_at(args, cell))
            write_atomically(store, json.dumps(done, indent=1).encode())
            told = ", ".join(f"{what} {value:.3f}" for what, value in done[name].items())
            print(f"{cell}, seed {seed}: {told} ({time.monotonic() - began:.0f} s)", flush=True)
        found[cell].append(done[name])
    return found


def keep(answers: Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: np.save(file, levels_of(answers)))


def kept_at(args: argparse.Namespace, cell: str) -> Path:
    """Where the first answers of the first seed are."""
    words = re.sub(r"\W+", "-", cell), *(str(getattr(args, name)) for name in BUDGET)
    return Path(args.out) / "pix2pix_ablation" / f"{'-'.join(words)}.npy"


if __name__ == "__main__":
    main()
