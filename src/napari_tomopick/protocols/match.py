"""Template matching: find a template in a tomogram, with position, orientation and score."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.geometry.contrast_transfer import contrast_transfer
from napari_tomopick.geometry.coordinates import rescale_positions
from napari_tomopick.geometry.cropping import nearest_voxels
from napari_tomopick.geometry.missing_wedge import check_tilt_range
from napari_tomopick.geometry.rotation_sampling import rotation_count
from napari_tomopick.geometry.symmetry import point_group, symmetry_name
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.picking.chance import Chance
from napari_tomopick.picking.imaging import Imaging, Radial, whitening_of
from napari_tomopick.picking.matching_ground import Ground
from napari_tomopick.picking.template import Template
from napari_tomopick.picking.template_matching import CLOSER_STEP, Allowed, Found, brighter, find
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.voxels import voxels_of

__all__ = ["Matched", "load_template", "match"]

APART = 0.5
"""Smallest distance of two particles unless another is given, in diameters of the template's mask."""
_SAME_SIZE = 0.01
_STEPS = 1000
_VOLUME_LEVEL = 3.0  # robust deviations above the map's median that bound the region of a peak


@dataclass(frozen=True, eq=False)
class Matched:
    """What was found in one tomogram.

    Parameters
    ----------
    tomogram : Tomogram
    template : Template
    found : Found
        Everything that was looked at to the end, below the threshold too, in voxels of the tomogram.
    threshold : float
        The score from which it counts.
    number : int
        How many particles there are at most.
    box_size, group : int
        Of the particles.
    messages : tuple of str
    first_section : int
        Section of the tomogram at which the maps begin: only some may have been searched.
    """

    tomogram: Tomogram
    template: Template
    found: Found = field(repr=False)
    threshold: float
    number: int
    box_size: int
    group: int
    messages: tuple[str, ...] = ()
    first_section: int = 0

    @cached_property
    def chance(self) -> Chance:
        """What scores are reached by chance."""
        return Chance.of(self.found.controls, self.found.looked_at)

    @cached_property
    def particles(self) -> Particles:
        """The particles from the threshold up, best first."""
        return self.particles_from(self.threshold)

    def particles_from(self, threshold: float) -> Particles:
        """The particles from another threshold up, best first."""
        found = self.found
        rows = np.flatnonzero(found.scores >= threshold)[: self.number]
        return Particles(
            found.positions[rows],
            found.rotations[rows],
            scores=found.scores[rows],
            groups=np.full(len(rows), self.group),
            tomograms=np.full(len(rows), self.tomogram.name),
            voxel_size_angstrom=self.tomogram.voxel_size_angstrom,
            box_size=self.box_size,
        ).with_columns(deviationsAboveChance=self.chance.deviations(found.scores[rows]))

    def false_positives(self, threshold: float) -> float:
        """How many places reach a threshold by chance, as the controls have it."""
        return self.chance.expected(threshold)

    def lines(self) -> list[str]:
        """How many were found, and what a user should know."""
        n = len(self.particles)
        by_chance = self.false_positives(self.threshold)
        return [
            f"{n} particle{'s' if n != 1 else ''} with a score of {self.threshold:.3f} or more; by chance "
            f"{by_chance:.2g} of them would be expected",
            *self.messages,
        ]


def load_template(
    path: Path,
    *,
    mask: Path | None = None,
    symmetry: str = "C1",
    voxel_size_angstrom: float | None = None,
) -> Template:
    """Read a template, and its mask if there is one.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    ParameterError
        If the template makes no sense as one, has no voxel size, or mask and template do not fit together.
    """
    volume = open_volume(
        path, voxel_size_angstrom=voxel_size_angstrom, override_header=voxel_size_angstrom is not None
    )
    if volume.voxel_size_angstrom is None:
        raise ParameterError(f"{path}: the template has no voxel size in its header; write one there")
    shown = None if mask is None else np.asarray(open_volume(mask).data[:], np.float32)
    try:
        return Template.of(
            np.asarray(volume.data[:], np.float32), volume.voxel_size_angstrom, mask=shown, symmetry=symmetry
        )
    except ValueError as error:
        where = path if mask is None else f"{path} with the mask {mask}"
        raise ParameterError(f"{where}: {error}") from error


