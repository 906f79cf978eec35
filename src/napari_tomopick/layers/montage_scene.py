"""What is drawn over the slices of a montage, and the montage as a picture that a hand can work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from napari_tomopick.geometry.mosaic import Mosaic, Place
from napari_tomopick.geometry.planes import Axis
from napari_tomopick.layers.curves import curve_segments
from napari_tomopick.layers.montage_reuse import Drawn, unchanged
from napari_tomopick.layers.overlay import Box, Crosses, Frames, Lines, Overlay, Texts
from napari_tomopick.layers.plane_scene import LINE, PlaneScene, Scenery
from napari_tomopick.layers.pointing import Pixel, Spot
from napari_tomopick.layers.user_points import CURVE_REACH, MARKER_SIZE, MIN_POINT_PIXELS
from napari_tomopick.models.user_points import Model

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_tomopick.layers.montage import Montage
    from napari_tomopick.layers.viewport import Viewport

ACTIVE = (1.0, 0.16, 0.16, 1.0)
WHITE = (1.0, 1.0, 1.0, 1.0)
# in pixels
ACTIVE_FRAME, TRACED_FRAME = 3.0, 1.5
# opacity of markers and curves of other slices, and of frames where points are only proposed
ELSEWHERE, PROPOSED = 0.45, 0.5
# curves are those of the slice itself; a slice that is not traced has the nearest one, faintly, to go by
OWN_REACH = 1.0
# how near to the middle of a small point a click means it
GRAB_PIXELS = 7.0
NO_SLICE = "There is no slice under the mouse: point at one of the montage first."


@dataclass(frozen=True, eq=False)
class MontageScene:
    """What is seen over the slices of a page.

    Parameters
    ----------
    overlay : Overlay
        Places in the picture.
    mosaic : Mosaic, optional
    tiles : mapping of int to PlaneScene
        What is seen in each slice on the page, by its number.
    parts : mapping of int to Overlay
        The same at its place in the picture.
    drawn : Drawn
        What it is of.
    """

    overlay: Overlay = field(default_factory=Overlay)
    mosaic: Mosaic | None = None
    tiles: Mapping[int, PlaneScene] = field(default_factory=dict)
    parts: Mapping[int, Overlay] = field(default_factory=dict)
    drawn: Drawn = field(default_factory=Drawn)

    @classmethod
    def of(
        cls,
        mosaic: Mosaic,
        scenery: Scenery,
        drawn: Drawn,
        active_model: Model | None,
        before: MontageScene | None = None,
    ) -> MontageScene:
        """What is seen of models, with the slices framed in which the active one has points.

        Parameters
        ----------
        mosaic : Mosaic
        scenery : Scenery
        drawn : Drawn
            What the scenery is of.
        active_model : Model, optional
            If it is shown.
        before : MontageScene, optional
            What was seen before an edit.
        """
        known = before is not None and before.mosaic == mosaic
        kept = unchanged(before.drawn, drawn, mosaic, OWN_REACH) if before is not None and known else None
        tiles, parts = {}, {}
        for number in mosaic.shown:
            if before is not None and kept is not None and kept(number):
                tiles[number], parts[number] = before.tiles[number], before.parts[number]
            else:
                plane = mosaic.plane(number)
                scene = tiles[number] = scenery.seen_in(plane, curve_reach=OWN_REACH, beside=ELSEWHERE)
                parts[number] = _in_picture(mosaic, number, scene.overlay)
        guides = [
            _in_picture(mosaic, number, guide) for number, guide in _guides(mosaic, active_model).items()
        ]
        over = [_marker_elsewhere(mosaic, tiles, active_model), _labels(mosaic, active_model)]
        return cls(Overlay.joined([*guides, *parts.values(), *over]), mosaic, tiles, parts, drawn)

    def point_at(self, place: Place, pixels: float) -> tuple[str, int] | None:
        """The user point drawn at a place, (model uid, row); ``pixels`` of the screen are a voxel."""
        scene, uv = self._in_tile(place)
        return None if scene is None else scene.point_at(uv, pixels, GRAB_PIXELS)

    def marker_at(self, place: Place, pixels: float) -> str | None:
        """The uid of the model whose side marker lies in the slice at a place, and is drawn there."""
        scene, uv = self._in_tile(place)
        return None if scene is None else scene.marker_at(uv, pixels, GRAB_PIXELS)

    def _in_tile(self, place: Place) -> tuple[PlaneScene | None, ArrayLike]:
        number = None if self.mosaic is None else self.mosaic.slice_at(place)
        if self.mosaic is None or number is None:
            return None, (0.0, 0.0)
        return self.tiles[number], np.subtract(place, self.mosaic.shift(number))


def _in_picture(mosaic: Mosaic, number: int, overlay: Overlay) -> Overlay:
    """What is drawn over a slice, cut to what is shown of it, at its place in the picture."""
    if not len(overlay):
        return overlay
    region = mosaic.region
    left, bottom = region.left - 0.5, region.bottom - 0.5
    box = (left, bottom, left + region.width, bottom + region.height)
    return overlay.clipped(box).shifted(*mosaic.shift(number))


def frame_of(mosaic: Mosaic, number: int) -> Box:
    """The edge of a slice on the shown page, half way into the gap about it."""
    left, bottom = mosaic.corner(number)
    by = 0.5 + mosaic.gap / 2
    return (
        left - by,
        bottom - by,
        left + mosaic.region.width - 1 + by,
        bottom + mosaic.region.height - 1 + by,
    )


def active_frame(mosaic: Mosaic | None, active: int | None) -> Overlay:
    """The red frame about the active slice, where it is on the shown page."""
    if mosaic is None or active is None or active not in mosaic.shown:
        return Overlay()
    return Overlay(frames=Frames.around(frame_of(mosaic, active), ACTIVE, ACTIVE_FRAME))


def _guides(mosaic: Mosaic, model: Model | None) -> dict[int, Overlay]:
    """For slices in which a surface is not traced, its curve in the nearest one in which it is.

    Only the curves of a few slices away are of help, or of those that stand beside it.
    """
    found: dict[int, Overlay] = {}
    axis = "xyz".index(mosaic.axis)
    if model is None or model.level_axis() != axis:
        return found
    traced, reach = np.unique(model.levels), max(CURVE_REACH, mosaic.step)
    for number in mosaic.shown:
        nearest = traced[np.abs(traced - number).argmin()]
        if nearest == number or abs(nearest - number) > reach:
            continue
        here = model.levels == nearest
        level = model.with_points(model.points[here], model.levels[here])
        start, way = curve_segments(level).transpose(1, 0, 2)
        plane = mosaic.plane(number)
        ends = np.stack([plane.coordinates(start)[0], plane.coordinates(start + way)[0]], axis=1)
        found[number] = Overlay(lines=Lines(ends, (*_colour(model)[:3], ELSEWHERE), LINE))
    return found


def _marker_elsewhere(mosaic: Mosaic, tiles: Mapping[int, PlaneScene], model: Model | None) -> Overlay:
    """The active model's side marker, pale on slices it does not lie in: inside is the same side there."""
    if model is None or model.marker is None:
        return Overlay()
    region, numbers = mosaic.region, [n for n, scene in tiles.items() if model.uid not in scene.marked]
    (uv,), _ = mosaic.plane(mosaic.first).coordinates(model.marker)
    low, size = np.array([region.left, region.bottom]) - 0.5, np.array([region.width, region.height])
    if not numbers or (uv < low).any() or (uv > low + size).any():
        return Overlay()
    centres = uv + [mosaic.shift(number) for number in numbers]
    rgba = (*_colour(model)[:3], ELSEWHERE)
    return Overlay(crosses=Crosses(centres, MARKER_SIZE / 2 * ELSEWHERE, rgba, MIN_POINT_PIXELS * ELSEWHERE))


