"""What is drawn over a picture of the tomogram: circles, lines, crosses, arrows, frames, texts.

Places are (right, up) in the voxels of the picture, a whole number being the centre of a voxel; line widths
and smallest sizes are in pixels of the screen, so that they look the same however far one has zoomed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float]
"""Left, bottom, right and top of a rectangle, in voxels."""

# corners of the polygon that is drawn for a circle of which a part is cut off
_CORNERS = 48


class _Marks:
    """Rows of one kind of mark: arrays of as many rows each; one value is taken for all rows."""

    PLACES: ClassVar[str]
    """The field that says where they are: ``(n, ..., 2)``."""
    SHAPES: ClassVar[dict[str, tuple[int, ...]]]
    """Shape of one row of each field that is no number."""
    TYPES: ClassVar[dict[str, Any]] = {"dashed": bool, "texts": object}

    def __post_init__(self) -> None:
        shape = self.SHAPES[self.PLACES]
        places = np.asarray(getattr(self, self.PLACES), np.float64).reshape(-1, *shape)
        object.__setattr__(self, self.PLACES, places)
        for one in fields(self):  # type: ignore[arg-type]
            if one.name != self.PLACES:
                value = np.asarray(getattr(self, one.name), self.TYPES.get(one.name, np.float64))
                wanted = (len(places), *self.SHAPES.get(one.name, ()))
                given = value if value.shape == wanted else np.broadcast_to(value, wanted)
                object.__setattr__(self, one.name, given)

    def __len__(self) -> int:
        return len(getattr(self, self.PLACES))

    @classmethod
    @cache
    def none(cls) -> Self:
        """No marks."""
        return cls(*(() if f.name == cls.PLACES else 0 for f in fields(cls) if f.init))  # type: ignore[arg-type]

    def rows(self, which: ArrayLike) -> Self:
        """Some of them: row numbers, or True for each that is wanted."""
        return replace(self, **{f.name: getattr(self, f.name)[which] for f in fields(self)})  # type: ignore[type-var, arg-type]

    def moved_to(self, places: NDArray[np.float64]) -> Self:
        """The same marks at other places."""
        return replace(self, **{self.PLACES: places})  # type: ignore[type-var]

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """The marks of several, in this order."""
        full = [p for p in parts if len(p)]
        if len(full) < 2:
            return full[0] if full else cls.none()
        return cls(*(np.concatenate([getattr(p, f.name) for p in full]) for f in fields(cls)))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Circles(_Marks):
    """Circles; also discs.

    Parameters
    ----------
    centres : array, shape (n, 2)
    radii : array, shape (n,)
        In voxels.
    rgba : array, shape (n, 4)
        From 0 to 1.
    fills : array, shape (n,)
        Opacity of the inside: 0 for a hollow one.
    widths : array, shape (n,)
        Of the line, in pixels.
    least : array, shape (n,)
        The smallest radius on the screen, in pixels.
    dashed : bool array, shape (n,)
    """

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    rgba: NDArray[np.float64]
    fills: NDArray[np.float64] | float = 0.0
    widths: NDArray[np.float64] | float = 1.0
    least: NDArray[np.float64] | float = 0.0
    dashed: NDArray[np.bool_] | bool = False

    PLACES = "centres"
    SHAPES: ClassVar = {"centres": (2,), "rgba": (4,)}


@dataclass(frozen=True, eq=False)
class Lines(_Marks):
    """Straight lines; those of a curve follow each other.

    Parameters
    ----------
    ends : array, shape (n, 2, 2)
        Start and end of each.
    rgba : array, shape (n, 4)
    widths : array, shape (n,)
        In pixels.
    dashed : bool array, shape (n,)
    """

    ends: NDArray[np.float64]
    rgba: NDArray[np.float64]
    widths: NDArray[np.float64] | float = 1.0
    dashed: NDArray[np.bool_] | bool = False

    PLACES = "ends"
    SHAPES: ClassVar = {"ends": (2, 2), "rgba": (4,)}

    @classmethod
    def along(cls, curve: ArrayLike, rgba: ArrayLike, width: float = 1.0, *, dashed: bool = False) -> Lines:
        """The lines that join the places of a curve, ``(n, 2)``, one after the other."""
        places = np.asarray(curve, np.float64).reshape(-1, 2)
        return cls(np.stack([places[:-1], places[1:]], axis=1), np.asarray(rgba), width, dashed)


@dataclass(frozen=True, eq=False)
class Arrows(Lines):
    """Lines with a head at their end."""


L = TypeVar("L", bound=Lines)


@dataclass(frozen=True, eq=False)
class Crosses(_Marks):
    """Upright crosses, with a white outline so that they are seen on anything.

    Parameters
    ----------
    centres : array, shape (n, 2)
    radii : array, shape (n,)
        Length of an arm in voxels.
    rgba : array, shape (n, 4)
    least : array, shape (n,)
        The smallest length of an arm on the screen, in pixels.
    """

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    rgba: NDArray[np.float64]
    least: NDArray[np.float64] | float = 0.0

    PLACES = "centres"
    SHAPES: ClassVar = {"centres": (2,), "rgba": (4,)}


@dataclass(frozen=True, eq=False)
class Frames(_Marks):
    """Rectangles.

    Parameters
    ----------
    corners : array, shape (n, 2, 2)
        (left, bottom) and (right, top).
    rgba : array, shape (n, 4)
    widths : array, shape (n,)
        In pixels; the line lies inside the rectangle.
    """

    corners: NDArray[np.float64]
    rgba: NDArray[np.float64]
    widths: NDArray[np.float64] | float = 1.0

    PLACES = "corners"
    SHAPES: ClassVar = {"corners": (2, 2), "rgba": (4,)}

    @classmethod
    def around(cls, box: Box, rgba: ArrayLike, width: float = 1.0) -> Frames:
        """One rectangle."""
        return cls(np.array(box), np.asarray(rgba), width)


@dataclass(frozen=True, eq=False)
class Texts(_Marks):
    """Short texts, written to the right of a place and below it.

    Parameters
    ----------
    places : array, shape (n, 2)
    texts : object array of str, shape (n,)
    rgba : array, shape (n, 4)
    """

    places: NDArray[np.float64]
    texts: NDArray[np.object_]
    rgba: NDArray[np.float64]

    PLACES = "places"
    SHAPES: ClassVar = {"places": (2,), "rgba": (4,)}


@dataclass(frozen=True, eq=False)
class Overlay:
    """All that is drawn over a picture, from bottom to top: lines, arrows, circles, crosses, frames, texts.

    Parameters
    ----------
    lines : Lines
    arrows : Arrows
    circles : Circles
    crosses : Crosses
    frames : Frames
    texts : Texts
    """

    lines: Lines = field(default_factory=Lines.none)
    arrows: Arrows = field(default_factory=Arrows.none)
    circles: Circles = field(default_factory=Circles.none)
    crosses: Crosses = field(default_factory=Crosses.none)
    frames: Frames = field(default_factory=Frames.none)
    texts: Texts = field(default_factory=Texts.none)

    def __len__(self) -> int:
        return sum(len(marks) for marks in self._all().values())

    def _all(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def shifted(self, right: float, up: float) -> Overlay:
        """The same, moved by voxels."""
        by = np.array([right, up])
        return Overlay(
            **{
                name: m.moved_to(getattr(m, m.PLACES) + by) if len(m) else m
                for name, m in self._all().items()
            }
        )

    @classmethod
    def joined(cls, parts: Iterable[Overlay]) -> Overlay:
        """Several over each other, the last on top among marks of a kind."""
        every = [part._all() for part in parts]
        return cls(**{f.name: type(m).joined([e[f.name] for e in every]) for f, m in _kinds()})

    def clipped(self, box: Box) -> Overlay:
        """The part of it within a rectangle.

        Nothing of it reaches out of the rectangle but the width of lines, and what is smaller than its
        smallest size on the screen. Crosses and texts are there whole or not at all.
        """
        circles, arcs = _cut_circles(self.circles, box)
        return Overlay(
            lines=Lines.joined([_cut_lines(self.lines, box), arcs]),
            arrows=_cut_lines(self.arrows, box),
            circles=circles,
            crosses=self.crosses.rows(_inside(self.crosses.centres, box)),
            frames=_cut_frames(self.frames, box),
            texts=self.texts.rows(_inside(self.texts.places, box)),
        )


def _kinds() -> list[tuple[Any, Any]]:
    empty = Overlay()
    return [(f, getattr(empty, f.name)) for f in fields(Overlay)]


def _inside(places: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    return ((places >= box[:2]) & (places <= box[2:])).all(axis=-1)


def _cut_lines(lines: L, box: Box) -> L:
    """The parts of lines within a rectangle (Liang & Barsky 1984)."""
    if not len(lines):
        return lines
    start, way = lines.ends[:, 0], lines.ends[:, 1] - lines.ends[:, 0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (np.array(box[:2]) - start) / way, (np.array(box[2:]) - start) / way
    # a line along an edge is in or out as a whole
    still = way == 0
    beside = still & ((start < box[:2]) | (start > box[2:]))
    first = np.where(still, -np.inf, np.minimum(low, high)).max(axis=1).clip(0, 1)
    last = np.where(still, np.inf, np.maximum(low, high)).min(axis=1).clip(0, 1)
    kept = np.flatnonzero(~beside.any(axis=1) & (first < last))
    ends = start[kept, None] + np.stack([first, last], axis=1)[kept, :, None] * way[kept, None]
    return lines.rows(kept).moved_to(ends)


def _cut_circles(circles: Circles, box: Box) -> tuple[Circles, Lines]:
    """The circles within a rectangle, and the arcs that are left of those across its edge."""
    if not len(circles):
        return circles, Lines.none()
    low, high = circles.centres - circles.radii[:, None], circles.centres + circles.radii[:, None]  # type: ignore[index]
    centre_in = _inside(circles.centres, box)
    whole = centre_in & (low >= box[:2]).all(axis=1) & (high <= box[2:]).all(axis=1)
    touched = ~whole & (high >= box[:2]).all(axis=1) & (low <= box[2:]).all(axis=1)
    # one as small as a dot is a dot, and shown if its centre is
    dots = circles.radii < 0.5
    cut = circles.rows(touched & ~dots)
    angles = np.linspace(0, 2 * np.pi, _CORNERS + 1)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = cut.centres[:, None] + cut.radii[:, None, None] * corners  # type: ignore[index]
    each = np.repeat(np.arange(len(cut)), _CORNERS)
    looks = cut.rows(each)
    arcs = Lines(
        np.stack([rings[:, :-1], rings[:, 1:]], axis=2).reshape(-1, 2, 2),
        looks.rgba,
        looks.widths,
        looks.dashed,
    )
    return circles.rows(whole | (dots & centre_in)), _cut_lines(arcs, box)


def _cut_frames(frames: Frames, box: Box) -> Frames:
    if not len(frames):
        return frames
    low = np.maximum(frames.corners[:, 0], box[:2])
    high = np.minimum(frames.corners[:, 1], box[2:])
    kept = np.flatnonzero((low < high).all(axis=1))
    return frames.rows(kept).moved_to(np.stack([low, high], axis=1)[kept])
