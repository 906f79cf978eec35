"""From a random start to models: stochastic gradient descent over batches of boxes, then rounds over all.

The descent is that of EMAN2's e2spt_sgd (Galaz-Montoya et al., J. Struct. Biol. 2015): a few boxes drawn at
random are aligned to the model, and the model goes a part of the way towards their average, where they have
measured something. The detail looked at grows meanwhile, which keeps the noise of the start from being
locked in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import rotations_about, rotations_by_step
from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.picking.aligning import AlignedBoxes
from napari_tomopick.picking.aligning_poses import Directions, Poses, best_of
from napari_tomopick.picking.initial_symmetry import Setting, SymmetrySearch
from napari_tomopick.picking.matching import shifts_within

ROUNDS = 4
"""Rounds over all boxes that come after the descent."""
_FIRST_LIMIT = 0.55  # of the limit: the detail looked at in the beginning
_FINER = 0.75  # of the angular step, in the rounds over all boxes
_KEPT = 0.85  # of the boxes: those that agree best make the model in a round
_COARSER = 1.5  # times the angular step, at most, while less detail is looked at
_SHIFT_STEP = 0.4  # of the finest wavelength looked at
_COARSE_LIMIT, _COARSE_PART = 6.0, 0.6
"""Detail by which all orientations are told apart: cycles per box at least, and part of the limit."""
_WORTH_REFINING = 1.1  # times that, from where on the orientations found are refined by finer detail
_MOST = 400  # boxes in a round
_LEAST_WEIGHT = 0.2  # of the boxes of a batch: frequencies measured by fewer change less
_DENSE = 1.0  # standard deviations above the mean: what counts in centring


@dataclass(frozen=True, eq=False)
class Descent:
    """How models are looked for.

    Parameters
    ----------
    batch_size, iterations, batches : int
        Boxes in a batch, iterations, and batches in an iteration; the first has twice as many.
    learning_rate : float
        Which part of the way a model goes towards the average of a batch.
    limit : float
        Highest frequency looked at, cycles per box.
    step_degrees : float
        Between the orientations tried.
    reach : float
        How far a particle may lie from where it was said to be, in voxels of the boxes.
    classes : int
        How many models.
    symmetry : str
        See `geometry.symmetry.point_group`.
    apply_symmetry : bool
        Whether models are averaged over it.
    directions : Directions, optional
        Known directions of the boxes.
    reference : complex64 array, optional
        Whitened spectrum to start from, in place of random starts. It keeps its place.
    mask : float32 array, shape (N, N, N), optional
        Which models are multiplied by before boxes are aligned to them.
    """

    batch_size: int
    iterations: int
    batches: int
    learning_rate: float
    limit: float
    step_degrees: float
    reach: float
    classes: int = 1
    symmetry: str = "C1"
    apply_symmetry: bool = False
    directions: Directions | None = None
    reference: NDArray[np.complex64] | None = field(default=None, repr=False)
    mask: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def steps(self) -> int:
        """Batches, and rounds over all boxes, in all."""
        return self.batches * (self.iterations + 1) + ROUNDS


class Search:
    """One random start, and what becomes of it.

    Parameters
    ----------
    boxes : AlignedBoxes
    descent : Descent
    seed : int, or sequence of int
    """

    def __init__(self, boxes: AlignedBoxes, descent: Descent, seed: int | Sequence[int]) -> None:
        self.boxes, self.descent = boxes, descent
        self._rng = np.random.default_rng(seed)
        self._symmetry = SymmetrySearch(boxes.frequencies, point_group(descent.symmetry), descent.limit)
        self.poses = Poses.unknown(len(boxes))
        self.classes = np.full(len(boxes), -1, np.int64)
        self.curve: list[float] = []
        self._turned_to_axes: set[int] = set()
        self.agreement = 1.0
        """Share of the power that the average over the point group keeps, where its axes were looked for."""
        self.models = np.zeros((descent.classes, len(boxes.frequencies)), np.complex64)
        if descent.reference is None:
            self._start_at_random()
        else:
            self._start_from(descent.reference)

    @property
    def number(self) -> int:
        """How many steps were made."""
        return len(self.curve)

    @property
    def _rounds(self) -> bool:
        """Whether the batches are done."""
        return self.number >= self.descent.batches * (self.descent.iterations + 1)

    @property
    def limit(self) -> float:
        """Highest frequency looked at in the next step."""
        d = self.descent
        last = d.batches * d.iterations
        part = 1.0 if d.reference is not None else min(1.0, self.number / max(1, last))
        return d.limit * (_FIRST_LIMIT + (1 - _FIRST_LIMIT) * part)

    def _shifts(self, limit: float) -> NDArray[np.float64]:
        """Where a particle may lie: as far apart as the detail looked at allows, x, y, z in voxels."""
        apart = max(1.0, _SHIFT_STEP * self.boxes.box_size / limit)
        return np.asarray(shifts_within(self.descent.reach / apart) * apart, np.float64)

    def reference(self, number: int) -> NDArray[np.float32]:
        """A model as boxes are aligned to it, whitened, shape (N, N, N)."""
        volume = self.boxes.frequencies.volume(self.models[number]) * self.boxes.window
        return volume if self.descent.mask is None else volume * self.descent.mask

    def step(self) -> None:
        """Go on by a batch, or by a round over all boxes once the batches are done."""
        d = self.descent
        if not self._rounds:
            rows = self._batch()
            self._align(rows, self.limit, d.step_degrees)
            self._descend(rows)
        else:
            rows = self._all()
            self._align(rows, d.limit, _FINER * d.step_degrees)
            self.models[:] = self.averages(rows, d.limit, keep=_KEPT)
        self.curve.append(float(self.poses.scores[rows].mean()))
        # the first iteration is twice as long
        ended = self.number > d.batches and self.number % d.batches == 0
        if (ended or self._rounds) and d.reference is None:
            self._settle()

    def align_all(self, limit: float) -> list[Poses]:
        """Find the pose and the class of every box; the poses with each of the models are returned."""
        rows = np.arange(len(self.boxes))
        every = self._aligned(rows, limit, _FINER * self.descent.step_degrees)
        self.classes, self.poses = best_of(every)
        return every

    def validated(self) -> float:
        """How well boxes agree with averages they have no part in: the mean over both halves.

        Each half of the boxes is aligned to averages of the other half; unlike the scores of the descent,
        this does not grow when noise is aligned to noise.
        """
        rows = self._rng.permutation(self._all())
        halves = np.sort(rows[::2]), np.sort(rows[1::2])
        d = self.descent
        kept = self.models.copy(), self.poses.copy(), self.classes.copy()
        averages = [self.averages(half, d.limit) for half in halves]
        scores = []
        for half, others in zip(halves, averages[::-1], strict=True):
            self.models[:] = others
            self._align(half, d.limit, d.step_degrees)
            scores.append(self.poses.scores[half])
        self.models, self.poses, self.classes = kept
        return float(np.concatenate(scores).mean())

    def averages(self, rows: NDArray[np.int64], limit: float, keep: float = 1.0) -> NDArray[np.complex64]:
        """Averages of the boxes of each class, whitened, ``(classes, k)``; 0 for a class that has none.

        Parameters
        ----------
        rows : int array
            The boxes.
        limit : float
            Highest frequency, cycles per box.
        keep : float
            Share of a class that is averaged: those boxes with the highest scores.
        """
        found = np.zeros_like(self.models)
        for number, average in enumerate(found):
            mine = rows[self.classes[rows] == number]
            best = np.argsort(-self.poses.scores[mine], kind="stable")[: int(np.ceil(keep * len(mine)))]
            if len(best):
                total, weight = self.boxes.sums(np.sort(mine[best]), self.poses, limit)
                average[: len(total)] = total / np.maximum(weight, max(0.5, 0.05 * len(best)))
        return found

    def _batch(self) -> NDArray[np.int64]:
        n = len(self.boxes)
        return np.sort(self._rng.permutation(n)[: min(self.descent.batch_size, n)])

    def _all(self) -> NDArray[np.int64]:
        n = len(self.boxes)
        return np.arange(n) if n <= _MOST else np.sort(self._rng.permutation(n)[:_MOST])

    def _start_at_random(self) -> None:
        n, limit = len(self.boxes), self.limit
        for number in range(len(self.models)):
            if self.descent.directions is None:
                turns = Rotation.random(n, rng=self._rng)
            else:
                twists = np.zeros((n, 3))
                twists[:, 2] = self._rng.uniform(-np.pi, np.pi, n)
                turns = self.descent.directions.rotations() * Rotation.from_rotvec(twists)
            poses = Poses.unknown(n)._replace(turns=turns.as_quat())
            total, weight = self.boxes.sums(self._batch(), poses, limit)
            self.models[number, : len(total)] = total / np.maximum(weight, 0.5)

    def _start_from(self, reference: NDArray[np.complex64]) -> None:
        self.models[:] = reference
        rows = self._batch()
        self._align(rows, self.limit, self.descent.step_degrees)
        self.classes[:] = -1
        total, weight = self.boxes.sums(rows, self.poses, self.limit)
        k = len(total)
        # as strong as the averages that it will be mixed with
        power = float((weight * np.abs(reference[:k]) ** 2).sum())
        self.models *= np.float32((total * reference[:k].conj()).real.sum() / max(power, 1e-12))
        self.poses = Poses.unknown(len(self.boxes))
        if len(self.models) > 1:
            # alike, no class would ever get a box but the first
            for model in self.models:
                rows = self._batch()
                self._align(rows, self.limit, self.descent.step_degrees)
                total, weight = self.boxes.sums(rows, self.poses, self.limit)
                model[:k] += (total - weight * model[:k]) / np.maximum(weight, _LEAST_WEIGHT * len(rows))

    def _align(self, rows: NDArray[np.int64], limit: float, step_degrees: float) -> None:
        every = self._aligned(rows, limit, step_degrees)
        self.classes[rows], best = best_of(every)
        self.poses.put(rows, best)

    def _aligned(self, rows: NDArray[np.int64], limit: float, step_degrees: float) -> list[Poses]:
        """Poses of boxes with each of the models."""
        d = self.descent
        step_degrees *= min(_COARSER, d.limit / limit)
        references = [self.reference(number) for number in range(len(self.models))]
        if d.directions is None:
            # turned anew each time, so that no orientation is always far from those tried
            symmetry = d.symmetry if d.apply_symmetry and self._rounds else "C1"
            turns = Rotation.random(rng=self._rng) * rotations_by_step(step_degrees, symmetry)
            return [self._aligned_anyhow(rows, each, limit, turns, step_degrees) for each in references]
        twist = Rotation.from_rotvec([0, 0, self._rng.uniform(-np.pi, np.pi)])
        turns = d.directions.around(step_degrees) * twist
        shifts = self._shifts(limit)
        given = Poses.unknown(len(self.boxes))._replace(turns=d.directions.turns)
        return [
            self.boxes.align_near(rows, reference, limit, given, turns, shifts, d.reach, d.directions)
            for reference in references
        ]

    def _aligned_anyhow(
        self,
        rows: NDArray[np.int64],
        reference: NDArray[np.float32],
        limit: float,
        turns: Rotation,
        step_degrees: float,
    ) -> Poses:
        """Poses among all orientations: first by coarse detail, then near what that found by all of it."""
        coarse = min(limit, max(_COARSE_LIMIT, _COARSE_PART * limit))
        found = self.boxes.align(rows, self.boxes.bank(reference, turns, coarse), self._shifts(coarse))
        if limit < _WORTH_REFINING * coarse:
            return found
        poses = Poses.unknown(len(self.boxes))
        poses.put(rows, found)
        around = rotations_about(step_degrees / 2, step_degrees / 4)
        apart = _SHIFT_STEP * self.boxes.box_size / limit
        near = shifts_within(1.5).astype(np.float64) * apart
        return self.boxes.align_near(rows, reference, limit, poses, around, near, self.descent.reach)

    def _descend(self, rows: NDArray[np.int64]) -> None:
        for number, model in enumerate(self.models):
            mine = rows[self.classes[rows] == number]
            if not len(mine):
                continue
            total, weight = self.boxes.sums(mine, self.poses, self.limit)
            k = len(total)
            step = (total - weight * model[:k]) / np.maximum(weight, _LEAST_WEIGHT * len(mine))
            model[:k] += np.float32(self.descent.learning_rate) * step

    def _settle(self) -> None:
        """Centre the models, and bring their axes where they belong."""
        d = self.descent
        agreements = []
        for number, model in enumerate(self.models):
            if not np.abs(model).any():
                continue
            mine = np.flatnonzero(self.classes == number)
            setting = Setting(Rotation.identity(), self._centre(model), 1.0)
            if d.symmetry != "C1" and self._rounds:
                moved = self.boxes.frequencies.moved(model, -setting.centre)
                found = self._symmetry.find(
                    moved, along_z=d.directions is not None, near=number in self._turned_to_axes
                )
                self._turned_to_axes.add(number)
                setting = found._replace(centre=setting.centre + found.centre)
                agreements.append(setting.agreement)
            elif d.directions is not None and len(mine):
                setting = setting._replace(rotation=d.directions.straightening(mine, self.poses))
            # an average over axes that were found too early could not be undone
            average = d.apply_symmetry and self._rounds
            model[:] = self._symmetry.applied(model, setting, average=average)
            self.poses.put(mine, self.poses.some(mine).of_moved_reference(setting.rotation, setting.centre))
        self.agreement = min(agreements, default=1.0)

    def _centre(self, model: NDArray[np.complex64]) -> NDArray[np.float64]:
        """Centre of mass of what is dense, x, y, z from the centre of the box."""
        volume = self.boxes.coloured(model) * self.boxes.window
        dense = np.maximum(volume - (volume.mean() + _DENSE * volume.std()), 0)
        if not dense.any():
            return np.zeros(3)
        d = np.arange(len(volume)) - len(volume) // 2
        z, y, x = (dense.sum(axis=tuple(a for a in range(3) if a != axis)) @ d for axis in range(3))
        found = np.array([x, y, z], np.float64) / float(dense.sum())
        length = float(np.linalg.norm(found))
        return found * min(1.0, self.descent.reach / max(length, 1e-9))
