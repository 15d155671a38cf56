"""What Old Photos trains, in the published order: the two VAEs, the mapping between them; and the detector of scratches."""

from __future__ import annotations

from restauro.systems.oldphotos.autoencoders import CleanVae, OldVae
from restauro.systems.oldphotos.detector import DetectorObjective
from restauro.systems.oldphotos.translation import MappingObjective

PARTS: dict[str, type[CleanVae] | type[OldVae] | type[MappingObjective] | type[DetectorObjective]] = {
    "old-photos-vae-1": OldVae,
    "old-photos-vae-2": CleanVae,
    "old-photos-mapping": MappingObjective,
    "scratch-detector": DetectorObjective,
}
"""What `restauro train` can train, by the word a user types."""
