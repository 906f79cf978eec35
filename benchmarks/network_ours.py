"""The project's own picker as a method of `network.py`: the instant stage, or the network after training.

It is used as the window uses it, through `protocols.boxing`: the tomogram is a file, and is brought to the
network's sampling once, before the picker learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from network_peers import Picks
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Learnt:
    """A picker, and the tomogram it learned from."""

    picker: Any
    prepared: Any
    folder: TemporaryDirectory[str]


class Ours:
    """One of the stages, "instant" or "trained"."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self.name = f"ours, {stage}"

    def train(
        self,
        volume: NDArray[np.float32],
        voxel_size: float,
        tilt_range: tuple[float, float],
        positives: Array,
        negatives: Array,
        diameter: float,
        seed: int,
    ) -> Learnt:
        """Bring the tomogram to the network's sampling and learn."""
        from napari_tomopick.picking.references import References
        from napari_tomopick.picking.settings import BoxingSettings
        from napari_tomopick.protocols import boxing

        folder = TemporaryDirectory()
        tomogram = _tomogram(volume, voxel_size, tilt_range, Path(folder.name))
        settings = BoxingSettings(particle_size=diameter)
        prepared = boxing.prepare(tomogram, settings, positives)
        picker = boxing.learn([(prepared, positives, negatives)])
        if self._stage == "trained":
            references = References(tomogram, positives, negatives)
            picker = boxing.train([references], settings, prepared=[prepared], seed=seed)
        return Learnt(picker, prepared, folder)

    def pick(self, model: Learnt, volume: NDArray[np.float32]) -> Picks:
        """Score the tomogram it learned from, which is at the network's sampling already."""
        return _picks(model.prepared, model.picker)

    def pick_elsewhere(self, model: Learnt, volume: NDArray[np.float32]) -> Picks:
        """Score another tomogram of the same voxel size, from its file."""
        known = model.prepared.tomogram
        tilt_range = known.acquisition.tilt_range_degrees
        with TemporaryDirectory() as folder:
            return _picks(
                _tomogram(volume, known.voxel_size_angstrom, tilt_range, Path(folder)), model.picker
            )


def _picks(target: Any, picker: Any) -> Picks:
    """All peaks, as far apart as the step `pick` keeps them."""
    from napari_tomopick.picking.score_map import FLOOR
    from napari_tomopick.protocols import boxing
    from napari_tomopick.protocols.pick import APART

    scores = boxing.score(target, picker)
    return Picks(*scores.peaks(FLOOR, APART * picker.particle_size), picker.threshold)


def _tomogram(
    volume: NDArray[np.float32], voxel_size: float, tilt_range: tuple[float, float] | None, folder: Path
) -> Any:
    import mrcfile

    from napari_tomopick.models.tomogram import Acquisition, Tomogram

    path = folder / "tomogram.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.asarray(volume, np.float32))
        file.set_volume()
        file.voxel_size = voxel_size
    low, high = tilt_range or (None, None)
    return Tomogram(
        "benchmark", path, volume.shape, voxel_size, Acquisition(low, high), particles_are_dark=True
    )
