"""Noisy subtomograms of known objects, cut by the missing wedge, for the tests of the initial model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import sample, spline_coefficients
from napari_tomopick.geometry.missing_wedge import frequencies
from napari_tomopick.geometry.rotation_sampling import rotations_about, rotations_by_step
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking.aligning import AlignedBoxes
from napari_tomopick.picking.aligning_poses import Poses, Wedge
from napari_tomopick.picking.matching import shifts_within
from napari_tomopick.samples.phantoms import Blobs, handed_object

SIZE = 24
TILTS = Acquisition(-60.0, 60.0)
WHOLE = Acquisition(-89.9, 89.9)


def handed() -> Blobs:
    """An object without symmetry that fits a box of `SIZE`."""
    return handed_object().scaled(0.8)


def mirrored(item: Blobs) -> Blobs:
    """Its other hand."""
    return Blobs(item.centres * [-1, 1, 1], item.sigmas, item.weights)


@dataclass(frozen=True, eq=False)
class Noisy:
    """Boxes, and the truth about them.

    Parameters
    ----------
    boxes : list of float32 arrays, shape (N, N, N)
    wedges : list of Wedge
    rotations : Rotation, n of them
        Reference frame to box frame.
    shifts : array, shape (n, 3)
    """

    boxes: list[NDArray[np.float32]]
    wedges: list[Wedge]
    rotations: Rotation
    shifts: NDArray[np.float64]


def noisy_boxes(
    objects: list[Blobs],
    *,
    noise: float = 0.5,
    seed: int = 0,
    size: int = SIZE,
    shift: float = 1.0,
    rotations: Rotation | None = None,
    frames: Rotation | None = None,
) -> Noisy:
    """One box of each object, in random poses unless some are given.

    Parameters
    ----------
    noise : float
        Standard deviation, that of the objects in their boxes being 1.
    shift : float
        Standard deviation of where objects lie, along each axis.
    frames : Rotation, optional
        Frames of the boxes to that of the tomogram.
    """
    rng = np.random.default_rng(seed)
    n = len(objects)
    turns = Rotation.random(n, rng=rng) if rotations is None else rotations
    frames = Rotation.identity(n) if frames is None else frames
    shifts = np.clip(shift * rng.normal(size=(n, 3)), -2, 2)
    wedges = [Wedge(TILTS, matrix) for matrix in frames.as_matrix()]
    k = frequencies(size)
    boxes = []
    for item, turn, by, wedge in zip(objects, turns, shifts, wedges, strict=True):
        box = np.zeros((size,) * 3, np.float32)
        item.posed(np.full(3, size // 2) + by, turn).add_to(box)
        box = (box - box.mean()) / box.std() + noise * rng.normal(size=box.shape)
        seen = np.fft.irfftn(np.fft.rfftn(box) * wedge.measured(k), s=box.shape, axes=(0, 1, 2))
        boxes.append(((seen - seen.mean()) / seen.std()).astype(np.float32))
    return Noisy(boxes, wedges, turns, shifts)


def best_correlation(
    model: NDArray[np.float32], truth: NDArray[np.float32], limit: float
) -> tuple[float, NDArray[np.float32]]:
    """Correlation of a model with the truth in whatever pose is best, and the model laid over it.

    Every orientation is tried, no reflection. Frequencies up to a limit in cycles per box are compared.
    """
    boxes = AlignedBoxes([model], [Wedge(WHOLE, np.eye(3))], np.zeros((1, 3)), limit)
    row = np.array([0])
    shifts = shifts_within(3).astype(np.float64)
    reference = boxes.frequencies.volume(boxes.whitened(truth))
    poses = boxes.align(row, boxes.bank(reference, rotations_by_step(15), limit), shifts)
    for radius, step, apart in ((12, 6, 0.5), (6, 3, 0.25), (3, 1.5, 0.12)):
        around = shifts_within(2) * apart
        poses = boxes.align_near(row, reference, limit, poses, rotations_about(radius, step), around, 9.0)
    laid = over(model, poses)
    kept = boxes.frequencies.up_to(limit)
    one, other = (boxes.frequencies.of_volume(each * boxes.window)[:kept] for each in (laid, truth))
    product = float((one * other.conj()).real.sum())
    return product / float(np.linalg.norm(one) * np.linalg.norm(other)), laid


def over(model: NDArray[np.float32], poses: Poses) -> NDArray[np.float32]:
    """The model in the frame of what it was aligned to."""
    n = len(model)
    centre = n // 2 + poses.shifts[0]
    return sample(spline_coefficients(model), centre, poses.rotations().as_matrix()[0], n, "cubic")
