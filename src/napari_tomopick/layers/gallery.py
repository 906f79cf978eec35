"""The gallery: sections of the boxes of points or particles, side by side, to be selected and weeded out.

Only what is looked at, and then what is near to it, is read, in the background, and what was read is kept:
after an edit only boxes that lie elsewhere are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.particles import write_particles
from napari_tomopick.layers.boxes import Boxes
from napari_tomopick.layers.gallery_average import GalleryAverage
from napari_tomopick.layers.gallery_sources import CURRENT_MODEL
from napari_tomopick.layers.gallery_view import MAX_BOX, MAX_SLICES, GalleryView, Tile
from napari_tomopick.layers.selection import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace

__all__ = ["CURRENT_MODEL", "MAX_BOX", "MAX_SLICES", "Gallery", "Tile"]

How = Literal["only", "add", "toggle"]


class Gallery(GalleryView):
    """What a user does with the boxes of a `GalleryView`.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._current: tuple[str, int, tuple[float, ...]] | None = None
        self._selected: list[tuple[str, int]] = []
        self.average = GalleryAverage(self)

    def refresh(self) -> None:
        """Take boxes from the session as they are now, and sort them."""
        before, at_end = self.boxes, self.view.at_end
        super().refresh()
        boxes = self.boxes
        one_more = boxes.uid == before.uid and len(boxes) == len(before) + 1
        # who picks, and sees the last box, is to see the next one too
        if (
            at_end
            and one_more
            and len(before) > 0
            and not np.array_equal(boxes.positions[-1], before.positions[-1])
        ):
            self.view.reveal(len(boxes) - 1)
        self._keep_current()
        self._follow_selection()

    # the box the user went to

    @property
    def current(self) -> int | None:
        """See `GalleryView`."""
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
        """Frame the one that the user has selected elsewhere, and bring it in sight."""
        boxes = self.boxes
        selected = [(boxes.uid, int(i)) for i in boxes.ids[self.selected]]
        if len(selected) == 1 and selected != self._selected:
            for place in np.flatnonzero(boxes.ids == selected[0][1]).tolist():
                self._frame(place)
                self.view.reveal(place)
        self._selected = selected

    def _frame(self, place: int | None) -> None:
        boxes = self.boxes
        self._current = (
            None if place is None else (boxes.uid, int(boxes.ids[place]), tuple(boxes.positions[place]))
        )

    def go_to(self, place: int) -> None:
        """Show a box in the slices, select and frame it."""
        boxes, review = self.boxes, self._workspace.review
        self._frame(place)
        self.view.reveal(place)
        number = int(boxes.ids[place])
        if not boxes.is_set:
            self._workspace.picking.go_to_point(boxes.uid, number)
        elif self._is_drawn(number):
            review.select(boxes.uid, number)
        else:
            self._selection.set({boxes.uid: [number]})
            self._workspace.say(f"Particle {number} does not lie in the tomogram that is shown.")

    def _is_drawn(self, number: int) -> bool:
        """Whether a particle is one of the shown tomogram."""
        review, boxes = self._workspace.review, self.boxes
        if self.source not in self._sources.opened:
            return True
        known = any(s.uid == boxes.uid for s in review.sets)
        return known and number in review.particles(boxes.uid).ids

    def step(self, by: int) -> None:
        """Go to the box some places on from the current one."""
        if len(self.boxes):
            start = self.view.first if self.current is None else self.current + by
            self.go_to(min(max(start, 0), len(self.boxes) - 1))

    # selecting

    @property
    def _selection(self) -> Selection:
        """Where the selected particles are kept."""
        opened = self._sources.opened.get(self.source)
        if opened is not None and opened.set_uid is None:
            return opened.selection
        return self._workspace.review.selection

    @property
    def selected(self) -> NDArray[np.bool_]:
        """See `GalleryView`."""
        boxes = self.boxes
        if boxes.is_set:
            return self._selection.mask(boxes.uid, boxes.ids)
        rows = [row for uid, row in self._workspace.picking.view.selected if uid == boxes.uid]
        return np.isin(boxes.ids, rows)

    def select(self, places: Sequence[int] | NDArray[np.int64], how: How = "only") -> None:
        """Select these boxes and no others, or these as well, or turn round whether they are."""
        boxes = self.boxes
        ids = boxes.ids[np.asarray(places, np.int64)]
        if boxes.is_set:
            selection = self._selection
            change = {"only": selection.set, "add": selection.add, "toggle": selection.toggle}[how]
            change({boxes.uid: ids})
            return
        before = boxes.ids[self.selected]
        after = {"only": ids, "add": np.union1d(before, ids), "toggle": np.setxor1d(before, ids)}[how]
        self._workspace.picking.select_points([(boxes.uid, int(i)) for i in after])

    def toggle(self, place: int) -> None:
        """Select a box as well, or no more."""
        self._frame(place)
        self.select([place], "toggle")

    def select_to(self, place: int) -> None:
        """Select all boxes from the framed one to this one as well."""
        start = place if self.current is None else self.current
        self.select(np.arange(min(start, place), max(start, place) + 1), "add")

    def extend(self, by: int) -> None:
        """Select the box some places on from the framed one as well, and frame it."""
        if len(self.boxes):
            start = self.view.first if self.current is None else self.current
            place = min(max(start + by, 0), len(self.boxes) - 1)
            self.select(np.arange(min(start, place), max(start, place) + 1), "add")
            self._frame(place)
            self.view.reveal(place)

    def select_all(self) -> None:
        """Select all boxes."""
        self.select(np.arange(len(self.boxes)))

    def select_none(self) -> None:
        """Select nothing."""
        self.select([])

    def invert_selection(self) -> None:
        """Select the boxes that are not selected, and no others."""
        self.select(np.flatnonzero(~self.selected))

    # deleting

    def delete(self, place: int) -> None:
        """Delete the point or particle of a box; this can be undone."""
        self._delete(np.array([place]))

    def delete_from(self, place: int) -> None:
        """Delete that of a box and of all after it in the present order, as one edit."""
        self._delete(np.arange(place, len(self.boxes)))

    def delete_current(self) -> None:
        """Delete that of the framed box."""
        if self.current is not None:
            self.delete(self.current)

    def delete_selected(self) -> None:
        """Delete those of the selected boxes, as one edit; that of the framed one if none is selected."""
        places = np.flatnonzero(self.selected)
        if len(places):
            self._delete(places)
        else:
            self.delete_current()

    def _delete(self, places: NDArray[np.int64]) -> None:
        boxes = self.boxes
        if not self._is_fresh():
            # never another one than was clicked
            self.refresh()
            self._workspace.say("The boxes have changed meanwhile: nothing was deleted.")
            return
        current = self.current
        if current is not None and current in places:
            # the frame goes on to the next one, or back to the last one left
            left = np.setdiff1d(np.arange(len(boxes)), places)
            after = left[left > current]
            self._frame(int(after[0]) if len(after) else int(left[-1]) if len(left) else None)
        self._remove(boxes.at(places))

    def _remove(self, boxes: Boxes) -> None:
        """Delete the points or particles of boxes, as one edit.

        Raises
        ------
        ParameterError
            If they are subtomograms of which the project has no particles.
        """
        opened = self._sources.opened.get(self.source)
        if opened is not None and opened.set_uid is None:
            raise ParameterError(
                f"The subtomograms in '{opened.name}' belong to no particle set of this project: select "
                "them, and save the selection as a list instead."
            )
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

    def close(self) -> None:
        """Read nothing any more, and tell nobody: whoever looked is gone."""
        self.loaded.disconnect()
        self.average.close()
        self.pictures.want(None, ())

    # files

    def open_subtomograms(self, path: Path) -> None:
        """Show subtomograms made by `extract` or `average`: a folder, or a file in it.

        Raises
        ------
        FileFormatError
            If it is no such folder.
        """
        self.show(self._sources.open(path))

    def save_selection(self, path: Path) -> None:
        """Write the selected particles to a file of any format of particles.

        Raises
        ------
        ParameterError
            If nothing is selected, or the boxes are of points.
        TomopickError
            If it cannot be written.
        """
        particles, ids = self._sources.particles(self.source), self.boxes.ids[self.selected]
        if particles is None or not len(ids):
            raise ParameterError("Nothing is selected of a particle set or of subtomograms: select some.")
        session = self._workspace.session
        known = () if session is None else session.tomograms()
        names = set(particles.tomograms.tolist())
        chosen = particles.select(np.isin(particles.ids, ids))
        written = write_particles(path, chosen, tomograms=[t for t in known if t.name in names])
        self._workspace.say(f"{len(chosen)} particles written to {', '.join(p.name for p in written)}.")
