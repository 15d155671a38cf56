"""Prompts become the tokens that CLIP was trained with (`make test-extras`: the vocabulary's package wants torchvision)."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from restauro.systems.diffbir import prompts
from restauro.systems.diffbir.prompts import END, START, tokens

pytestmark = pytest.mark.skipif(importlib.util.find_spec("open_clip") is None, reason="open_clip_torch is not here")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("  A PHOTO\nof a   cat ", [320, 1125, 539, 320, 2368]),
        ("hello world!", [3306, 1002, 256]),
        ("a &amp; b", [320, 261, 321]),
    ],
)
def test_known_tokens(prompt: str, said: list[int]) -> None:
    assert tokens([prompt])[0, : len(said) + 2].tolist() == [START, *said, END]


def test_every_byte_has_a_token_and_long_prompts_are_cut() -> None:
    numbers, order = prompts._vocabulary()
    assert len(numbers) == START and len(order) == START - 512
    rows = tokens(["low quality, blurry, low-resolution, noisy, unsharp, weird textures", "é漢字 don't ½ 12 " * 40])
    assert rows.shape == (2, 77) and rows[1, -1] == END and int(rows.max()) == END
    assert (rows[0] == END).sum() == 1 and torch.equal(rows[0, -20:], torch.zeros(20, dtype=torch.long))
