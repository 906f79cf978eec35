"""What stands above and below a montage: which slices, how they are picked in, which page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget
from superqt import QFlowLayout

from napari_tomopick.layers.display import MAX_THICKNESS
from napari_tomopick.widgets.dock import SPACING
from napari_tomopick.widgets.focus import wheel_scrolls_past

if TYPE_CHECKING:
    from napari_tomopick.layers.montage import Montage
    from napari_tomopick.widgets.dock import Dock

MAX_ROWS = 12
FIELD_DIGITS = 12
FIELDS = {
    "first": ("First", "Number of the first slice"),
    "last": ("Last", "Number of the last slice"),
    "step": ("Step", "From one slice to the next; Dynamo users trace every few slices"),
    "rows": ("Rows", "Slices below each other on a page"),
    "columns": ("Cols", "Slices beside each other on a page"),
}


def together(*widgets: QWidget) -> QWidget:
    """Widgets that stay side by side where a bar is folded."""
    group = QWidget()
    layout = QHBoxLayout(group)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING // 2)
    for widget in widgets:
        layout.addWidget(widget)
    return group


def bar() -> tuple[QWidget, QFlowLayout]:
    """A row that goes on below where the window is narrow."""
    widget = QWidget()
    layout = QFlowLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(2 * SPACING)
    layout.setVerticalSpacing(SPACING)
    return widget, layout


def toggle(text: str, name: str, tip: str, toggled: Callable[[bool], None]) -> QPushButton:
    """A button that stays down."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.clicked.connect(toggled)
    return button


class SliceFields:
    """Which slices a montage shows, and in how many rows and columns; ``groups`` go into a bar.

    Parameters
    ----------
    dock : Dock
        Shows the errors.
    montage : Montage
    """

    def __init__(self, dock: Dock, montage: Montage) -> None:
        self._dock, self._montage = dock, montage
        full = dock.button(
            "Full scene",
            "montage-full",
            montage.show_full_scene,
            "The whole tomogram on one page, across the axis of the slice viewer's plane "
            "(Dynamo: Create montage of full depicted scene)",
        )
        view = dock.button(
            "From this view",
            "montage-view",
            montage.show_view,
            "Of every slice, only the part that the slice viewer shows now",
        )
        settings = toggle("Settings", "montage-settings", "Which slices, in numbers", self._unfold)
        settings.setChecked(True)
        self.groups = [together(full, view, settings)]
        self.fields = {name: self._field(f"montage-{name}", tip) for name, (_, tip) in FIELDS.items()}
        self.fields["rows"].setRange(1, MAX_ROWS)
        self.fields["columns"].setRange(1, MAX_ROWS)
        for name, field in self.fields.items():
            field.valueChanged.connect(lambda value, name=name: self._set(name, value))
        self.thickness = self._field(
            "montage-thickness", "Slices over which the mean is shown; 0: as many as in the slice viewer"
        )
        self.thickness.setRange(0, MAX_THICKNESS)
        self.thickness.valueChanged.connect(lambda n: dock.reported(lambda: montage.set_thickness(n or None)))
        words = self.thickness.fontMetrics().horizontalAdvance("auto: ")
        self.thickness.setFixedWidth(self.thickness.width() + words)
        for names in (("first",), ("last",), ("step",), ("thickness",), ("rows",), ("columns",)):
            self.groups.append(together(*(widget for name in names for widget in self._labelled(name))))

    def _labelled(self, name: str) -> tuple[QLabel, QSpinBox]:
        field = self.thickness if name == "thickness" else self.fields[name]
        label = QLabel("Slab" if name == "thickness" else FIELDS[name][0])
        label.setBuddy(field)
        return label, field

    def _field(self, name: str, tip: str) -> QSpinBox:
        field = QSpinBox()
        field.setObjectName(name)
        field.setToolTip(tip)
        field.setKeyboardTracking(False)
        # napari's have room for more digits than slices have, and buttons at either end
        field.setFixedWidth(FIELD_DIGITS * field.fontMetrics().horizontalAdvance("0"))
        wheel_scrolls_past(field)
        return field

    def _unfold(self, on: bool) -> None:
        for group in self.groups[1:]:
            group.setVisible(on)

    def _set(self, name: str, value: int) -> None:
        self._dock.reported(lambda: self._montage.set(**{name: value}))
        self.refresh()

    def refresh(self) -> None:
        """Show the montage as it is now."""
        mosaic, n = self._montage.mosaic, self._montage.slice_count
        blocked = [QSignalBlocker(field) for field in (*self.fields.values(), self.thickness)]
        for group in self.groups:
            group.setEnabled(mosaic is not None)
        if mosaic is not None:
            self.fields["first"].setRange(0, mosaic.last)
            self.fields["last"].setRange(mosaic.first, n - 1)
            self.fields["step"].setRange(1, max(1, n))
            for name, field in self.fields.items():
                # as many as there are of a montage made to fit
                field.setMaximum(max(field.maximum(), getattr(mosaic, name)))
                field.setValue(getattr(mosaic, name))
            self.thickness.setSpecialValueText(f"auto: {self._montage.workspace.display.thickness}")
            self.thickness.setValue(self._montage.own_thickness or 0)
        del blocked


class PageBar(QWidget):
    """Turns the pages, and says which one is shown.

    Parameters
    ----------
    dock : Dock
    montage : Montage
    """

    def __init__(self, dock: Dock, montage: Montage) -> None:
        super().__init__()
        self._montage = montage
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        self.back = self._button(dock, "◀", "montage-back", -1, "Previous page (Page Up)")
        self.forward = self._button(dock, "▶", "montage-forward", 1, "Next page (Page Down)")
        self.label = QLabel()
        self.label.setObjectName("montage-page")
        self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for widget in (self.back, self.label, self.forward):
            layout.addWidget(widget)

    def _button(self, dock: Dock, text: str, name: str, pages: int, tip: str) -> QPushButton:
        button = dock.button(text, name, lambda: self._montage.turn(pages), tip)
        button.setMinimumWidth(4 * button.fontMetrics().height())
        return button

    def refresh(self) -> None:
        """Show the page the montage is on."""
        mosaic = self._montage.mosaic
        page, pages = (0, 1) if mosaic is None else (mosaic.page, mosaic.pages)
        self.label.setText("" if mosaic is None else f"Page {page + 1} of {pages}")
        self.back.setEnabled(page > 0)
        self.forward.setEnabled(page < pages - 1)