def match(
    tomogram: Tomogram,
    template: Template,
    *,
    number: Annotated[int, Bounds(1, 100_000)] = 500,
    threshold: Annotated[float | None, Bounds(-1.0, 1.0)] = None,
    box_size: Annotated[int | None, Bounds(2, 4096)] = None,
    group: Annotated[int, Bounds(0, None)] = 1,
    exact: bool = False,
    angle_step_degrees: Annotated[float, Bounds(4.0, 90.0, advanced=True)] = CLOSER_STEP,
    vthr: Annotated[float | None, Bounds(0.0, 100.0, advanced=True)] = None,
    dthr: Annotated[float | None, Bounds(0.0, 10_000.0, advanced=True)] = None,
    minvol: Annotated[float | None, Bounds(0.0, None, advanced=True)] = None,
    maxvol: Annotated[float | None, Bounds(0.0, None, advanced=True)] = None,
    rmedge: Annotated[bool, Bounds(advanced=True)] = False,
    rmgold: Annotated[bool, Bounds(advanced=True)] = True,
    tomogram_mask: Annotated[Path | None, Bounds(advanced=True)] = None,
    contrast: Annotated[Literal["auto", "dark", "bright"], Bounds(advanced=True)] = "auto",
    whiten: Annotated[bool, Bounds(advanced=True)] = True,
    contrast_transfer_from: Annotated[
        Literal["particles", "defocus", "none"], Bounds(advanced=True)
    ] = "particles",
    defocus_angstrom: Annotated[float | None, Bounds(0.0, 200_000.0, advanced=True)] = None,
    background_correction: Annotated[bool, Bounds(advanced=True)] = False,
    sections: Annotated[tuple[int, int] | None, Bounds(advanced=True)] = None,
    seed: Annotated[int, Bounds(0, None, advanced=True)] = 0,
    threads: Annotated[int, Bounds(1, 64, advanced=True)] = 2,
    progress: Progress | None = None,
) -> Matched:
    """Find a template in a tomogram.

    Parameters
    ----------
    tomogram : Tomogram
        Its tilt range must be known.
    template : Template
        Of any voxel size: it is brought to that of the tomogram.
    number : int
        Number of particles at most (EMAN2: nptcl).
    threshold : float, optional
        Lowest score of a particle, a correlation from -1 to 1. Default: told from the scores themselves.
    box_size : int, optional
        Box size of the particles in voxels. Default: that of the template.
    group : int
        Group id of the particles.
    exact : bool
        Compare every orientation at every voxel at full sampling, which takes many times as long and more
        memory, instead of searching coarsely first. What is found is refined all the same.
    angle_step_degrees : float
        Angular step between orientations that are compared (EMAN2: delta), before the best one is refined.
    vthr : float, optional
        Threshold in standard deviations above what is reached by chance, in place of a threshold.
    dthr : float, optional
        Smallest distance of two particles in voxels. Default: half the diameter of the template's mask.
    minvol : float, optional
        Leave out peaks whose region in the score map has fewer voxels of the tomogram than this.
    maxvol : float, optional
        Leave out peaks whose region in the score map has more voxels of the tomogram than this.
    rmedge : bool
        Leave out particles that the faces along x and y cut.
    rmgold : bool
        Set gold beads, and what lies about them, aside.
    tomogram_mask : Path, optional
        Volume of the tomogram's shape, or a binning of it: particles are only where it is above 0.5.
    contrast : "auto", "dark" or "bright"
        Whether particles are dark in the tomogram. Auto: as the project has it; told from the data otherwise.
    whiten : bool
        Weight all spatial frequencies alike in the tomogram's noise.
    contrast_transfer_from : "particles", "defocus" or "none"
        What became of each spatial frequency of the template: measured from the best matches, which needs
        nothing to be known; computed from the defocus; or nothing.
    defocus_angstrom : float, optional
        Underfocus of the tomogram in Å, taken to be phase-flipped: where to begin.
    background_correction : bool
        Take away what a template of the same spectrum with random phases scores at the same place. It takes
        twice as long.
    sections : tuple of 2 int, optional
        First and last section along z that are searched, from 0; for a quick look.
    seed : int
        Of the places that are drawn as controls, and of random phases.
    threads : int
        How many processor cores to use.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Matched

    Raises
    ------
    ParameterError
        If a parameter makes no sense, the tilt range is not known, or the template does not fit in.
    FileFormatError
        If the tomogram or its mask cannot be read.
    """
    tilts = tomogram.acquisition.tilt_range_degrees
    if tilts is None:
        raise ParameterError(
            f"{tomogram.name}: the tilt range is not known, and the missing wedge follows from it; give it "
            "(--tilt-range, or in the tomogram's properties)"
        )
    try:
        check_tilt_range(tilts)
        rotation_count(angle_step_degrees)
    except ValueError as error:
        raise ParameterError(f"{tomogram.name}: {error}") from error
    if threshold is not None and vthr is not None:
        raise ParameterError("threshold and vthr are two ways to say the same: give one of them")
    if number < 1:
        raise ParameterError(f"the number of particles must be 1 or more, got {number}")
    if contrast_transfer_from == "defocus" and defocus_angstrom is None:
        raise ParameterError("contrast transfer from the defocus: give the defocus in Å")
    size = tomogram.voxel_size_angstrom
    diameter = template.diameter_angstrom / size
    if diameter >= min(tomogram.shape):
        raise ParameterError(
            f"{tomogram.path.name}: the template is {diameter:.0f} voxels across and the tomogram has "
            f"{min(tomogram.shape)} along its shortest axis; check both voxel sizes ({size:g} Å here, "
            f"{template.voxel_size_angstrom:g} Å of the template)"
        )
    first, last = _read_sections(tomogram, sections, diameter)
    data = voxels_of(tomogram)[first:last]
    messages = list(template.messages)
    if abs(template.voxel_size_angstrom / size - 1) > _SAME_SIZE:
        messages.append(
            f"the template has {template.voxel_size_angstrom:g} Å per voxel and the tomogram {size:g} Å: "
            "it was resampled"
        )

    def report(share: float, text: str) -> None:
        if progress is not None:
            progress(min(_STEPS, round(_STEPS * share)), _STEPS, text)

    try:
        dark = {"dark": True, "bright": False, "auto": tomogram.particles_are_dark}[contrast]
        ground = Ground(data, size, dark=True if dark is None else dark, remove_gold=rmgold)
        transfer = _transfer(tomogram, defocus_angstrom)
        axis = tomogram.acquisition.tilt_axis
        whitening: Radial = np.ones_like
        if whiten:
            whitening = whitening_of(data, size, tilts, axis, seed)
        imaging = Imaging(tilts, axis, whitening, transfer)
        if dark is None:
            dark = not brighter(ground, template, imaging, threads)
            messages.append(f"particles are {'dark' if dark else 'bright'}: so the template matches best")
            if not dark:
                ground = Ground(data, size, dark=False, remove_gold=rmgold)
        apart = APART * diameter if dthr is None else dthr
        found = find(
            ground,
            template,
            imaging,
            number=number,
            minimum_distance=apart,
            angle_step_degrees=angle_step_degrees,
            measure_transfer=contrast_transfer_from == "particles",
            background=template.phase_randomised(seed) if background_correction else None,
            exact=exact,
            allowed=_allowed(tomogram, tomogram_mask, rmedge, diameter, first, sections),
            seed=seed,
            threads=threads,
            report=report,
        )
    except ValueError as error:
        raise FileFormatError(f"{tomogram.path.name}: {error}") from error
    found = _in_bounds(found, minvol, maxvol, size)
    found = replace(found, positions=found.positions + np.array([0.0, 0.0, float(first)]))
    if contrast_transfer_from == "particles" and not found.measured_transfer:
        messages.append("too few particles stood out to measure the contrast transfer from them")
    chance = Chance.of(found.controls, found.looked_at)
    if threshold is None:
        threshold = chance.threshold(found.scores) if vthr is None else chance.at(vthr)
    report(1.0, "")
    own = 2 * round(len(template.density) * template.voxel_size_angstrom / size / 2)
    return Matched(
        tomogram,
        template,
        found,
        float(threshold),
        number,
        own if box_size is None else box_size,
        group,
        tuple(messages),
        first,
    )


