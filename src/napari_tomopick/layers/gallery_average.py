"""`GalleryAverage`: the average of what is selected in the gallery, which grows while boxes are read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.averaging import PlainAverage
from napari_tomopick.geometry.cropping import Interpolation
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.gallery_contrast import grey, robust_limits
from napari_tomopick.layers.gallery_cutting import Volumes, box
from napari_tomopick.layers.repeating import Repeating
from napari_tomopick.protocols.threads import in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.boxes import Boxes
    from napari_tomopick.layers.gallery_view import GalleryView

Of = Literal["selected", "shown", "all"]

MAX_BOX = 256
"""Above that, three copies of a box are more memory than a look is worth."""
CHUNK_SECONDS, THREADS = 0.2, 2
MOST = 1000


class _Step(NamedTuple):
    """One box to be added or taken out."""

    out: bool
    id: int
    row: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Members:
    """Boxes by their ids, ascending, with all that they depend on: number, centre and rotation."""

    ids: NDArray[np.int64]
    rows: NDArray[np.float64]

    @classmethod
    def none(cls) -> _Members:
        return cls(np.empty(0, np.int64), np.empty((0, 13)))

    @classmethod
    def of(cls, boxes: Boxes, places: NDArray[np.int64]) -> _Members:
        places = places[np.argsort(boxes.ids[places])]
        placed, n = boxes.placed.at(places), len(places)
        numbers = np.full(n, -1) if placed.numbers is None else placed.numbers
        turns = np.tile(np.eye(3), (n, 1, 1)) if placed.turns is None else placed.turns
        return cls(boxes.ids[places], np.column_stack([numbers, placed.centres, turns.reshape(n, 9)]))

    def at(self, which: NDArray[np.bool_]) -> _Members:
        return _Members(self.ids[which], self.rows[which])

    def lacking(self, other: _Members) -> NDArray[np.bool_]:
        """Which of these the other has not, or has otherwise."""
        _, here, there = np.intersect1d(self.ids, other.ids, assume_unique=True, return_indices=True)
        same = (self.rows[here] == other.rows[there]).all(axis=1)
        found = np.ones(len(self.ids), bool)
        found[here[same]] = False
        return found

    def with_(self, steps: Sequence[_Step]) -> _Members:
        ids = np.concatenate([self.ids, np.array([step.id for step in steps], np.int64)])
        order = np.argsort(ids, kind="stable")
        return _Members(ids[order], np.concatenate([self.rows, *(step.row[None] for step in steps)])[order])


class GalleryAverage:
    """The plain average of boxes in their own frames; after a change only boxes that differ are read.

    Parameters
    ----------
    gallery : GalleryView

    Attributes
    ----------
    of : "selected", "shown" or "all"
        The boxes that are selected, in sight, or in the gallery at all.
    interpolation : "linear" or "cubic"
    held : bool
        Whether a user has stopped it.

    Signals
    -------
    changed()
        It is of other particles, or more of them, or ended.
    """

    changed = Signal()

    def __init__(self, gallery: GalleryView) -> None:
        self._gallery = gallery
        self.of: Of = "selected"
        self.interpolation: Interpolation = "linear"
        self.held = False
        self.wanted_on = False
        self._volumes: Volumes | None = None
        self._wanted, self._in = _Members.none(), _Members.none()
        self._average = PlainAverage(2)
        # of what it is: boxes of another size or source begin a new one
        self._kind: object = None
        self._run: object = None
        self._go_on = Repeating(self._read)

    # what it is

    @property
    def count(self) -> int:
        """Of how many particles it is so far."""
        return self._average.count

    @property
    def total(self) -> int:
        """Of how many it is to be."""
        return len(self._wanted.ids)

    @property
    def running(self) -> bool:
        """Whether boxes are being read."""
        return self._run is not None

    @property
    def whole_set(self) -> tuple[str, int]:
        """uid and box size of the particle set that the boxes are of, which can be compared; "" if none."""
        boxes = self._gallery.boxes
        known = boxes.is_set and any(s.uid == boxes.uid for s in self._gallery.workspace.review.sets)
        return (boxes.uid, boxes.box_size + boxes.box_size % 2) if known else ("", 0)

    @property
    def too_large(self) -> bool:
        """Whether the boxes are larger than are averaged here."""
        return self._gallery.boxes.box_size > MAX_BOX

    def text(self) -> str:
        """How far it is, for a user."""
        what = {"selected": "selected", "shown": "in sight", "all": "in the gallery"}[self.of]
        if self.too_large:
            return f"Boxes of more than {MAX_BOX} voxels are not averaged here: extract and average them."
        if not self.total:
            return "Select boxes: their average appears here." if self.of == "selected" else "No boxes."
        done = len(self._in.ids) - int(self._in.lacking(self._wanted).sum())
        if done < self.total or self.running:
            held = ", stopped" if self.held else " …"
            return f"{done} of {self.total} {what}{held}"
        outside = self.total - self.count
        said = f", {outside} outside the tomogram" if outside else ""
        return f"Average of {self.count} {what}{said}"

    def sections(self) -> NDArray[np.uint8] | None:
        """The sections across z, y and x through its middle, ``(3, N, N)``, row 0 the lowest.

        A mean over as many slices as in the gallery, in one range of grey values. None as long as there are
        none.
        """
        if self.count < 1:
            return None
        n, slices = self._gallery.boxes.box_size, self._gallery.slices
        part = slice(max(0, n // 2 - slices // 2), n // 2 - slices // 2 + slices)
        found = np.stack([self._average.slab(axis, part) for axis in range(3)])
        return grey(found, robust_limits(found) or (0.0, 1.0), self._gallery.inverted)

    def result(self) -> NDArray[np.float32]:
        """The average so far, ``(N, N, N)``.

        Raises
        ------
        ParameterError
            If it is of no particle yet.
        """
        if self.count < 1:
            raise ParameterError("There is no average yet: select boxes, and wait until some are read.")
        return self._average.result()

    def save(self, path: Path) -> None:
        """Write the average so far as MRC, in the background; the file is wholly there or not at all.

        Raises
        ------
        ParameterError
            If there is none yet, or the name does not end in .mrc.
        """
        if path.suffix.lower() != ".mrc":
            raise ParameterError(f"{path}: an average is written as MRC; end the name in .mrc")
        volume, count, volumes = self.result(), self.count, self._volumes
        assert volumes is not None
        workspace = self._gallery.workspace
        workspace.run_in_background(
            lambda: write_mrc(path, volume, volumes.voxel_size_angstrom),
            lambda _: workspace.say(f"Average of {count} particles written to {path}."),
        )

    # growing

    def set_on(self, on: bool) -> None:
        """Let it grow, or do nothing: nobody looks."""
        self.wanted_on = on
        self.refresh()

    def set_of(self, of: Of) -> None:
        """Average what is selected, in sight, or all."""
        self.of = of
        self.held = False
        self.refresh()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Turn boxes by trilinear interpolation, or by cubic splines: sharper, and many times slower."""
        self.interpolation = interpolation
        self.refresh()

    def hold(self, on: bool) -> None:
        """Stop reading boxes; or go on."""
        self.held = on
        self.refresh()

    def close(self) -> None:
        """Read nothing any more, and tell nobody."""
        self.changed.disconnect()
        self.wanted_on, self._run = False, None

    def refresh(self) -> None:
        """Take note of what is selected, or in sight, now."""
        gallery = self._gallery
        boxes, volumes = gallery.boxes, gallery.volumes()
        self._volumes = volumes
        which = {
            "selected": lambda: np.flatnonzero(gallery.selected),
            "shown": lambda: np.array(gallery.view.shown, np.int64),
            "all": lambda: np.arange(len(boxes)),
        }[self.of]()
        if volumes is None or self.too_large or not self.wanted_on:
            which = which[:0]
        kind = (None if volumes is None else volumes.key), boxes.box_size, self.interpolation
        if kind != self._kind:
            self._kind = kind
            self._begin()
        self._wanted = _Members.of(boxes, which)
        if not len(self._wanted.ids):
            self._begin()
        self.changed.emit()
        self._go_on()

    def _begin(self) -> None:
        self._in, self._run = _Members.none(), None
        self._average = PlainAverage(2 if self.too_large else self._gallery.boxes.box_size)

    def _steps(self) -> list[_Step]:
        out = self._in.at(self._in.lacking(self._wanted))
        if len(out.ids) > len(self._wanted.ids):
            # to take so many out takes longer than to begin anew, and rounding would add up
            self._begin()
            out = _Members.none()
        new = self._wanted.at(self._wanted.lacking(self._in))
        found = []
        for members, taken in ((out, True), (new, False)):
            # as they lie in the file
            order = np.lexsort(members.rows[:, [1, 2, 3, 0]].T)[:MOST]
            found += [_Step(taken, int(members.ids[i]), members.rows[i]) for i in order]
        return found[:MOST]

    def _read(self) -> None:
        volumes, gallery = self._volumes, self._gallery
        if self._run is not None or self.held or volumes is None:
            return
        steps = self._steps()
        if not steps:
            return
        run = self._run = object()
        n, interpolation = gallery.boxes.box_size, self.interpolation

        def in_time() -> Iterator[_Step]:
            end = time.monotonic() + CHUNK_SECONDS
            for i, step in enumerate(steps):
                if i and (time.monotonic() > end or self._run is not run or self.held):
                    return
                yield step

        def one(step: _Step) -> tuple[_Step, NDArray[np.float32] | None]:
            number, centre, turn = step.row[0], step.row[1:4], step.row[4:].reshape(3, 3)
            return step, box(volumes, int(number), centre, turn, n, interpolation)

        def read() -> tuple[list[_Step], PlainAverage]:
            taken, part = [], PlainAverage(n)
            with closing(in_order(one, in_time(), THREADS)) as results:
                for step, found in results:
                    taken.append(step)
                    if found is not None:
                        (part.remove if step.out else part.add)(found)
            return taken, part

        def done(result: tuple[list[_Step], PlainAverage]) -> None:
            if self._run is not run:
                return
            self._run = None
            taken, part = result
            self._average.put_together(part)
            left = self._in.at(~np.isin(self._in.ids, [step.id for step in taken if step.out]))
            self._in = left.with_([step for step in taken if not step.out])
            self._go_on()
            self.changed.emit()

        def failed(error: Exception) -> None:
            if self._run is run:
                self._run, self.held = None, True
                self.changed.emit()
                with gallery.workspace.reporting():
                    raise error

        gallery.workspace.run(read, done, failed)
