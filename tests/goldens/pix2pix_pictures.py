"""pix2pix: what stands around its networks, and its scores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from restauro.evaluation.segmentation import confusion, scores
from restauro.photo.colour import from_codes, to_codes
from restauro.systems.pix2pix.published import Preprocess, prepared, size, split, to_levels
from tests.goldens.runner import Case, close, exact, handles

KINDS: tuple[Preprocess, ...] = ("scale_width_and_crop", "resize_and_crop", "scale_width", "crop", "none")


def settings(words: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and settings of "NAME: load 36 crop 32 pos (3,1) flip; ..."; `gray_` stands for every kind with that prefix."""
    for part in words.split(";"):
        name, _, rest = part.strip().partition(":")
        found: dict[str, Any] = {key: int(value) for key, value in re.findall(r"(load|crop) (\d+)", rest)}
        if place := re.search(r"pos \((\d+), ?(\d+)\)", rest):
            found["corner"] = (int(place[1]), int(place[2]))
        found |= {"flip": "flip" in rest, "grey": "Grayscale(1)" in rest}
        yield name, found


@handles("oldphotos_pix2pix", "p2p_aligned")
def aligned(case: Case) -> None:
    told = dict(settings(case.config["cases"]))
    sides = dict(zip("AB", split(case["AB"]), strict=True))
    for name in case.arrays.keys() - {"AB"}:
        base, _, side = name.rpartition("_")
        how = next(how for prefix, how in sorted(told.items(), key=lambda one: -len(one[0])) if base.startswith(prefix))
        kind = next(kind for kind in KINDS if base.endswith(kind))
        close(prepared(sides[side], kind, **how)[0], case[name], abs=1 / 127, what=name)


@handles("oldphotos_pix2pix", "p2p_sizes")
def sizes(case: Case) -> None:
    told = {name: {key: how[key] for key in ("load", "crop") if key in how} for name, how in settings(_ruled(case.config))}
    for kind in KINDS:
        if kind in case:
            for (width, height), wanted in zip(case["sizes"].tolist(), case[kind].tolist(), strict=True):
                if any(wanted):  # (0, 0): the original was not asked
                    assert size(width, height, kind, **told.get(kind, {})) == tuple(wanted), (kind, width, height)


def _ruled(config: dict[str, str]) -> str:
    return ";".join(f"{name}: {words.replace(';', ',')}" for name, words in config.items())


@handles("oldphotos_pix2pix", "p2p_tensor2im")
def tensor2im(case: Case) -> None:
    exact(to_levels(case.tensor("x")), case["y"])
    exact(to_levels(case.tensor("x")[:, :1]), case["y_gray"])


@handles("oldphotos_pix2pix", "p2p_colorization")
def colorization(case: Case) -> None:
    codes = to_codes(case["rgb"] / np.float32(255))
    close(codes[..., :1].transpose(2, 0, 1), case["L"], abs=1e-4, what="L")
    close(codes[..., 1:].transpose(2, 0, 1), case["ab"], abs=1e-4, what="ab")
    both = np.concatenate((case["L"], case["predicted_ab"])).transpose(1, 2, 0)
    close(from_codes(both) * 255, case["predicted_rgb"], abs=0.05, what="predicted_rgb")


@handles("oldphotos_pix2pix", "p2p_fcn_scores")
def fcn_scores(case: Case) -> None:
    found = confusion(case["labels"], case["pred"], case.config["classes"])
    exact(found, case["hist"])
    for name in (name for name in case.arrays if name.startswith("hist")):
        tail = name.removeprefix("hist") + "_64"
        ours = scores(case[name], published=True)
        close(ours[:3], case[f"scores{tail}"], abs=1e-12, what=name)
        close(ours.accuracies, case[f"class_acc{tail}"], abs=1e-12, what=name)
        close(ours.ious, case[f"class_iou{tail}"], abs=1e-12, what=name)
