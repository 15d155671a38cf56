"""The empty prompt; others are in tests/extras, where the vocabulary is."""

from __future__ import annotations

import importlib.util

import pytest

from restauro.core.errors import WeightsError
from restauro.systems.diffbir import prompts
from restauro.systems.diffbir.prompts import END, START, tokens


def test_the_empty_prompt_needs_no_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts._vocabulary.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert tokens(["", "  "]).tolist() == [[START, END, *[0] * 75]] * 2
    with pytest.raises(WeightsError, match=r"restauro\[prompts\]"):
        tokens(["a zyxwv"])
