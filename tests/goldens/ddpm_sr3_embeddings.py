"""Embeddings of times and of noise levels."""

from __future__ import annotations

from restauro.networks.blocks import timestep_embedding
from restauro.networks.sr3 import TimeEmbedding, level_embedding
from tests.goldens.runner import Case, close, handles


@handles("ddpm_sr3", "time_embeddings")
def time_embeddings(case: Case) -> None:
    for name, expected in case.arrays.items():
        if name.startswith(("sr3repo_", "wavegrad_")):
            sr3(case, name)
        elif name not in ("t", "sqrt_gamma") and case.offered(name):
            ho = name.startswith(("ho_", "diffusers_flip0_shift1_"))
            # one unit in the last place of an angle near 1000 is 6e-5, and vectorised exponentials differ by one
            close(timestep_embedding(case.tensor("t"), expected.shape[1], ho, int(ho)), expected, abs=1e-4, what=name)


def sr3(case: Case, name: str) -> None:
    expected = case[name]
    width = expected.shape[1]
    if name.startswith("sr3repo_ddpm"):
        close(TimeEmbedding(width)(case.tensor("t")), expected, abs=1e-4, what=name)
    else:
        scale, tolerance = (5000.0, 1e-3) if name.startswith("wavegrad") else (1.0, 2e-5)
        close(level_embedding(case.tensor("sqrt_gamma").flatten(), width, scale), expected, abs=tolerance, what=name)
