"""The gallery: central sections of the boxes of points or particles, side by side, to be weeded out.

Only the page that is looked at is read, in the background, and what was read is kept: after an edit only
boxes that lie elsewhere are read again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.cropping import nearest_voxels
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.boxes import Boxes, Sorting, no_boxes
from napari_tomopick.layers.user_points import DEFAULT_BOX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.display import Sampler
    from napari_tomopick.layers.workspace import Workspace

Axis = Literal["z", "y", "x"]

CURRENT_MODEL = ""
"""The source of the boxes that is the model which gets the points, whichever it is."""

SLICES = 5
MAX_BOX, MAX_SLICES = 1024, 500
# read at once: few enough that another page is not waited for
CHUNK = 16
KEPT_BYTES = 64 * 2**20


class Cut(NamedTuple):
    """What a picture of a box depends on."""

    tomogram: str
    voxel: tuple[int, int, int]
    axis: Axis
    box_size: int
    slices: int
    low_pass_angstrom: float | None


@dataclass(frozen=True, eq=False)
class Tile:
    """One box of a page.

    Parameters
    ----------
    place : int
        Among all boxes, in the order in which they are shown.
    caption : str
        Its number, and score if it has one.
    tip : str
        All there is to say about it.
    picture : uint8 array, shape (h, w), optional
        Row 0 is the lowest; None as long as it is not read.
    outside : bool array, shape (h, w), optional
        What lies outside the tomogram; None if nothing does.
    current : bool
        Whether the user went there last.
    """

    place: int
    caption: str
    tip: str
    picture: NDArray[np.uint8] | None
    outside: NDArray[np.bool_] | None
    current: bool


class Gallery:
    """Boxes of the model that gets the points, or of a particle set, in pages.

    Ask it to `refresh` when anything about those may have changed.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    loaded()
        Pictures were read that are on the page.
    """

    loaded = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.source = CURRENT_MODEL
        # of the models and sets for which the user wants another than their own
        self._box_sizes: dict[str, int] = {}
        self.slices = SLICES
        self.axis: Axis = "z"
        self.sorting: Sorting = "order"
        self.reverse = False
        self.page_size = 1
        self.page = 0
        self.boxes = no_boxes()
        self._current: tuple[str, int, tuple[float, ...]] | None = None
        self._selected: list[tuple[str, int]] = []
        self._kept: OrderedDict[Cut, NDArray[np.float32]] = OrderedDict()
        self._loading = False

    # what there is

    def sources(self) -> list[tuple[str, str]]:
        """What boxes can be shown of: (`CURRENT_MODEL` or the uid of a particle set, text)."""
        active = self._workspace.picking.active
        models = [(CURRENT_MODEL, f"{active.name} (model)")] if active is not None else []
        return models + [(s.uid, s.name) for s in self._workspace.review.sets]

    @property
    def sortings(self) -> tuple[Sorting, ...]:
        """What tells these boxes apart, and so can sort them."""
        return self.boxes.sortings

    def refresh(self) -> None:
        """Take boxes from the session as they are now, and sort them."""
        before, at_end = self.boxes, self.page >= self.pages - 1
        self.boxes = self._found().sorted(self.sorting, self.reverse)
        one_more = self.boxes.uid == before.uid and len(self.boxes) == len(before) + 1
        # who picks, and sees the last box, is to see the next one too
        follow = (
            at_end
            and one_more
            and len(before) > 0
            and not np.array_equal(self.boxes.positions[-1], before.positions[-1])
        )
        self.turn_to(self.pages - 1 if follow else self.page)
        self._keep_current()
        self._follow_selection()

    def _found(self) -> Boxes:
        review, model = self._workspace.review, self._workspace.picking.active
        chosen = next((s for s in review.sets if s.uid == self.source), None)
        if chosen is None and model is None and review.sets:
            chosen = review.sets[0]
        if chosen is not None:
            particles = review.particles(chosen.uid)
            return Boxes(
                chosen.uid,
                chosen.name,
                True,
                particles.ids,
                particles.positions,
                particles.scores,
                particles.groups,
                self._box_sizes.get(chosen.uid) or chosen.box_size or DEFAULT_BOX,
            )
        if model is None:
            return no_boxes()
        n = len(model)
        return Boxes(
            model.uid,
            model.name,
            False,
            np.arange(n),
            model.points,
            np.full(n, np.nan),
            np.full(n, model.group),
            self._box_sizes.get(model.uid) or model.box_size or DEFAULT_BOX,
        )

    # settings

    def show(self, source: str) -> None:
        """Show the boxes of `CURRENT_MODEL`, or of a particle set."""
        if source != self.source:
            self.source, self.page = source, 0
            self.refresh()

    def set_box_size(self, voxels: int | None) -> None:
        """Show boxes of this size for this model or set; None is the size they have. Nothing else changes.

        Raises
        ------
        ParameterError
            If it is not from 2 to `MAX_BOX`.
        """
        if voxels is None:
            self._box_sizes.pop(self.boxes.uid, None)
        elif 2 <= voxels <= MAX_BOX:
            self._box_sizes[self.boxes.uid] = voxels
        else:
            raise ParameterError(f"a box in the gallery has from 2 to {MAX_BOX} voxels, got {voxels}")
        self.refresh()

    def set_cut(self, *, axis: Axis | None = None, slices: int | None = None) -> None:
        """Cut boxes across another axis, or average over other slices.

        Raises
        ------
        ParameterError
            If the number of slices is not from 1 to `MAX_SLICES`.
        """
        if slices is not None and not 1 <= slices <= MAX_SLICES:
            raise ParameterError(f"the mean is over 1 to {MAX_SLICES} slices, got {slices}")
        self.axis, self.slices = axis or self.axis, slices or self.slices
        self.refresh()

    def sort(self, by: Sorting, reverse: bool = False) -> None:
        """Sort by the order of picking, score (the best first), group or z."""
        self.sorting, self.reverse, self.page = by, reverse, 0
        self.refresh()

    # pages

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-len(self.boxes) // self.page_size))

    def set_page_size(self, boxes: int) -> None:
        """Show this many boxes on a page; the first that is seen stays in sight."""
        first = self.page * self.page_size
        self.page_size = max(1, boxes)
        self.turn_to(first // self.page_size)

    def turn_to(self, page: int) -> None:
        """Show this page, or the first or last one."""
        self.page = min(max(page, 0), self.pages - 1)

    def tiles(self) -> list[Tile]:
        """The page as it can be shown now."""
        display, current = self._workspace.display, self.current
        found = []
        for place in self._on_page():
            picture, outside = self._kept.get(self._cut(place)), None
            if picture is not None:
                empty = ~np.isfinite(picture)
                if empty.any():
                    outside = empty
                    inside = picture[~empty]
                    picture = np.where(empty, inside.mean() if len(inside) else 0, picture)
                picture = display.grey(picture, self.slices)
            tip = self.boxes.tip(place) + ("" if outside is None else "\nhatched: outside the tomogram")
            found.append(Tile(place, self.boxes.caption(place), tip, picture, outside, place == current))
        return found

    def _on_page(self) -> range:
        first = self.page * self.page_size
        return range(first, min(first + self.page_size, len(self.boxes)))

    # pictures

    def _cut(self, place: int) -> Cut:
        x, y, z = (int(v) for v in nearest_voxels(self.boxes.positions[place])[0])
        return Cut(
            self._workspace.tomogram_name,
            (x, y, z),
            self.axis,
            self.boxes.box_size,
            self.slices,
            self._workspace.display.low_pass_angstrom,
        )

    def load(self) -> None:
        """Read the pictures of the page that are not there yet, in the background."""
        if self._loading or self._workspace.tomogram is None:
            return
        wanted = list(dict.fromkeys(self._cut(place) for place in self._on_page()))
        missing = [cut for cut in wanted if cut not in self._kept][:CHUNK]
        for cut in wanted:
            if cut in self._kept:
                self._kept.move_to_end(cut)
        if not missing:
            return
        sampler, tomogram = self._workspace.display.sampler(self.slices), self._workspace.tomogram
        self._loading = True

        def done(pictures: list[NDArray[np.float32]]) -> None:
            self._loading = False
            if self._workspace.tomogram is tomogram:
                self._kept.update(zip(missing, pictures, strict=True))
                self._forget_some()
                self.loaded.emit()
            self.load()

        def failed(error: Exception) -> None:
            self._loading = False
            with self._workspace.reporting():
                raise error

        self._workspace.run(lambda: [_picture(sampler, cut) for cut in missing], done, failed)

    def _forget_some(self) -> None:
        """Keep the page, and what was shown last of the others."""
        page = {self._cut(place) for place in self._on_page()}
        size = sum(picture.nbytes for picture in self._kept.values())
        for cut in list(self._kept):
            if size <= KEPT_BYTES:
                break
            if cut not in page:
                size -= self._kept.pop(cut).nbytes

    # what a user does with them

    @property
    def current(self) -> int | None:
        """The place of the box the user went to last."""
        if self._current is None or self._current[0] != self.boxes.uid:
            return None
        found = np.flatnonzero(self.boxes.ids == self._current[1])
        return int(found[0]) if len(found) else None

    def _keep_current(self) -> None:
        """Let the frame stay with its box, or go on to the next where that is gone."""
        boxes = self.boxes
        if self._current is None or self._current[0] != boxes.uid or boxes.is_set or not len(boxes):
            return
        uid, number, position = self._current
        ids, positions = boxes.ids, boxes.positions
        at = np.flatnonzero((positions == position).all(axis=1))
        # the numbers of points shift when one before them is deleted; a moved one keeps its number
        kept = number if number in ids[at] or not len(at) else int(ids[at[0]])
        kept = min(kept, len(ids) - 1)
        self._current = uid, kept, tuple(positions[np.flatnonzero(ids == kept)[0]])

    def _follow_selection(self) -> None:
        """Frame the one that the user has selected elsewhere, and show its page."""
        work, boxes = self._workspace, self.boxes
        selected = work.review.selection.rows if boxes.is_set else work.picking.view.selected
        if len(selected) == 1 and selected != self._selected and selected[0][0] == boxes.uid:
            for place in np.flatnonzero(boxes.ids == selected[0][1]).tolist():
                self._frame(place)
                self.turn_to(place // self.page_size)
        self._selected = list(selected)

    def _frame(self, place: int | None) -> None:
        boxes = self.boxes
        self._current = (
            None if place is None else (boxes.uid, int(boxes.ids[place]), tuple(boxes.positions[place]))
        )

    def go_to(self, place: int) -> None:
        """Show a box in the slices, and frame it."""
        boxes = self.boxes
        self._frame(place)
        self.turn_to(place // self.page_size)
        if boxes.is_set:
            self._workspace.review.select(boxes.uid, int(boxes.ids[place]))
        else:
            self._workspace.picking.go_to_point(boxes.uid, int(boxes.ids[place]))

    def step(self, by: int) -> None:
        """Go to the box some places on from the current one."""
        if len(self.boxes):
            start = self.page * self.page_size if self.current is None else self.current + by
            self.go_to(min(max(start, 0), len(self.boxes) - 1))

    def delete(self, place: int) -> None:
        """Delete the point or particle of a box; this can be undone."""
        self._delete(slice(place, place + 1))

    def delete_from(self, place: int) -> None:
        """Delete that of a box and of all after it in the present order, as one edit."""
        self._delete(slice(place, None))

    def delete_current(self) -> None:
        """Delete that of the framed box."""
        if self.current is not None:
            self.delete(self.current)

    def _delete(self, places: slice) -> None:
        boxes = self.boxes
        if not self._is_fresh():
            # never another one than was clicked
            self.refresh()
            self._workspace.say("The boxes have changed meanwhile: nothing was deleted.")
            return
        gone = range(len(boxes))[places]
        if self.current in gone:
            # the frame goes on to the next one, or back to the last one left
            following = gone.stop if gone.stop < len(boxes) else gone.start - 1
            self._frame(following if following >= 0 else None)
        self._remove(boxes.at(places))

    def _remove(self, boxes: Boxes) -> None:
        """Delete the points or particles of boxes, as one edit."""
        if boxes.is_set:
            self._workspace.review.delete_particles({boxes.uid: boxes.ids})
        else:
            self._workspace.picking.points_deleted([(boxes.uid, int(i)) for i in boxes.ids])

    def _is_fresh(self) -> bool:
        now = self._found().sorted(self.sorting, self.reverse)
        return (
            now.uid == self.boxes.uid
            and np.array_equal(now.ids, self.boxes.ids)
            and np.array_equal(now.positions, self.boxes.positions)
        )


def _picture(sampler: Sampler, cut: Cut) -> NDArray[np.float32]:
    """The central section of a box: its pixel N // 2 is the box's centre voxel."""
    straight = Plane.orthogonal(cut.axis, 0)
    plane = Plane(np.array(cut.voxel, np.float64), straight.u, straight.v)
    return sampler.section(plane.centred(cut.box_size, cut.box_size), cut.box_size, cut.box_size)
