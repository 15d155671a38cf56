"""Denoising diffusion as such: training a prior, drawing from it, its likelihood, interpolation (Ho et al. 2020)."""
