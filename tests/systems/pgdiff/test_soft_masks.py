"""Grey levels of a mask are weighed once: by the walk, and not again where the face or the photograph is put together."""

from __future__ import annotations

import msgspec
import numpy as np
import torch

from restauro.core.recipe import Want
from restauro.diffusion.contract import Observation
from restauro.systems.pgdiff import engine
from restauro.systems.pgdiff.photograph import fill
from restauro.systems.pgdiff.recipe import TASKS
from tests.systems.pgdiff.tiny import faces, ours, restore_photograph

LEVELS = torch.linspace(0, 1, 32).expand(2, 1, 32, 32)


def test_the_composite_fades_only_what_is_all_but_known() -> None:
    observed, out = Observation(faces().picture, mask=LEVELS), torch.ones(2, 3, 32, 32)
    done = engine._finish(TASKS["inpaint"], observed, out)
    share = (done - observed.picture) / (out - observed.picture)
    torch.testing.assert_close(share, (LEVELS / engine.SEAM).clamp(max=1).expand_as(share))
    assert torch.equal(done[..., 0], observed.picture[..., 0]), "known is known"


def test_so_the_faces_half_known_pixels_are_the_walks() -> None:
    """As those of a task that puts nothing back."""
    observed = Observation(faces().picture, mask=torch.full_like(LEVELS, 0.5))
    inpainted = ours("inpaint")
    other = msgspec.structs.replace(inpainted, task="restore", wants=(Want(property="known-region"),))
    torch.testing.assert_close(engine.run(inpainted, observed), engine.run(other, observed))


def test_outside_faces_a_half_known_pixel_is_half_filled() -> None:
    rng = np.random.default_rng(0)
    picture = (0.5 + 0.2 * rng.random((48, 64, 3))).astype(np.float32)
    mask = np.zeros((48, 64), np.float32)
    mask[16:32, 16:48] = 0.5
    outcome = restore_photograph(picture, TASKS["inpaint"], torch.device("cpu"), mask=mask)
    np.testing.assert_allclose(outcome.pixels, fill(picture, mask), atol=1e-6)
    hard = fill(picture, (mask > 0).astype(np.float32))
    np.testing.assert_allclose(outcome.pixels[mask > 0], (picture + hard)[mask > 0] / 2, atol=1e-6)
    assert (outcome.pixels[mask == 0] == picture[mask == 0]).all()
