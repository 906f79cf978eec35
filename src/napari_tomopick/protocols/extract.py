"""Extract subtomograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry import filters, orientations
from napari_tomopick.geometry.coordinates import binning_ratio, inside_volume
from napari_tomopick.geometry.cropping import (
    box_corners,
    boxes_inside,
    boxes_touching,
    check_box_size,
    crop,
    crop_shifted,
    nearest_voxels,
)
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.protocols.boxes_from import on_the_grid_of, open_as_imported
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import BoxWriter, Subtomograms, write_description
from napari_tomopick.protocols.threads import in_order

__all__ = ["extract"]

BATCH_BYTES = 2**22
"""Boxes are cut in batches of about this size, so that handing them between threads costs little."""


def extract(
    particles: Particles,
    tomograms: Sequence[Tomogram],
    output: Path,
    *,
    box_size: Annotated[int, Bounds(minimum=2, maximum=1024)],
    downsample: Annotated[float, Bounds(minimum=1)] = 1.0,
    invert: bool = False,
    normalise: Literal["none", "box", "background"] = "none",
    sphere_radius: Annotated[float | None, Bounds(minimum=0)] = None,
    sub_voxel: bool = False,
    pad: bool = False,
    stack: bool = False,
    threads: Annotated[int, Bounds(minimum=1, maximum=64, advanced=True)] = 2,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Subtomograms:
    """Cut a box around each particle and write them with a RELION 5 star and a Dynamo table.

    Boxes are not turned: the orientations go with them. In order, each box is cut, padded, downsampled,
    normalised and inverted, and stored as float32. The folder holds one MRC per particle, named by its id,
    or one stack, with ``particles.star``, ``particles.tbl`` and ``extraction.json``; it appears when all of
    it is written.

    Parameters
    ----------
    particles : Particles
        With a known voxel size: positions are rescaled to the tomogram's. A ratio within 0.1 % of a whole
        number (or one over it) is taken to be that binning, since voxel sizes are rounded.
    tomograms : sequence of Tomogram
        Those to cut from, found by name. They may be other ones than those picked on (another binning, a
        denoised one) as long as they show the same volume. A single tomogram serves particles that all bear
        one name, whatever it is.
    output : Path
        Folder to write.
    box_size : int
        Even size of the box in voxels of the tomogram that is cut from.
    downsample : float
        Factor by which the boxes shrink after they are cut, finer detail being filtered out. It need not be
        whole, but must leave an even box.
    invert : bool
        Multiply by -1, so that dark particles become bright.
    normalise : "none", "box" or "background"
        Give zero mean and unit standard deviation to the whole box, or to what lies outside a sphere.
    sphere_radius : float, optional
        Radius of that sphere in voxels of the tomogram; half the box if not given.
    sub_voxel : bool
        Put the exact position in the box centre by interpolation (cubic spline). Otherwise the box of the
        nearest voxel is copied and what is left is noted as a shift, which averaging applies.
    pad : bool
        Fill boxes that leave the volume up with the mean of their inner part, instead of leaving them out.
        Both are listed.
    stack : bool
        Write one MRC volume stack and not one file per particle.
    threads : int
        How many boxes are worked on at a time.
    overwrite : bool
        Replace an earlier set of subtomograms in the output folder.
    progress : callable, optional
        Called with (boxes done, boxes in all, text).

    Returns
    -------
    Subtomograms

    Raises
    ------
    ParameterError
        If a parameter is out of range, voxel sizes are unknown or differ between tomograms, a particle's
        tomogram was not given, no box lies in its volume, or boxes of one grey value are to be normalised.
    FileFormatError
        If a tomogram cannot be read, has changed its shape, or holds values that are not finite in a box.
    TomopickError
        If the output cannot be written.
    """
    output = Path(output)
    cut = _Cut(box_size, downsample, invert, normalise, sphere_radius, sub_voxel)
    on_grid, which = on_the_grid_of(tomograms, particles)
    volumes = [open_as_imported(tomogram) for tomogram in tomograms]
    corners = box_corners(nearest_voxels(on_grid.positions), box_size)
    whole, touching, lost = (np.zeros(len(on_grid), bool) for _ in range(3))
    for k, volume in enumerate(volumes):
        rows = which == k
        whole[rows] = boxes_inside(corners[rows], box_size, volume.shape)
        touching[rows] = boxes_touching(corners[rows], box_size, volume.shape)
        lost[rows] = ~inside_volume(on_grid.positions[rows], volume.shape)
    kept = whole | touching if pad else whole
    skipped, padded = on_grid.ids[~kept].tolist(), on_grid.ids[kept & ~whole].tolist()
    messages = _messages(skipped, padded, lost, particles, tomograms)
    if not kept.any():
        raise ParameterError(" ".join(["no box to extract, so nothing was written.", *messages]))
    chosen, corners, which = replace(on_grid.select(kept), box_size=box_size), corners[kept], which[kept]
    parameters = asdict(cut) | {"pad": pad, "stack": stack}
    boxes = Subtomograms(
        folder=output,
        particles=chosen,
        box_centres=chosen.positions if sub_voxel else corners.astype(np.float64) + box_size // 2,
        box_rotations=orientations.identity(len(chosen)),
        box_size=cut.stored_size,
        voxel_size_angstrom=tomograms[0].voxel_size_angstrom * box_size / cut.stored_size,
        acquisitions={tomogram.name: tomogram.acquisition for tomogram in tomograms},
        step=Step("extract", parameters, tuple(str(tomogram.path) for tomogram in tomograms)),
        stack=stack,
        inverted=invert,
        skipped=tuple(skipped),
        padded=tuple(padded),
        messages=messages,
    )
    faults: dict[str, list[int]] = {}

    def work(rows: NDArray[np.int64]) -> list[NDArray[np.float32] | str]:
        data = volumes[which[rows[0]]]
        return [cut(data, corners[row], chosen.positions[row]) for row in rows]

    with staged(output, overwrite=overwrite) as (folder,):
        folder.mkdir()
        batches = _batches(which, corners, box_size)
        done = 0
        with (
            BoxWriter(replace(boxes, folder=folder)) as writer,
            closing(in_order(work, batches, threads)) as results,
        ):
            for rows, cut_boxes in zip(batches, results, strict=True):
                for row, box in zip(rows.tolist(), cut_boxes, strict=True):
                    if isinstance(box, str):
                        faults.setdefault(f"{tomograms[which[row]].path}: {box}", []).append(
                            int(chosen.ids[row])
                        )
                    else:
                        writer.write(row, box)
                done += len(rows)
                if progress:
                    progress(done, len(chosen), f"extracting {len(chosen)} subtomograms")
        if faults:
            raise FileFormatError(
                "; ".join(f"{what} of particles {_listed(ids)}" for what, ids in faults.items())
                + "; remove these particles or mend the tomogram; nothing was written"
            )
        write_description(replace(boxes, folder=folder), tomograms)
    return boxes


@dataclass(frozen=True)
class _Cut:
    """What happens to one box; its fields are checked when it is made."""

    box_size: int
    downsample: float
    invert: bool
    normalise: filters.Normalisation
    sphere_radius: float | None
    sub_voxel: bool

    def __post_init__(self) -> None:
        try:
            check_box_size(self.box_size)
            size = self.stored_size
        except ValueError as error:
            raise ParameterError(str(error)) from error
        if self.sphere_radius is not None and not 0 < self.sphere_radius < math.sqrt(3) / 2 * self.box_size:
            raise ParameterError(
                f"a sphere of radius {self.sphere_radius:g} voxels leaves nothing of a box of "
                f"{self.box_size} to normalise by; half the box, {self.box_size // 2}, is usual"
            )
        if self.normalise == "background" and not filters.outside_sphere(size, self.stored_radius).any():
            raise ParameterError(
                f"a box of {size} has no voxel outside a sphere of {self.stored_radius:g} voxels"
            )

    @property
    def stored_size(self) -> int:
        return filters.downsampled_size(self.box_size, self.downsample)

    @property
    def stored_radius(self) -> float:
        """Radius of the sphere in voxels of the stored box."""
        radius = self.box_size / 2 if self.sphere_radius is None else self.sphere_radius
        return radius * self.stored_size / self.box_size

    def __call__(
        self, volume: Any, corner: NDArray[np.int64], position: NDArray[np.float64]
    ) -> NDArray[np.float32] | str:
        """The finished box, or what is wrong with it."""
        box = (
            crop_shifted(volume, position, self.box_size)
            if self.sub_voxel
            else crop(volume, corner, self.box_size)
        )
        if not np.isfinite(box).all():
            near = " or beside" if self.sub_voxel else ""
            return f"NaN or infinite values in{near} the boxes"
        box = filters.downsample(box, self.stored_size)
        try:
            box = filters.normalise(box, self.normalise, self.stored_radius)
        except ValueError:
            return "only one grey value, which cannot be normalised, in the boxes"
        return np.negative(box, out=box) if self.invert else box


def _batches(which: NDArray[np.int64], corners: NDArray[np.int64], box_size: int) -> list[NDArray[np.int64]]:
    """Rows to cut together: of one tomogram, and along z, so that a file is read from front to back."""
    order = np.lexsort((corners[:, 0], corners[:, 1], corners[:, 2], which))
    most = max(1, BATCH_BYTES // (4 * box_size**3))
    of_one = np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
    return [rows[i : i + most] for rows in of_one for i in range(0, len(rows), most)]


def _messages(
    skipped: list[int],
    padded: list[int],
    lost: NDArray[np.bool_],
    particles: Particles,
    tomograms: Sequence[Tomogram],
) -> tuple[str, ...]:
    messages = []
    picked_at, here = float(particles.voxel_size_angstrom or 0), tomograms[0].voxel_size_angstrom
    ratio = binning_ratio(picked_at, here)
    if abs(ratio * here / picked_at - 1) > 1e-6:
        messages.append(f"Voxel sizes of {picked_at:g} and {here:g} Å were taken as a ratio of {ratio:g}.")
    if skipped:
        messages.append(f"{len(skipped)} skipped, their boxes leave the volume: {_listed(skipped)}.")
    if padded:
        messages.append(f"{len(padded)} padded, their boxes leave the volume: {_listed(padded)}.")
    if lost.mean() > 0.5:
        messages.append(
            f"{lost.sum()} of {len(lost)} positions lie outside the tomogram: are the voxel sizes right? "
            f"{picked_at:g} Å where they were picked, "
            f"{here:g} Å here."
        )
    return tuple(messages)


def _listed(ids: Sequence[int], most: int = 20) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(map(str, ids[:most])) + more
