"""The named chains, with the ranges of the papers.

The blind-face chains blur, reduce, add noise, compress and enlarge, in pixels of a 512-px picture: GFPGAN (arXiv
2101.04061), CodeFormer (2206.11253), DifFace (2212.06512), DiffBIR (2308.15070). Those of the bare names blur with whole
kernels and reduce without aliasing; those that name a version or a stage do as published: 41 taps, plain bilinear
reduction, changes of colour. Real-ESRGAN (2107.10833) is for photographs of any size, in their own pixels.
"""

from __future__ import annotations

from restauro.degradations._base import Degradation
from restauro.degradations._links import Kept, maybe, one_of
from restauro.degradations._old import old_photo, old_photo_published
from restauro.degradations.blur import Blur
from restauro.degradations.colour_jitter import ColourJitter
from restauro.degradations.colour_shift import ColourShift
from restauro.degradations.downsample import Downsample
from restauro.degradations.fade import Fade
from restauro.degradations.generalized_blur import GeneralizedBlur
from restauro.degradations.grey import Grey
from restauro.degradations.holes import Holes
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.levels import Levels
from restauro.degradations.noise import Noise
from restauro.degradations.plateau_blur import PlateauBlur
from restauro.degradations.poisson import Poisson
from restauro.degradations.resize import Resize
from restauro.degradations.scratches import Scratches
from restauro.degradations.sharpen import Sharpen
from restauro.degradations.sinc import Sinc
from restauro.degradations.soft_jpeg import SoftJpeg

Range = tuple[float, float]


def blind(sigma: Range, factor: Range, noise: float, quality: tuple[int, int]) -> list[Degradation]:
    """blur, reduce, noise, JPEG, enlarge."""
    return [
        Blur(low=sigma[0], high=sigma[1]),
        Downsample(low=factor[0], high=factor[1]),
        Noise(high=noise),
        Jpeg(low=quality[0], high=quality[1]),
    ]


def published(sigma: Range, factor: Range, noise: float, quality: tuple[int, int]) -> list[Degradation]:
    """The same as published: kernels cut off at 41 taps, reduced without care for aliases; enlarged before what follows."""
    return [
        Blur(low=sigma[0], high=sigma[1], fewest=41, most=41),
        Downsample(low=factor[0], high=factor[1], least=min(1.0, factor[0]), antialias=False),
        Noise(high=noise),
        Jpeg(low=quality[0], high=quality[1]),
        Resize(up=0, down=0, kernel="bilinear", of=1),
    ]


def jitters() -> list[Degradation]:
    """GFPGAN's changes of colour."""
    return [maybe(0.3, ColourShift(most=20)), maybe(0.3, ColourJitter()), maybe(0.01, Grey())]


def photograph_blur(sigma: Range, probability: float = 1.0) -> Degradation:
    """Real-ESRGAN's mixture of kernels of 7 to 21 taps, in the picture's own pixels; a tenth are sinc filters.

    Families: Gaussian, generalised, plateau, each isotropic and anisotropic: .45 .25 .12 .03 .12 .03.
    """
    low, high = sigma
    families: list[tuple[float, list[Degradation]]] = [
        (0.70, [Blur(low=low, high=high, anisotropic=0.25 / 0.70, most=21, follow=False)]),
        (0.15, [GeneralizedBlur(low=low, high=high, anisotropic=0.03 / 0.15, most=21, follow=False)]),
        (0.15, [PlateauBlur(low=low, high=high, anisotropic=0.03 / 0.15, most=21, follow=False)]),
    ]
    kernels = one_of((0.1, [ringing()]), *((0.9 * share, way) for share, way in families))
    return kernels if probability == 1 else maybe(probability, kernels)


def ringing() -> Degradation:
    """Short kernels cannot cut as low as long ones; 7, 9, ..., 21 taps are equally likely."""
    return one_of((3 / 8, [Sinc(low=1 / 3, fewest=7, most=11)]), (5 / 8, [Sinc(low=1 / 5, fewest=13, most=21)]))


