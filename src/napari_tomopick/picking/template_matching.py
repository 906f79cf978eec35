"""Template matching: from a tomogram and a template to poses with scores.

Three looks, each closer and at fewer places. Everywhere, where a particle is some ten voxels across: no
particle must be missed, and most of what is found is none. Then, at the best of these, on a finer grid in
more orientations. Then at full sampling, climbing to the best pose: its score is the one that counts, since
at coarse sampling any blob of the right size matches (Maurer et al. 2024).

How the microscope and the reconstruction changed each spatial frequency is measured from the best matches
themselves: the tomogram at these poses against the template, shell by shell. Matched again with that, what is
alike only in size falls behind.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from napari_tomopick.geometry.coordinates import inside_volume
from napari_tomopick.geometry.rotation_sampling import rotations_by_step
from napari_tomopick.picking.candidate_poses import BACKGROUND, CONTROL, Posed, above_usual
from napari_tomopick.picking.imaging import Imaging
from napari_tomopick.picking.matching_ground import Ground, LocalBoxes
from napari_tomopick.picking.measured_transfer import interpolated, measured_transfer
from napari_tomopick.picking.score_map import apart
from napari_tomopick.picking.template import Template
from napari_tomopick.picking.template_places import (
    MatchedVolume,
    Neighbourhood,
    Poses,
    look_closer,
    most_alike,
    refined,
)
from napari_tomopick.picking.template_search import bank_of, search
from napari_tomopick.picking.turned_template import TurnedTemplate
from napari_tomopick.picking.working_grid import WorkingGrid

Report = Callable[[float, str], None]
"""Called with the share that is done, 0 to 1, and what is being done; it may raise to stop."""
Allowed = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
"""Which positions, ``(n, 3)`` x, y, z, may be particles."""

_SEARCH_ACROSS, _SEARCH_STEP = 10.0, 20.0  # voxels across a particle, degrees
_CLOSER_ACROSS, CLOSER_STEP = 14.0, 15.0
_FINAL_ACROSS = 36.0
_RESIDUAL, _COMPONENTS = 0.2, 100
_GLANCE_STEP, _GLANCE_COMPONENTS = 24.0, 60  # of the search that tells contrast and transfer
_CLOSER_RESIDUAL, _CLOSER_COMPONENTS = 0.15, 300
_WITHIN = 1.4  # voxels of the search grid that a peak may lie off the centre
# places looked at closely however few particles there seem to be: a part of all peaks, within bounds
_ENOUGH, _FEWEST, _PART = 300, 100, 0.05
_CLOSE, _NEARLY = 0.35, 0.7  # smallest distance of places, in those of particles, after each look
_STARTS = 2  # poses of a place, the best of which at full sampling is climbed from
_CONTROLS = 32
_STANDS_OUT = 4.5  # standard deviations above what is usual, of scores of the search
_PUPILS = 60  # places of which the best measure the transfer
_SLAB = 24  # places between two reports
_GLANCE = 80  # side in voxels of the part that contrast is told from


@dataclass(frozen=True, eq=False)
class Found:
    """Places that agree with a template, best first.

    Parameters
    ----------
    positions : array, shape (n, 3)
        x, y, z in voxels of the tomogram.
    rotations : Rotation, n of them
    scores : array, shape (n,)
        Locally normalised correlation at full sampling.
    controls : array
        Scores of places drawn at random among those that hardly stand out: what is reached by chance.
    looked_at : int
        Number of places that were looked at closely.
    grid : WorkingGrid
        Of the two maps.
    score_map : float32 array ``[z, y, x]``
        Of the search.
    orientation_map : int32 array ``[z, y, x]``
        Numbers of `map_rotations`.
    map_rotations : Rotation
    transfer : tuple of array (frequencies in 1/Å, values)
        What became of each spatial frequency; measured, or as assumed.
    measured_transfer : bool
        Whether it was measured.
    """

    positions: NDArray[np.float64]
    rotations: Rotation
    scores: NDArray[np.float64]
    controls: NDArray[np.float64]
    looked_at: int
    grid: WorkingGrid
    score_map: NDArray[np.float32] = field(repr=False)
    orientation_map: NDArray[np.int32] = field(repr=False)
    map_rotations: Rotation = field(repr=False)
    transfer: tuple[NDArray[np.float64], NDArray[np.float64]]
    measured_transfer: bool

    def some(self, rows: NDArray[np.int64]) -> Found:
        """Some of the places."""
        return replace(
            self,
            positions=self.positions[rows],
            rotations=Rotation.from_quat(self.rotations.as_quat().reshape(-1, 4)[rows]),
            scores=self.scores[rows],
        )


def find(
    ground: Ground,
    template: Template,
    imaging: Imaging,
    *,
    number: int,
    minimum_distance: float,
    angle_step_degrees: float = CLOSER_STEP,
    measure_transfer: bool = True,
    background: Template | None = None,
    exact: bool = False,
    allowed: Allowed | None = None,
    seed: int = 0,
    threads: int = 2,
    report: Report | None = None,
) -> Found:
    """Find a template in a tomogram.

    Parameters
    ----------
    ground : Ground
    template : Template
    imaging : Imaging
    number : int
        Of particles that are wanted at most; some more are looked at.
    minimum_distance : float
        Of two of them, in voxels.
    angle_step_degrees : float
        Of the second look; the first is no finer than 20 degrees, the last climbs to the best pose.
    measure_transfer : bool
    background : Template, optional
        Its scores are taken away, less what is usual of them.
    exact : bool
        Search everywhere at full sampling and at the given step, in place of the first two looks.
    allowed : callable, optional
    seed : int
        Of the controls.
    threads : int
    report : callable, optional
    """
    work = _Work(ground, template, imaging, threads, report)
    step = max(angle_step_degrees, _SEARCH_STEP)
    transfer_known = False
    if measure_transfer:
        everywhere = work.everywhere(max(step, _GLANCE_STEP), (0.0, 0.2), _GLANCE_COMPONENTS)
        at = work.peaks(everywhere, minimum_distance, _PUPILS, allowed)[0][:_PUPILS]
        pupils = everywhere.poses(at, np.zeros(len(at), np.int8))
        pupils = work.final(pupils, (0.2, 0.35), "measuring the contrast transfer", 3)
        measured = measured_transfer(pupils.best_first(minimum_distance), *work.close(), imaging)
        if measured is not None:
            work.imaging = replace(imaging, transfer=interpolated(measured))
            transfer_known = True
    if exact:
        everywhere = work.everywhere_exactly(angle_step_degrees)
    else:
        everywhere = work.everywhere(step, (0.35, 0.6))
    at, lower = work.peaks(everywhere, minimum_distance, number + _ENOUGH, allowed)
    kinds = np.zeros(len(at), np.int8)
    kinds[lower] = BACKGROUND
    kinds[np.random.default_rng(seed).permutation(lower)[:_CONTROLS]] = CONTROL
    if exact:
        poses = everywhere.poses(at, kinds)
    else:
        poses = work.closer(at, kinds, everywhere.grid, angle_step_degrees)
    poses = poses.best_first(_NEARLY * minimum_distance).promising()
    poses = work.final(poses, (0.75, 1.0), "refining", 4)
    if background is not None:
        poses = work.less(background, poses, everywhere.grid, angle_step_degrees)
    controls = poses.scores[poses.control]
    # a control may be a particle after all
    poses = replace(poses, kinds=np.zeros(len(poses.scores), np.int8)).best_first(minimum_distance)
    poses = poses[inside_volume(poses.at.reshape(-1, 3), ground.shape)]
    frequency = np.linspace(0, 0.5 / ground.voxel_size_angstrom, 65)
    return Found(
        poses.at,
        Rotation.from_quat(poses.turns.reshape(-1, 4)),
        poses.scores,
        controls,
        len(at),
        everywhere.grid,
        everywhere.scores,
        everywhere.orientations,
        everywhere.rotations,
        (frequency, work.imaging.transfer(frequency)),
        transfer_known,
    )


def brighter(ground: Ground, template: Template, imaging: Imaging, threads: int = 2) -> bool:
    """Whether a template matches better where the volume is as it is than where it is turned dark to bright.

    Parameters
    ----------
    ground : Ground
        Made for dark particles.
    template : Template
    imaging : Imaging
    threads : int
    """
    work = _Work(ground, template, imaging, threads, None)
    grid, volume, _ = ground.whitened(work._factor(_SEARCH_ACROSS), imaging)
    middle = [slice(max(0, n // 2 - _GLANCE // 2), n // 2 + _GLANCE // 2) for n in volume.shape]
    part = np.ascontiguousarray(volume[tuple(middle)])
    turned = TurnedTemplate(template, imaging, ground.spacing(grid))
    rotations = rotations_by_step(_GLANCE_STEP, template.symmetry)
    bank = bank_of(turned, rotations, _RESIDUAL, _GLANCE_COMPONENTS)
    best = [np.sort(search(sign * part, turned, bank, threads=threads).scores, axis=None) for sign in (1, -1)]
    count = max(10, part.size // 10_000)
    return bool(best[1][-count:].mean() > best[0][-count:].mean())


@dataclass(frozen=True, eq=False)
class _Everywhere:
    grid: WorkingGrid
    rotations: Rotation
    scores: NDArray[np.float32]
    orientations: NDArray[np.int32]
    gold: NDArray[np.bool_]

    def poses(self, at: NDArray[np.float64], kinds: NDArray[np.int8]) -> Posed:
        """The poses that were best at some of the places."""
        voxel = np.rint(self.grid.to_grid(at)).astype(np.int64).reshape(-1, 3)
        index = tuple(np.clip(voxel[:, ::-1], 0, np.array(self.scores.shape) - 1).T)
        turns = self.rotations.as_quat().reshape(-1, 4)[self.orientations[index]]
        return Posed(at[:, None], turns[:, None], self.scores[index].astype(np.float64), kinds)


class _Work:
    """One run: what its parts share."""

    def __init__(
        self, ground: Ground, template: Template, imaging: Imaging, threads: int, report: Report | None
    ) -> None:
        self.ground, self.template, self.imaging = ground, template, imaging
        self._threads = threads
        self._report = report
        self._across = template.diameter_angstrom / ground.voxel_size_angstrom

    def tell(self, share: float, text: str) -> None:
        if self._report is not None:
            self._report(share, text)

    def _factor(self, across: float) -> float:
        return max(1.0, self._across / across)

    def everywhere(
        self, step: float, shares: tuple[float, float], components: int = _COMPONENTS
    ) -> _Everywhere:
        """Score every voxel of the search grid."""
        low, high = shares
        self.tell(low, "reading")
        grid, volume, gold = self.ground.whitened(
            self._factor(_SEARCH_ACROSS),
            self.imaging,
            lambda done, total: self.tell(low + 0.2 * (high - low) * done / total, "reading"),
        )
        self.tell(low + 0.2 * (high - low), "searching")
        turned = TurnedTemplate(self.template, self.imaging, self.ground.spacing(grid))
        rotations = rotations_by_step(step, self.template.symmetry)
        bank = bank_of(turned, rotations, _RESIDUAL, components)
        found = search(
            volume,
            turned,
            bank,
            threads=self._threads,
            report=lambda done, total: self.tell(
                low + (high - low) * (0.3 + 0.7 * done / total), "searching"
            ),
        )
        return _Everywhere(grid, rotations, found.scores, found.orientations, gold)

    def everywhere_exactly(self, step: float) -> _Everywhere:
        """Score every voxel of the tomogram's own grid in every orientation."""
        from napari_tomopick.picking.exhaustive import exhaustive_search

        self.tell(0.0, "reading")
        grid, volume, gold = self.ground.whitened(1.0, self.imaging)
        turned = TurnedTemplate(self.template, self.imaging, self.ground.spacing(grid))
        rotations = rotations_by_step(step, self.template.symmetry)
        density = turned.boxes(Rotation.identity(1))[0]
        mask = turned.mask
        if not self.template.spherical:
            mask = np.zeros_like(mask)
            mask.reshape(-1)[turned.inside] = turned.masks(Rotation.identity(1))[0]
        found = exhaustive_search(
            volume,
            density,
            mask,
            rotations,
            weight=self.imaging.wedge(turned.box_size),
            spherical=self.template.spherical,
            threads=self._threads,
            report=lambda done, total, _: self.tell(
                0.6 * done / total, f"comparing {len(rotations)} orientations"
            ),
        )
        return _Everywhere(grid, rotations, found.scores, found.orientations.astype(np.int32), gold)

    def less(self, background: Template, poses: Posed, grid: WorkingGrid, step: float) -> Posed:
        """Take away what another template scores at the same places, less what is usual of it."""
        # told so that it can be stopped
        other = _Work(
            self.ground,
            background,
            self.imaging,
            self._threads,
            lambda _share, _text: self.tell(1.0, "comparing with random phases"),
        )
        theirs = other.final(other.closer(poses.at, poses.kinds, grid, step), (0, 1), "", 3).scores
        return replace(poses, scores=poses.scores - (theirs - float(np.median(theirs))))

    def peaks(
        self, found: _Everywhere, minimum_distance: float, at_most: int, allowed: Allowed | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Places to look at closely, the best first, and the ranks of those that are background.

        Four times as many as stand out: those in the second half hardly do. They are the background, of which
        some are looked at as well where the best alone are ``at_most``.
        """
        scores = found.scores
        top = (scores == ndimage.maximum_filter(scores, size=3, mode="nearest")) & ~found.gold
        index = np.argwhere(top)
        values = scores[tuple(index.T)]
        places = found.grid.to_tomogram(index[:, ::-1])
        if allowed is not None and len(places):
            may = allowed(places)
            places, values = places[may], values[may]
        if not len(places):
            return np.empty((0, 3)), np.empty(0, np.int64)
        order = np.lexsort((*places.T, -values))
        above = above_usual(values)[order]
        enough = int(np.clip(_PART * len(places), _FEWEST, _ENOUGH))
        most = max(4 * int((above > _STANDS_OUT).sum()), enough)
        kept = apart(places[order], _CLOSE * minimum_distance, most)
        wanted = max(4 * int((above[kept] > _STANDS_OUT).sum()), enough)
        kept = kept[:wanted]
        lower = np.arange(len(kept) // 2, len(kept))
        if len(kept) > at_most:
            some = lower[np.linspace(0, len(lower) - 1, min(len(lower), _ENOUGH)).astype(np.int64)]
            looked = np.union1d(np.arange(at_most), some)
            return places[order][kept[looked]], np.searchsorted(looked, some)
        return places[order][kept], lower

    def closer(
        self, places: NDArray[np.float64], kinds: NDArray[np.int8], search_grid: WorkingGrid, step: float
    ) -> Posed:
        """Compare places with the template in every orientation."""
        text = "looking closer"
        self.tell(0.6, text)
        grid, volume, _ = self.ground.whitened(self._factor(_CLOSER_ACROSS), self.imaging)
        turned = TurnedTemplate(self.template, self.imaging, self.ground.spacing(grid))
        rotations = rotations_by_step(step, self.template.symmetry)
        bank = bank_of(turned, rotations, _CLOSER_RESIDUAL, _CLOSER_COMPONENTS)
        matched = MatchedVolume(volume, turned)
        within = _WITHIN * float((search_grid.factors / grid.factors).mean())
        at, turns = [np.empty((0, _STARTS, 3))], [np.empty((0, _STARTS, 4))]
        scores = [np.empty(0)]
        there = grid.to_grid(places)

        def look(first: int) -> list[Poses]:
            return look_closer(matched, bank, rotations, there[first : first + _SLAB], within, _STARTS)

        together = _SLAB * self._threads
        # matrix products by one thread each: their own threads wait for one another where others work as well
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self._threads) as pool:
            for first in range(0, len(places), together):
                self.tell(0.65 + 0.1 * first / len(places), text)
                starts = range(first, min(first + together, len(places)), _SLAB)
                some = [poses for part in pool.map(look, starts) for poses in part]
                at.append(np.stack([p.at for p in some]))
                turns.append(np.stack([p.rotations.as_quat() for p in some]))
                scores.append(np.array([p.scores[0] for p in some]))
        found = grid.to_tomogram(np.concatenate(at))
        return Posed(found, np.concatenate(turns), np.concatenate(scores), kinds)

    def close(self) -> tuple[LocalBoxes, TurnedTemplate]:
        """The tomogram and the template at full sampling."""
        coarsest = self.template.voxel_size_angstrom / self.ground.voxel_size_angstrom
        boxes = LocalBoxes(self.ground, self.imaging, max(self._factor(_FINAL_ACROSS), coarsest))
        return boxes, TurnedTemplate(self.template, self.imaging, boxes.spacing_angstrom)

    def final(self, poses: Posed, shares: tuple[float, float], text: str, iterations: int) -> Posed:
        """Climb to the best pose near each, at full sampling."""
        boxes, turned = self.close()
        start = boxes.grid.to_grid(poses.all_at)
        at, turns, scores = start[:, 0].copy(), poses.turns.copy(), np.zeros(len(start))

        def climb(row: int) -> None:
            begin = Rotation.from_quat(poses.all_turns[row])
            around = Neighbourhood(boxes, turned, np.rint(start[row, 0]).astype(np.int64))
            best = most_alike(around, start[row], begin) if len(start[row]) > 1 else 0
            at[row], rotation, scores[row] = refined(
                around, turned, start[row, best], begin[best], iterations
            )
            turns[row] = rotation.as_quat()

        with ThreadPoolExecutor(self._threads) as pool:
            for first in range(0, len(start), _SLAB):
                done = first / len(start)
                self.tell(shares[0] + (shares[1] - shares[0]) * done, text)
                list(pool.map(climb, range(first, min(first + _SLAB, len(start)))))
        return Posed(boxes.grid.to_tomogram(at)[:, None], turns[:, None], scores, poses.kinds)
