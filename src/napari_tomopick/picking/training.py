"""The trained stage: the references are aligned with one another, then with what looks like them.

A handful of noisy references is turned into one clear one. Every reference in turn is taken for a beginning;
the others are aligned with it, with missing wedge, and the mean takes its place, a few times over. The best
beginning is the one whose mean finds complexes that in their turn agree with the references and not with the
negatives. From there the mean grows by what it finds: in each round every member of it is judged by a mean
without itself, so that nobody agrees with it only for being part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import uniform_rotations
from napari_tomopick.picking.calibration import EVEN_ODDS, SURE, Calibration, bounded, spread
from napari_tomopick.picking.examined import Examined
from napari_tomopick.picking.matching import (
    MATCHING_DIAMETER,
    MatchingVolume,
    moved,
    shifts_within,
    summed,
)
from napari_tomopick.picking.posed_places import PosedPlaces, Poses, TurnedReference

COARSE, FINE, FINEST = 1000, 2600, 4300
"""Orientations: some 20, 14 and 12 degrees apart."""
_FARTHEST = 3.0
CLICKED, SEEN = shifts_within(2.0), shifts_within(_FARTHEST)
"""How far a reference may have been clicked, and the encoder may have seen a complex, from its centre."""
ROUGHLY, CLOSELY = shifts_within(2.0), shifts_within(1.0)
"""How far complexes are looked for before there is a good reference, and once they were found."""

STARTS, ALIGNMENTS = 5, 4
FINALISTS, TRIALS = 2, 2
FIRST_FOUND, FOUND_A_ROUND, FEWEST_FOUND, MOST_FOUND = 12, 4, 4, 24
REFERENCE_WEIGHT = 2.0
"""What a reference counts in a mean beside what was found."""
LIKE_REFERENCES = (0.3, 0.2, 0.1, 0.0)
"""What is found teaches where it agrees better than this part of the references, round by round."""
NOT_RULED_OUT = -1.5
"""Evidence of the encoder below which nothing teaches, however much it agrees: a mean of membranes gathers
membranes."""
MOST_ALIKE = 0.8
"""References have to stand out from this quantile of the negatives' agreement."""
CLEARLY = 2.0
"""By so many deviations; where they do by less, agreement counts less beside the encoder's evidence."""
LEAST_COUNT = 0.01
"""What agreement counts at the least: enough to be a number to divide by."""
TOLERANCE = 2.0
"""By how many deviations the references may stand out less after a round, for chance."""
FOLDS = 4
CHANCE, FEW_NEGATIVES = 0.17, 5
"""How much evidence e times as many negatives as these few take away, by being alike by chance."""
MISSED = 0.1
"""Part of the references that may lie below the threshold."""
NEVER_BELOW = 0.3
"""A threshold lies no lower than at this part of what references reach: as they stand out, so do others."""
EVIDENCE_WEIGHT = 0.5
MAX_REFERENCES = 60
USUAL, PROMISING = 500, 300
"""Of more complexes than both together, so many at random and so many with most evidence are compared."""
_SAME = 0.25 * MATCHING_DIAMETER
_WHOLE = 0.5 * MATCHING_DIAMETER

Watch = Callable[[str], None]
"""Called between pieces of work with what comes next; it may raise to stop."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one tomogram contributes, on its matching grid.

    Parameters
    ----------
    volume : MatchingVolume
    positive, negative, complexes : array, shape (n, 3)
        References, and all complexes that were seen, x, y, z in voxels of the matching grid.
    evidence : array, shape (n,)
        The encoder's, for each complex.
    evidence_of_positive : array, shape (m,)
        The encoder's, for each positive reference, had it not been shown.
    """

    volume: MatchingVolume
    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    complexes: NDArray[np.float64]
    evidence: NDArray[np.float32]
    evidence_of_positive: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        examined: Examined,
        positive: NDArray[np.float64],
        negative: NDArray[np.float64],
        evidence: NDArray[np.float32],
        evidence_of_positive: NDArray[np.float32],
    ) -> Lesson:
        """From places in voxels of the tomogram."""
        grid = examined.matching_grid
        seen = examined.complexes
        return cls(
            examined.matching,
            grid.to_grid(positive),
            grid.to_grid(negative),
            grid.to_grid(seen),
            evidence,
            evidence_of_positive,
        )