def _labels(mosaic: Mosaic, model: Model | None) -> Overlay:
    """The number of each slice, and frames about those in which the active model has points."""
    axis = "xyz".index(mosaic.axis)
    slices = np.empty(0) if model is None else np.floor(model.points[:, axis] + 0.5)
    colour = WHITE if model is None else _colour(model)
    frames, texts, colours = [], [], []
    for number in mosaic.shown:
        here = slices == number
        count = int(here.sum())
        texts.append(f"{mosaic.axis} {number}" + (f" · {count}" if count else ""))
        colours.append(colour if count else WHITE)
        if count and model is not None:
            alpha = PROPOSED if model.proposed[here].all() else 1.0
            frames.append(Frames.around(frame_of(mosaic, number), (*colour[:3], alpha), TRACED_FRAME))
    corners = [np.add(mosaic.corner(n), (-0.5, mosaic.region.height - 0.5)) for n in mosaic.shown]
    return Overlay(
        frames=Frames.joined(frames),
        texts=Texts(np.array(corners), np.array(texts, object), np.array(colours)),
    )


def _colour(model: Model) -> tuple[float, ...]:
    return tuple(transform_color(model.colour)[0].tolist())


class Canvas(Protocol):
    """What shows a montage."""

    @property
    def viewport(self) -> Viewport:
        """Which part of the picture is seen."""

    def pan(self, right: float, down: float) -> None:
        """Move what is seen by pixels."""

    def zoom(self, factor: float, at: ArrayLike | None = None) -> None:
        """Enlarge what is seen; what is at a pixel stays there."""


