"""Old Photos' synthetic degradation, each draw as recorded, and its container of training pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restauro.degradations.chains import chain, replay
from restauro.degradations.holes import filled
from restauro.degradations.levels import Levels
from restauro.training.bigfile import read_bigfile, write_bigfile
from tests.goldens.runner import Case, close, exact, handles

SOURCE = "oldphotos_pix2pix"
BLUR, NOISE, LOW, JPEG = range(4)
Draws = Iterator[list[Any]]


class Stored(np.random.Generator):
    """A generator that gives the recorded fields, one after the other."""

    def __init__(self, *fields: np.ndarray):
        super().__init__(np.random.PCG64(0))
        self._fields = list(fields)

    def standard_normal(self, *shape: Any, **kinds: Any) -> np.ndarray:  # type: ignore[override]
        return self._fields.pop(0)

    def random(self, *shape: Any, **kinds: Any) -> np.ndarray:  # type: ignore[override]
        """Below any threshold where true was drawn."""
        return np.where(self._fields.pop(0), -1.0, 2.0)


def picture(image: np.ndarray) -> Tensor:
    """Of 8 bits, in float64: what is cut off is decided by the last digits."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].double() / 127.5 - 1


def levels(found: Tensor) -> np.ndarray:
    done: np.ndarray = ((found[0].permute(1, 2, 0).numpy() + 1) * 127.5).round()
    return done


def operation(case: Case, kind: int, draws: Draws, image: np.ndarray, noise: int = 0) -> list[list[Any]]:
    """The names and parameters of the links of one operation, from what was drawn for it."""
    height, width = image.shape[:2]
    if kind == BLUR:
        (taps, _), sigma = next(draws)[2], next(draws)[2]
        return [["blur", {"sigma": [sigma, sigma], "angle": 0.0, "taps": taps}], ["levels", {}]]
    if kind == LOW:
        across, down, way = next(draws)[2], next(draws)[2], next(draws)[2]
        return [["squeeze", {"sides": [across / width, down / height], "nearest": way < 0.5}]]
    if kind == JPEG:
        return [["jpeg", {"quality": next(draws)[2]}]]
    noise = noise or next(draws)[2]
    first = next(draws)
    while first[0] == "uniform":
        spread, first = first[2], next(draws)
    if noise < 3:
        name, params = (
            ("noise", {"sigma": 255 * spread, "grey": False}) if noise == 1 else ("speckle", {"sigma": spread, "grey": False})
        )
        params["seed"] = Stored(case[first[2]])
    else:
        share, white = first, next(draws)
        name, params = "impulse", {"share": share[1][0], "white": white[1][0], "seed": Stored(case[share[2]], case[white[2]])}
    return [["one-of", {"way": noise - 1, "drawn": [[name, params]]}], ["levels", {}]]


def degraded(case: Case, order: list[int], links: list[list[list[Any]]]) -> np.ndarray:
    """The published chain with these links in this order; what has none is left out."""
    drawn = [["one-of", {"way": int(bool(one)), "drawn": one}] for one in links]
    params = {"order": order, "drawn": drawn}
    return levels(replay(picture(case["image"]), chain("old-photo-published"), [("shuffled", params)]).picture)


def alone(case: Case, kind: int, noise: int = 0) -> np.ndarray:
    order = [kind, *(one for one in range(4) if one != kind)]
    return degraded(case, order, [operation(case, kind, iter(case.config["draws"]), case["image"], noise), [], [], []])


@handles(SOURCE, "op_degrade_chain")
def chain_(case: Case) -> None:
    draws = iter(case.config["draws"])
    order = next(draws)[2]
    links = [operation(case, kind, draws, case["image"]) if next(draws)[2] < 0.7 else [] for kind in order]
    found, done = degraded(case, order, links), {kind for kind, one in zip(order, links, strict=True) if one}
    if JPEG in done:
        assert np.abs(found - case["out"]).mean() <= 2
    elif done & {BLUR, LOW}:
        close(found, case["out"], abs=1)
    else:
        exact(found, case["out"])


@handles(SOURCE, "op_degrade_blur")
def blur(case: Case) -> None:
    close(alone(case, BLUR), case["out"], abs=1)


@handles(SOURCE, "op_degrade_lowres")
def lowres(case: Case) -> None:
    close(alone(case, LOW), case["out"], abs=1)


@handles(SOURCE, "op_degrade_gaussian")
def gaussian(case: Case) -> None:
    exact(alone(case, NOISE, 1), case["out"])


@handles(SOURCE, "op_degrade_speckle")
def speckle(case: Case) -> None:
    exact(alone(case, NOISE, 2), case["out"])


@handles(SOURCE, "op_degrade_saltpepper")
def saltpepper(case: Case) -> None:
    exact(alone(case, NOISE, 3), case["out"])


@handles(SOURCE, "op_degrade_jpeg")
def jpeg(case: Case) -> None:
    """Where no draw tells the quality it is the lowest of the range."""
    draws = case.config["draws"] or [["randint", [40, 100], 40]]
    (one,) = operation(case, JPEG, iter(draws), case["image"])
    found = degraded(case, [JPEG, BLUR, NOISE, LOW], [[one], [], [], []])
    assert np.abs(found - case["out"]).mean() <= 2


@handles(SOURCE, "op_degrade_hole")
def hole(case: Case) -> None:
    mask = torch.from_numpy(case["mask"]).double()[None, None] / 255
    found = Levels(levels=256, truncated=True).apply(filled(picture(case["image"]), mask), {})
    exact(levels(found), case["out"])
    exact((mask[0, 0] * 255).round(), case["mask_out"])


@handles(SOURCE, "op_degrade_roundtrip")
def roundtrip(case: Case) -> None:
    image = case["levels"][:, None, None].repeat(3, 2)
    for kind in (torch.float32, torch.float64):
        found = levels(Levels(levels=256, truncated=True).apply(picture(image).to(kind), {}))
        assert int((found != image).any((1, 2)).sum()) == case.config["changed"]


@handles(SOURCE, "op_bigfile")
def bigfile(case: Case) -> None:
    blob = case["blob"].tobytes()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.bigfile"
        path.write_bytes(blob)
        found = list(read_bigfile(path))
        write_bigfile(path, found)
        assert path.read_bytes() == blob
    assert [name for name, _ in found] == case.config["names"]
    for i, (_, data) in enumerate(found):
        exact(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), case[f"picture_{i}"])
