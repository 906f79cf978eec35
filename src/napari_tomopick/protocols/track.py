"""Tracking of a membrane from the slices in which it was traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry.coordinates import inside_volume
from napari_tomopick.geometry.membrane_clicks import single_pass
from napari_tomopick.geometry.membrane_tracking import Track, track_between, track_outward
from napari_tomopick.geometry.tracked_levels import TrackedLevel, View
from napari_tomopick.io.volumes import open_volume
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols.describe import Bounds, Progress

Found = Callable[[TrackedLevel], None]
"""Told of each level as it is found, in the thread in which the tracking runs."""

_AXES = "xyz"
_SAME_SIZE = 0.01
_USUAL_TILTS = (-60.0, 60.0)
"""Stages seldom tilt further; assuming less than there is costs some slices, assuming more leads astray."""


@dataclass(frozen=True, eq=False)
class TrackedModel:
    """A model with what was tracked.

    Parameters
    ----------
    model : Model
        With the points that were found behind those there were, as proposals.
    levels : tuple of TrackedLevel
        What was found.
    messages : tuple of str
        Where it stopped and why, and what was not known.
    """

    model: Model
    levels: tuple[TrackedLevel, ...]
    messages: tuple[str, ...] = ()

    @property
    def points(self) -> NDArray[np.float64]:
        """x, y, z of the points found, ``(n, 3)``."""
        return self.model.points[len(self.model) - sum(len(level.points) for level in self.levels) :]

    @property
    def level_numbers(self) -> NDArray[np.int64]:
        """The level of each of them."""
        return self.model.levels[len(self.model) - len(self.points) :]

    def lines(self) -> list[str]:
        """How much was found, how sure it is, and where and why it stopped."""
        n = len(self.levels)
        text = f"{self.model.name}: {n} slice{'s' if n != 1 else ''} tracked"
        if n:
            slices = sorted(level.slice for level in self.levels)
            sure = [level.confidence for level in self.levels]
            span = f"{slices[0]} to {slices[-1]}" if n > 1 else f"{slices[0]}"
            text += f" ({span}), {len(self.points)} points, confidence {min(sure):.2f} to {max(sure):.2f}"
        return [text, *self.messages]


def track(
    tomogram: Tomogram,
    model: Model,
    found: Found | None = None,
    *,
    step: Annotated[int, Bounds(1, 1000)] = 2,
    slices: Annotated[int, Bounds(1, 100_000)] = 20,
    direction: Literal["both", "up", "down"] = "both",
    progress: Progress | None = None,
) -> TrackedModel:
    """Follow a membrane from the slices in which it was traced into others.

    Gaps between traced slices are filled from both sides. Beyond the outermost ones the membrane is followed
    for so many slices, or until it ends, cannot be told from its surroundings, or leans into the missing
    wedge. Slices that have points already are left as they are; points that tracking placed and nobody
    accepted do not count as traced.

    Parameters
    ----------
    tomogram : Tomogram
        With its tilt range, if that is known.
    model : Model
        A surface, traced in one slice at least.
    found : callable, optional
        Called with each level as it is found.
    step : int
        Number of slices from one level to the next.
    slices : int
        How many slices to go beyond the outermost traced ones.
    direction : "both", "up" or "down"
        Where to go from there: to higher slice numbers, to lower ones, or both.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    TrackedModel

    Raises
    ------
    ModelError
        If the model is no surface, is not traced in slices, has no level with three points, or lies outside
        the tomogram.
    ParameterError
        If a parameter makes no sense, or the points were picked at another voxel size.
    """
    if step < 1 or slices < 1:
        raise ParameterError(f"step and slices must be 1 or more, got {step} and {slices}")
    if step > slices:
        raise ParameterError(f"{slices} slices in steps of {step} give no level: make the step smaller")
    if direction not in ("both", "up", "down"):
        raise ParameterError(f"direction must be both, up or down, got {direction!r}")
    job = _Tracking(tomogram, model)
    traced = sorted(job.traced)
    runs: list[tuple[str, Sequence[int], Track]] = []
    for lower, upper in pairwise(traced):
        targets = job.free(range(lower + step, upper, step))
        if targets:
            run = track_between(job.view, job.traced, lower, upper, targets, closed=job.closed)
            runs.append((f"between slices {lower} and {upper}", targets, run))
    for name, start, sign in (("up", traced[-1], 1), ("down", traced[0], -1)):
        targets = job.free(range(start + sign * step, start + sign * (slices + 1), sign * step))
        if direction in ("both", name) and targets:
            outward = track_outward(job.view, {k: job.traced[k] for k in traced}, targets, closed=job.closed)
            runs.append((f"{name} from slice {start}", targets, outward))
    return job.result(runs, found, progress)


def track_slice(
    tomogram: Tomogram,
    model: Model,
    number: int,
    found: Found | None = None,
    *,
    progress: Progress | None = None,
) -> TrackedModel:
    """Find a membrane in one slice, from the traced slices next to it: both, if it lies between two.

    Parameters
    ----------
    tomogram, model, found, progress
        As for `track`.
    number : int
        The slice.

    Raises
    ------
    ModelError
        As for `track`, or if the slice has points already.
    ParameterError
        As for `track`, or if there is no such slice.
    """
    job = _Tracking(tomogram, model)
    count = job.view.reader.count
    if not 0 <= number < count:
        raise ParameterError(
            f"there is no slice {number} along {_AXES[job.view.axis]}: they go to {count - 1}"
        )
    if not job.free([number]):
        raise ModelError(
            f"model {model.name!r} has points in slice {number} already: go to another slice, or delete them"
        )
    below = [k for k in job.traced if k < number]
    above = [k for k in job.traced if k > number]
    if below and above:
        run = track_between(job.view, job.traced, max(below), min(above), [number], closed=job.closed)
    else:
        run = track_outward(job.view, job.traced, [number], closed=job.closed)
    return job.result([("", [number], run)], found, progress)


class _Tracking:
    """What is traced of a model in its tomogram."""

    def __init__(self, tomogram: Tomogram, model: Model) -> None:
        _check(tomogram, model)
        self.model = model
        axis, levels, several = _levels_in_slices(model)
        self.taken = set(levels)
        good = {k: rows for k, rows in levels.items() if not model.proposed[rows].mean() > 0.5}
        self.traced = {
            k: model.points[rows]
            for k, rows in good.items()
            if len(np.unique(model.points[rows], axis=0)) >= 3
        }
        self.messages: list[str] = []
        if not self.traced:
            most = max((len(rows) for rows in good.values()), default=0)
            raise ModelError(
                f"model {model.name!r} has no level with 3 different points to track from (the longest has "
                f"{most}): click along the membrane in one slice first"
                + (", or accept what was tracked" if model.proposed.any() else "")
            )
        short = sorted(set(good) - set(self.traced))
        if short:
            self.messages.append(f"slices with fewer than 3 points were not used: {_list(short)}")
        if several:
            self.messages.append(
                f"slices with several curves, of which the one with most points was used: {_list(several)}"
            )
        acquisition = tomogram.acquisition
        if acquisition.tilt_range_degrees is None:
            self.messages.append(
                "the tilt range is not known; {:g} to {:g} degrees were assumed to tell where the membrane "
                "leans into the missing wedge".format(*_USUAL_TILTS)
            )
        volume = open_volume(
            tomogram.path, voxel_size_angstrom=tomogram.voxel_size_angstrom, override_header=True
        )
        self.view = View(
            volume.data,
            axis,
            tomogram.voxel_size_angstrom,
            acquisition.tilt_range_degrees or _USUAL_TILTS,
            acquisition.tilt_axis,
        )
        again = []
        for k, points in self.traced.items():
            once = single_pass(self.view.in_plane(points))
            # the last point of a ring often lies on its first
            if 3 <= once < len(points) - 1:
                self.traced[k] = points[:once]
                again.append(k)
        if again:
            self.messages.append(
                "points that go over what was traced before, or lead back to begin another curve, were not "
                f"used in slices {_list(again)}"
            )
        closed = model.parameters.get("closed")
        self.closed: bool | None = closed if isinstance(closed, bool) else None

    def free(self, slices: Sequence[int]) -> list[int]:
        """Those of these slices in which the model has no points."""
        return [k for k in slices if k not in self.taken]

    def result(
        self,
        runs: Sequence[tuple[str, Sequence[int], Track]],
        found: Found | None,
        progress: Progress | None,
    ) -> TrackedModel:
        """Track, one run after the other."""
        total = sum(len(targets) for _, targets, _ in runs)
        levels: list[TrackedLevel] = []
        done = 0
        if not runs:
            self.messages.append("the slices to track into have points already")
        for name, targets, run in runs:
            if progress is not None:
                progress(done, total, name or f"slice {targets[0]}")
            for level in run:
                levels.append(level)
                if found is not None:
                    found(level)
                if progress is not None:
                    progress(done + _place(targets, level.slice), total, f"slice {level.slice}")
            done += len(targets)
            if run.stopped:
                self.messages.append(f"{name}: {run.stopped}" if name else run.stopped)
        if progress is not None:
            progress(total, total, "tracked")
        return TrackedModel(_with_levels(self.model, levels), tuple(levels), tuple(self.messages))


def _list(slices: Sequence[int]) -> str:
    return ", ".join(map(str, slices[:8])) + (" ..." if len(slices) > 8 else "")


def _place(targets: Sequence[int], number: int) -> int:
    return list(targets).index(number) + 1


def _check(tomogram: Tomogram, model: Model) -> None:
    if model.type is not ModelType.SURFACE:
        raise ModelError(
            f"model {model.name!r} is of type {model.type.value}; tracking follows surfaces, which are "
            "traced slice by slice. Change its type to surface if it is one"
        )
    size = model.voxel_size_angstrom
    if size is not None and abs(size / tomogram.voxel_size_angstrom - 1) > _SAME_SIZE:
        raise ParameterError(
            f"model {model.name!r} was picked at {size:g} Å per voxel, but tomogram {tomogram.name!r} has "
            f"{tomogram.voxel_size_angstrom:g} Å: track in the tomogram it was picked in"
        )
    outside = ~inside_volume(model.points, tomogram.shape)
    if outside.any():
        x, y, z = model.points[outside][0].tolist()
        nz, ny, nx = tomogram.shape
        raise ModelError(
            f"model {model.name!r}: {int(outside.sum())} of its points lie outside tomogram "
            f"{tomogram.name!r}, which has {nx} x {ny} x {nz} voxels (x, y, z); the first is "
            f"({x:g}, {y:g}, {z:g}). Is it the right tomogram?"
        )


def _levels_in_slices(model: Model) -> tuple[int, dict[int, NDArray[np.int64]], list[int]]:
    """The axis across the slices, the rows of the points in each slice that has any, slices of two curves."""
    groups = [np.flatnonzero(model.levels == level) for level in np.unique(model.levels)]
    axis = model.level_axis()
    if axis is None and groups:
        # levels that only count: the axis along which none of them has any extent
        extent = np.max([np.ptp(model.points[rows], axis=0) for rows in groups], axis=0)
        axis = 2 - int(extent[::-1].argmin())
        if extent[axis] > 1.0 or sum(map(len, groups)) < 3:
            raise ModelError(
                f"the levels of model {model.name!r} do not lie in slices across x, y or z; tracking goes "
                "from slice to slice, so trace the membrane in slices of one direction"
            )
    if axis is None:
        raise ModelError(
            f"model {model.name!r} has no points to track from: click along the membrane in one slice first"
        )
    levels: dict[int, NDArray[np.int64]] = {}
    several = set()
    for rows in groups:
        number = round(float(np.median(model.points[rows, axis])))
        if number in levels:
            several.add(number)
        if len(rows) > len(levels.get(number, ())):
            levels[number] = rows
    return axis, levels, sorted(several)


def _with_levels(model: Model, levels: Sequence[TrackedLevel]) -> Model:
    if not levels:
        return model
    counted = model.level_axis() is not None
    # contours of some other program are only numbered on
    names = [level.slice for level in levels] if counted else list(_numbers_after(model, len(levels)))
    points = np.concatenate([model.points, *(level.points for level in levels)])
    added = np.repeat(np.asarray(names, np.int64), [len(level.points) for level in levels])
    proposed = np.concatenate([model.proposed, np.ones(len(added), bool)])
    return model.with_points(points, np.concatenate([model.levels, added]), proposed)


def _numbers_after(model: Model, count: int) -> Iterator[int]:
    first = int(model.levels.max()) + 1
    return iter(range(first, first + count))
