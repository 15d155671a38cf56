"""What restoring old photographs gains and costs: `python -m benchmarks.oldphotos [--found] [--pix2pix WEIGHTS] [--trios NAME]`

Held-out photographs aged by the chain "old-photo", restored by classical means, by pix2pix and by Old Photos, with and without
its partial non-local block, by PGDiff on the faces, and by both together; against what the chain asks of a restorer. All get the
same mask: the chain's own or, with --found, the scratch detector's. Every way runs in a process of its own, whose memory is told.
Ways whose weights are not at hand are left out, and said.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.faces import SHARED
from restauro.api.tasks import make_recipe
from restauro.core.recipe import Recipe, Whole
from restauro.degradations.chains import degrade
from restauro.evaluation.classical import nlm
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import gmsd, psnr, ssim
from restauro.evaluation.statistics import paired_difference
from restauro.evaluation.tables import Column, Table
from restauro.photo.damage import LUMA, noise_level
from restauro.photo.holes import fill
from restauro.photo.resize import resize
from restauro.systems._tasks import TASKS, way
from restauro.systems.oldphotos.recipe import as_a_whole, at_hand, weights_of
from restauro.systems.oldphotos.scratches import as_mask, find_scratches
from restauro.systems.pix2pix.translate import translate

CPU = torch.device("cpu")
COLUMNS = [
    Column("PSNR", "up"),
    Column("SSIM", "up", 3),
    Column("LPIPS", "down", 3),
    Column("GMSD", "down", 4),
    Column("seconds", "down", 1),
    Column("peak MB", "down", 0),
]
NLM = 5
"""OpenCV's strength: the middle one of `restauro.evaluation.classical`."""


class Old(NamedTuple):
    """picture, target: (H, W, 3) in [0, 1]; mask: (H, W), 1 = destroyed."""

    picture: np.ndarray
    target: np.ndarray
    mask: np.ndarray


class Way(NamedTuple):
    """Restores a picture with a mask; weights: what has to be at hand."""

    restore: Callable[[np.ndarray, np.ndarray], np.ndarray]
    weights: tuple[str, ...] = ()


