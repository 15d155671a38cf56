"""The chains of old photographs: as prints grow old, and as Old Photos makes its training pictures (arXiv 2004.09484)."""

from __future__ import annotations

from restauro.degradations._base import Degradation
from restauro.degradations._links import Kept, Shuffled, maybe, one_of
from restauro.degradations.blur import Blur
from restauro.degradations.cast import Cast
from restauro.degradations.contrast_loss import ContrastLoss
from restauro.degradations.cracks import Cracks
from restauro.degradations.creases import Creases
from restauro.degradations.downsample import Downsample
from restauro.degradations.dust import Dust
from restauro.degradations.flakes import Flakes
from restauro.degradations.grain import Grain
from restauro.degradations.grey import Grey
from restauro.degradations.hairlines import Hairlines
from restauro.degradations.halftone import Halftone
from restauro.degradations.impulse import Impulse
from restauro.degradations.jpeg import Jpeg
from restauro.degradations.levels import Levels
from restauro.degradations.noise import Noise
from restauro.degradations.paper_texture import PaperTexture
from restauro.degradations.print_fading import PrintFading
from restauro.degradations.silvering import Silvering
from restauro.degradations.speckle import Speckle
from restauro.degradations.squeeze import Squeeze
from restauro.degradations.stains import Stains
from restauro.degradations.tears import Tears
from restauro.degradations.toning import Toning
from restauro.degradations.vignetting import Vignetting


def old_photo() -> list[Degradation]:
    """In the order in which it happens: taken, toned, aged, mishandled, scanned. The shares are those of some 150 old prints.

    What the photographer meant is asked of a restorer too: black and white, sepia, albumen, selenium and cyanotype stay.
    The mask is what lies on the picture or is torn off; fading, stains and grain leave the picture visible.
    """
    return [*_taken(), *_aged(), one_of((0.85, _mishandled()), (0.07, _ruined()), (0.08, [])), *_scanned()]


def _taken() -> list[Degradation]:
    meant = one_of(
        (0.5, [Kept(change=Toning(tone="sepia"))]),
        (0.3, [Kept(change=Toning(tone="albumen"))]),
        (0.15, [Kept(change=Toning(tone="selenium"))]),
        (0.05, [Kept(change=Toning(tone="cyanotype"))]),
    )
    colour = [maybe(0.6, PrintFading()), maybe(0.4, Cast())]
    grey = [Kept(change=Grey()), maybe(0.4, PrintFading(kind="silver"))]
    return [
        maybe(0.6, Blur(low=0.3, high=2.5)),
        maybe(0.6, Grain(high=12)),
        maybe(0.2, Vignetting()),
        one_of((0.22, colour), (0.4, grey), (0.2, [grey[0], meant, grey[1]]), (0.18, [*grey, _yellowed()])),
    ]


def _yellowed() -> Degradation:
    return one_of((0.5, [Toning(tone="yellowed")]), (0.25, [Toning(tone="amber")]), (0.25, [Toning(tone="film")]))


def _aged() -> list[Degradation]:
    return [
        maybe(0.4, ContrastLoss(veil=0.3)),
        maybe(0.05, Silvering()),
        maybe(0.03, Halftone(period=6, strength=0.6)),
        maybe(0.2, Stains()),
    ]


def _mishandled() -> list[Degradation]:
    return [
        maybe(0.15, Flakes()),
        maybe(0.25, Creases()),
        maybe(0.25, Cracks()),
        maybe(0.5, Hairlines()),
        maybe(0.5, Dust()),
        maybe(0.18, Tears()),
    ]


def _ruined() -> list[Degradation]:
    return [
        maybe(0.7, Flakes(most=12, size=140)),
        maybe(0.7, Creases(most=6, width=16, loss=1)),
        Cracks(cells=150, width=14, spread=1),
        maybe(0.5, Hairlines(most=20)),
        maybe(0.7, Dust(most=500, fibres=12)),
        maybe(0.6, Tears(corner=0.4, wear=20, rip=0.6)),
    ]


def _scanned() -> list[Degradation]:
    return [
        maybe(0.1, PaperTexture()),
        maybe(0.4, Blur(low=0.2, high=1)),
        maybe(0.25, Downsample(low=1, high=3)),
        maybe(0.5, Noise(high=8, grey=0.5)),
        maybe(0.7, Jpeg(low=40, high=95)),
    ]


def old_photo_published() -> list[Degradation]:
    """Blur, noise, lost resolution and JPEG in a drawn order, each with probability 0.7, the picture kept in 8 bits.

    Lengths are pixels of the picture. What the noise leaves between two levels is cut off, which darkens by half a level.
    """
    noises = one_of(
        (1 / 3, [Noise(low=5, high=50)]),
        (1 / 3, [Speckle(low=5 / 255, high=50 / 255, grey=0)]),
        (1 / 3, [Impulse(most=0.01)]),
    )
    whole = Levels(levels=256)
    blur = Blur(low=1, high=5, anisotropic=0, fewest=3, most=7, follow=False)
    return [
        Shuffled(
            links=(
                maybe(0.7, blur, whole),
                maybe(0.7, noises, Levels(levels=256, truncated=True)),
                maybe(0.7, Squeeze()),
                maybe(0.7, Jpeg(low=40, high=100)),
            )
        )
    ]
