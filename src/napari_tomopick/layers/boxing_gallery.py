"""The boxes of boxing side by side: positive and negative references, particles, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_tomopick.geometry.coordinates import xyz_to_zyx
from napari_tomopick.layers import compat
from napari_tomopick.layers.boxes import Boxes, no_boxes
from napari_tomopick.layers.gallery import Gallery
from napari_tomopick.layers.review import PREVIEW
from napari_tomopick.models.references import Role

if TYPE_CHECKING:
    from napari_tomopick.layers.boxing import Boxing

Kind = Literal["positive", "negative", "particles", "uncertain"]
KINDS: tuple[Kind, ...] = ("positive", "negative", "particles", "uncertain")

TITLES: dict[Kind, str] = {
    "positive": "Positive",
    "negative": "Negative",
    "particles": "Particles",
    "uncertain": "Uncertain",
}
REFERENCE_HINT = "Click: go there. Shift+click: remove. Ctrl+Shift+click: this and all after."
HINTS: dict[Kind, str] = {
    "positive": REFERENCE_HINT,
    "negative": REFERENCE_HINT,
    "particles": (
        "Click: positive. Ctrl+click: negative. Shift+click: delete. "
        "Ctrl+Shift+click: this and all after. Right click: go there."
    ),
    "uncertain": "Is it one? +, click: yes. −, Ctrl+click: no. Right click: go there.",
}
EMPTY: dict[Kind, str] = {
    "positive": "Click particles in the slices.",
    "negative": "Ctrl+click what is not a particle: gold, membrane, noise. Or press Negative, and click.",
    "particles": "They come as soon as there is a reference of each kind.",
    "uncertain": "Here comes what it is least sure of, for you to say.",
}
SUGGESTED = "suggested"


class BoxingGallery(Gallery):
    """Boxes of one kind, in pages.

    Parameters
    ----------
    boxing : Boxing
    kind : "positive", "negative", "particles" or "uncertain"
    """

    def __init__(self, boxing: Boxing, kind: Kind) -> None:
        super().__init__(boxing.workspace)
        self._boxing, self.kind = boxing, kind
        self.sorting = "score" if kind == "particles" else "order"
        # they are compared with what is seen in the slices
        self.contrast = "slices"

    @property
    def asks(self) -> bool:
        """Whether boxes here are answered for: they are particles, or they are not."""
        return self.kind in ("particles", "uncertain")

    def _found(self) -> Boxes:
        boxing, group = self._boxing, self._boxing.sizes.group
        box = self._box_sizes.get(self.kind) or boxing.box_size
        if boxing.workspace.tomogram is None or not boxing.opened:
            return no_boxes()
        if self.kind in ("positive", "negative"):
            model = boxing.model("positive" if self.kind == "positive" else "negative")
            if model is None:
                return no_boxes()
            n = len(model)
            scores, groups = np.full(n, np.nan), np.full(n, group)
            return Boxes(model.uid, model.name, False, np.arange(n), model.points, scores, groups, box)
        if self.kind == "uncertain":
            places, scores = boxing.picks.suggestions()
            n = len(places)
            ids, groups = np.arange(1, n + 1), np.full(n, group)
            return Boxes(SUGGESTED, boxing.label, True, ids, places, scores, groups, box)
        shown = boxing.picks.shown
        if shown is None:
            return no_boxes()
        uid = PREVIEW if boxing.picks.live else boxing.picks.set_uid
        return Boxes(uid, boxing.label, True, shown.ids, shown.positions, shown.scores, shown.groups, box)

    def refresh(self) -> None:
        """See `Gallery`; uncertain places are in the order in which they are to be asked about."""
        before = self.boxes.positions
        super().refresh()
        if self.kind == "uncertain" and not np.array_equal(before, self.boxes.positions):
            self.turn_to(0)

    @property
    def title(self) -> str:
        """What it is called, with the number of its boxes."""
        boxing, count = self._boxing, 0
        if self.kind in ("positive", "negative"):
            count = boxing.count("positive" if self.kind == "positive" else "negative")
        elif self.kind == "particles" and boxing.picks.shown is not None:
            count = len(boxing.picks.shown)
        return f"{TITLES[self.kind]} {count}" if count else TITLES[self.kind]

    @property
    def hint(self) -> str:
        """What clicks do here, or what is to be done first."""
        return HINTS[self.kind] if len(self.boxes) else EMPTY[self.kind]

    # what a user does with them

    def click(self, place: int, *, control: bool = False) -> None:
        """Do what a click comes to here."""
        if not self.asks:
            self.go_to(place)
        else:
            self.answer(place, "negative" if control else "positive")

    def answer(self, place: int, role: Role) -> None:
        """Let a box be a positive or a negative reference."""
        if not self._is_fresh():
            self.refresh()
            self._workspace.say("The boxes have changed meanwhile: nothing was done.")
            return
        self._boxing.refer_at(self.boxes.positions[place], role)

    def go_to(self, place: int) -> None:
        """See `Gallery`."""
        if self.kind != "uncertain":
            super().go_to(place)
            return
        self._frame(place)
        compat.go_to(self._workspace.viewer, xyz_to_zyx(self.boxes.positions[place]))

    def delete_from(self, place: int) -> None:
        """See `Gallery`; of particles that is done by the threshold."""
        if self.kind != "particles" or self.sorting != "score" or self.reverse or not self._is_fresh():
            super().delete_from(place)
        else:
            self._boxing.picks.delete_from(int(self.boxes.ids[place]))

    def _remove(self, boxes: Boxes) -> None:
        if self.kind == "particles":
            self._boxing.picks.delete(boxes.ids.tolist())
        elif self.kind != "uncertain":
            self._boxing.remove([(boxes.uid, int(i)) for i in boxes.ids])


def of_all_kinds(boxing: Boxing) -> dict[Kind, BoxingGallery]:
    """A gallery of each kind."""
    return {kind: BoxingGallery(boxing, kind) for kind in KINDS}