@dataclass(frozen=True, eq=False)
class Round:
    """How a round of training went.

    Parameters
    ----------
    loss : float
        1 - mean agreement of the positive references, each with a mean without it.
    held_back : float, optional
        Chance that such a reference agrees better than a negative one; None with fewer than 3 positives.
    found : int
        How many complexes taught beside the references.
    """

    loss: float
    held_back: float | None
    found: int


@dataclass(frozen=True, eq=False)
class _State:
    """What a round led to, to go back to."""

    merit: float
    references: Poses
    complexes: Poses


def beginnings(references: int) -> int:
    """How many of so many references are tried for a beginning."""
    return min(STARTS, references)


def _free(lesson: Lesson) -> NDArray[np.bool_]:
    """Which complexes can teach: no reference, and whole."""
    known = np.concatenate([lesson.positive, lesson.negative])
    alone = np.ones(len(lesson.complexes), bool)
    if len(known) and len(alone):
        alone = cKDTree(known).query(lesson.complexes)[0] > _SAME
    # half of what is seen at a face is the mirror image of the other half: nothing to learn from
    upper = np.array(lesson.volume.volume.shape[::-1]) - 1 - _WHOLE
    whole = ((lesson.complexes >= _WHOLE) & (lesson.complexes <= upper)).all(axis=1)
    return np.asarray(alone & whole)


