"""Prompts as CLIP's text tower reads them: byte pairs (Sennrich et al. 2016, arXiv 1508.07909) of a vocabulary of 49408.

The vocabulary is that of the package open_clip_torch, which is not run; without it there is the empty prompt alone.
"""

from __future__ import annotations

import gzip
import html
import importlib.util
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from restauro.core.errors import WeightsError
from restauro.properties._look import network_of
from restauro.systems._prior import precision

MERGES = 49152 - 256 - 2
START, END = 49406, 49407
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")
LENGTH = 77
"""Tokens that CLIP reads."""
ABSENT = (
    "prompts need the vocabulary of the package open_clip_torch: pip install 'restauro[prompts]'; the empty prompt needs none"
)


@torch.no_grad()
def read(name: str, prompts: Sequence[str], device: torch.device) -> Tensor:
    """(N, tokens, width): what the text tower of a name makes of prompts. Raises WeightsError where it is none."""
    network, passport = network_of(name, ("text-tower",), device)
    with precision(device):
        told: Tensor = network(tokens(prompts, int(passport.arguments.get("length", LENGTH))).to(device))
    return told.float()


def tokens(prompts: Sequence[str], length: int = LENGTH) -> Tensor:
    """(N, length) int64: start, what is said, end, zeros; what is longer is cut. `WeightsError` without the vocabulary."""
    rows = torch.zeros(len(prompts), length, dtype=torch.long)
    for row, prompt in zip(rows, prompts, strict=True):
        said = [token for word in _words(prompt) for token in _pairs(word)][: length - 2]
        row[: len(said) + 2] = torch.tensor([START, *said, END])
    return rows


def _words(prompt: str) -> list[str]:
    """Lower case, without what HTML wrote for signs; spaces only part words."""
    return WORDS.findall(html.unescape(html.unescape(prompt)).lower())


@cache
def _pairs(word: str) -> list[int]:
    """The tokens of a word: of its bytes, the pair that was merged earliest is merged as long as there is one."""
    numbers, order = _vocabulary()
    letters = [_letters()[byte] for byte in word.encode()]
    parts = [*letters[:-1], f"{letters[-1]}</w>"]
    while known := [pair for pair in pairwise(parts) if pair in order]:
        first = min(known, key=order.__getitem__)
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == first:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return [numbers[part] for part in parts]


@cache
def _vocabulary() -> tuple[dict[str, int], dict[tuple[str, ...], int]]:
    """The number of every token, and which merge a pair is."""
    package = importlib.util.find_spec("open_clip")
    if package is None or not package.origin:
        raise WeightsError(ABSENT)
    text = gzip.decompress((Path(package.origin).parent / "bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode()
    merges = [tuple(line.split()) for line in text.split("\n")[1 : MERGES + 1]]
    letters = list(_letters().values())
    names = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    return {name: number for number, name in enumerate(names)}, {pair: number for number, pair in enumerate(merges)}


@cache
def _letters() -> dict[int, str]:
    """A visible letter for every byte: its own in Latin-1, or one beyond for what is a space or invisible there."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + i) for i, byte in enumerate(others)}
