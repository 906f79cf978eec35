"""Selecting particles with the mouse: click, box and lasso, in any picture that shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from psygnal import Signal

from napari_tomopick.geometry.coordinates import zyx_to_xyz

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_tomopick.layers.pointing import Pixel
    from napari_tomopick.layers.projection import Seen
    from napari_tomopick.layers.selection import Ids
    from napari_tomopick.layers.workspace import Workspace

Tool = Literal["", "box", "lasso"]
How = Literal["only", "more", "less"]

# what a modifier means; with none, what is marked is selected and nothing else
MORE, LESS = "Shift", "Ctrl"
# pixels: below that it is a click, and so near a click means a particle or an arrow
CLICK, GRAB = 5.0, 7.0
# between corners of a lasso
STEP = 3.0


@runtime_checkable
class ParticlePane(Protocol):
    """A picture that tells where particles are seen in it."""

    def seen(self, positions: NDArray[np.float64]) -> Seen | None:
        """Where places, ``(n, 3)`` x, y, z, are seen; None if the picture shows nothing."""

    @property
    def in_depth(self) -> bool:
        """Whether it shows the whole tomogram, and not only what a slice cuts."""


class Marking:
    """The tool with which particles are selected.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    changed()
        Another tool is taken, or what is being drawn has changed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.tool: Tool = ""
        self.outline: Outline | None = None

    def set_tool(self, tool: Tool) -> None:
        """Take a tool, or with "" none: then the mouse looks around, and a click still selects."""
        if tool == self.tool:
            return
        self.tool, self.outline = tool, None
        if tool:
            work = self._workspace
            work.picking.set_mode("pan_zoom")
            points = work.review.view.points
            if points in work.viewer.layers:
                work.viewer.layers.selection.active = points
            points.mode = "pan_zoom"
        self.changed.emit()

    def takes(self, pane: object, modifiers: Collection[str]) -> bool:
        """Whether a press of the left button begins to mark something."""
        known = set(modifiers) in (set(), {MORE}, {LESS})
        return bool(self.tool) and known and isinstance(pane, ParticlePane)

    def begin(self, pane: ParticlePane, at: Pixel, modifiers: Collection[str]) -> Outline:
        """Begin an outline."""
        how: How = "more" if MORE in modifiers else "less" if LESS in modifiers else "only"
        self.outline = Outline(self, pane, at, self.tool, how)
        return self.outline

    # which particles

    def click(self, pane: ParticlePane, at: Pixel, how: How = "only") -> bool:
        """Select the particle at a pixel, or with "more" or "less" change whether it is selected."""
        row = self.hit(pane, at)
        selection = self._workspace.review.selection
        if row is None:
            return False
        uid, number = row
        if how == "only":
            selection.set({uid: [number]})
        else:
            selection.toggle({uid: [number]})
        return True

    def hit(self, pane: ParticlePane, at: Pixel) -> tuple[str, int] | None:
        """(set uid, particle id) of the particle at a pixel, or with its arrow there; the nearest."""
        rows, starts, radii, ends = self._candidates()
        seen = pane.seen(starts) if len(rows) else None
        if seen is None:
            return None
        there = np.ones(len(rows), bool) if pane.in_depth else seen.depths < radii
        distance = np.linalg.norm(seen.pixels - at, axis=1)
        reach = np.full(len(rows), GRAB)
        if pane.in_depth and ends is not None:
            tips = pane.seen(ends)
            if tips is not None:
                distance = np.minimum(distance, _from_lines(seen.pixels, tips.pixels, np.asarray(at)))
        elif not pane.in_depth:
            cut = np.sqrt(np.maximum(radii**2 - seen.depths**2, 0))
            reach = np.maximum(cut * seen.pixels_per_voxel, GRAB)
        distance = np.where(there & (distance <= reach), distance, np.inf)
        nearest = int(np.argmin(distance))
        return self._workspace.review.view.row(int(rows[nearest])) if np.isfinite(distance[nearest]) else None

    def within(self, pane: ParticlePane, corners: ArrayLike) -> dict[str, Ids]:
        """Particles whose middle is seen within a polygon of pixels; in slices, those that the slice cuts."""
        rows, starts, radii, _ = self._candidates()
        seen = pane.seen(starts) if len(rows) else None
        if seen is None:
            return {}
        inside = np.isfinite(seen.pixels).all(axis=1)
        if not pane.in_depth:
            inside &= seen.depths < radii
        # it takes a while to load
        from skimage.measure import points_in_poly

        at = np.flatnonzero(inside)
        at = at[points_in_poly(seen.pixels[at], np.asarray(corners, float))]
        return self._workspace.review.view.ids_at(rows[at])

    def _candidates(self) -> tuple[NDArray, NDArray, NDArray, NDArray | None]:
        """Rows of the layer that are seen, their places, radii, and the tips of arrows if those are drawn."""
        view = self._workspace.review.view
        rows = view.seen_rows
        starts = zyx_to_xyz(np.asarray(view.points.data))[rows]
        tips = zyx_to_xyz(view.tips)[rows] if view.arrows.visible else None
        return rows, starts, np.asarray(view.points.size)[rows] / 2, tips

    def mark(self, pane: ParticlePane, corners: ArrayLike, how: How) -> None:
        """Select what lies within a polygon, or select it as well ("more"), or no more ("less")."""
        selection, found = self._workspace.review.selection, self.within(pane, corners)
        {"only": selection.set, "more": selection.add, "less": selection.remove}[how](found)


class Outline:
    """A box or a lasso that is being drawn; a `napari_tomopick.layers.strokes.Stroke`.

    Parameters
    ----------
    marking : Marking
    pane : ParticlePane
    at : (float, float)
        Where it begins, in pixels.
    tool : "box" or "lasso"
    how : "only", "more" or "less"
    """

    def __init__(self, marking: Marking, pane: ParticlePane, at: Pixel, tool: Tool, how: How) -> None:
        self._marking, self.pane, self._tool, self._how = marking, pane, tool, how
        self._places = [at]

    @property
    def corners(self) -> list[Pixel]:
        """Of the polygon, in pixels."""
        if self._tool == "lasso":
            return self._places
        (x0, y0), (x1, y1) = self._places[0], self._places[-1]
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]

    def to(self, at: Pixel) -> None:
        """The mouse is here now."""
        if np.hypot(at[0] - self._places[-1][0], at[1] - self._places[-1][1]) >= STEP:
            self._places.append(at)
            self._marking.changed.emit()

    def end(self) -> None:
        """The button is let go: what is within is selected; if nothing was drawn, what was clicked."""
        self.cancel()
        places = np.array(self._places)
        if np.ptp(places, axis=0).max() >= CLICK:
            self._marking.mark(self.pane, self.corners, self._how)
        elif not self._marking.click(self.pane, self._places[0], self._how) and self._how == "only":
            self._marking.mark(self.pane, np.empty((0, 2)), "only")

    def cancel(self) -> None:
        """It is not drawn any more, and selects nothing."""
        self._marking.outline = None
        self._marking.changed.emit()


def _from_lines(starts: NDArray, ends: NDArray, at: NDArray) -> NDArray[np.float64]:
    """Distance of a place from lines between two places each."""
    along = ends - starts
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    part = np.clip(((at - starts) * along).sum(axis=1) / length, 0, 1)
    return np.asarray(np.linalg.norm(starts + part[:, None] * along - at, axis=1))