class MontagePane:
    """A montage on a canvas as a `napari_tomopick.layers.pointing.Pane`.

    Parameters
    ----------
    montage : Montage
    canvas : Canvas
    """

    drag_scrolls = False

    def __init__(self, montage: Montage, canvas: Canvas) -> None:
        self.montage, self._canvas = montage, canvas

    def place(self, at: Pixel) -> Place:
        """The place in the picture at a pixel."""
        right, up = self._canvas.viewport.to_picture(at)
        return float(right), float(up)

    def slice_at(self, at: Pixel) -> int | None:
        """The slice at a pixel."""
        mosaic = self.montage.mosaic
        return None if mosaic is None else mosaic.slice_at(self.place(at))

    def spot(self, at: Pixel) -> Spot | None:
        """See `Pane`: exactly in the slice that is seen there."""
        mosaic, number = self.montage.mosaic, self.slice_at(at)
        if mosaic is None or number is None:
            return None
        position = mosaic.position(self.place(at))
        assert position is not None
        return Spot(position, mosaic.plane(number), 1 / self._canvas.viewport.scale)

    def point_at(self, at: Pixel) -> tuple[str, int] | None:
        """See `Pane`."""
        return self.montage.scene.point_at(self.place(at), self._canvas.viewport.scale)

    def marker_at(self, at: Pixel) -> str | None:
        """See `Pane`."""
        return self.montage.scene.marker_at(self.place(at), self._canvas.viewport.scale)

    def click(self, at: Pixel, second: bool = False) -> None:
        """See `Pane`: the slice becomes the active one, and gets a point where clicking adds.

        Where clicking selects, the point at the pixel is selected. Where it does neither, a double click
        shows the place in the slice viewer.
        """
        number, spot, picking = self.slice_at(at), self.spot(at), self.montage.workspace.picking
        if number is None or spot is None:
            return
        self.montage.activate(number)
        row = self.point_at(at)
        if picking.mode == "add":
            if not second:
                picking.add_at(spot)
        elif picking.mode == "select" and row is not None:
            picking.select_points([row])
        elif second:
            self.montage.go_to(spot.position)

    def pan(self, right: float, down: float) -> None:
        """See `Pane`."""
        self._canvas.pan(right, down)

    def zoom(self, factor: float, at: Pixel) -> None:
        """See `Pane`."""
        self._canvas.zoom(factor, at)

    def scroll(self, slices: int, at: Pixel) -> None:
        """See `Pane`: on by so many pages."""
        if self.montage.mosaic is not None:
            self.montage.turn(slices)

    def rotate(self, right: float, down: float) -> None:
        """See `Pane`: a montage cannot be turned."""

    def show_plane(self, axis: Axis, at: Pixel) -> None:
        """See `Pane`: slices across that axis, of which the one through what is at the pixel is active."""
        spot = self.spot(at)
        self.montage.show_full_scene(axis)
        if spot is not None and self.montage.mosaic is not None:
            self.montage.activate(self.montage.mosaic.nearest(spot.position["xyz".index(axis)]))
