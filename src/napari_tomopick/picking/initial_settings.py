"""What an initial model is made from and how; and what is told of it while it is made, and in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.picking.aligning_poses import Directions, Poses, Wedge
from napari_tomopick.picking.initial_search import ROUNDS

FEWEST_BOXES = 4
SMALLEST_BOX = 12
LOWEST_LIMIT, HIGHEST_LIMIT = 2.0, 24.0
"""Cycles per box between which the search can look at detail."""


@dataclass(frozen=True, eq=False)
class Settings:
    """How an initial model is made; the names are EMAN2's where it has them.

    Parameters
    ----------
    limit : float
        Highest frequency the search looks at, cycles per box: EMAN2's filter-to times the side of the box.
    batch_size, iterations, batches : int
    learning_rate : float
    symmetry : str
        See `geometry.symmetry.point_group`.
    apply_symmetry : bool
    classes : int
        How many models.
    starts : int
        How many random starts.
    seed : int
    threads : int
    """

    limit: float
    batch_size: int = 12
    iterations: int = 5
    batches: int = 10
    learning_rate: float = 0.1
    symmetry: str = "C1"
    apply_symmetry: bool = False
    classes: int = 1
    starts: int = 3
    seed: int = 0
    threads: int = 2

    @property
    def steps(self) -> int:
        """Steps of the search: batches, and rounds over all boxes."""
        return self.batches * (self.iterations + 1) + ROUNDS


@dataclass(frozen=True, eq=False)
class Material:
    """What an initial model is made from.

    Parameters
    ----------
    boxes : sequence of n arrays, shape (N, N, N), float32
        Particles bright, normalised. They may be made when they are asked for, by several threads at once.
    wedges : sequence of n Wedge
    offsets : array, shape (n, 3)
        Where each particle is said to be, from the centre voxel N // 2, x, y, z in voxels.
    directions : Directions, optional
        Of the particles in their boxes, to be kept.
    reference : float32 array, shape (N, N, N), optional
        Bright model to start from.
    mask : float32 array, shape (N, N, N), optional
        What models are multiplied by.
    """

    boxes: Sequence[NDArray[np.float32]]
    wedges: Sequence[Wedge]
    offsets: NDArray[np.float64]
    directions: Directions | None = None
    reference: NDArray[np.float32] | None = None
    mask: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class ModelState:
    """How far it has come: what a window shows while a model is made.

    Parameters
    ----------
    stage : str
        "search", or "refinement" of the best start.
    step, steps : int
        Steps done and to do in this stage: batches and rounds of each start, or rounds of the refinement.
    start : int
        Which start the models are of: the one that is ahead, 0-based.
    maps : tuple of float32 arrays, shape (M, M, M)
        The models, one per class, particles bright, as large as the boxes but in coarser voxels.
    coarser : float
        How many voxels of the boxes make one of the maps: N / M.
    curves : tuple of tuples of float
        Score of each step for every start; in the refinement, the refinement's own is the last.
    turns : array, shape (n, 4)
        Quaternions, reference frame to tomogram frame.
    scores : array, shape (n,)
        Constrained correlation of each box; NaN for those not aligned yet.
    classes : int array, shape (n,)
        -1 for those not aligned yet.
    correlations : tuple of arrays, shape (M // 2 + 1,)
        Fourier shell correlation of the halves, one per class; empty during the search.
    """

    stage: str
    step: int
    steps: int
    start: int
    maps: tuple[NDArray[np.float32], ...]
    coarser: float
    curves: tuple[tuple[float, ...], ...]
    turns: NDArray[np.float64]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    correlations: tuple[NDArray[np.float64], ...] = ()


@dataclass(frozen=True, eq=False)
class FoundModel:
    """Poses of all boxes, and how they were found.

    Parameters
    ----------
    poses : Poses
        With shifts in voxels of the boxes given.
    classes, half : int array, shape (n,)
        Class of each box, 0 being the largest, and the half, 0 or 1, that it belongs to.
    start : int
        The start that was kept.
    validated : tuple of float
        Cross-validated score of each start, see `Search.validated`; empty if there was one only.
    curves : tuple of tuples of float
        As in `ModelState`.
    agreement : float
        Share of the model's power that its average over the point group keeps.
    independent : bool
        Whether the halves were refined apart from each other: not so if it was cancelled before.
    cancelled : bool
    """

    poses: Poses
    classes: NDArray[np.int64]
    half: NDArray[np.int64]
    start: int
    validated: tuple[float, ...]
    curves: tuple[tuple[float, ...], ...]
    agreement: float
    independent: bool
    cancelled: bool


def highest_limit(box_size: int) -> float:
    """Highest frequency that boxes of this size can be searched for, cycles per box."""
    return min(HIGHEST_LIMIT, (box_size / 2 - 1) / 1.1)


def check(material: Material, settings: Settings) -> None:
    """Check that a model can be made.

    Raises
    ------
    ValueError
        If there are too few boxes, they are no cubes of one even size, or a setting means nothing.
    """
    count = len(material.boxes)
    if count < FEWEST_BOXES:
        raise ValueError(
            f"an initial model needs at least {FEWEST_BOXES} boxes, better 50; there are {count}"
        )
    shape = np.shape(material.boxes[0])
    if len(shape) != 3 or len(set(shape)) != 1 or shape[0] % 2:
        raise ValueError(
            f"boxes are cubes of an even number of voxels, these are {' x '.join(map(str, shape[::-1]))}"
        )
    size = shape[0]
    if size < SMALLEST_BOX:
        raise ValueError(
            f"a box of {size} voxels is too small to tell orientations; take at least {SMALLEST_BOX}"
        )
    highest = highest_limit(size)
    if not LOWEST_LIMIT <= settings.limit <= highest:
        raise ValueError(
            f"detail of {settings.limit:.3g} cycles per box cannot be looked at; "
            f"between {LOWEST_LIMIT:g} and {highest:.3g} can"
        )
    for name in ("batch_size", "iterations", "batches", "classes", "starts", "threads"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(settings, name)}")
    if not 0 < settings.learning_rate <= 1:
        raise ValueError(f"a learning rate is above 0 and at most 1, got {settings.learning_rate:g}")
    point_group(settings.symmetry)
