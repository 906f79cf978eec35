"""What is done while the mouse is dragged over a picture, from the press to the release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from napari_tomopick.layers.pointing import Pane, Pixel, Spot

Row = tuple[str, int]
"""(model uid, row in that model) of a user point."""

PIXELS_PER_SLICE = 6.0


class Stroke(Protocol):
    """A drag under way."""

    def to(self, at: Pixel) -> None:
        """The mouse is there now."""

    def end(self) -> None:
        """The button was let go."""

    def cancel(self) -> None:
        """It is given up: nothing was done."""


class Points(Protocol):
    """What strokes do to user points; see `napari_tomopick.layers.picking.Picking`."""

    eraser_radius: float

    def rows_within(self, xyz: ArrayLike, radius: float) -> list[Row]:
        """Points of visible models near a place."""

    def preview(
        self, rows: Sequence[Row] | None, positions: Sequence[ArrayLike | None] | None = None
    ) -> None:
        """Draw points elsewhere, or not at all, without an edit."""

    def points_deleted(self, rows: Sequence[Row]) -> None:
        """Delete points, as one edit."""

    def move_points_to(self, rows: Sequence[Row], positions: ArrayLike) -> None:
        """Move points, as one edit."""

    def markers_moved(self, uids: list[str], positions: NDArray[np.float64]) -> None:
        """Put side markers elsewhere."""


class _View:
    """A stroke that changes what is seen: it goes on from where the mouse was last."""

    def __init__(self, pane: Pane, at: Pixel) -> None:
        self._pane, self._at = pane, at

    def to(self, at: Pixel) -> None:
        """See `Stroke`."""
        right, down = at[0] - self._at[0], at[1] - self._at[1]
        self._at = at
        if right or down:
            self._by(right, down)

    def _by(self, right: float, down: float) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """See `Stroke`."""

    def cancel(self) -> None:
        """See `Stroke`."""


class Pan(_View):
    """The picture follows the mouse."""

    def _by(self, right: float, down: float) -> None:
        self._pane.pan(right, down)


class Rotate(_View):
    """The view turns with the mouse."""

    def _by(self, right: float, down: float) -> None:
        self._pane.rotate(right, down)


class Scroll(_View):
    """Upwards is on through the slices, downwards back."""

    def __init__(self, pane: Pane, at: Pixel) -> None:
        super().__init__(pane, at)
        self._start, self._left = at, 0.0

    def _by(self, right: float, down: float) -> None:
        self._left -= down / PIXELS_PER_SLICE
        slices = int(self._left)
        if slices:
            self._left -= slices
            self._pane.scroll(slices, self._start)


class Erase:
    """All points of visible models that the eraser has touched go, as one edit."""

    def __init__(self, points: Points, pane: Pane, at: Pixel) -> None:
        self._points, self._pane = points, pane
        self._rows: dict[Row, None] = {}
        # nothing is edited before the end, so that rows keep their meaning
        self._last: NDArray[np.float64] | None = None
        self.to(at)

    def to(self, at: Pixel) -> None:
        """See `Stroke`; nothing between two places of a quick mouse is left out."""
        spot = self._pane.spot(at)
        if spot is None:
            self._last = None
            return
        before = len(self._rows)
        for place in self._path(spot):
            self._rows |= dict.fromkeys(self._points.rows_within(place, self._points.eraser_radius))
        self._last = spot.position
        if len(self._rows) > before:
            self._points.preview(list(self._rows))

    def _path(self, spot: Spot) -> NDArray[np.float64]:
        last = self._last if self._last is not None else spot.position
        way = float(np.linalg.norm(spot.position - last))
        steps = max(1, int(np.ceil(2 * way / self._points.eraser_radius)))
        return last + np.linspace(0, 1, steps + 1)[1:, None] * (spot.position - last)

    def end(self) -> None:
        """See `Stroke`."""
        if self._rows:
            self._points.points_deleted(list(self._rows))

    def cancel(self) -> None:
        """See `Stroke`."""
        self._points.preview(None)


class MovePoint:
    """A point follows the mouse in the plane in which it is seen, and is there at the end."""

    def __init__(self, points: Points, row: Row, position: NDArray[np.float64], pane: Pane, at: Pixel):
        self._points, self._row, self._pane = points, row, pane
        self._start, self._from, self._now = position, pane.spot(at), position

    def to(self, at: Pixel) -> None:
        """See `Stroke`."""
        spot = self._pane.spot(at)
        if spot is not None and self._from is not None:
            # its distance to the plane and to the mouse stay what they were
            self._now = self._start + (spot.position - self._from.position)
            self._points.preview([self._row], [self._now])

    def end(self) -> None:
        """See `Stroke`."""
        if np.array_equal(self._now, self._start):
            self._points.preview(None)
        else:
            self._points.move_points_to([self._row], self._now[None])

    def cancel(self) -> None:
        """See `Stroke`."""
        self._points.preview(None)


class MoveMarker:
    """A side marker is put where the mouse lets it go."""

    def __init__(self, points: Points, uid: str, pane: Pane) -> None:
        self._points, self._uid, self._pane = points, uid, pane
        self._now: NDArray[np.float64] | None = None

    def to(self, at: Pixel) -> None:
        """See `Stroke`."""
        spot = self._pane.spot(at)
        self._now = self._now if spot is None else spot.position

    def end(self) -> None:
        """See `Stroke`."""
        if self._now is not None:
            self._points.markers_moved([self._uid], self._now[None])

    def cancel(self) -> None:
        """See `Stroke`."""