def photographs(which: str, split: str, limit: int, side: int) -> list[np.ndarray]:
    """(H, W, 3) in [0, 1]: middles of `side` px of natural photographs, or photographs of people reduced to 2.5 sides."""
    if which == "people":
        files = sorted((SHARED / "data" / "photos").rglob("*.jpg"))
        pictures = [_levels(file.read_bytes()) for file in (files[:limit] if limit else files)]
        shares = [min(1.0, 2.5 * side / max(one.shape[:2])) for one in pictures]
        return [
            resize(one, round(one.shape[0] * share), round(one.shape[1] * share), "area")
            for one, share in zip(pictures, shares, strict=True)
        ]
    with tarfile.open(SHARED / "data" / "natural" / f"natural-{split}.tar") as tar:
        members = [member for member in tar if member.name.endswith(".jpg")]
        chosen = members[:: max(1, len(members) // limit)][:limit] if limit else members
        pictures = [_levels(tar.extractfile(member).read()) for member in chosen]  # type: ignore[union-attr]
    return [_middle(one, side) for one in pictures]


def aged(clean: list[np.ndarray], chain: str = "old-photo") -> list[Old]:
    """Each with damage of its own, the same in every run."""
    found = []
    for number, picture in enumerate(clean):
        damaged = degrade(_tensor(picture), chain, np.random.default_rng([11, number]))
        mask = np.zeros(picture.shape[:2], np.float32) if damaged.mask is None else damaged.mask[0, 0].numpy()
        found.append(Old(_levels_of(damaged.picture), _levels_of(damaged.target), mask))
    return found


def masked(old: list[Old], detector: str) -> list[Old]:
    """With masks as the detector finds them."""
    usual = Whole()
    return [one._replace(mask=as_mask(find_scratches(one.picture, detector, CPU), usual.sensitivity, usual.grow)) for one in old]


def by_nlm(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    filled = np.rint(fill(picture, mask) * 255).astype(np.uint8)
    return nlm(filled, NLM).astype(np.float32) / 255


def by_bm3d(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Denoised by as much noise as is measured (Dabov et al. 2007), then closed: the order of the paper's baseline."""
    from bm3d import bm3d, bm3d_rgb

    sigma = max(noise_level(np.asarray(picture @ LUMA, np.float32)), 1.0) / 255
    if np.ptp(picture, -1).max() == 0:  # it divides by the range of each colour channel
        clean = np.repeat(bm3d(picture[..., 0], sigma)[..., None], 3, -1)
    else:
        clean = bm3d_rgb(picture, sigma)
    return fill(np.asarray(clean, np.float32).clip(0, 1), mask)


def by_recipe(recipe: Recipe) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def restore(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        told = mask if (mask > 0).any() else None
        found: np.ndarray = next(way(recipe)(picture, recipe, [0], CPU, mask=told)).pixels
        return found

    return restore


def by_pix2pix(weights: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def restore(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        white = mask[:, :, None]  # holes are shown as Old Photos sees them
        return translate(picture * (1 - white) + white, weights, CPU)

    return restore


def ways(pix2pix: str = "", trios: tuple[str, ...] = ()) -> dict[str, Way]:
    """trios: others than ours, as in `Whole.weights`: whose mapping has no partial non-local block, or is but a linear path."""
    faces, whole = TASKS["old-photo"], Whole(faces_by="", detector="")
    alone = as_a_whole(faces, whole)
    others = {name: msgspec.structs.replace(whole, weights=name) for name in trios}
    free = as_a_whole(Recipe(task="old-photo", colour="invent"), whole)
    both = make_recipe("old-photo", detector="")
    ours = weights_of(whole)
    found = {
        "input": Way(lambda picture, mask: picture),
        f"OpenCV Telea, NLM {NLM}": Way(by_nlm),
        "BM3D, Telea": Way(by_bm3d),
        "pix2pix": Way(by_pix2pix(pix2pix), (pix2pix,)),
        **{f"Old Photos, {name}": Way(by_recipe(as_a_whole(faces, one)), weights_of(one)) for name, one in others.items()},
        "Old Photos": Way(by_recipe(alone), ours),
        "Old Photos, its own colours": Way(by_recipe(free), ours),
        "PGDiff on faces": Way(by_recipe(faces), (faces.prior, faces.restorer)),
        "both": Way(by_recipe(both), ours),
    }
    return found


def here(found: dict[str, Way]) -> dict[str, Way]:
    """Those that can run."""
    can = {}
    for name, one in found.items():
        if all(one.weights) and at_hand(*one.weights):
            can[name] = one
        else:
            print(f"left out: {name} (weights {', '.join(filter(None, one.weights)) or 'not named'} are not at hand)")
    return can


def answers(name: str, arguments: tuple[str, tuple[str, ...]], old: list[Old]) -> tuple[list[tuple[np.ndarray, float]], float]:
    """One way's pictures with their seconds, and its peak of memory in MB; in a process of its own."""
    restore, found = ways(*arguments)[name].restore, []
    for one in old:
        began = time.perf_counter()
        found.append((restore(one.picture, one.mask), time.perf_counter() - began))
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(
    title: str, old: list[Old], arguments: tuple[str, tuple[str, ...]], leave: tuple[str, ...] = ()
) -> tuple[Table, dict[str, dict[str, np.ndarray]]]:
    """The table, and each way's figures picture by picture. leave: names of ways that are not wanted."""
    judge, arrays, rows = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz"), {}, []
    for name in here({name: one for name, one in ways(*arguments).items() if name not in leave}):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            done, peak = alone.submit(answers, name, arguments, old).result()
        row: dict[str, list[float]] = {column.title: [] for column in COLUMNS[:-1]}
        for (answer, seconds), one in zip(done, old, strict=True):
            fixed, truth = _tensor(np.rint(answer.clip(0, 1) * 255) / np.float32(255)), _tensor(one.target)
            for quality, measure in (("PSNR", psnr), ("SSIM", ssim), ("LPIPS", judge), ("GMSD", gmsd)):
                row[quality].append(float(measure(fixed, truth)))
            row["seconds"].append(seconds)
        arrays[name] = {measured: np.array(values) for measured, values in row.items()}
        rows.append((name, [*(float(values.mean()) for values in arrays[name].values()), peak]))
    return Table(title, COLUMNS, rows), arrays


def claims(arrays: dict[str, dict[str, np.ndarray]], ours: str) -> str:
    """What ours gains on the others, paired, with 95 % intervals."""
    lines = []
    for other in arrays:
        if other != ours and ours in arrays:
            said = [
                f"{title} {difference.mean:+.{digits}f} [{difference.low:+.{digits}f}, {difference.high:+.{digits}f}]"
                for title, digits in (("PSNR", 2), ("SSIM", 3), ("LPIPS", 4), ("GMSD", 4))
                for difference in [paired_difference(arrays[ours][title], arrays[other][title])]
            ]
            lines.append(f"{ours} - {other}: {', '.join(said)}")
    return "\n".join(lines)


def _levels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), np.float32) / 255


def _middle(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _levels_of(picture: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] to (H, W, 3) as 8 bits hold it."""
    return np.rint((picture[0].permute(1, 2, 0).numpy().clip(-1, 1) + 1) * 127.5).astype(np.float32) / np.float32(255)


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(2, 0, 1)[None] * 2 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs of each set (default: all)")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--sets", nargs="+", default=["natural", "people"], choices=["natural", "people"])
    parser.add_argument("--side", type=int, default=256, help="px of a natural photograph's middle")
    parser.add_argument("--chain", default="old-photo")
    parser.add_argument("--found", action="store_true", help="masks as the scratch detector finds them")
    parser.add_argument("--pix2pix", default="", metavar="WEIGHTS", help="a pix2pix network of the same task")
    parser.add_argument(
        "--trios", nargs="+", default=[], metavar="NAME", help="other trios: NAME-vae-1, NAME-vae-2, NAME-mapping"
    )
    parser.add_argument("--leave", nargs="+", default=[], metavar="NAME", help="rows to leave out: BM3D takes long")
    args = parser.parse_args()
    for which in args.sets:
        old = aged(photographs(which, args.split, args.limit, args.side), args.chain)
        old = masked(old, Whole().detector) if args.found else old
        told = "found" if args.found else "known"
        found, arrays = table(
            f"{len(old)} photographs ({which}), masks {told}", old, (args.pix2pix, tuple(args.trios)), tuple(args.leave)
        )
        print(found.text())
        print("\n".join(filter(None, (claims(arrays, ours) for ours in ("Old Photos", "both")))) + "\n", flush=True)


if __name__ == "__main__":
    main()
