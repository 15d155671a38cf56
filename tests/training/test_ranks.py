"""Two processes are one: same weights on both, and the gradient of the joint batch."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from restauro.training.checkpoint import LOG, STATE, read_log
from restauro.training.loop import finished, train
from restauro.training.ranks import Ranks, is_first, joined
from restauro.training.run import Run
from tests.training.tiny import RUN, Tiny, pictures

FORK = multiprocessing.get_context("fork")
STILL: dict[str, Any] = {"dropout": 0, "norm": False, "noise": 0}
"""Nothing is drawn but the batch."""


def both(work: Any, *arguments: Any) -> None:
    """`work(rank, ...)` in two processes with torchrun's environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def process(rank: int) -> None:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        torch.set_num_threads(1)
        work(rank, *arguments)

    processes = [FORK.Process(target=process, args=(rank,)) for rank in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(120)
        if one.is_alive():
            one.kill()
    assert [one.exitcode for one in processes] == [0, 0]


def training(rank: int, out: Path, objective: Tiny, how: Run, resume: bool = False) -> None:
    kept: list[Any] = []
    objective.watch = kept.append
    steps = [news.step for news in train(objective, pictures(), pictures(4), how, out, resume=resume)]
    torch.save({"network": kept[-1].state_dict(), "steps": steps}, out.parent / f"rank-{rank}.pt")


def test_the_weights_are_the_same_on_both_and_those_of_one_process(tmp_path: Path) -> None:
    how = msgspec.structs.replace(RUN, steps=8)
    both(training, tmp_path / "two", Tiny(**STILL), how)
    networks = [torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True)["network"] for rank in range(2)]
    list(train(Tiny(**STILL), pictures(), pictures(4), how, tmp_path / "one"))
    list(train(Tiny(**STILL), pictures(), pictures(4), msgspec.structs.replace(how, accumulate=2), tmp_path / "parts"))
    one, parts, two = (torch.load(tmp_path / name / STATE, weights_only=True)["network"] for name in ("one", "parts", "two"))
    for key, value in networks[0].items():
        assert torch.equal(value, networks[1][key]) and torch.equal(value, two[key]), key
        torch.testing.assert_close(two[key], one[key], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(two[key], parts[key], rtol=1e-5, atol=1e-7)
    logs = [[line["loss"] for line in read_log(tmp_path / name / LOG)] for name in ("one", "two")]
    assert logs[0] == pytest.approx(logs[1], rel=1e-4) and len(logs[1]) == 8
    assert torch.load(tmp_path / "two" / STATE, weights_only=True)["machines"][0].startswith("2 x CPU")


def test_they_stop_together_by_the_clock_and_go_on(tmp_path: Path) -> None:
    """Counters, dropout and noise differ from rank to rank; clocks do, too."""
    how = msgspec.structs.replace(RUN, steps=0, minutes=1, slice_minutes=0.01)  # a slow machine must not be done in one slice

    def slowly(rank: int) -> None:
        time.sleep(0.1 * rank)
        training(rank, tmp_path / "run", Tiny(), how, resume=True)

    for _ in range(2):
        both(slowly)
        first, second = (torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True)["steps"] for rank in range(2))
        assert first == second and first
    assert finished(Tiny(), pictures(), tmp_path / "run")[1] == first[-1]


def test_alone_there_is_nothing_to_agree_on() -> None:
    with joined() as ranks:
        assert ranks == Ranks(0, 1) and ranks.first and ranks.agreed(3.5) == 3.5
        tensor = torch.ones(2)
        ranks.average([tensor])
        assert tensor.tolist() == [1, 1] and is_first()


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    """The command of docs/training.md, small."""
    import subprocess
    import sys

    import numpy as np
    from PIL import Image

    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 255, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    small = [word for knob in ("width=8", "mult=1,1", "blocks=1", "attention=2", "T=10") for word in ("--knob", knob)]
    words = ["train", "ddpm", "--data", tmp_path, "--size", 16, "--batch", 4, "--steps", 3, "--out", tmp_path / "run", *small]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", "restauro", *words]
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 3 (100%") == 1  # one of them speaks
    assert torch.load(tmp_path / "run" / STATE, weights_only=True)["machines"][0].startswith("2 x CPU")
