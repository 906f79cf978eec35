"""The page of the Review dock with the particle sets, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.forms import combo_box, form_layout
from napari_tomopick.widgets.table import Column, RowsTable
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.widgets.review import ReviewDock

COLOUR_BY = ("set", "group", "score")


class SetsPage(QWidget):
    """The sets of the shown tomogram, which of them are drawn, and how.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock, self._review = dock, dock.review
        review = dock.review
        self.table = RowsTable(self._columns(), lambda s: s.uid, "set-table")
        self.table.setSelectionMode(RowsTable.SelectionMode.SingleSelection)
        self.colour_by = combo_box("colour-by")
        self.colour_by.addItems(COLOUR_BY)
        self.colour_by.textActivated.connect(lambda text: review.set_look(colour_by=text))
        self.arrows = QCheckBox("Arrows")
        self.arrows.setObjectName("arrows")
        self.arrows.setToolTip("The particles' own z axes: the outward normal for those on a membrane")
        self.arrows.toggled.connect(lambda on: review.set_look(arrows=on))
        self.length = QSpinBox()
        self.length.setObjectName("arrow-length")
        self.length.setRange(0, 1000)
        self.length.setSpecialValueText("automatic length")
        self.length.setSuffix(" voxels")
        self.length.setToolTip("Length of the arrows; 0 is automatic: as far as neighbours are apart")
        self.length.valueChanged.connect(lambda value: review.set_look(arrow_length=float(value) or None))
        wheel_scrolls_past(self.length)
        self.user_points = QCheckBox("User points")
        self.user_points.setObjectName("user-points")
        self.user_points.setToolTip("The points, curves and markers of the models")
        self.user_points.toggled.connect(dock.workspace.picking.show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.table, 1)
        form = form_layout()
        form.addRow("Colour by", self.colour_by)
        form.addRow(self.arrows, self.length)
        form.setWidget(2, QFormLayout.ItemRole.SpanningRole, self.user_points)
        layout.addLayout(form)
        self.crowded = note("crowded")
        layout.addWidget(self.crowded)
        self.table.chosen.connect(lambda s: dock.choose(s.uid))
        dock.refresh_on(review.look_changed, dock.workspace.picking.shown_changed)

    def _columns(self) -> list[Column]:
        return [
            Column(
                "Particle set",
                lambda s: s.name,
                tip=lambda s: f"Made by {s.step.name}, {s.step.created}. Tick: drawn.",
                colour=lambda s: s.colour,
                checked=lambda s: self._review.is_visible(s.uid),
                set_checked=lambda s, on: self._review.set_visible(s.uid, on),
                set_text=lambda s, text: self._rename(s.uid, text),
                stretch=True,
            ),
            Column("Particles", lambda s: f"{self._review.count(s.uid):,}", number=True),
        ]

    def refresh(self) -> None:
        """Show the sets as they are now."""
        review = self._review
        self.table.set_rows(review.sets, current=self._dock.uid or None)
        self.crowded.setText(review.crowded)
        self.crowded.setVisible(bool(review.crowded))
        for widget, show in (
            (self.colour_by, lambda: self.colour_by.setCurrentText(review.look.colour_by)),
            (self.arrows, lambda: self.arrows.setChecked(review.look.arrows)),
            (self.user_points, lambda: self.user_points.setChecked(self._dock.workspace.picking.shown)),
            (self.length, lambda: self.length.setValue(round(review.look.arrow_length or 0))),
        ):
            blocker = QSignalBlocker(widget)
            show()
            blocker.unblock()

    def _rename(self, uid: str, name: str) -> None:
        with self._dock.workspace.reporting():
            self._dock.workspace.open_session.change_particle_set(uid, name=name.strip())
