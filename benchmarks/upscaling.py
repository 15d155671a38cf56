"""What enlarging costs and gains: `python -m benchmarks.upscaling`

Whole test photographs reduced two and four times, enlarged by interpolation, by a regression network of the same size and
training (`--regression WEIGHTS`), and by ours. Networks' answers are consistent with the small picture; so is, beside the plain
one, a second bicubic row, since that alone gains. "apart" is how far an answer, reduced, is from the small picture, of 255.
"""

from __future__ import annotations

import argparse
import tarfile
import time

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.faces import SHARED
from restauro.core.recipe import Recipe
from restauro.evaluation.lpips import lpips
from restauro.evaluation.metrics import ms_ssim, psnr, sharpness, ssim
from restauro.evaluation.statistics import paired_difference
from restauro.evaluation.tables import Column, Table
from restauro.photo.resize import resize
from restauro.properties.downscaling import Downscaling, Small
from restauro.systems.sr3.enlarge import enlarge
from restauro.systems.sr3.objective import told
from restauro.systems.sr3.recipe import TASKS
from restauro.weights.store import load

OURS = TASKS["upscale"]
COLUMNS = [
    Column("PSNR", "up"),
    Column("SSIM", "up", 3),
    Column("MS-SSIM", "up", 4),
    Column("LPIPS", "down", 3),
    Column("sharpness", "", 2),
    Column("apart", "down", 2),
    Column("s/MP", "down", 1),
]


def photographs(split: str, limit: int) -> list[np.ndarray]:
    """(H, W, 3) in [0, 1], cut to whole small pixels and to 8 large ones."""
    found = []
    with tarfile.open(SHARED / "data" / "natural" / f"natural-{split}.tar") as tar:
        members = [member for member in tar if member.name.endswith(".jpg")]
        for member in members[:: max(1, len(members) // limit)][:limit] if limit else members:
            with Image.open(tar.extractfile(member)) as image:  # type: ignore[arg-type]
                picture = np.asarray(image.convert("RGB"))
            height, width = (side // 8 * 8 for side in picture.shape[:2])
            found.append(picture[:height, :width].astype(np.float32) / 255)
    return found


@torch.no_grad()
def regressed(small: np.ndarray, factor: int, name: str) -> np.ndarray:
    """The answer of a network that was trained with `regression`: one call, without noise; made consistent as ours is."""
    plain = _tensor(resize(small, small.shape[0] * factor, small.shape[1] * factor, clip=False))
    seen = torch.cat([plain, torch.zeros_like(plain)], 1)
    found = load(name, torch.device("cpu"))(seen, torch.zeros(1), told(factor, 0.0))
    prop = Downscaling(factor=factor)
    return ((prop.within(prop.project(found, Small(_tensor(small))))[0].permute(1, 2, 0).numpy() + 1) / 2).astype(np.float32)


def answers(
    small: np.ndarray, factor: int, recipes: dict[str, Recipe], regression: str | None
) -> dict[str, tuple[np.ndarray, float]]:
    """Every way's large picture and its seconds."""
    height, width = small.shape[0] * factor, small.shape[1] * factor
    device = torch.device("cpu")
    found = {}
    for name in ("bicubic", "lanczos"):
        began = time.perf_counter()
        found[name] = resize(small, height, width, name), time.perf_counter() - began  # type: ignore[arg-type]
    prop, plain = Downscaling(factor=factor), _tensor(found["bicubic"][0])
    fixed = prop.within(prop.project(plain, Small(_tensor(small))))
    found["bicubic, consistent"] = ((fixed[0].permute(1, 2, 0).numpy() + 1) / 2, time.perf_counter() - began)
    if regression:
        began = time.perf_counter()
        found["regression"] = regressed(small, factor, regression), time.perf_counter() - began
    for name, recipe in recipes.items():
        began = time.perf_counter()
        found[name] = enlarge(small, msgspec.structs.replace(recipe, upscale=factor), device), time.perf_counter() - began
    return found


def table(
    factor: int, split: str, limit: int, recipes: dict[str, Recipe], regression: str | None = None
) -> tuple[Table, dict[str, dict[str, np.ndarray]]]:
    """The table, and each way's figures picture by picture."""
    judge = lpips(SHARED / "data" / "weights" / "lpips_alex_f16.npz")
    scores: dict[str, dict[str, list[float]]] = {}
    for clean in photographs(split, limit):
        truth = _tensor(clean)
        small = np.rint(resize(clean, clean.shape[0] // factor, clean.shape[1] // factor).clip(0, 1) * 255) / np.float32(255)
        for name, (answer, seconds) in answers(small, factor, recipes, regression).items():
            back = resize(answer, *small.shape[:2], clip=False)
            fixed = _tensor(np.rint(answer.clip(0, 1) * 255) / np.float32(255))
            row = scores.setdefault(name, {column.title: [] for column in COLUMNS})
            measured = {
                "PSNR": psnr(fixed, truth),
                "SSIM": ssim(fixed, truth),
                "MS-SSIM": ms_ssim(fixed, truth),
                "LPIPS": judge(fixed, truth),
                "sharpness": sharpness(fixed, truth),
                "apart": np.sqrt(np.square(back - small).mean()) * 255,
                "s/MP": seconds / (clean.shape[0] * clean.shape[1] / 1e6),
            }
            for title, value in measured.items():
                row[title].append(float(value))
    arrays = {name: {title: np.array(values) for title, values in row.items()} for name, row in scores.items()}
    rows = [(name, [float(row[column.title].mean()) for column in COLUMNS]) for name, row in arrays.items()]
    return Table(f"x{factor}, {len(next(iter(arrays.values()))['PSNR'])} {split} photographs", COLUMNS, rows), arrays


def claims(arrays: dict[str, dict[str, np.ndarray]], ours: str) -> str:
    """What ours gains on the others, paired."""
    lines = []
    for other in arrays:
        if other != ours:
            said = [
                f"{title} {difference.mean:+.{digits}f} [{difference.low:+.{digits}f}, {difference.high:+.{digits}f}]"
                for title, digits in (("PSNR", 2), ("LPIPS", 4))
                for difference in [paired_difference(arrays[ours][title], arrays[other][title])]
            ]
            lines.append(f"{ours} - {other}: {', '.join(said)}")
    return "\n".join(lines)


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None] * 2 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=0, help="only so many photographs (default: all)")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--factors", nargs="+", type=int, default=[2, 4], choices=[2, 4])
    parser.add_argument("--regression", help="weights of a regression network to compare with")
    parser.add_argument("--try", dest="tries", action="append", default=[], help="more of ours: steps=8,start=0.5,sampler=ddim")
    args = parser.parse_args()
    name = f"ours {OURS.steps}"
    recipes = {"ours, one call": msgspec.structs.replace(OURS, steps=1), name: OURS}
    for text in args.tries:
        plain = msgspec.to_builtins(OURS) | dict(one.split("=") for one in text.split(","))
        recipes[text] = msgspec.convert(plain, Recipe, strict=False)
    for factor in args.factors:
        found, arrays = table(factor, args.split, args.limit, recipes, args.regression)
        print(found.text())
        print(claims(arrays, name) + "\n", flush=True)


if __name__ == "__main__":
    main()
