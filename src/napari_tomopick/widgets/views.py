"""The Views dock: the planes that the slice viewer does not show, and one at any angle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari.qt import QtViewer
from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QHideEvent, QResizeEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QPushButton,
    QWidget,
    QWidgetAction,
)
from superqt import QFlowLayout

from napari_tomopick.layers.linked import LinkedViews
from napari_tomopick.layers.linked_pane import LinkedPane
from napari_tomopick.layers.oblique import Attitude
from napari_tomopick.layers.overlay import Box
from napari_tomopick.widgets.cross_hair import CrossHair
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.display_controls import DisplayControls
from napari_tomopick.widgets.dock import SPACING, Dock, _frame, row
from napari_tomopick.widgets.focus import wheel_scrolls_past
from napari_tomopick.widgets.hand_events import HandEvents
from napari_tomopick.widgets.slice_canvas import SliceCanvas
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    import napari.viewer

WIDTH, HEIGHT = 700, 265
# milliseconds between two drawings while the slice viewer is being scrolled
PAUSE = 20
NO_TOMOGRAM = "Open a tomogram in the Tomograms dock: its other planes are seen here."


class ViewsDock(Dock):
    """Two slices and an oblique plane through the point that the slice viewer is at.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    place = "bottom"

    # napari hands over the viewer by the wording of this annotation
    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, "tomopick-views")
        self.views = views = LinkedViews(self.workspace)
        # over the canvas of the slice viewer, while the views are linked
        self._glass: list[CrossHair] = []
        self.canvases = [SliceCanvas() for _ in range(3)]
        self.panes = [
            LinkedPane(views, self.canvases[0], lambda: views.others[0]),
            LinkedPane(views, self.canvases[1], lambda: views.others[1]),
            LinkedPane(views, self.canvases[2], lambda: "oblique"),
        ]
        for name, canvas, pane in zip(("first", "second", "oblique"), self.canvases, self.panes, strict=True):
            canvas.setObjectName(f"view-{name}")
            canvas.viewport_changed.connect(pane.share_scale)
            canvas.viewport_changed.connect(self._soon)
            HandEvents(canvas, pane, self.workspace.hand)
        self._build()
        parts = views, self.panes, self._glass
        when_deleted(self, lambda: _cut(*parts))
        self.refresh()

    def _build(self) -> None:
        views = self.views
        self.cross = self._tick(
            "Cross-hair", "views-cross", "Draw where the planes cut each other, also in the slice viewer"
        )
        self.cross.toggled.connect(lambda on: views.set_options(cross_shown=on))
        self.same = self._tick(
            "Same scale", "views-same-scale", "Let all views, and the slice viewer, have one scale and origin"
        )
        self.same.toggled.connect(lambda on: views.set_options(same_scale=on))
        self.oblique = self._tick("Oblique", "views-oblique", "Show a plane at any angle as well")
        self.oblique.toggled.connect(lambda on: views.set_options(oblique_shown=on))
        fit = self.button("Fit", "views-fit", self._fit, "Show the whole of each plane")
        self.angles = [
            self._angle("tilt", "Between the oblique plane and the Z plane"),
            self._angle("rotation", "From the x axis to the line about which the plane is tilted"),
            self._angle("spin", "How far the picture is turned in its own plane"),
        ]
        through = self.button(
            "Through points",
            "views-through-points",
            views.through_points,
            "Lay the plane through the selected points of the active model, or all of them (3 or more)",
        )
        flat = self.button(
            "Flat", "views-flat", lambda: views.set_attitude(Attitude()), "Back to the Z plane"
        )
        bar = QWidget()
        flow = QFlowLayout(bar)
        flow.setContentsMargins(0, 0, 0, 0)
        flow.setSpacing(SPACING)
        for widget in (self.cross, self.same, fit, self._display_button(), self.oblique):
            flow.addWidget(widget)
        self._tilting = [
            *(
                _labelled(text, field)
                for text, field in zip(("Tilt", "Rotation", "Spin"), self.angles, strict=True)
            ),
            *(through, flat),
        ]
        for widget in self._tilting:
            flow.addWidget(widget)
        self.above.addWidget(bar)
        self.state = note("views-state")
        self.column.addWidget(self.state)
        self._grid = QGridLayout()
        self._grid.setSpacing(2)
        self._arranged = (0, 0)
        self._arrange()
        self.column.addLayout(self._grid, 1)

    def _arrange(self) -> None:
        """Put the views side by side, or below each other, however their planes are seen the largest."""
        seen = [pane for i, pane in enumerate(self.panes) if i < 2 or self.views.oblique_shown]
        room = self.column.geometry()
        if self.views.shape is None or not room.isValid():
            columns = len(self.panes)
        else:
            sizes = [_size(self.views.extent(self.views.plane(pane.kind))) for pane in seen]
            columns = best_columns(sizes, room.width(), room.height())
        if (columns, len(seen)) != self._arranged:
            self._arranged = columns, len(seen)
            for i, canvas in enumerate(self.canvases):
                # the last one takes the room that is left in its row
                wide = columns - i % columns if i == len(seen) - 1 else 1
                self._grid.addWidget(canvas, i // columns, i % columns, 1, wide)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._soon()

    def _display_button(self) -> QPushButton:
        """Slab, low-pass and contrast, unfolded when asked for: a low dock has no room for them."""
        button = QPushButton("Display")
        button.setObjectName("views-display")
        button.setToolTip("Slab thickness, low-pass and contrast of what is shown")
        menu = QMenu(button)
        action = QWidgetAction(menu)
        controls = DisplayControls(self.workspace)
        controls.setContentsMargins(8, 8, 8, 8)
        action.setDefaultWidget(controls)
        menu.addAction(action)
        button.setMenu(menu)
        return button

    def _tick(self, text: str, name: str, tip: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setObjectName(name)
        box.setToolTip(tip)
        return box

    def _angle(self, name: str, tip: str) -> AngleField:
        field = AngleField()
        field.setObjectName(f"views-{name}")
        field.setToolTip(tip)
        field.valueChanged.connect(lambda _: self._set_attitude())
        return field

    def _set_attitude(self) -> None:
        self.views.set_attitude(Attitude(*(field.value() for field in self.angles)))

    def _fit(self) -> None:
        for pane in self.panes:
            pane.fit()

    def sizeHint(self) -> QSize:
        """Low and wide, to lie below the slices."""
        return QSize(WIDTH, HEIGHT)

    # showing

    def refresh(self) -> None:
        """Show what there is to be seen now."""
        views = self.views
        shown = views.shape is not None
        self.state.setText("" if shown else NO_TOMOGRAM)
        self.state.setVisible(not shown)
        fields = [self.cross, self.same, self.oblique, *self.angles]
        blockers = [QSignalBlocker(field) for field in fields]
        self.cross.setChecked(views.cross_shown)
        self.same.setChecked(views.same_scale)
        self.oblique.setChecked(views.oblique_shown)
        a = views.attitude
        for field, value in zip(
            self.angles, (a.tilt_degrees, a.rotation_degrees, a.spin_degrees), strict=True
        ):
            if not field.hasFocus() or abs(field.value() - value) > 0.06:
                field.setValue(value)
        for blocker in blockers:
            blocker.unblock()
        for widget in self._tilting:
            widget.setVisible(views.oblique_shown)
        self._arrange()
        for i, (canvas, pane) in enumerate(zip(self.canvases, self.panes, strict=True)):
            seen = shown and (i < 2 or views.oblique_shown)
            canvas.setVisible(seen)
            if seen:
                pane.refresh()
            else:
                pane.forget()
        for glass in self._glass:
            glass.follow()

    def _soon(self, *_: object) -> None:
        # what is started again by every step of a scroll would wait for its end
        if not self._later.isActive():
            self._later.start(PAUSE)

    # links

    def _catch_up(self, visible: bool) -> None:
        """Follow the slice viewer only while someone can see it."""
        if visible:
            self._link()
            self._refresh_all()
        else:
            self._unlink()

    def _link(self) -> None:
        if self.views.linked:
            return
        self.views.link()
        self.views.changed.connect(self._on_change)
        window = _main_window(self)
        viewer = None if window is None else window.findChild(QtViewer)
        if viewer is not None:
            glass = CrossHair(self.views, viewer)
            self._glass.append(glass)
            # it goes with the window, and then must not be touched any more
            number, left = id(glass), self._glass
            when_deleted(glass, lambda: _drop(left, number))
            glass.show()

    def _unlink(self) -> None:
        _cut(self.views, self.panes, self._glass)

    def _on_change(self) -> None:
        # the cross-hair goes with the picture below it, or it would lag behind
        for glass in self._glass:
            glass.follow()
        self._soon()

    def hideEvent(self, event: QHideEvent) -> None:
        """Cut all links: what is not seen costs nothing."""
        super().hideEvent(event)
        self._unlink()

    def _take_place(self) -> None:
        super()._take_place()
        window, frame = _main_window(self), _frame(self)
        if window is not None and frame is not None and not frame.isFloating():
            window.resizeDocks([frame], [HEIGHT], Qt.Orientation.Vertical)


def best_columns(sizes: list[tuple[float, float]], width: float, height: float) -> int:
    """In how many columns pictures of these widths and heights are seen the largest, all in all."""

    def seen(columns: int) -> float:
        across, down = width / columns, height / math.ceil(len(sizes) / columns)
        return math.prod(min(across / w, down / h) for w, h in sizes)

    # of as good ones, more columns: below the slices there is more width than height
    return max(range(len(sizes), 0, -1), key=seen)


def _labelled(text: str, field: QWidget) -> QWidget:
    group = QWidget()
    line = row(QLabel(text), field)
    line.setContentsMargins(0, 0, 0, 0)
    group.setLayout(line)
    return group


def _size(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


class AngleField(QDoubleSpinBox):
    """An angle in degrees, which goes on from 180 to -180."""

    def __init__(self) -> None:
        super().__init__()
        self.setRange(-180, 180)
        self.setDecimals(1)
        self.setSuffix("°")
        self.setWrapping(True)
        self.setSingleStep(5)
        self.setKeyboardTracking(False)
        wheel_scrolls_past(self)


def _cut(views: LinkedViews, panes: list[LinkedPane], glass: list[CrossHair]) -> None:
    """Let nothing of a dock follow any more."""
    views.unlink()
    views.changed.disconnect()
    for pane in panes:
        pane.forget()
    while glass:
        glass.pop().remove()


def _drop(glass: list[CrossHair], number: int) -> None:
    """Forget the one with this id, which Qt has deleted."""
    glass[:] = [each for each in glass if id(each) != number]


def _main_window(widget: QWidget) -> QMainWindow | None:
    """The window that a dock belongs to, also while it floats."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent
