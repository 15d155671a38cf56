"""The one training loop: AdamW, warm-up, cosine decay, clipping, moving averages; bounded in time, resumable, on many devices.

The state is a function of (seed, step) and of what the checkpoint holds, so killing a run loses at most what came
after its last checkpoint and changes nothing of what follows.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from restauro.core.errors import OutputError, RecipeError
from restauro.training import checkpoint
from restauro.training.average import average, decay_at
from restauro.training.batches import Batches, Part
from restauro.training.checkpoint import State
from restauro.training.data import Pictures
from restauro.training.grid import save_grid
from restauro.training.objective import Objective, players_of
from restauro.training.parted import Parted
from restauro.training.place import chosen, in_words, place
from restauro.training.ranks import Ranks, joined
from restauro.training.run import Progress, Run
from restauro.weights.store import find, load


def train(
    objective: Objective, data: Pictures, held: Pictures, run: Run, out: Path, *, resume: bool = False
) -> Iterator[Progress]:
    """Train in the folder `out`; yields after every step. The moving averages are in its checkpoint (see `finished`).

    Raises RecipeError when `out` holds a run already and `resume` is False; OutputError when it cannot be written. Under
    torchrun every process calls it with the same arguments; the first one writes.
    """
    with joined() as ranks:
        state = _start(objective, data, run, out, resume, ranks)
        batches = Batches(objective, data, run, ranks)
        coming = batches.since(state.step)
        began, before, saved, pictured = time.monotonic(), state.seconds, state.seconds, state.seconds
        while not _done(run, state):
            state.recent = [*state.recent, _step(state, batches, next(coming), run, ranks)][-run.log_every :]
            state.step, state.pictures = state.step + 1, state.pictures + run.batch
            state.seconds = ranks.agreed(before + time.monotonic() - began)
            news = _news(state, run)
            if ranks.first and (state.step % run.log_every == 0 or news.share >= 1):
                state.unsaved.append({"step": state.step, "seconds": round(state.seconds, 1), "loss": news.loss})
            sliced = 0 < run.slice_minutes * 60 <= state.seconds - before
            if state.seconds - saved >= run.save_every * 60 or news.share >= 1 or sliced:
                if ranks.first:
                    _judge(state, objective, held, news)
                    state.save(out, run)
                saved = state.seconds
                if run.samples_every and (state.seconds - pictured >= run.samples_every * 60 or news.share >= 1):
                    pictured = state.seconds
                    if ranks.first:
                        save_grid(objective, state.ema, held, out / f"samples-{state.step}.png")
            yield news
            if sliced:
                return


def finished(objective: Objective, data: Pictures, out: Path, which: str = "ema") -> tuple[nn.Module, int]:
    """The moving average of a run ("ema" or "ema2"), on the CPU, and its number of steps."""
    network = objective.build(data)
    _, weights, told = checkpoint.newest(out)
    network.load_state_dict(weights[which])
    return network.eval(), told["step"]


def _start(objective: Objective, data: Pictures, run: Run, out: Path, resume: bool, ranks: Ranks) -> State:
    if checkpoint.exists(out) and not resume:
        raise RecipeError(f"{out} holds a run already; go on with --resume, or name another folder with --out")
    if run.batch % (ranks.world * run.accumulate):
        parts = f"{ranks.world} devices x {run.accumulate} parts"
        raise RecipeError(f"a batch of {run.batch} cannot be divided evenly among {parts}")
    device, dtype = chosen(run)
    torch.manual_seed(run.seed)
    try:
        network = objective.build(data).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    except ValueError as error:
        raise RecipeError(f"no such network: {error}") from None
    again = checkpoint.exists(out)
    seen = _begin(objective, network, run.begin) if run.begin and not again else 0
    state = State.new(network, players_of(objective, network), run)
    state.pictures = seen
    for module in (state.network, state.ema, state.ema2):
        if module is not None:
            _place(objective, module, device, dtype, run.compile and module is state.network)
    if again:
        state.resume(out)
    if (words := in_words(device, ranks.world)) not in state.machines:
        state.machines.append(words)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}") from None
    if ranks.first:
        Parted(out / checkpoint.STATE).clean()
    return state


def _begin(objective: Objective, network: nn.Module, name: str) -> int:
    """Give the network the weights of that name; the answer: how many pictures they have seen. RecipeError if they do not fit."""
    passport, _ = find(name)
    try:
        objective.shipped(network).load_state_dict(load(name).state_dict())
    except RuntimeError:
        raise RecipeError(f"{name!r} cannot be begun from: its network has another shape than these knobs give") from None
    return passport.pictures_seen


def _place(objective: Objective, module: nn.Module, device: torch.device, dtype: torch.dtype, compiled: bool) -> None:
    """What is shipped may be called by itself, too: an embedder without its classifier; and so may every player."""
    place(module, device, dtype, compiled=compiled)
    players = [player.module for player in players_of(objective, module).values()]
    for part in {id(part): part for part in (objective.shipped(module), *players) if part is not module}.values():
        place(part, device, dtype)


def _done(run: Run, state: State) -> bool:
    return run.share(state.step, state.seconds) >= 1


def _step(state: State, batches: Batches, parts: list[Part], run: Run, ranks: Ranks) -> float:
    """Every player's update of its weights; the loss of the first of them, as the mean of all devices and parts."""
    games = [batches.turns(state.network, part) for part in parts]
    told: dict[str, float] = {}
    for turn in itertools.count():
        moves = []
        for part, game in zip(parts, games, strict=True):
            numbers = (part.number, turn) if turn else (part.number,) if part.number else ()
            torch.manual_seed(
                int(np.random.SeedSequence([run.seed, state.step, 1, *numbers]).generate_state(1)[0])
            )  # for dropout
            moves += [_backward(state, *move, len(parts)) for move in itertools.islice(game, 1)]
        if not moves:
            break
        player = moves[0][0]
        mean = torch.stack([loss for _, loss in moves]).mean()
        ranks.average([mean, *_gradients(state.optimizers[player], ranks), *state.network.buffers()])
        _update(state.optimizers[player], run, run.rate_at(state.step + 1 - state.fresh, run.share(state.step, state.seconds)))
        told[player] = float(mean)
    _average(state, run)
    return next(told[player] for player in state.optimizers if player in told)


def _backward(state: State, player: str, loss: Tensor, parts: int) -> tuple[str, Tensor]:
    """Add the gradients of one of so many parts to the player's; who it was, and the loss."""
    parameters = [each for each in _parameters(state.optimizers[player]) if each.requires_grad]
    (loss / parts).backward(inputs=parameters)
    return player, loss.detach().cpu().double()


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _gradients(optimizer: torch.optim.Optimizer, ranks: Ranks) -> Iterator[Tensor]:
    """All that there are; with several devices zeros for what one of them has not used, since another may have."""
    for parameter in _parameters(optimizer):
        if parameter.grad is None and parameter.requires_grad and ranks.world > 1:
            parameter.grad = torch.zeros_like(parameter)
        if parameter.grad is not None:
            yield parameter.grad


def _update(optimizer: torch.optim.Optimizer, run: Run, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    norm = nn.utils.clip_grad_norm_(_parameters(optimizer), run.clip)
    if torch.isfinite(norm):  # one bad batch must not end a night's training
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _average(state: State, run: Run) -> None:
    average(state.ema, state.network, decay_at(state.step, run.ema))
    if state.ema2 is not None:
        average(state.ema2, state.network, decay_at(state.step, run.ema2))


def _news(state: State, run: Run) -> Progress:
    share = run.share(state.step, state.seconds)
    return Progress(
        step=state.step,
        seconds=state.seconds,
        share=share,
        loss=math.fsum(state.recent) / len(state.recent),
        pictures_per_second=state.step * run.batch / max(state.seconds, 1e-9),
        remaining=run.remaining(state.step, state.seconds),
        rate=next(iter(state.optimizers.values())).param_groups[0]["lr"],
    )


@torch.no_grad()
def _judge(state: State, objective: Objective, held: Pictures, news: Progress) -> None:
    """Scores of the moving average, into the news and into the log."""
    news.scores = objective.scores(state.ema.eval(), held)
    if not state.unsaved or state.unsaved[-1]["step"] != state.step:
        state.unsaved.append({"step": state.step, "seconds": round(state.seconds, 1)})
    state.unsaved[-1].update(news.scores)
