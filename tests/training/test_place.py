"""Objectives work on the CPU, networks where they are: values and gradients come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from restauro.core.errors import RecipeError
from restauro.training.loop import train
from restauro.training.place import chosen, in_words, place
from restauro.training.run import Run
from tests.training.tiny import RUN, Tiny, pictures

CPU = torch.device("cpu")


class Several(nn.Module):
    """Answers with a tuple, takes an option by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor, *, gain: Tensor | None = None) -> tuple[Tensor, int]:
        answer = self.layer(x)
        self.seen = answer.dtype
        return (answer if gain is None else answer * gain), 3


def test_bfloat16_is_inside_only() -> None:
    network, twin = Several(), Several()
    twin.load_state_dict(network.state_dict())
    place(network, CPU, torch.bfloat16)
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    answer, number = network(x, gain=torch.tensor(2.0))
    assert network.seen == torch.bfloat16 and answer.dtype == torch.float32 and number == 3
    torch.testing.assert_close(answer, twin(x)[0] * 2, rtol=0.02, atol=0.02)
    answer.sum().backward()
    assert x.grad is not None and network.layer.weight.grad is not None and network.layer.weight.dtype == torch.float32
    assert network.state_dict().keys() == twin.state_dict().keys()


def test_on_the_cpu_in_float32_nothing_is_touched() -> None:
    network = Several()
    place(network, CPU, torch.float32)
    assert "forward" not in vars(network)


def test_what_is_given_goes_to_the_network_s_device() -> None:
    """The meta device stands for any other; only the way back to the CPU is refused there, since nothing can be copied."""
    network = Several()
    place(network, torch.device("meta"), torch.float32)
    assert next(network.parameters()).device.type == "meta"
    assert network(torch.zeros(1, 3, 4, 4, device="meta"))[0].shape == (1, 3, 4, 4)
    with pytest.raises(NotImplementedError, match="meta"):
        network(torch.zeros(1, 3, 4, 4))


def test_a_run_in_bfloat16_learns_and_stores_float32(tmp_path: Path) -> None:
    objective = Tiny()
    how = msgspec.structs.replace(RUN, dtype="bfloat16", save_every=10)
    list(train(objective, pictures(), pictures(4), how, tmp_path))
    assert sum(objective.curve[-10:]) < 0.8 * sum(objective.curve[:10])
    stored = torch.load(tmp_path / "state.pt", weights_only=True)["network"]
    assert stored["0.weight"].dtype == torch.float32


def test_compile_is_asked_for_and_the_averages_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda function: compiled.append(function) or function)
    plain, other = Tiny(), Tiny()
    list(train(plain, pictures(), pictures(4), msgspec.structs.replace(RUN, steps=3), tmp_path / "a"))
    assert not compiled
    list(train(other, pictures(), pictures(4), msgspec.structs.replace(RUN, steps=3, compile=True), tmp_path / "b"))
    assert len(compiled) == 1 and other.curve == pytest.approx(plain.curve, rel=1e-5)


def test_devices_and_dtypes_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(Run(device="cpu", dtype="float32")) == (CPU, torch.float32)
    assert chosen(Run(device="cpu", dtype="bfloat16"))[1] == torch.bfloat16
    assert chosen(Run(device="cpu"))[1] == torch.float32  # RESTAURO_DTYPE of the tests
    with pytest.raises(RecipeError, match="not available"):
        chosen(Run(device="cuda:7"))
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert chosen(Run(device="cpu"))[0] == CPU
    assert in_words(CPU, 1).startswith("CPU, ") and in_words(CPU, 2).startswith("2 x CPU")
