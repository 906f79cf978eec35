"""Average subtomograms."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.averaging import PlainAverage, WedgeAverage
from napari_tomopick.geometry.cropping import Interpolation, sample, spline_coefficients
from napari_tomopick.geometry.missing_wedge import frequencies, measured
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.step import Step
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.pictures import save_central_sections
from napari_tomopick.protocols.staging import staged
from napari_tomopick.protocols.subtomograms import (
    BoxWriter,
    Subtomograms,
    read_subtomograms,
    write_description,
)
from napari_tomopick.protocols.threads import in_order
from napari_tomopick.protocols.tilt_ranges import check_tilt_ranges, with_tilt_range

__all__ = ["Average", "average"]


@dataclass(frozen=True)
class Average:
    """An average and what was written with it.

    Parameters
    ----------
    path : Path
        The map, MRC.
    picture : Path
        Its three central sections, PNG.
    aligned : Subtomograms, optional
        The boxes, turned into the reference frame.
    count : int
        How many particles went in.
    box_size : int
    voxel_size_angstrom : float
    missing_wedge : bool
        Whether the particles' missing wedges were taken into account.
    """

    path: Path
    picture: Path
    aligned: Subtomograms | None
    count: int
    box_size: int
    voxel_size_angstrom: float
    missing_wedge: bool

    def lines(self) -> list[str]:
        """Describe the average in sentences for the user."""
        how = "weighted by what their tilts measured" if self.missing_wedge else "plain mean"
        lines = [
            f"average of {self.count} subtomograms ({how}) in {self.path}, box of {self.box_size} voxels of "
            f"{self.voxel_size_angstrom:g} Å",
            f"picture of its central sections in {self.picture}",
        ]
        return lines + ([f"aligned subtomograms in {self.aligned.folder}"] if self.aligned else [])


def average(
    subtomograms: Path | Subtomograms,
    output: Path,
    *,
    interpolation: Literal["linear", "cubic"] = "cubic",
    missing_wedge: bool = False,
    tilt_range_degrees: tuple[float, float] | None = None,
    aligned_set: bool = True,
    threads: Annotated[int, Bounds(minimum=1, maximum=64, advanced=True)] = 2,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Average:
    """Turn each subtomogram into the reference frame by its stored orientation, and average them.

    The particle, with what is left of its position between voxels, comes to the centre voxel N // 2, its own
    axis along +z. Written are the average, a picture of its three central sections (``<name>.png``) and the
    set of aligned boxes (``<name>_aligned``).

    Parameters
    ----------
    subtomograms : Path or Subtomograms
        Folder made by extract.
    output : Path
        MRC file of the average.
    interpolation : "linear" or "cubic"
        How boxes are turned: cubic B-spline keeps fine detail that trilinear blurs, and takes longer.
    missing_wedge : bool
        Average each frequency over the particles whose tilt range has measured it. Otherwise the plain mean.
    tilt_range_degrees : tuple of 2 float, optional
        Lowest and highest tilt in degrees, for the missing wedge; default: what was known at extraction.
    aligned_set : bool
        Write the aligned boxes too.
    threads : int
        How many boxes are worked on at a time.
    overwrite : bool
        Replace files and an aligned set of an earlier run.
    progress : callable, optional
        Called with (boxes done, boxes in all, text).

    Returns
    -------
    Average

    Raises
    ------
    ParameterError
        If the missing wedge is to be considered but a tilt range is not known, or the output exists.
    FileFormatError
        If the folder or a box in it cannot be read.
    TomopickError
        If the output cannot be written.
    """
    output = Path(output)
    if output.suffix.lower() != ".mrc":
        raise ParameterError(f"{output}: an average is written as MRC; end the name in .mrc")
    boxes = subtomograms if isinstance(subtomograms, Subtomograms) else read_subtomograms(Path(subtomograms))
    if tilt_range_degrees is not None:
        if not missing_wedge:
            raise ParameterError(
                "a tilt range matters only where the missing wedge is considered: ask for that"
            )
        boxes = with_tilt_range(boxes, tilt_range_degrees)
    if missing_wedge:
        check_tilt_ranges(boxes, ", or average without the missing wedge")
    aligned = replace(
        boxes,
        folder=output.with_name(f"{output.stem}_aligned"),
        particles=replace(boxes.particles, rotations=orientations.identity(len(boxes))),
        box_centres=boxes.particles.positions,
        box_rotations=boxes.rotations_in_tomogram(),
        step=Step("average", {"interpolation": interpolation}, (str(boxes.folder),)),
        messages=(),
    )
    targets = output, output.with_suffix(".png"), aligned.folder
    with staged(*targets[: 3 if aligned_set else 2], overwrite=overwrite) as (new_map, new_picture, *rest):
        in_staging = replace(aligned, folder=rest[0]) if aligned_set else None
        volume = _average(boxes, in_staging, interpolation, missing_wedge, threads, progress)
        write_mrc(new_map, volume, boxes.voxel_size_angstrom)
        title = f"average of {len(boxes)} subtomograms"
        save_central_sections(new_picture, volume, boxes.voxel_size_angstrom, title)
    return Average(
        path=targets[0],
        picture=targets[1],
        aligned=aligned if aligned_set else None,
        count=len(boxes),
        box_size=boxes.box_size,
        voxel_size_angstrom=boxes.voxel_size_angstrom,
        missing_wedge=missing_wedge,
    )


def _average(
    boxes: Subtomograms,
    aligned: Subtomograms | None,
    interpolation: Interpolation,
    missing_wedge: bool,
    threads: int,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """The average; the aligned boxes are written on the way."""
    n = boxes.box_size
    shifts, turns = boxes.shifts(), boxes.particles.rotations.as_matrix()
    to_tomogram = boxes.rotations_in_tomogram().as_matrix()
    names = boxes.particles.tomograms.tolist()
    weighted, plain = WedgeAverage(n), PlainAverage(n)
    k = frequencies(n) if missing_wedge else None

    def align(row: int) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        box = _aligned(boxes.box(row), shifts[row], turns[row], interpolation)
        if k is None:
            return box, None
        acquisition = boxes.acquisitions[names[row]]
        tilts = acquisition.tilt_range_degrees
        assert tilts is not None  # checked before
        return box, measured(k, tilts, acquisition.tilt_axis, to_tomogram[row])

    with ExitStack() as stack:
        results = stack.enter_context(closing(in_order(align, range(len(boxes)), threads)))
        writer = None
        if aligned is not None:
            aligned.folder.mkdir()
            writer = stack.enter_context(BoxWriter(aligned))
        for row, (box, mask) in enumerate(results):
            if mask is None:
                plain.add(box)
            else:
                weighted.add(box, mask)
            if writer:
                writer.write(row, box)
            if progress:
                progress(row + 1, len(boxes), f"averaging {len(boxes)} subtomograms")
    if aligned is not None:
        write_description(aligned)
    return weighted.result() if missing_wedge else plain.result()


def _aligned(
    box: NDArray[np.float32],
    shift: NDArray[np.float64],
    turn: NDArray[np.float64],
    interpolation: Interpolation,
) -> NDArray[np.float32]:
    """The box in the reference frame, its particle on the centre voxel."""
    n = len(box)
    if np.allclose(turn, np.eye(3), atol=1e-9) and np.allclose(shift, 0, atol=1e-6):
        return box
    # corners that turn in from outside the box get its mean, which is what the average tends to there
    fill = float(box.mean(dtype=np.float64))
    source = spline_coefficients(box) if interpolation == "cubic" else box
    return sample(source, shift + n // 2, turn, n, interpolation, fill)
