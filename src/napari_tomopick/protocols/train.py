"""Training of the reference network from a handful of references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from napari_tomopick.picking.picker import Picker
from napari_tomopick.picking.references import References, advice
from napari_tomopick.picking.settings import BoxingSettings
from napari_tomopick.protocols import boxing
from napari_tomopick.protocols.boxing import TrainingState
from napari_tomopick.protocols.describe import Bounds, Progress


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, and what a user should know of it.

    Parameters
    ----------
    picker : Picker
    messages : tuple of str
    """

    picker: Picker
    messages: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Describe it in sentences."""
        return [*self.picker.lines(), *self.messages]


def train(
    references: Sequence[References],
    start: Picker | None = None,
    report: Callable[[TrainingState], None] | None = None,
    *,
    particle_size: Annotated[float | None, Bounds(2, 2000)] = None,
    network_box: Annotated[float | None, Bounds(4, 4000)] = None,
    rounds: Annotated[int, Bounds(1, 100)] = boxing.ROUNDS,
    name: str = "particles",
    seed: Annotated[int, Bounds(0, None)] = 0,
    progress: Progress | None = None,
) -> TrainedNetwork:
    """Train a network to find one kind of particle from places that are and places that are not.

    Parameters
    ----------
    references : sequence of References
        Of one or more tomograms; at least one positive and one negative, better five of each.
    start : Picker, optional
        A trained network to go on from.
    report : callable, optional
        Called after each round with a `TrainingState`.
    particle_size : float, optional
        Diameter of a particle in voxels. Default: estimated from the positive references.
    network_box : float, optional
        Side of the network's field of view in voxels. Default: 2.2 particles.
    rounds : int
        Rounds of training.
    name : str
        What the particles are called.
    seed : int
        The same references and seed give the same network.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    ModelError
        If a class of references is missing, or one lies outside its tomogram.
    ParameterError
        If a size makes no sense.
    FileFormatError
        If a tomogram cannot be read.
    MissingExtraError
        If PyTorch is not installed.
    """
    picker = boxing.train(
        references,
        BoxingSettings(particle_size, network_box),
        start=start,
        rounds=rounds,
        seed=seed,
        name=name,
        report=report,
        progress=progress,
    )
    messages = []
    if particle_size is None:
        messages.append("the size of the particles was estimated; give it if it is wrong")
    counts = picker.taught.positive, picker.taught.negative
    if advice(*counts):
        messages.append(f"note: {advice(*counts)}")
    for each in references:
        if each.tomogram.acquisition.tilt_range_degrees is None:
            messages.append(
                f"note: the tilt range of {each.tomogram.name} is not known; -60 to 60 degrees were assumed"
            )
    return TrainedNetwork(picker, tuple(messages))