class Training:
    """Training on the lessons of one or more tomograms.

    Parameters
    ----------
    lessons : sequence of Lesson
        With at least one positive and one negative reference in all of them together.
    seed : int
    watch : callable
    """

    def __init__(self, lessons: Sequence[Lesson], seed: int, watch: Watch) -> None:
        self._rng = np.random.default_rng(seed)
        self._watch = watch
        volumes = [lesson.volume for lesson in lessons]
        self._references = PosedPlaces(volumes, [lesson.positive for lesson in lessons])
        self._evidence_of_references = bounded(np.concatenate([x.evidence_of_positive for x in lessons]))
        if len(self._references) > MAX_REFERENCES:
            some = self._rng.permutation(len(self._references))[:MAX_REFERENCES]
            self._references = self._references.some(some)
            self._evidence_of_references = self._evidence_of_references[some]
        self._negatives = PosedPlaces(volumes, [lesson.negative for lesson in lessons])
        complexes = PosedPlaces(volumes, [lesson.complexes for lesson in lessons])
        evidence = bounded(np.concatenate([lesson.evidence for lesson in lessons]))
        free = np.concatenate([_free(lesson) for lesson in lessons])
        usual = np.ones(len(evidence), bool)
        if len(evidence) > USUAL + PROMISING:
            usual[self._rng.permutation(len(evidence))[USUAL:]] = False
            promising = np.argsort(-np.where(usual, -np.inf, evidence), kind="stable")[:PROMISING]
            some = np.union1d(np.flatnonzero(usual), promising)
            complexes, evidence, free, usual = complexes.some(some), evidence[some], free[some], usual[some]
        self._complexes, self._evidence = complexes, evidence
        self._free, self._usual = np.flatnonzero(free), np.flatnonzero(free & usual)
        self._teaching = np.flatnonzero(free & (evidence >= NOT_RULED_OUT))
        self._fold = self._rng.permutation(len(self._references)) % FOLDS
        self._found: NDArray[np.int64] = np.empty(0, np.int64)
        self._size = FIRST_FOUND
        self._best_state: _State | None = None
        self._merit_now = 0.0
        self._agreement = np.zeros(len(self._complexes), np.float32)
        self._of_references = np.zeros(len(self._references), np.float32)
        self.reference: NDArray[np.float32] | None = None
        self.rounds: list[Round] = []

    def begin(self) -> None:
        """Align the references with one another, from several beginnings, and keep the best."""
        rotations = uniform_rotations(COARSE)
        references = self._references
        tried = []
        starts = beginnings(len(references))
        for number, row in enumerate(self._rng.permutation(len(references))[:starts]):
            self._watch(f"aligning the references, beginning {number + 1} of {starts}")
            mean = np.array(references.box(int(row)))
            for _ in range(ALIGNMENTS):
                self._watch("")
                references.align_all(TurnedReference(mean, rotations), CLICKED)
                mean = references.sums(np.arange(len(references))).average()
            merit, found = self._tried(mean, rotations)
            tried.append((merit, found, references.poses(), self._complexes.poses()))
        tried.sort(key=lambda one: -one[0])
        best: tuple[_State, NDArray[np.int64]] | None = None
        for number, (_, found, of_references, of_complexes) in enumerate(tried[:FINALISTS]):
            self._watch(f"the best beginnings go on, {number + 1} of {min(FINALISTS, len(tried))}")
            self._found = found
            references.set_poses(of_references)
            self._complexes.set_poses(of_complexes)
            for _ in range(TRIALS):
                state = self._judge(rotations, ROUGHLY)
                self._found = self._chosen(FIRST_FOUND)
            if best is None or state.merit > best[0].merit:
                best = state, self._found
        assert best is not None
        self._take_back(best[0])
        self._best_state, self._found = best
        self.reference = self._mean()

    def go_on_from(self, reference: NDArray[np.float32]) -> None:
        """Begin with a reference that an earlier training made."""
        self._watch("matching what was learned before")
        turned = TurnedReference(reference, uniform_rotations(COARSE))
        self._references.align_all(turned, CLICKED)
        self._agreement = self._complexes.align_all(turned, SEEN)
        self._of_references = self._references.agreement.copy()
        self._found = self._chosen(FIRST_FOUND)
        self.reference = self._mean()

    def _tried(self, mean: NDArray[np.float32], rotations: Rotation) -> tuple[float, NDArray[np.int64]]:
        """What a mean is worth, and the complexes that it finds.

        These are averaged in their turn; what has the references in it without having been made from them is
        a kind of particle that they are of.
        """
        self._watch("")
        self._agreement = self._complexes.align_all(TurnedReference(mean, rotations), ROUGHLY)
        if not len(self._teaching):
            return float(self._references.agreement.mean()), np.empty(0, np.int64)
        found = self._best(FIRST_FOUND)
        poses = self._references.poses()
        check = TurnedReference(self._complexes.sums(found).average(), rotations)
        self._watch("")
        of_references = self._references.align_all(check, CLICKED)
        of_negatives = self._negatives.align_all(check, CLICKED)
        self._references.set_poses(poses)
        kept = self._complexes.poses()
        of_complexes = self._complexes.align_all(check, ROUGHLY)[self._free]
        self._complexes.set_poses(kept)
        top = np.sort(of_complexes)[-len(found) :].mean()
        return float(of_references.mean() - of_negatives.mean() + top), found

    def _best(self, count: int) -> NDArray[np.int64]:
        total = self._total()[self._teaching]
        return np.asarray(self._teaching[np.argsort(-total, kind="stable")[:count]])

    def _chosen(self, at_most: int) -> NDArray[np.int64]:
        """The complexes that teach in the next round: the best, as far as they stand out."""
        if not len(self._teaching):
            return np.empty(0, np.int64)
        found = self._best(at_most)
        # as alike as most references are to a mean without them
        strict = LIKE_REFERENCES[min(len(self.rounds), len(LIKE_REFERENCES) - 1)]
        alike = np.quantile(self._of_references, strict)
        sure = (self._total()[found] > SURE) & (self._agreement[found] >= alike)
        return np.asarray(found[sure] if sure.sum() >= 3 else found[: min(3, len(found))])

    def _total(self) -> NDArray[np.float64]:
        middle, deviation = self._spread()
        return (self._agreement - middle) / deviation + EVIDENCE_WEIGHT * self._evidence

    def _spread(self) -> tuple[float, float]:
        if not len(self._usual):
            return 0.15, 0.05
        return spread(self._agreement[self._usual])

    def _even_odds(self) -> float:
        """Evidence at which a complex is as likely as not a particle: most references lie above."""
        middle, deviation = self._spread()
        weight = EVIDENCE_WEIGHT / self._count()
        known = (self._of_references - middle) / deviation + weight * self._evidence_of_references
        # of many negatives one is alike by chance, which takes evidence away from all
        by_chance = CHANCE * np.log(max(len(self._negatives), FEW_NEGATIVES) / FEW_NEGATIVES)
        usual = min(EVEN_ODDS - float(by_chance), float(np.quantile(known, MISSED)))
        return max(usual, NEVER_BELOW * float(np.median(known)))

    def _count(self) -> float:
        """What agreement counts, from `LEAST_COUNT` to 1: as far as it tells references from negatives."""
        return float(np.clip(self._merit_now / CLEARLY, LEAST_COUNT, 1.0))

    def _mean(self) -> NDArray[np.float32]:
        rows = np.arange(len(self._references))
        shown = self._references.sums(rows).times(REFERENCE_WEIGHT)
        return shown.plus(self._complexes.sums(self._found)).average()

    def improve(self) -> Round:
        """One round: judge everything by means without it, and take in what stands out."""
        return self._round(uniform_rotations(COARSE), SEEN)

    def refine(self) -> Round:
        """One round in finer steps, about where everything was found."""
        self._complexes.recentre(_FARTHEST)
        return self._round(uniform_rotations(FINE), CLOSELY)

    def _round(self, rotations: Rotation, shifts: NDArray[np.int64]) -> Round:
        self._watch(f"round {len(self.rounds) + 1}: matching {len(self._complexes)} complexes")
        taught = len(self._found)
        state = self._judge(rotations, shifts)
        held_back = self._held_back()
        if self._best_state is None or state.merit > self._best_state.merit - TOLERANCE:
            if self._best_state is None or state.merit > self._best_state.merit:
                self._best_state = state
            self._size = min(self._size + FOUND_A_ROUND, MOST_FOUND)
        else:
            # what was taken in last led away from the references: back, and with fewer
            self._take_back(self._best_state)
            self._size = max(self._size // 2, FEWEST_FOUND)
        self._found = self._chosen(self._size)
        self.reference = self._mean()
        done = Round(1.0 - float(state.references.agreement.mean()), held_back, taught)
        self.rounds.append(done)
        return done

    def _judge(self, rotations: Rotation, shifts: NDArray[np.int64]) -> _State:
        """Align and judge everything, what is part of the mean by one without it."""
        references, complexes, found = self._references, self._complexes, self._found
        fold_of_found = self._rng.permutation(len(found)) % FOLDS
        sums = []
        for f in range(FOLDS):
            mine = references.sums(np.flatnonzero(self._fold == f)).times(REFERENCE_WEIGHT)
            sums.append(mine.plus(complexes.sums(found[fold_of_found == f])))
        whole = summed(sums)
        before = complexes.poses()
        turned = TurnedReference(whole.average(), rotations)
        complexes.align_all(turned, shifts)
        self._negatives.align_all(turned, CLICKED)
        after = complexes.poses()
        for f in range(FOLDS):
            self._watch("")
            others = summed(sums[:f] + sums[f + 1 :])
            if not others.weight.any():
                others = whole
            without = TurnedReference(others.average(), rotations)
            references.align_some(np.flatnonzero(self._fold == f), without, CLICKED)
            rows = found[fold_of_found == f]
            complexes.set_poses(before)
            complexes.align_some(rows, without, shifts)
            judged = complexes.poses()
            after.at[rows], after.turns[rows] = judged.at[rows], judged.turns[rows]
            after.agreement[rows] = judged.agreement[rows]
        complexes.set_poses(after)
        self._agreement = complexes.agreement.copy()
        self._of_references = references.agreement.copy()
        self._merit_now = self._merit()
        return _State(self._merit_now, references.poses(), complexes.poses())

    def _merit(self) -> float:
        """By how many deviations the references, each judged by a mean without it, stand out from all others.

        From what is usual among complexes, or from those of the negatives that are most alike.
        """
        middle, deviation = self._spread()
        if len(self._negatives):
            middle = max(middle, float(np.quantile(self._negatives.agreement, MOST_ALIKE)))
        return (float(self._of_references.mean()) - middle) / deviation

    def _take_back(self, state: _State) -> None:
        self._merit_now = state.merit
        self._references.set_poses(state.references)
        self._complexes.set_poses(state.complexes)
        self._agreement = state.complexes.agreement.copy()
        self._of_references = state.references.agreement.copy()

    def _held_back(self) -> float | None:
        if len(self._references) < 3 or not len(self._negatives):
            return None
        above = self._of_references[:, None] > self._negatives.agreement
        return float(above.mean())

    def finish(self) -> tuple[NDArray[np.float32], Calibration]:
        """The reference, its centre where it was clicked, and how to read agreement with it."""
        self._watch("calibrating")
        assert self.reference is not None
        # where it was clicked on average: a user may mean any place of a particle, and the encoder's centres
        # are off by half a voxel and more of this grid, the same way in all particles of a kind
        clicked = self._references.offsets(np.arange(len(self._references)))
        reference = moved(self.reference, -clicked.mean(axis=0))
        middle, deviation = self._spread()
        count = self._count()
        return reference, Calibration(EVIDENCE_WEIGHT / count, self._even_odds(), count, middle, deviation)
