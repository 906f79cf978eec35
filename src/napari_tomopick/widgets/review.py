"""The Review dock: particle sets over the slices and in 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QSpinBox

from napari_tomopick.widgets.dock import Dock, row
from napari_tomopick.widgets.history import HistoryButtons
from napari_tomopick.widgets.table import Column, RowsTable
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    import napari.viewer

COLOUR_BY = ("set", "group", "score")
IN_3D = {"plane": "slice", "volume": "volume"}


class ReviewDock(Dock):
    """Particle sets of the shown tomogram.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-review")
        self.review = review = self.workspace.review
        self.table = RowsTable(self._columns(), lambda s: s.uid, "set-table")
        self.table.setSelectionMode(RowsTable.SelectionMode.SingleSelection)
        self.colour_by = QComboBox()
        self.colour_by.setObjectName("colour-by")
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
        self.user_points = QCheckBox("User points")
        self.user_points.setObjectName("user-points")
        self.user_points.setToolTip("The points, curves and markers of the models")
        self.user_points.toggled.connect(self.workspace.picking.show)
        self.previous = self.button(
            "◀", "previous-particle", lambda: self._step(-1), "Go to the previous one"
        )
        self.next = self.button("▶", "next-particle", lambda: self._step(1), "Go to the next one")
        self.which = QLabel()
        self.which.setObjectName("current-particle")
        self.select = self.button(
            "Select", "select-particles", self._set_selecting, "Let clicks and drags in the picture select"
        )
        self.select.setCheckable(True)
        self.select_all = self.button(
            "All", "select-all-particles", self._select_all, "Select all of this set"
        )
        self.delete = self.button(
            "Delete selected", "delete-particles", review.delete, "Also with the Delete key; can be undone"
        )
        self.selection = note("selection-state")
        self.scene = self.button("3D", "toggle-3d", self._toggle_3d, "Slices or the whole scene")
        self.scene.setCheckable(True)
        self.in_3d = QComboBox()
        self.in_3d.setObjectName("tomogram-in-3d")
        self.in_3d.setToolTip("How the tomogram is drawn in 3D; Shift+drag moves the slice")
        for depiction, text in IN_3D.items():
            self.in_3d.addItem(text, depiction)
        self.in_3d.activated.connect(lambda i: self.workspace.set_depiction(self.in_3d.itemData(i)))

        self.column.addWidget(self.table, 1)
        self.column.addLayout(row(self.previous, self.which, self.next, stretch=1))
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Colour by", self.colour_by)
        form.addRow(self.arrows, self.length)
        form.addRow("Tomogram in 3D", self.in_3d)
        form.addRow(self.user_points)
        self.column.addLayout(form)
        self.column.addWidget(self.selection)
        self.column.addLayout(row(self.select, self.select_all, self.delete, self.scene, stretch=2))
        self.below.addWidget(HistoryButtons(self))
        w = self.workspace
        self.refresh_on(
            w.tomogram_changed,
            w.display_changed,
            review.sets_changed,
            review.look_changed,
            review.selection.changed,
            review.mode_changed,
            w.picking.shown_changed,
        )
        self.table.chosen.connect(lambda _: self.refresh())
        self.refresh()

    def _columns(self) -> list[Column]:
        return [
            Column(
                "Particle set",
                lambda s: s.name,
                tip=lambda s: f"Made by {s.step.name}, {s.step.created}. Tick: drawn.",
                colour=lambda s: s.colour,
                checked=lambda s: self.review.is_visible(s.uid),
                set_checked=lambda s, on: self.review.set_visible(s.uid, on),
                set_text=lambda s, text: self._rename(s.uid, text),
                stretch=True,
            ),
            Column("Particles", lambda s: str(self.review.count(s.uid)), number=True),
        ]

    def refresh(self) -> None:
        """Show the sets as they are now."""
        review = self.review
        self.table.set_rows(review.sets)
        if self.table.current is None and review.sets:
            self.table.set_rows(review.sets, current=review.sets[0].uid)
        current = self.table.current
        count = len(review.particles(current.uid)) if current is not None else 0
        at = self._place()
        self.which.setText(
            (f"particle {at + 1} of {count}" if at is not None else f"{count} particles")
            if count
            else "no particles"
        )
        for button in (self.previous, self.next, self.select_all):
            button.setEnabled(count > 0)
        self.select.setChecked(review.selecting)
        self.select.setEnabled(bool(review.sets))
        selected = len(review.selection)
        self.delete.setEnabled(selected > 0)
        self.selection.setText(
            f"{selected} selected."
            if selected
            else "These particles have no scores, and are all grey."
            if count and review.look.colour_by == "score" and not review.scored
            else "Nothing is selected: press Select, then click a particle or drag a box."
            if review.sets
            else "There are no particle sets in this tomogram yet: make one with a step."
            if self.workspace.tomogram is not None
            else "Open a tomogram in the Tomograms dock first."
        )
        for widget, show in (
            (self.colour_by, lambda: self.colour_by.setCurrentText(review.look.colour_by)),
            (self.arrows, lambda: self.arrows.setChecked(review.look.arrows)),
            (self.user_points, lambda: self.user_points.setChecked(self.workspace.picking.shown)),
            (self.length, lambda: self.length.setValue(round(review.look.arrow_length or 0))),
        ):
            blocker = QSignalBlocker(widget)
            show()
            blocker.unblock()
        self.in_3d.setCurrentIndex(list(IN_3D).index(self.workspace.image.depiction))
        self.scene.setChecked(self.workspace.is_3d)
        self.scene.setEnabled(self.workspace.tomogram is not None)

    def _place(self) -> int | None:
        """The place of the one selected particle in the current set."""
        current, selection = self.table.current, self.review.selection
        if current is None or len(selection) != 1 or selection.uids != (current.uid,):
            return None
        return int(np.flatnonzero(self.review.particles(current.uid).ids == selection.ids(current.uid)[0])[0])

    def _step(self, by: int) -> None:
        uid, at = self.table.current.uid, self._place()
        ids = self.review.particles(uid).ids
        self.review.select(uid, int(ids[(0 if by > 0 else -1) if at is None else (at + by) % len(ids)]))

    def _set_selecting(self) -> None:
        self.review.set_selecting(self.select.isChecked())

    def _select_all(self) -> None:
        self.review.actions.select_all(self.table.current.uid)

    def _rename(self, uid: str, name: str) -> None:
        with self.workspace.reporting():
            self.workspace.open_session.change_particle_set(uid, name=name.strip())

    def _toggle_3d(self) -> None:
        self.workspace.show_3d(self.scene.isChecked())