def real_esrgan(reduction: int, published: bool = False) -> list[Degradation]:
    """Two rounds of blur, resize, noise and JPEG, the second relative to the size that super-resolution starts from.

    published: resizing and JPEG are those of its training to the last digit.
    """
    last = Resize(up=0, down=0, of=1 / reduction)
    jpeg = SoftJpeg(low=30, high=95, published=True) if published else Jpeg(low=30, high=95)
    ring = maybe(0.8, ringing())
    return [
        photograph_blur((0.2, 3)),
        Resize(up=0.2, down=0.7, low=0.15, high=1.5, cut=published),
        one_of((0.5, [Noise(low=1, high=30, grey=0.4)]), (0.5, [Poisson(low=0.05, high=3, grey=0.4)])),
        jpeg,
        photograph_blur((0.2, 1.5), probability=0.8),
        Resize(up=0.3, down=0.4, low=0.3, high=1.2, of=1 / reduction),
        one_of((0.5, [Noise(low=1, high=25, grey=0.4)]), (0.5, [Poisson(low=0.05, high=2.5, grey=0.4)])),
        one_of((0.5, [last, ring, jpeg]), (0.5, [jpeg, last, ring])),
    ]


def diffbir_stage2() -> list[Degradation]:
    """DiffBIR 2.1's: what is sharpened is the truth; the damaged picture is brought back to its size and to 8 bits."""
    sharp = Kept(change=Sharpen(low=0.5, high=0.5, follow=False))
    return [sharp, *real_esrgan(4, published=True), Resize(up=0, down=0, kernel="bicubic", of=1), Levels(levels=256)]


CHAINS: dict[str, list[Degradation]] = {
    "gfpgan": blind((0.1, 10), (0.8, 8), 20, (60, 100)),
    "codeformer": blind((0.1, 10), (1, 12), 15, (60, 100)),
    "codeformer-large": blind((1, 15), (4, 30), 20, (30, 80)),
    "difface": blind((0.1, 15), (0.8, 32), 20, (30, 100)),
    "gfpgan-v1": [*published((0.1, 10), (0.8, 8), 20, (60, 100)), *jitters()],
    "codeformer-stage2": published((1, 15), (4, 30), 20, (30, 80)),
    "codeformer-stage3-small": published((0.1, 10), (1, 12), 15, (60, 100)),
    "codeformer-stage3-large": published((1, 15), (4, 30), 20, (30, 80)),
    "codeformer-colorization": [*published((1, 15), (4, 30), 20, (30, 80)), *jitters()],
    "difface-swinir": [maybe(0.01, Kept(change=Grey())), *published((0.1, 15), (0.8, 32), 20, (30, 100))],
    "diffbir-v1-faces": published((0.1, 10), (0.8, 8), 20, (60, 100)),
    "diffbir-stage1": published((0.1, 12), (1, 12), 15, (30, 100)),
    "diffbir-stage2": diffbir_stage2(),
    "real-esrgan": real_esrgan(4),
    "real-esrgan-x2": real_esrgan(2),
    "grey": [Grey()],
    "holes": [Holes()],
    "old-portrait": [Grey(sepia=0.5), Fade(), Scratches(), *blind((0.1, 8), (1, 8), 15, (50, 95))],
    "old-photo": old_photo(),
    "old-photo-published": old_photo_published(),
}

ABOUT: dict[str, str] = {
    "gfpgan": "light: GFPGAN's ranges",
    "codeformer": "medium: the ranges of CodeFormer's stage 3, small",
    "codeformer-large": "heavy: the ranges of CodeFormer's stage 3, large",
    "difface": "light to very heavy: DifFace's ranges",
    "gfpgan-v1": "GFPGAN as published, with its changes of colour",
    "codeformer-stage2": "CodeFormer's stage 2 as published",
    "codeformer-stage3-small": "CodeFormer's stage 3 as published, small",
    "codeformer-stage3-large": "CodeFormer's stage 3 as published, large",
    "codeformer-colorization": "CodeFormer's colorization as published, with changes of colour",
    "difface-swinir": "DifFace's restorer as published; a grey picture's target is grey too",
    "diffbir-v1-faces": "DiffBIR's first stage for faces",
    "diffbir-stage1": "DiffBIR's first stage for photographs, which is CodeFormer's way",
    "diffbir-stage2": "DiffBIR 2.1's second stage: Real-ESRGAN's way, of sharpened photographs",
    "real-esrgan": "Real-ESRGAN's second-order chain for x4, in the picture's own pixels",
    "real-esrgan-x2": "the same for x2",
    "grey": "colour lost",
    "holes": "parts missing",
    "old-portrait": "an old portrait: toned or grey, faded, scratched, then blurred, reduced, noisy and compressed",
    "old-photo": "as prints grow old: toned, faded, stained, scratched, cracked, creased, torn, dusty, scanned",
    "old-photo-published": "Old Photos as published: blur, noise, lost resolution and JPEG in random order",
}
"""One line each; read without importing this file."""