def describe_search(template: Template, angle_step_degrees: float) -> str:
    """What a search will compare, in words, before it is begun."""
    order = len(point_group(template.symmetry))
    count = max(1, round(rotation_count(angle_step_degrees) / order))
    symmetry = "" if order == 1 else f" that differ under {symmetry_name(template.symmetry)}"
    return f"{count} orientations{symmetry}, {angle_step_degrees:g}° apart"


def _read_sections(tomogram: Tomogram, sections: tuple[int, int] | None, diameter: float) -> tuple[int, int]:
    """First section that is read and the one after the last: a particle's width around those searched."""
    count = tomogram.shape[0]
    if sections is None:
        return 0, count
    low, high = sections
    if not 0 <= low <= high < count:
        raise ParameterError(f"sections go from 0 to {count - 1} here, the lower first; got {low} to {high}")
    around = int(np.ceil(diameter))
    return max(0, low - around), min(count, high + around + 1)


def _transfer(tomogram: Tomogram, defocus_angstrom: float | None) -> Radial:
    if defocus_angstrom is None:
        return np.ones_like
    acquisition = tomogram.acquisition

    def transfer(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        return contrast_transfer(
            frequency,
            defocus_angstrom,
            voltage_kv=acquisition.voltage_kv,
            spherical_aberration_mm=acquisition.spherical_aberration_mm,
            amplitude_contrast=acquisition.amplitude_contrast,
        )

    return transfer


def _allowed(
    tomogram: Tomogram,
    mask: Path | None,
    rmedge: bool,
    diameter: float,
    first: int,
    sections: tuple[int, int] | None,
) -> Allowed | None:
    """Where particles may lie; positions are those of the part that is searched."""
    if mask is None and not rmedge and sections is None:
        return None
    inside, factor = None, 1.0
    if mask is not None:
        inside = open_volume(mask).data
        factors = np.array(tomogram.shape) / np.array(inside.shape)
        if np.abs(factors / factors.mean() - 1).max() > 0.02:
            raise ParameterError(
                f"{mask}: the mask has the shape {tuple(inside.shape)} and the tomogram {tomogram.shape} "
                "(z, y, x); it must have that shape or be a binning of it"
            )
        factor = float(factors.mean())
        inside = np.asarray(inside[:], np.float32) > 0.5
    size = np.array(tomogram.shape[::-1], float)

    def allowed(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
        places = positions + np.array([0.0, 0.0, float(first)])
        kept = np.ones(len(places), bool)
        if sections is not None:
            kept &= (places[:, 2] >= sections[0] - 0.5) & (places[:, 2] <= sections[1] + 0.5)
        if rmedge:
            across = places[:, :2]
            kept &= ((across >= diameter / 2) & (across <= size[:2] - 1 - diameter / 2)).all(axis=1)
        if inside is not None:
            voxel = nearest_voxels(rescale_positions(places, 1 / factor))[:, ::-1]
            voxel = np.clip(voxel, 0, np.array(inside.shape) - 1)
            kept &= inside[tuple(voxel.T)]
        return kept

    return allowed


def _in_bounds(found: Found, minvol: float | None, maxvol: float | None, size: float) -> Found:
    """Leave out what has a region too small or too large in the score map."""
    if minvol is None and maxvol is None:
        return found
    values = found.score_map
    middle = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(values - middle)))
    labels, _ = ndimage.label(values > middle + _VOLUME_LEVEL * deviation)
    volumes = np.bincount(labels.ravel()) * float(np.prod(found.grid.factors))
    volumes[0] = 0.0
    index = np.clip(
        np.rint(found.grid.to_grid(found.positions)).astype(np.int64)[:, ::-1], 0, np.array(values.shape) - 1
    )
    # the peak of the search may lie a voxel off the refined place
    around = ndimage.maximum_filter(labels, size=3)
    volume = volumes[around[tuple(index.T)]]
    kept = np.ones(len(volume), bool)
    if minvol is not None:
        kept &= volume >= minvol
    if maxvol is not None:
        kept &= volume <= maxvol
    return found.some(np.flatnonzero(kept))
