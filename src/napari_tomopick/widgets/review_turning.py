"""The page of the Review dock on which orientations are edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_tomopick.layers.membranes import membranes_among
from napari_tomopick.widgets.dock import SPACING, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.forms import combo_box, form_layout
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.layers.review_turning import Scope
    from napari_tomopick.widgets.review import ReviewDock

SCOPES: tuple[tuple[Scope, str], ...] = (
    ("selected", "the selected ones"),
    ("groups", "the groups of the selected ones"),
    ("set", "all of this set, in this tomogram"),
)
GROUPS_TIP = (
    "Which particles are turned. Crop points have the group of the model they were made of: one selected "
    "particle is enough to turn all that its model has made."
)


class TurningPage(QWidget):
    """Flip, turn, and orient by membranes.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock, self._turning = dock, dock.review.turning
        turning = self._turning
        self.scope = combo_box("turn-scope")
        for value, text in SCOPES:
            self.scope.addItem(text, value)
        self.scope.setToolTip(GROUPS_TIP)
        self.scope.activated.connect(lambda _: self.refresh())
        self.count = note("turn-count")
        self.flip = dock.button(
            "Flip", "turn-flip", lambda: turning.flip(*self._what), "Reverse the z axis: half a turn about x"
        )
        self.angle = QDoubleSpinBox()
        self.angle.setObjectName("turn-angle")
        self.angle.setRange(-360, 360)
        self.angle.setDecimals(1)
        self.angle.setValue(90)
        self.angle.setSuffix("°")
        self.in_plane = dock.button(
            "Turn by",
            "turn-in-plane",
            lambda: turning.in_plane(*self._what, self.angle.value()),
            "About the particle's own z axis, counter-clockwise as seen from the tip of its arrow",
        )
        self.seed = QSpinBox()
        self.seed.setObjectName("turn-seed")
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setPrefix("seed ")
        self.twist = dock.button(
            "Random twist",
            "turn-random",
            lambda: turning.random_twist(*self._what, self.seed.value()),
            "About the particle's own z axis, by any angle; the same seed gives the same angles. It spreads "
            "the missing wedge over an average",
        )
        self.to_surface = dock.button(
            "Upright on the nearest membrane",
            "turn-to-surface",
            lambda: turning.to_surface(*self._what),
            "The z axis becomes the outward normal of the nearest surface or vesicle of this tomogram, by "
            "the smallest rotation: the turn about it stays as nearly as can be",
        )
        self.state = note("turn-state")
        for field in (self.angle, self.seed):
            wheel_scrolls_past(field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, SPACING, 0)
        layout.setSpacing(SPACING)
        form = form_layout()
        form.addRow("Turn", self.scope)
        form.setWidget(1, QFormLayout.ItemRole.SpanningRole, self.count)
        layout.addLayout(form)
        layout.addWidget(self.flip)
        layout.addLayout(row(self.in_plane, self.angle, stretch=0))
        layout.addLayout(row(self.twist, self.seed, stretch=0))
        layout.addWidget(self.to_surface)
        layout.addWidget(self.state)
        layout.addStretch(1)

    @property
    def _what(self) -> tuple[Scope, str]:
        return self.scope.currentData(), self._dock.uid

    def refresh(self) -> None:
        """Show how many would be turned."""
        chosen = self._turning.chosen(*self._what)
        count = sum(map(len, chosen.values()))
        self.count.setText(
            f"{count:,} particle{'s' * (count != 1)} would be turned; each edit can be undone."
            if count
            else "Nothing is selected: click particles or their arrows, or draw a box or a lasso round them."
            if self.scope.currentData() != "set"
            else "There are no particles in this tomogram."
        )
        membranes = membranes_among(self._dock.workspace.picking.models)
        for button in (self.flip, self.in_plane, self.twist):
            button.setEnabled(count > 0)
        self.to_surface.setEnabled(count > 0 and bool(membranes))
        self.state.setText(
            "" if membranes else "There is no surface or vesicle in this tomogram to orient particles by."
        )
