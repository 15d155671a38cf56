"""Laws of the losses; their numbers are goldens."""

from __future__ import annotations

import torch

from restauro.systems.oldphotos.losses import adversary, feature_matching, kl, latent_sides, lsgan, perception

Maps = list[list[torch.Tensor]]


def maps(seed: int, verdict: float | None = None) -> Maps:
    """Two scales of two features and a verdict, which may be the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    found = [[torch.randn(2, c, 5, 4, generator=generator) for c in (4, 8, 1)] for _ in range(2)]
    return found if verdict is None else [[*scale[:-1], torch.full_like(scale[-1], verdict)] for scale in found]


def test_verdicts_count_and_nothing_else() -> None:
    assert lsgan(maps(0, 1.0), True) == 0 == lsgan(maps(0, 0.0), False)
    assert lsgan(maps(0, 0.5), True) == 0.5  # a quarter from each of two scales
    assert adversary(maps(0, 0.0), maps(1, 1.0)) == 0 and adversary(maps(0, 1.0), maps(1, 0.0)) == 2


def test_features_count_and_verdicts_do_not() -> None:
    assert feature_matching(maps(0), maps(0)) == 0 == feature_matching(maps(0, 1.0), maps(0, 0.0))
    far, farther = feature_matching(maps(0), maps(1)), feature_matching(maps(0), maps(1), layers=1)
    torch.testing.assert_close(farther, 2 * far)


def test_no_gradient_flows_into_what_is_wanted() -> None:
    fake, real = maps(0), maps(1)
    for one in (*fake[0], *fake[1], *real[0], *real[1]):
        one.requires_grad_()
    feature_matching(fake, real).backward()
    assert fake[0][0].grad is not None and fake[0][-1].grad is None and real[0][0].grad is None
    answer, target = (torch.rand(1, 3, 4, 4, requires_grad=True) for _ in range(2))
    perception(answer, target, lambda picture: [2 * picture] * 5).backward()
    assert answer.grad is not None and target.grad is None


def test_latents() -> None:
    latent = torch.randn(5, 2, 3, 3)
    torch.testing.assert_close(kl(latent), (latent**2).sum() / latent.numel())
    old, synthetic = latent_sides(latent, torch.tensor([True, False, True, True, False]))
    assert torch.equal(old, latent[[0, 2]]) and torch.equal(synthetic, latent[[1, 4]])
