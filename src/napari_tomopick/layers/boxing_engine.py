"""What boxing needs of a network: to be taught, to be applied, to be kept in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from napari_tomopick.picking.references import ADVISED, still_missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.models.references import Sizes
    from napari_tomopick.models.tomogram import Tomogram
    from napari_tomopick.protocols.describe import Progress

Found = Callable[["NDArray[Any]", "NDArray[Any]"], None]
"""Called with positions and scores of candidates as they are found, in the thread that computes."""


class Taught(NamedTuple):
    """The references in one tomogram, ``(n, 3)`` x, y, z in voxels each."""

    tomogram: Tomogram
    positive: NDArray[Any]
    negative: NDArray[Any]


class Engine(Protocol):
    """Every call but the last may be slow, is made in any thread, and stops where ``progress`` raises."""

    def prepare(
        self, tomogram: Tomogram, sizes: Sizes, taught: Sequence[Taught], like: Any, progress: Progress
    ) -> Any:
        """Bring a tomogram to the sampling of the network; done once for each tomogram and sizes.

        Where the size of the particles is to be estimated, and there are none in this tomogram, it is that of
        another prepared one, ``like``.
        """

    def learn(self, references: Sequence[tuple[Any, NDArray[Any], NDArray[Any]]], name: str) -> Any:
        """Learn at once from prepared tomograms with their positive and negative references; a `Picker`."""

    def train(
        self,
        references: Sequence[Taught],
        sizes: Sizes,
        *,
        name: str,
        start: Any,
        prepared: Sequence[Any],
        rounds: int,
        seed: int,
        report: Callable[[Any], None],
        progress: Progress,
    ) -> Any:
        """Train a network, from the start or on from another; a `Picker`."""

    def score(
        self, target: Any, picker: Any, *, first_z: float | None, found: Found | None, progress: Progress
    ) -> Any:
        """Score a tomogram, prepared or not, beginning at a slice; a `ScoreMap`."""

    def load(self, path: Path) -> Any:
        """Read a `Picker` from a file."""

    def fits(self, prepared: Any, picker: Any) -> bool:
        """Whether a prepared tomogram is just as a picker would have it."""


class ReferenceNetwork:
    """The engine of `napari_tomopick.protocols.boxing`, which is imported when it is first needed."""

    def prepare(
        self, tomogram: Tomogram, sizes: Sizes, taught: Sequence[Taught], like: Any, progress: Progress
    ) -> Any:
        """See `Engine`."""
        import numpy as np

        from napari_tomopick.protocols import boxing

        here = [t.positive for t in taught if t.tomogram.name == tomogram.name]
        positive = np.concatenate([np.empty((0, 3)), *here])
        if sizes.particle_size is None and like is not None and not len(positive):
            ratio = like.tomogram.voxel_size_angstrom / tomogram.voxel_size_angstrom
            sizes = replace(sizes, particle_size=like.diameter * ratio)
        return boxing.prepare(tomogram, _settings(sizes), positive, progress=progress)

    def learn(self, references: Sequence[tuple[Any, NDArray[Any], NDArray[Any]]], name: str) -> Any:
        """See `Engine`."""
        from napari_tomopick.protocols import boxing

        return boxing.learn(references, name=name)

    def train(
        self,
        references: Sequence[Taught],
        sizes: Sizes,
        *,
        name: str,
        start: Any,
        prepared: Sequence[Any],
        rounds: int,
        seed: int,
        report: Callable[[Any], None],
        progress: Progress,
    ) -> Any:
        """See `Engine`."""
        from napari_tomopick.picking.references import References
        from napari_tomopick.protocols import boxing

        given = [References(t.tomogram, t.positive, t.negative) for t in references]
        return boxing.train(
            given,
            _settings(sizes),
            name=name,
            start=start,
            prepared=prepared,
            rounds=rounds,
            seed=seed,
            report=report,
            progress=progress,
        )

    def score(
        self, target: Any, picker: Any, *, first_z: float | None, found: Found | None, progress: Progress
    ) -> Any:
        """See `Engine`."""
        from napari_tomopick.protocols import boxing

        return boxing.score(target, picker, first_z=first_z, found=found, progress=progress)

    def load(self, path: Path) -> Any:
        """See `Engine`."""
        from napari_tomopick.picking.picker import Picker

        return Picker.load(path)

    def fits(self, prepared: Any, picker: Any) -> bool:
        """See `Engine`."""
        import numpy as np

        from napari_tomopick.picking.working_grid import WorkingGrid

        tomogram, weights = prepared.tomogram, prepared.encoder
        size = tomogram.voxel_size_angstrom
        return (
            abs(prepared.diameter - picker.diameter(size)) < 1e-3
            and prepared.dark == picker.dark
            and prepared.grid == WorkingGrid.for_diameter(tomogram.shape, picker.working_diameter(size))
            and weights.keys() == picker.encoder.keys()
            and all(np.array_equal(value, picker.encoder[name]) for name, value in weights.items())
        )


def _settings(sizes: Sizes) -> Any:
    from napari_tomopick.picking.settings import BoxingSettings

    return BoxingSettings(sizes.particle_size, sizes.network_box)


def advice(positive: int, negative: int) -> str:
    """What is still to be clicked; "" where there is enough of both kinds."""
    missing = still_missing(positive, negative)
    return f"At least {ADVISED} of each kind are advised: {missing}." if missing else ""
