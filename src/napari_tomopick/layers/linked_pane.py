"""One of the linked views: asks for its picture in the background, and is what a hand works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.linked import COLOURS, IN_PLANE, Kind, LinkedViews
from napari_tomopick.layers.overlay import Box, Overlay
from napari_tomopick.layers.plane_scene import PlaneScene, Scenery
from napari_tomopick.layers.pointing import Pixel, Spot
from napari_tomopick.layers.projection import Seen
from napari_tomopick.layers.viewport import Viewport

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# how near to the middle of a small point a click means it
GRAB_PIXELS = 7.0
# of an oblique plane: pixels that are sampled quickly enough to follow the mouse
MAX_SAMPLES = 700_000
# the cross-hair is brought back into sight when it comes nearer to the edge than this part of the canvas
EDGE = 0.04


class Canvas(Protocol):
    """What a view is painted on."""

    @property
    def viewport(self) -> Viewport:
        """Which part of the picture is seen."""

    def set_viewport(self, viewport: Viewport) -> None:
        """Show another part."""

    def fit(self) -> None:
        """Show all of it."""

    def set_extent(self, box: Box | None) -> None:
        """Say what all of it is."""

    def set_picture(
        self, grey: ArrayLike, *, left: float = 0.0, bottom: float = 0.0, spacing: float = 1.0
    ) -> None:
        """Show another picture."""

    def set_overlay(self, overlay: Overlay) -> None:
        """Draw something else over it."""

    def set_cross(
        self, place: tuple[float, float] | None, upright: str = "#ffffff", level: str = "#ffffff"
    ) -> None:
        """Draw a cross-hair."""

    def set_caption(self, text: str, colour: str = "#ffffff", note: str = "") -> None:
        """Write in the corners."""

    def set_frame(self, colour: str | None) -> None:
        """Draw a frame about the canvas."""


@dataclass(frozen=True, eq=False)
class Section:
    """What a view shows: a plane, and the grey values in a part of it.

    Parameters
    ----------
    kind : "x", "y", "z" or "oblique"
    plane : Plane
    left, bottom : float
        u, v of the first sample.
    spacing : float
        Voxels between samples.
    width, height : int
        Samples.
    source : object
        What it was sampled with; another one gives other values.
    values : array, shape (height, width), optional
        None until it was sampled.
    """

    kind: Kind
    plane: Plane
    left: float
    bottom: float
    spacing: float
    width: int
    height: int
    source: Any
    values: NDArray[np.float32] | None = None

    def same_as(self, other: Section | None) -> bool:
        """Whether it shows the same."""
        return (
            other is not None
            and self.source == other.source
            and (self.kind, self.left, self.bottom, self.spacing, self.width, self.height)
            == (other.kind, other.left, other.bottom, other.spacing, other.width, other.height)
            and all(
                np.array_equal(getattr(self.plane, n), getattr(other.plane, n)) for n in ("origin", "u", "v")
            )
        )


class LinkedPane:
    """A view of one plane; a `napari_tomopick.layers.pointing.Pane`.

    What it says about places is about the plane that is on the screen, also while another one is being read.

    Parameters
    ----------
    views : LinkedViews
    canvas : Canvas
    kind : callable
        Tells which plane it shows.
    """

    drag_scrolls = True

    def __init__(self, views: LinkedViews, canvas: Canvas, kind: Callable[[], Kind]) -> None:
        self._views, self._canvas, self._kind = views, canvas, kind
        self.shown: Section | None = None
        self._wanted: Section | None = None
        self._reading = False
        self._scene = PlaneScene()
        self._scenery: Scenery | None = None
        self._lines: Any = None
        self._mapping: tuple[Any, ...] = ()
        self._focus: NDArray[np.float64] | None = None
        self._sharing = False

    @property
    def kind(self) -> Kind:
        """Which plane it is to show."""
        return self._kind()

    # showing

    def refresh(self) -> None:
        """Show what there is to be seen now; only what changed is read and painted anew."""
        if self._views.shape is None:
            self.clear()
            return
        kind = self._kind()
        plane = self._views.plane(kind)
        self._follow_focus(kind, plane)
        self._share_scale(plane)
        self._ask(self._section(kind, plane))
        self._draw()

    def clear(self) -> None:
        """Show nothing, and forget what was being read."""
        self.forget()
        self._canvas.set_picture(np.zeros((0, 0), np.uint8))
        self._canvas.set_overlay(Overlay())
        self._canvas.set_cross(None)
        self._canvas.set_caption("")
        self._canvas.set_frame(None)

    def fit(self) -> None:
        """Show the whole of the plane; an oblique one keeps its scale while it is turned and moved."""
        if self._views.shape is not None:
            self._canvas.set_extent(self._views.extent(self._views.plane(self._kind())))
            self._canvas.fit()

    def forget(self) -> None:
        """Let go of what is shown and of what is being read."""
        self.shown = self._wanted = self._focus = None
        self._scene, self._scenery, self._lines, self._mapping = PlaneScene(), None, None, ()

    def share_scale(self) -> None:
        """Where all views have one scale, bring the others to what is seen here."""
        if self._views.same_scale and not self._sharing and self.shown is not None:
            self._views.share_viewport(self.shown.plane, self._canvas.viewport)

    def _follow_focus(self, kind: Kind, plane: Plane) -> None:
        """Bring the focus into sight when it has moved, or another plane is shown."""
        new = self._wanted is None or self._wanted.kind != kind
        if new or kind != "oblique":
            self._canvas.set_extent(self._views.extent(plane))
        if new:
            self._canvas.fit()
        focus = self._views.focus
        moved = self._focus is not None and not np.array_equal(focus, self._focus)
        self._focus = focus
        if not moved or new:
            return
        (place,), _ = plane.coordinates(focus)
        viewport = self._canvas.viewport
        x, y = viewport.to_canvas(place)
        margin = EDGE * viewport.width, EDGE * viewport.height
        if not (
            margin[0] <= x <= viewport.width - margin[0] and margin[1] <= y <= viewport.height - margin[1]
        ):
            self._canvas.set_viewport(viewport.centred(*place))

    def _share_scale(self, plane: Plane) -> None:
        if not self._views.same_scale or self._sharing:
            return
        self._sharing = True
        try:
            wanted = self._views.shared_viewport(plane, self._canvas.viewport)
            if wanted != self._canvas.viewport:
                self._canvas.set_viewport(wanted)
        finally:
            self._sharing = False

    def _section(self, kind: Kind, plane: Plane) -> Section:
        """What is to be sampled: a slice as a whole, of an oblique plane what is seen."""
        left, bottom, right, top = self._views.extent(plane)
        source = self._source()
        if kind != "oblique":
            return Section(
                kind, plane, left + 0.5, bottom + 0.5, 1, round(right - left), round(top - bottom), source
            )
        seen = self._canvas.viewport.seen
        left, bottom = max(left, seen[0]), max(bottom, seen[1])
        right, top = min(right, seen[2]), min(top, seen[3])
        across, up = max(right - left, 1.0), max(top - bottom, 1.0)
        spacing = 1
        while across * up / spacing**2 > MAX_SAMPLES:
            spacing *= 2
        # on a fixed grid, so that what is seen does not tremble while it is panned
        first, low = np.floor(left / spacing) * spacing, np.floor(bottom / spacing) * spacing
        return Section(
            kind,
            plane,
            float(first),
            float(low),
            spacing,
            int(np.ceil((right - first) / spacing)) + 1,
            int(np.ceil((top - low) / spacing)) + 1,
            source,
        )

    def _source(self) -> Any:
        work = self._views.workspace
        return work.tomogram_name, id(work.image.loaded), work.display.filtering

    def _ask(self, wanted: Section) -> None:
        """Have it sampled in the background; of what is wanted meanwhile, only the last is read."""
        if wanted.same_as(self._wanted):
            return
        self._wanted = wanted
        if not self._reading:
            self._read()

    def _read(self) -> None:
        wanted = self._wanted
        assert wanted is not None
        sampler = self._views.workspace.display.sampler()
        start = wanted.plane.moved(wanted.left, wanted.bottom)
        self._reading = True

        def done(values: NDArray[np.float32] | None, failed: Exception | None = None) -> None:
            self._reading = False
            if self._wanted is None:
                return  # the tomogram was closed, or this view
            if failed is not None:
                with self._views.workspace.reporting():
                    raise failed
            elif wanted.source == self._wanted.source and values is not None:
                self._show(wanted, values)
            if wanted is not self._wanted and self._views.shape is not None:
                self._read()

        self._views.workspace.run(
            lambda: sampler.section(start, wanted.width, wanted.height, spacing=wanted.spacing),
            done,
            lambda error: done(None, failed=error),
        )

    def _show(self, wanted: Section, values: NDArray[np.float32]) -> None:
        self.shown = Section(
            wanted.kind,
            wanted.plane,
            wanted.left,
            wanted.bottom,
            wanted.spacing,
            wanted.width,
            wanted.height,
            wanted.source,
            values,
        )
        self._scenery, self._mapping = None, ()
        self._draw()

    def _draw(self) -> None:
        """Paint what is shown: grey values, points, lines and words, those of them that have changed."""
        shown, views = self.shown, self._views
        if shown is None or shown.values is None:
            return
        display = views.workspace.display
        mapping = (display.limits, display.inverted)
        if mapping != self._mapping:
            self._mapping = mapping
            half = (shown.spacing - 1) / 2
            self._canvas.set_picture(
                display.grey(shown.values),
                left=shown.left - half,
                bottom=shown.bottom - half,
                spacing=shown.spacing,
            )
        scenery, focus = views.scenery(), views.focus
        if scenery is not self._scenery:
            self._scene = scenery.seen_in(shown.plane)
        lines = (views.cross_shown, views.oblique_shown, views.attitude, tuple(focus))
        if scenery is not self._scenery or lines != self._lines:
            cuts = views.lines_in(shown.kind, shown.plane)
            self._canvas.set_overlay(Overlay.joined([cuts, self._scene.overlay]))
        self._scenery, self._lines = scenery, lines
        self._draw_words(shown, focus)

    def _draw_words(self, shown: Section, focus: NDArray[np.float64]) -> None:
        colour = COLOURS[shown.kind]
        self._canvas.set_frame(colour)
        if shown.kind == "oblique":
            a = self._views.attitude
            tilt = f"tilt {a.tilt_degrees:.0f}°, rotation {a.rotation_degrees:.0f}°"
            self._canvas.set_caption("Oblique", colour, tilt)
            self._canvas.set_cross(None)
            return
        right, up = IN_PLANE[shown.kind]
        number = round(float(shown.plane.origin["xyz".index(shown.kind)]))
        self._canvas.set_caption(f"{(right + up).upper()}", colour, f"{shown.kind} {number}")
        (place,), _ = shown.plane.coordinates(np.floor(focus + 0.5))
        cross = (float(place[0]), float(place[1])) if self._views.cross_shown else None
        self._canvas.set_cross(cross, COLOURS[right], COLOURS[up])

    # the pane that a hand works on

    def spot(self, at: Pixel) -> Spot | None:
        """See `Pane`: exactly in the plane that is on the screen."""
        if self.shown is None or self._views.shape is None:
            return None
        viewport = self._canvas.viewport
        (position,) = self.shown.plane.position(viewport.to_picture(at))
        size = np.array(self._views.shape[::-1])
        if not ((position >= -0.5) & (position <= size - 0.5)).all():
            return None
        return Spot(position, self.shown.plane, 1 / viewport.scale)

    def point_at(self, at: Pixel) -> tuple[str, int] | None:
        """See `Pane`."""
        viewport = self._canvas.viewport
        return self._scene.point_at(viewport.to_picture(at), viewport.scale, GRAB_PIXELS)

    in_depth = False

    def seen(self, positions: NDArray[np.float64]) -> Seen | None:
        """See `napari_tomopick.layers.review_marking.ParticlePane`."""
        if self.shown is None:
            return None
        uv, distance = self.shown.plane.coordinates(positions)
        viewport = self._canvas.viewport
        return Seen(viewport.to_canvas(uv), np.abs(distance), np.full(len(uv), viewport.scale))

    def marker_at(self, at: Pixel) -> str | None:
        """See `Pane`."""
        viewport = self._canvas.viewport
        return self._scene.marker_at(viewport.to_picture(at), viewport.scale, GRAB_PIXELS)

    def pan(self, right: float, down: float) -> None:
        """See `Pane`."""
        self._canvas.set_viewport(self._canvas.viewport.panned(right, down))

    def zoom(self, factor: float, at: Pixel) -> None:
        """See `Pane`."""
        self._canvas.set_viewport(self._canvas.viewport.zoomed(factor, at))

    def scroll(self, slices: int, at: Pixel) -> None:
        """See `Pane`: the focus moves across the plane."""
        self._views.scroll(self._kind(), slices)

    def rotate(self, right: float, down: float) -> None:
        """See `Pane`: only an oblique plane can be turned."""
        if self._kind() == "oblique":
            self._views.rotate(right, down)

    def show_plane(self, axis: str, at: Pixel) -> None:
        """See `Pane`: in the slice viewer, through what is at the pixel."""
        spot = self.spot(at)
        self._views.show_in_main(axis, self._views.focus if spot is None else spot.position)

    def click(self, at: Pixel, second: bool = False) -> None:
        """See `Pane`: add or select a point where that is what a click does; else all views go there."""
        spot, picking = self.spot(at), self._views.workspace.picking
        if spot is None:
            return
        if picking.mode == "add":
            if not second:
                picking.add_at(spot)
            return
        row = self.point_at(at) if picking.mode == "select" else None
        if row is not None:
            picking.select_points([row])
        else:
            if picking.mode != "select":
                self._views.workspace.review.marking.click(self, at)
            self._views.look_at(spot.position)
