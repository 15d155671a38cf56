"""Measures of a picture against its clean reference.

Pictures are (N, 3, H, W) float in [-1, 1], sRGB; every measure returns (N,) float64 on the CPU. Inputs are not clipped.
Colour measures convert to CIE Lab for D65. None of them is a loss: they convert, count and average in double precision.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from restauro.core.errors import InputError
from restauro.photo.colour import srgb_to_lab

LUMA = (0.299, 0.587, 0.114)
PEAK = 2.0
"""The width of the range [-1, 1]."""


def psnr(picture: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio over all channels, dB, higher is better; equal pictures give infinity."""
    picture, reference = _pair(picture, reference)
    return 10 * torch.log10(PEAK**2 / (picture - reference).square().mean((1, 2, 3)))


def masked_psnr(picture: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """PSNR inside the hole only. mask: (N or 1, 1, H, W), 1 = missing, soft allowed; an empty mask gives nan."""
    picture, reference = _pair(picture, reference)
    weight = mask.detach().cpu().double().expand(len(picture), 1, *picture.shape[-2:])
    error = ((picture - reference).square() * weight).sum((1, 2, 3)) / (3 * weight.sum((1, 2, 3)))
    return 10 * torch.log10(PEAK**2 / error)


def ssim(picture: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004), mean over channels, at most 1, higher is better.

    Gaussian window, sigma 1.5, 11 x 11, population covariance, borders of 5 pixels left out: scikit-image's
    `structural_similarity(gaussian_weights=True, use_sample_covariance=False, data_range=2)`. Sides of at least 11 px.
    """
    picture, reference = _pair(picture, reference)
    if min(picture.shape[-2:]) < 11:
        raise InputError(f"SSIM needs sides of at least 11 px, not {picture.shape[-1]} x {picture.shape[-2]}")
    light, structure = _likeness(picture, reference)
    return (light * structure).mean((1, 2, 3))


MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales of MS-SSIM, the finest first (Wang et al. 2003, section 3.2)."""


def scales(height: int, width: int) -> int:
    """How many of MS-SSIM's five scales a picture has: the window of 11 px must fit. 128 px: four; from 176 px: five."""
    return min(len(MS_WEIGHTS), max(0, (min(height, width) // 11).bit_length()))


def ms_ssim(picture: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003, equation 7), mean over channels, at most 1, higher is better.

    SSIM's window on the picture and on its halves (means of 2 x 2); structure counts at every scale, light at the coarsest.
    Pictures too small for five scales have as many as `scales` says, with the weights divided by their sum: figures of
    pictures of 128 px, which have four, do not compare with those of larger ones.
    """
    picture, reference = _pair(picture, reference)
    count = scales(*picture.shape[-2:])
    if not count:
        raise InputError(f"MS-SSIM needs sides of at least 11 px, not {picture.shape[-1]} x {picture.shape[-2]}")
    weights = torch.tensor(MS_WEIGHTS[:count], dtype=torch.float64)
    result = torch.ones(picture.shape[:2], dtype=torch.float64)
    for scale, weight in enumerate(weights / weights.sum()):
        light, structure = _likeness(picture, reference)
        seen = light * structure if scale == count - 1 else structure
        result = result * seen.mean((2, 3)).clamp(min=0) ** weight
        picture, reference = F.avg_pool2d(picture, 2), F.avg_pool2d(reference, 2)
    return result.mean(1)


def _likeness(picture: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM's two factors at each place: of light, and of contrast and structure."""
    mean_p, mean_r = _window(picture), _window(reference)
    var_p = _window(picture.square()) - mean_p.square()
    var_r = _window(reference.square()) - mean_r.square()
    covariance = _window(picture * reference) - mean_p * mean_r
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    light = (2 * mean_p * mean_r + c1) / (mean_p.square() + mean_r.square() + c1)
    return light, (2 * covariance + c2) / (var_p + var_r + c2)


GMSD_CONSTANT = 170 / 255**2 * PEAK**2
"""c of the paper, which has levels 0..255, for the width of our range."""


def gmsd(picture: Tensor, reference: Tensor) -> Tensor:
    """Gradient magnitude similarity deviation (Xue et al. 2014, arXiv 1308.3052, equations 4 to 7): 0 if equal, lower is better.

    On the luma, halved by means of 2 x 2, with Prewitt's gradients over 3: how unevenly structure is lost. Sides of at least 4.
    """
    picture, reference = _pair(picture, reference)
    if min(picture.shape[-2:]) < 4:
        raise InputError(f"GMSD needs sides of at least 4 px, not {picture.shape[-1]} x {picture.shape[-2]}")
    one, other = (_slope(light) for light in (picture, reference))
    alike = (2 * one * other + GMSD_CONSTANT) / (one.square() + other.square() + GMSD_CONSTANT)
    return alike.flatten(1).std(1, correction=0)


def _slope(picture: Tensor) -> Tensor:
    """(N, h, w): the gradient's magnitude in the halved luma; black outside, as in the authors' program."""
    light = ((picture + 1) * torch.tensor(LUMA, dtype=picture.dtype)[:, None, None]).sum(1, keepdim=True)
    light = F.avg_pool2d(light, 2)
    line = torch.tensor([[1.0, 0.0, -1.0]] * 3, dtype=picture.dtype) / 3
    across, down = (F.conv2d(light, kernel[None, None], padding=1) for kernel in (line, line.T))
    return (across.square() + down.square()).sqrt()[:, 0]


def sharpness(picture: Tensor, reference: Tensor, cutoff: float = 0.25) -> Tensor:
    """Fine detail as a share of the reference's: the ratio of the luma's energies above `cutoff`; 1 = as sharp.

    cutoff: cycles per pixel (0.25: periods under 4 px, the finest octave). Below 1 is blur; above 1 is noise, ringing or
    invented texture. Reported beside PSNR, so that blur does not win.
    """
    picture, reference = _pair(picture, reference)
    return high_energy(picture, cutoff) / high_energy(reference, cutoff).clamp_min(1e-12)


def high_energy(picture: Tensor, cutoff: float = 0.25) -> Tensor:
    """Mean square of the luma's part above `cutoff` cycles per pixel. Borders are mirrored, so they add no edge."""
    light = (picture.detach().cpu().double() * torch.tensor(LUMA, dtype=torch.float64)[:, None, None]).sum(1)
    light = torch.cat((light, light.flip(-1)), -1)
    light = torch.cat((light, light.flip(-2)), -2)
    height, width = light.shape[-2:]
    fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.fftfreq(width, dtype=torch.float64)
    band = (fy[:, None].square() + fx.square()).sqrt() >= cutoff
    return ((torch.fft.fft2(light, norm="ortho").abs().square()) * band).mean((1, 2))


def colourfulness(picture: Tensor) -> Tensor:
    """Hasler and Suesstrunk 2003 on levels 0..255: 0 = grey, about 30 = moderately, above 80 = extremely colourful."""
    red, green, blue = ((picture.detach().cpu().double() + 1) * 127.5).unbind(1)
    first, second = red - green, (red + green) / 2 - blue
    spread = (first.var((1, 2), correction=0) + second.var((1, 2), correction=0)).sqrt()
    return spread + 0.3 * (first.mean((1, 2)).square() + second.mean((1, 2)).square()).sqrt()


def chroma_error(picture: Tensor, reference: Tensor) -> Tensor:
    """Mean distance in the a*b* plane of CIE Lab, lower is better; lightness does not count. 2.3 is just noticeable."""
    return (lab(picture) - lab(reference))[:, 1:].norm(dim=1).mean((1, 2))


def lab(picture: Tensor) -> Tensor:
    """(N, 3, H, W) L* 0..100, a*, b*. Values outside [-1, 1] are clipped."""
    levels = ((picture.detach().cpu().double() + 1) / 2).clamp(0, 1)
    return torch.from_numpy(srgb_to_lab(levels.permute(0, 2, 3, 1).numpy())).permute(0, 3, 1, 2).double()


def _pair(picture: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    if picture.shape != reference.shape or picture.ndim != 4:
        raise InputError(
            f"a measure needs two batches of one shape (N, 3, H, W), not {tuple(picture.shape)} and {tuple(reference.shape)}"
        )
    return picture.detach().cpu().double(), reference.detach().cpu().double()


def _window(picture: Tensor) -> Tensor:
    """The local mean under a Gaussian of sigma 1.5 cut at radius 5; only where the window fits."""
    line = torch.exp(-torch.arange(-5.0, 6.0, dtype=picture.dtype).square() / (2 * 1.5**2))
    line = line / line.sum()
    count, channels, height, width = picture.shape
    flat = picture.reshape(count * channels, 1, height, width)
    flat = F.conv2d(F.conv2d(flat, line[None, None, :, None]), line[None, None, None, :])
    return flat.reshape(count, channels, height - 10, width - 10)
