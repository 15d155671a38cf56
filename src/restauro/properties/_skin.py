"""Where an aligned face shows skin: what lies in the face's oval and looks like the middle of it.

Nothing is assumed about the colour of skin. Likeness is measured from the oval's own median, so that eyes, lips, hair,
beards and glasses fall out in every complexion; in a grey picture lightness alone decides.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from restauro.photo.faces.align import TEMPLATES, template

EDGE = 0.3
"""Width of its soft edge, in radii."""
LIKE = (0.5, 0.2)
"""Standard deviations from the median in luma and in chroma at which a pixel counts 0.6 of it; pictures are in [-1, 1]."""


def skin(picture: Tensor, mask: Tensor | None = None, aligned: str = "") -> Tensor:
    """(N, 1, H, W) weights in [0, 1] for faces (N, 3, H, W) in [-1, 1]; 0 where the mask (1 = missing) hides them.

    aligned: the template of the faces; where it is not known, the one with the most background.
    """
    radius = _radius(picture, aligned if aligned in TEMPLATES else "ffhq512")
    known = torch.ones_like(picture[:, :1]) if mask is None else 1 - mask
    luma = (picture * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    seen = torch.cat([luma, picture[:, 0:1] - luma, picture[:, 2:3] - luma], 1)
    inside = (radius < 1) & (known > 0.5)
    median = seen.where(inside, torch.nan).flatten(2).nanmedian(2).values[:, :, None, None].nan_to_num()
    away = (seen - median).square() / picture.new_tensor([LIKE[0], LIKE[1], LIKE[1]])[:, None, None].square()
    return (-away.sum(1, keepdim=True) / 2).exp() * ((1 - radius) / EDGE + 0.5).clamp(0, 1) * known


def _radius(picture: Tensor, aligned: str) -> Tensor:
    """(H, W): 0 in the middle of the face's oval, 1 on its outline. It is as wide as twice the distance of the eyes, and
    reaches from the forehead to the chin."""
    height, width = picture.shape[-2:]
    points = template(aligned, 1)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    middle, radii = eyes + 0.4 * (mouth - eyes), (np.ptp(points[:2, 0]), 1.3 * (mouth - eyes)[1])
    y, x = (((torch.arange(side).to(picture) + 0.5) / side) for side in (height, width))
    return torch.hypot((x[None] - middle[0]) / radii[0], (y[:, None] - middle[1]) / radii[1])
