"""DiffBIR (Lin et al. 2023, arXiv 2308.15070): a restorer, then a prior of latents that is told the restorer's answer.

Its weights by the kinds of their passports, whether they are official (checkpoints.py) or trained here (objective.py):

- "restorer": stage 1. `restorers.smooth.restorer(name, device)` runs it, whatever its architecture. From `diffbir-stage1`:
  "swinir", range 0..1, prediction "clean".
- "latent-autoencoder" ("autoencoder-kl"): `LatentCodec(load(name))`. Ours halve the size once behind a space-to-depth of 2, have
  no attention, and their `scale`, measured so that latents have the variance 1, is a tensor among the weights (scale null).
- "latent-prior" ("unet", of latents): prediction, schedule, steps; clip false; size in pixels of the pictures, the latents' side
  times the autoencoder's `multiple`; face_template where it knows faces only. arguments["context"] 0: it is told no prompt.
- "latent-control" ("ircontrolnet"): prediction, schedule and steps of the prior it steers, size, face_template.
- "text-tower" ("text-tower"): official only.

`needs` names what they were trained with, by "autoencoder", "prior", "restorer" and "text": a control all of them, a prior its
autoencoder and text. Official files leave it empty; whoever runs them names the others.

The small ones, of the presets of their names: "face-latent-autoencoder", "face-latent-prior" and "face-latent-control", for
aligned faces (restauro128, 128 px, latents (4, 32, 32), v on sd-zero-snr, no prompts), behind "face-restorer".
"""
