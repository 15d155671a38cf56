"""Time embeddings: the one convention that our networks use."""

from __future__ import annotations

from restauro.networks.unet import timestep_embedding
from tests.goldens.runner import Case, close, handles


@handles("ddpm_sr3", "time_embeddings")
def time_embeddings(case: Case) -> None:
    for name, expected in case.arrays.items():
        if name not in ("t", "sqrt_gamma") and case.offered(name):
            # one unit in the last place of an angle near 1000 is 6e-5, and vectorised exponentials differ by one
            close(timestep_embedding(case.tensor("t"), expected.shape[1]), expected, abs=1e-4, what=name)
