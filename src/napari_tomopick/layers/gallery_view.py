"""`GalleryView`: which boxes are in sight in a gallery, and what they look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.boxes import Boxes, no_boxes
from napari_tomopick.layers.gallery_contrast import CommonRange, Contrast, grey
from napari_tomopick.layers.gallery_cutting import Cut, Cutter, Frame, View, Volumes
from napari_tomopick.layers.gallery_pages import Pages
from napari_tomopick.layers.gallery_reading import Picture, Pictures
from napari_tomopick.layers.gallery_sources import CURRENT_MODEL, Sources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tomopick.layers.workspace import Workspace

MAX_BOX, MAX_SLICES = 1024, 500


@dataclass(frozen=True, eq=False)
class Tile:
    """One box in sight.

    Parameters
    ----------
    place : int
        Among all boxes, in the order in which they are shown.
    caption : str
        Its number, and score if it has one.
    tip : str
        All there is to say about it.
    picture : uint8 array, shape (h, w), optional
        Row 0 is the lowest; None as long as it is not read. Several sections are side by side.
    outside : bool array, shape (h, w), optional
        What lies outside the tomogram; None if nothing does.
    current : bool
        Whether the user went there last.
    selected : bool
    """

    place: int
    caption: str
    tip: str
    picture: NDArray[np.uint8] | None
    outside: NDArray[np.bool_] | None
    current: bool
    selected: bool = False


class GalleryView:
    """Boxes of the model that gets the points, of a particle set, or of subtomograms.

    Ask it to `refresh` when anything about those may have changed.

    Parameters
    ----------
    workspace : Workspace

    Signals
    -------
    loaded()
        Pictures were read that are in sight.
    """

    loaded = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sources = Sources(workspace)
        self.source = CURRENT_MODEL
        # of the models and sets for which the user wants another than their own
        self._box_sizes: dict[str, int] = {}
        self.cutter = Cutter()
        self.contrast: Contrast = "together"
        self.sorting = "order"
        self.reverse = False
        self.view = Pages()
        self.boxes = no_boxes()
        self.pictures = Pictures(lambda: workspace.run, self._report)
        self.pictures.loaded.connect(lambda: self.loaded.emit())
        self._range = CommonRange()
        # what was made of pictures in sight, by their cut
        self._greys: dict[Cut, tuple[object, NDArray[np.uint8], NDArray[np.bool_] | None]] = {}

    def _report(self, error: Exception) -> None:
        with self._workspace.reporting():
            raise error

    # what there is

    @property
    def workspace(self) -> Workspace:
        """Whose boxes these are."""
        return self._workspace

    @property
    def inverted(self) -> bool:
        """Whether what is dark is shown bright."""
        return self._workspace.display.inverted

    def sources(self) -> list[tuple[str, str]]:
        """What boxes can be shown of: (`CURRENT_MODEL`, uid of a set or key of subtomograms, text)."""
        return self._sources.listed()

    @property
    def sortings(self) -> tuple[str, ...]:
        """What tells these boxes apart, and so can sort them."""
        return self.boxes.sortings

    def _found(self) -> Boxes:
        return self._sources.boxes(self.source, self._box_sizes)

    def volumes(self) -> Volumes | None:
        """What the boxes are read from; None if there is nothing to read."""
        return self._sources.volumes(self.source)

    # settings

    @property
    def slices(self) -> int:
        """Over how many the mean is shown."""
        return self.cutter.slices

    def refresh(self) -> None:
        """Take boxes from the session as they are now, and sort them."""
        self.boxes = self._found().sorted(self.sorting, self.reverse)
        self.view.fit(len(self.boxes))

    def show(self, source: str) -> None:
        """Show the boxes of one of the `sources`."""
        if source != self.source:
            self.source = source
            self.view.turn_to(0)
            self.refresh()

    def set_box_size(self, voxels: int | None) -> None:
        """Show boxes of this size for this model or set; None is the size they have. Nothing else changes.

        Raises
        ------
        ParameterError
            If it is not from 2 to `MAX_BOX`.
        """
        of = self.source if self.source in self._sources.opened else self.boxes.uid
        if voxels is None:
            self._box_sizes.pop(of, None)
        elif 2 <= voxels <= MAX_BOX:
            self._box_sizes[of] = voxels
        else:
            raise ParameterError(f"a box in the gallery has from 2 to {MAX_BOX} voxels, got {voxels}")
        self.refresh()

    def set_cut(
        self, *, view: View | None = None, slices: int | None = None, frame: Frame | None = None
    ) -> None:
        """Cut boxes otherwise: across another axis, in another frame, or averaged over other slices.

        Raises
        ------
        ParameterError
            If the number of slices is not from 1 to `MAX_SLICES`.
        """
        if slices is not None and not 1 <= slices <= MAX_SLICES:
            raise ParameterError(f"the mean is over 1 to {MAX_SLICES} slices, got {slices}")
        before = self.cutter
        self.cutter = Cutter(frame or before.frame, view or before.view, slices or before.slices)
        self.refresh()

    def set_contrast(self, contrast: Contrast) -> None:
        """Show all in one range of grey values, each in its own, or in that of the slices."""
        self.contrast = contrast

    def sort(self, by: str, reverse: bool = False) -> None:
        """Sort by one of the `sortings`."""
        self.sorting, self.reverse = by, reverse
        self.view.turn_to(0)
        self.refresh()

    # what is in sight

    @property
    def page(self) -> int:
        """The page in sight, from 0."""
        return self.view.page

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return self.view.pages

    def set_page_size(self, boxes: int, columns: int = 0) -> None:
        """Show this many boxes, in columns if it scrolls; the first that is seen stays in sight."""
        self.view.resize(boxes, columns)

    def turn_to(self, page: int) -> None:
        """Show this page, or the first or last one."""
        self.view.turn_to(page)

    @property
    def current(self) -> int | None:
        """The place of the box the user went to last."""
        return None

    @property
    def selected(self) -> NDArray[np.bool_]:
        """Which of the boxes are selected, in the order in which they are shown."""
        return np.zeros(len(self.boxes), bool)

    def counts(self) -> str:
        """How many boxes there are, in sight and selected; "" if there are none."""
        shown, selected = self.view.shown, int(self.selected.sum())
        parts = []
        if len(shown):
            parts.append(f"{shown.start + 1}–{shown.stop} of {len(self.boxes)}")
        if selected:
            parts.append(f"{selected} selected")
        if self.boxes.hidden:
            parts.append(f"{self.boxes.hidden} hidden by filters")
        return ", ".join(parts)

    def tiles(self) -> list[Tile]:
        """What is in sight, as it can be shown now."""
        boxes, current, selected = self.boxes, self.current, self.selected
        shown = self.view.shown
        cuts = self._cuts(shown)
        known = [self.pictures.get(cut) for cut in cuts]
        looks = self._in_grey(cuts, known)
        found = []
        for place, (picture, outside) in zip(shown, looks, strict=True):
            tip = boxes.tip(place) + ("" if outside is None else "\nhatched: outside the tomogram")
            caption = boxes.caption(place, self.sorting)
            mark = place == current, bool(selected[place])
            found.append(Tile(place, caption, tip, picture, outside, *mark))
        return found

    def load(self) -> None:
        """Read the pictures in sight that are not there yet, then those near to them, in the background."""
        seen, near = self._cuts(self.view.shown), self._cuts(self.view.near)
        self.pictures.want(self.volumes(), seen, near)

    def _cuts(self, places: Sequence[int]) -> list[Cut]:
        volumes = self.volumes()
        key = "" if volumes is None else volumes.key
        return self.cutter.cuts(self.boxes, places, key, self._workspace.display.low_pass_angstrom)

    def _in_grey(
        self, cuts: Sequence[Cut], known: Sequence[Picture | None]
    ) -> list[tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None]]:
        """What is shown of each picture, and what of it is outside."""
        display = self._workspace.display
        there = {cut: picture for cut, picture in zip(cuts, known, strict=True) if picture is not None}
        look: object
        if self.contrast == "slices":
            look = self.contrast, display.file_limits, display.inverted
        else:
            if self.contrast == "together" and cuts:
                low_pass = cuts[0].low_pass_angstrom
                of = self.source, self.boxes.uid, cuts[0].source, self.cutter, self.boxes.box_size, low_pass
                self._range.learn(of, {cut: picture.limits for cut, picture in there.items()})
            look = self.contrast, self._range.limits, display.inverted
        before, self._greys = self._greys, {}
        for cut, picture in there.items():
            made = before.get(cut)
            if made is None or made[0] != look:
                made = look, *self._made(picture)
            self._greys[cut] = made
        return [self._greys[cut][1:] if cut in self._greys else (None, None) for cut in cuts]

    def _made(self, picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        sections, display = picture.sections, self._workspace.display
        values = sections[0] if len(sections) == 1 else np.hstack(list(sections))
        empty, outside = ~np.isfinite(values), None
        if empty.any():
            outside = empty
            inside = values[~empty]
            values = np.where(empty, inside.mean() if len(inside) else 0, values)
        limits = picture.limits if self.contrast == "each" else self._range.limits
        if self.contrast == "slices":
            return display.grey(values, self.slices), outside
        return grey(values, limits or (0.0, 1.0), display.inverted), outside
