"""The laws of the losses; the goldens pin their values."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from restauro.networks.patchgan import PatchGAN
from restauro.systems.pix2pix.losses import between, gan_loss, gradient_penalty


@pytest.mark.parametrize("mode", ["vanilla", "lsgan", "wgangp"])
def test_a_logit_is_pulled_where_it_should_go(mode: Any) -> None:
    for real in (True, False):
        logits = torch.zeros(2, 1, 3, 3, requires_grad=True)
        (gradient,) = torch.autograd.grad(gan_loss(logits, real, mode), logits)
        assert (gradient < 0).all() if real else (gradient >= 0).all()


def test_defect_4_the_penalty_teaches_the_discriminator() -> None:
    """It reaches the weights, and driven down it brings the gradient's norm to one."""
    torch.manual_seed(0)
    critic = PatchGAN(3, 4, 1, "instance")
    pictures = between(torch.randn(4, 3, 16, 16), torch.randn(4, 3, 16, 16), torch.rand(4))
    before = gradient_penalty(critic, pictures)
    gradients = torch.autograd.grad(before, [critic.model[0].weight, critic.model[2].weight])  # type: ignore[list-item]
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    optimizer = torch.optim.Adam(critic.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        gradient_penalty(critic, pictures).backward()
        optimizer.step()
    assert gradient_penalty(critic, pictures) < before / 20


def test_a_linear_critic_of_unit_slope_costs_nothing() -> None:
    direction = torch.randn(3 * 4 * 4)
    direction /= direction.norm()
    pictures = torch.randn(5, 3, 4, 4)
    assert gradient_penalty(lambda x: x.flatten(1) @ direction, pictures) < 1e-8
    torch.testing.assert_close(gradient_penalty(lambda x: 3 * (x.flatten(1) @ direction), pictures), torch.tensor(4.0))


def test_between_is_real_at_one() -> None:
    real, false = torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    mixed = between(real, false, torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(mixed, torch.stack([real[0], false[1]]))
