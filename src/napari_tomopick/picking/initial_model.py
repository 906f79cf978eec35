"""An initial model from boxes: searches from several random starts, the best of them refined in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from napari_tomopick.errors import Cancelled
from napari_tomopick.geometry.filters import downsample
from napari_tomopick.picking.aligning import AlignedBoxes
from napari_tomopick.picking.aligning_poses import Poses
from napari_tomopick.picking.aligning_spectra import low_pass_weights
from napari_tomopick.picking.initial_refinement import LEVELS, ClassMap, Refinement, class_maps
from napari_tomopick.picking.initial_search import Descent, Search
from napari_tomopick.picking.initial_settings import (
    LOWEST_LIMIT,
    SMALLEST_BOX,
    FoundModel,
    Material,
    ModelState,
    Settings,
    check,
    highest_limit,
)

REFINEMENT_STEPS = len(LEVELS)
"""Rounds of the refinement."""
_COMMON = 1 / 1.2  # of the search's highest frequency: that of the model from which both halves start
_REFINED = 2.5  # times the search's highest frequency: what the refinement may look at
_REACH = 1 / 8  # of the box: how far a particle may lie from where it was said to be
_STEP_DEGREES, _FINEST_STEP = 20.0, 12.0


Report = Callable[[ModelState], None]


def find_model(material: Material, settings: Settings, report: Report | None = None) -> FoundModel:
    """Find how boxes must be turned and moved to agree with each other.

    Parameters
    ----------
    material : Material
    settings : Settings
    report : callable, optional
        Called with a `ModelState` after each step, in the thread that called. `errors.Cancelled` raised by it
        ends the work: what was found until then is returned.

    Returns
    -------
    FoundModel

    Raises
    ------
    ValueError
        If there are too few boxes, they are no cubes of one even size, or a setting means nothing.
    Cancelled
        If it was cancelled before there was anything to keep.
    """
    check(material, settings)
    work = _Work(material, settings, report)
    try:
        work.search()
    except Cancelled:
        return work.interrupted_search()
    work.prepare_refinement()
    try:
        work.refine()
    except Cancelled:
        return work.found(cancelled=True)
    return work.found()


def model_maps(
    material: Material,
    settings: Settings,
    found: FoundModel,
    keep: Callable[[int, NDArray[np.float32]], None] | None = None,
) -> list[ClassMap]:
    """The maps of all classes at the full sampling of the boxes; see `initial_refinement.class_maps`."""
    return class_maps(
        material.boxes,
        material.wedges,
        material.offsets,
        found.poses,
        found.classes,
        found.half,
        settings.classes,
        symmetry=settings.symmetry if settings.apply_symmetry else "C1",
        mask=material.mask,
        threads=settings.threads,
        keep=keep,
    )


class _Coarser(Sequence[NDArray[np.float32]]):
    """Boxes on a coarser grid, made when they are asked for."""

    def __init__(self, boxes: Sequence[NDArray[np.float32]], size: int) -> None:
        self._boxes, self._size = boxes, size

    def __len__(self) -> int:
        return len(self._boxes)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]  # one box at a time
        return downsample(self._boxes[row], self._size)


class _Work:
    """The stages, and what each leaves to the next."""

    def __init__(self, material: Material, settings: Settings, report: Report | None) -> None:
        self.material, self.settings, self._report = material, settings, report
        self._size = len(material.boxes[0])
        small = grid_size(self._size, settings.limit)
        self._coarser = self._size / small
        coarse = _Coarser(material.boxes, small)
        with ThreadPoolExecutor(settings.threads) as pool:
            boxes = list(pool.map(coarse.__getitem__, range(len(coarse))))
        self._boxes = AlignedBoxes(
            boxes, material.wedges, material.offsets / self._coarser, settings.limit, 1
        )
        reference = material.reference
        self._descent = Descent(
            batch_size=settings.batch_size,
            iterations=settings.iterations,
            batches=settings.batches,
            learning_rate=settings.learning_rate,
            limit=settings.limit,
            step_degrees=float(np.clip(_STEP_DEGREES * 10 / settings.limit, _FINEST_STEP, _STEP_DEGREES)),
            reach=_REACH * small,
            classes=settings.classes,
            symmetry=settings.symmetry,
            apply_symmetry=settings.apply_symmetry,
            directions=material.directions,
            reference=None if reference is None else self._boxes.whitened(downsample(reference, small)),
            mask=None if material.mask is None else downsample(material.mask, small),
        )
        self._searches: list[Search] = []
        self._refinement: Refinement | None = None
        self._best = 0
        self._validated: tuple[float, ...] = ()
        self._half = np.zeros(len(boxes), np.int64)
        self._frames = Rotation.from_matrix(np.array([wedge.rotation for wedge in material.wedges]))

    def search(self) -> None:
        """All starts, side by side, and which of them is best."""
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(self.settings.threads) as pool,
        ):
            seeds = [(self.settings.seed, number) for number in range(self.settings.starts)]
            self._searches = list(pool.map(lambda seed: Search(self._boxes, self._descent, seed), seeds))
            for _ in range(self._descent.steps):
                list(pool.map(Search.step, self._searches))
                self._tell_of_search()
            if len(self._searches) > 1:
                self._validated = tuple(pool.map(Search.validated, self._searches))
                self._best = int(np.argmax(self._validated))

    def interrupted_search(self) -> FoundModel:
        """What the start that was ahead has found, with a pose for every box."""
        if not self._searches or not self._searches[0].number:
            raise Cancelled("stopped before there was a model to keep")
        self._best = self._ahead()
        best = self._searches[self._best]
        best.align_all(best.limit)
        self._divide(best.classes)
        return self._made(best.poses.on_grid(self._coarser), best.classes, independent=False, cancelled=True)

    def prepare_refinement(self) -> None:
        """Poses of all boxes against the best models, low-passed: what both halves start from."""
        best, limit = self._searches[self._best], self.settings.limit
        common = max(LOWEST_LIMIT, _COMMON * limit)
        best.models *= low_pass_weights(self._boxes.frequencies.radius, common)
        with threadpool_limits(self.settings.threads, user_api="blas"):
            every = best.align_all(common)
        self._divide(best.classes)
        highest = min(_REFINED * limit, highest_limit(self._size))
        size = min(self._size, grid_size(self._size, highest) + 2)
        mask = self.material.mask
        boxes = AlignedBoxes(
            _Coarser(self.material.boxes, size),
            self.material.wedges,
            self.material.offsets * (size / self._size),
            highest,
            self.settings.threads,
        )
        self._refinement = Refinement(
            boxes,
            [poses.on_grid(size / self._boxes.box_size) for poses in every],
            self._half,
            common,
            highest,
            _REACH * size,
            self.settings.symmetry if self.settings.apply_symmetry else "C1",
            self.material.directions,
            None if mask is None else downsample(mask, size),
        )

    def refine(self) -> None:
        """Both halves."""
        assert self._refinement is not None
        # many small products, which threads of their own only slow down
        with threadpool_limits(1, user_api="blas"):
            for _ in LEVELS:
                self._refinement.step()
                self._tell_of_refinement()

    def found(self, *, cancelled: bool = False) -> FoundModel:
        """What the refinement has found."""
        refinement = self._refinement
        assert refinement is not None
        poses = refinement.poses.on_grid(self._size / refinement.boxes.box_size)
        directions = self.material.directions
        if directions is not None and self.material.reference is None and self.settings.symmetry == "C1":
            for number in range(self.settings.classes):
                rows = np.flatnonzero(refinement.classes == number)
                if len(rows):
                    turn = directions.straightening(rows, poses)
                    poses.put(rows, poses.some(rows).of_moved_reference(turn, np.zeros(3)))
        return self._made(poses, refinement.classes, independent=bool(refinement.curve), cancelled=cancelled)

    def _made(
        self, poses: Poses, classes: NDArray[np.int64], *, independent: bool, cancelled: bool
    ) -> FoundModel:
        best = self._searches[self._best]
        order = np.argsort(-np.bincount(classes, minlength=self.settings.classes), kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return FoundModel(
            poses=poses,
            classes=rank[classes],
            half=self._half,
            start=self._best,
            validated=self._validated,
            curves=self._curves(),
            agreement=best.agreement,
            independent=independent,
            cancelled=cancelled,
        )

    def _divide(self, classes: NDArray[np.int64]) -> None:
        """Halve every class at random."""
        rng = np.random.default_rng((self.settings.seed, self.settings.starts))
        for number in range(self.settings.classes):
            rows = rng.permutation(np.flatnonzero(classes == number))
            self._half[rows[1::2]] = 1

    def _ahead(self) -> int:
        recent = [np.mean(search.curve[-self.settings.batches :]) for search in self._searches]
        return int(np.argmax(recent))

    def _curves(self) -> tuple[tuple[float, ...], ...]:
        curves = [tuple(search.curve) for search in self._searches]
        if self._refinement is not None:
            curves.append(tuple(self._refinement.curve))
        return tuple(curves)

    def _in_tomogram(self, poses: Poses) -> NDArray[np.float64]:
        return np.asarray((self._frames * poses.rotations()).as_quat().reshape(-1, 4))

    def _tell_of_search(self) -> None:
        if self._report is None:
            return
        start = self._ahead()
        search = self._searches[start]
        self._report(
            ModelState(
                stage="search",
                step=search.number,
                steps=self._descent.steps,
                start=start,
                maps=tuple(self._boxes.coloured(model) for model in search.models),
                coarser=self._coarser,
                curves=self._curves(),
                turns=self._in_tomogram(search.poses),
                scores=search.poses.scores.copy(),
                classes=search.classes.copy(),
            )
        )

    def _tell_of_refinement(self) -> None:
        refinement = self._refinement
        if self._report is None or refinement is None:
            return
        self._report(
            ModelState(
                stage="refinement",
                step=len(refinement.curve),
                steps=len(LEVELS),
                start=self._best,
                maps=tuple(refinement.whole(number) for number in range(self.settings.classes)),
                coarser=self._size / refinement.boxes.box_size,
                curves=self._curves(),
                turns=self._in_tomogram(refinement.poses),
                scores=refinement.poses.scores.copy(),
                classes=refinement.classes.copy(),
                correlations=tuple(refinement.correlations.copy()),
            )
        )


def grid_size(box_size: int, limit: float) -> int:
    """Even size of the grid on which a box shows detail up to a limit in cycles per box."""
    return min(box_size, 2 * max(SMALLEST_BOX // 2, round(1.1 * limit + 1)))
