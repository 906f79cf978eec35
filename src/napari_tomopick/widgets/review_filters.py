"""The page of the Review dock on which particles are filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QDoubleValidator
from qtpy.QtWidgets import QCheckBox, QLabel, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.quantity_histogram import QuantityHistogram
from napari_tomopick.models.filters import Range, counts
from napari_tomopick.widgets.dock import SPACING, row, scrolled
from napari_tomopick.widgets.range_histogram import RangeHistogram
from napari_tomopick.widgets.review_likeness import CompareLine
from napari_tomopick.widgets.texts import note

if TYPE_CHECKING:
    from napari_tomopick.layers.review_filters import Filters
    from napari_tomopick.models.parting import Parting
    from napari_tomopick.models.quantities import Quantity
    from napari_tomopick.widgets.review import ReviewDock


FIELD_WIDTH = 56
# a button in the line of a label
SMALL = "padding: 1px 6px;"


class FiltersPage(QWidget):
    """A histogram with two ends for everything that tells the particles of the current set apart.

    Parameters
    ----------
    dock : ReviewDock
    """

    def __init__(self, dock: ReviewDock) -> None:
        super().__init__()
        self._dock, self._filters = dock, dock.review.filters
        self._rows: dict[str, QuantityRow] = {}
        self.count = note("filter-count")
        self.dim = QCheckBox("Dim the others instead of hiding them")
        self.dim.setObjectName("filter-dim")
        self.dim.toggled.connect(lambda on: dock.review.set_look(dim=on))
        self.select = dock.button(
            "Select others", "filter-select", self._select, "Select those that are filtered out"
        )
        self.remove = dock.button(
            "Remove others", "filter-remove", self._remove, "Delete those that are filtered out"
        )
        self.reset = dock.button(
            "Reset", "filter-reset", lambda: self._filters.reset(dock.uid), "Let all of them pass"
        )
        self.everywhere = QCheckBox()
        self.everywhere.setObjectName("filter-everywhere")
        self.everywhere.setToolTip("Remove with the same ranges in all tomograms of this set, as one edit")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.count)
        layout.addLayout(row(self.select, self.remove, self.reset, stretch=1))
        layout.addWidget(self.everywhere)
        layout.addWidget(self.dim)
        content = QWidget()
        self._list = QVBoxLayout(content)
        self._list.setContentsMargins(0, 0, SPACING, 0)
        self._list.setSpacing(2 * SPACING)
        self._list.addStretch(1)
        layout.addWidget(scrolled(content), 1)
        self.compare = CompareLine(dock, "filter", self._set_and_box, tells=True)
        layout.addWidget(self.compare)
        dock.refresh_on(self._filters.changed, self._filters.measured)

    def _set_and_box(self) -> tuple[str, int]:
        uid = self._dock.uid
        return uid, self._filters.comparing.box_size(uid) if uid else 0

    def refresh(self) -> None:
        """Show what there is to filter by, and how many pass."""
        filters, uid = self._filters, self._dock.uid
        quantities = filters.quantities(uid) if uid else {}
        self._show_rows(quantities)
        ranges = {key: wanted for key, wanted in filters.ranges(uid).items() if key in quantities}
        total = self._dock.review.count(uid)
        found = counts(quantities, ranges, n=total)
        for key, line in self._rows.items():
            away = found.total - found.each[key] if key in found.each else None
            line.show_quantity(quantities[key], filters.ranges(uid).get(key, Range()), away)
            line.show_proposal(filters.proposed(uid, key))
        lines = []
        if uid and total:
            lines.append(
                f"{found.together:,} of {total:,} pass."
                if ranges
                else f"All {total:,} pass: no filter is set."
            )
            lines += ["Measuring …"] if filters.is_measuring(uid) else []
            lines += [f"Left out: {text}" for text in filters.lacking(uid)]
            if not quantities and not filters.is_measuring(uid):
                lines.append("There is nothing that tells these particles apart.")
        else:
            lines.append("There are no particles to filter in this tomogram.")
        self.count.setText("\n".join(lines))
        others = found.total - found.together
        for button in (self.select, self.remove):
            button.setEnabled(others > 0)
        self.reset.setEnabled(bool(filters.ranges(uid)))
        self.compare.refresh()
        tomograms = self._dock.tomogram_count
        self.everywhere.setVisible(tomograms > 1)
        self.everywhere.setText(f"Remove in all {tomograms} tomograms of this set")
        blocker = QSignalBlocker(self.dim)
        self.dim.setChecked(self._dock.review.look.dim)
        blocker.unblock()

    def _show_rows(self, quantities: object) -> None:
        wanted = list(quantities)  # type: ignore[call-overload]
        if wanted == list(self._rows):
            return
        for line in self._rows.values():
            self._list.removeWidget(line)
            line.deleteLater()
        self._rows = {key: QuantityRow(self._dock, self._filters, key) for key in wanted}
        for place, line in enumerate(self._rows.values()):
            self._list.insertWidget(place, line)

    def _select(self) -> None:
        self._dock.review.selection.set({self._dock.uid: self._filters.out(self._dock.uid)})

    def _remove(self) -> None:
        uid, review = self._dock.uid, self._dock.review
        if self.everywhere.isVisibleTo(self) and self.everywhere.isChecked():
            cleaning, ranges = review.cleaning, self._filters.ranges(uid)
            cleaning.look("filtered", uid, {"ranges": ranges}, everywhere=True, then=cleaning.remove)
        else:
            review.delete_particles({uid: self._filters.out(uid)})


class QuantityRow(QWidget):
    """One quantity: its histogram, the ends as numbers, and what it takes away.

    Parameters
    ----------
    dock : ReviewDock
    filters : Filters
    key : str
    """

    def __init__(self, dock: ReviewDock, filters: Filters, key: str) -> None:
        super().__init__()
        self._dock, self._filters, self.key = dock, filters, key
        self._quantity: Quantity | None = None
        self._histogram: QuantityHistogram | None = None
        self.range = Range()
        self.label = QElidingLabel()
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.away = QLabel()
        self.away.setObjectName(f"filter-{key}-away")
        self.propose = dock.button("Propose", f"filter-{key}-propose", lambda: filters.propose(dock.uid, key))
        self.propose.setStyleSheet(SMALL)
        self.propose.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clear = QToolButton()
        self.clear.setText("×")
        self.clear.setAutoRaise(True)
        self.clear.setToolTip("Let it be whatever it is")
        self.clear.clicked.connect(lambda: self._set(Range()))
        self.plot = RangeHistogram(f"filter-{key}")
        self.plot.moved.connect(lambda low, high: self._set(Range(low, high, self.range.missing)))
        self.low, self.high = self._field("low"), self._field("high")
        self.missing = QCheckBox()
        self.missing.setObjectName(f"filter-{key}-missing")
        self.missing.setToolTip("Whether particles without a value pass")
        self.missing.toggled.connect(lambda on: self._set(Range(self.range.low, self.range.high, on)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row(self.label, self.away, self.propose, self.clear, stretch=0))
        layout.addLayout(row(self.low, self.plot, self.high, stretch=1))
        layout.addWidget(self.missing)

    def _field(self, which: str) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(f"filter-{self.key}-{which}")
        field.setValidator(QDoubleValidator())
        field.setFixedWidth(FIELD_WIDTH)
        field.setToolTip("The lowest that passes" if which == "low" else "The highest that passes")
        field.editingFinished.connect(lambda: self._dock.reported(self._typed))
        return field

    def show_quantity(self, quantity: Quantity, wanted: Range, away: int | None) -> None:
        """Show this quantity, its range, and how many particles that alone takes away."""
        if quantity is not self._quantity:
            if self._quantity is None or not _equal(quantity, self._quantity):
                self._histogram = QuantityHistogram.of(quantity)
            self._quantity = quantity
        self.range = wanted
        histogram = self._histogram
        self.label.setText(quantity.label)
        self.label.setToolTip(quantity.label)
        self.away.setText("" if away is None else f"takes away {away:,}")
        self.away.setToolTip("How many particles this range alone lets not pass")
        self.clear.setVisible(away is not None)
        self.plot.show_histogram(histogram, wanted.low, wanted.high)
        for field, value, end in (
            (self.low, wanted.low, histogram and histogram.lowest),
            (self.high, wanted.high, histogram and histogram.highest),
        ):
            field.setPlaceholderText("" if end is None else _written(histogram.rounded(end)))  # type: ignore[union-attr]
            if not field.hasFocus() or field.text() == "":
                field.setText("" if value is None else _written(value))
        count = 0 if histogram is None else histogram.missing
        self.missing.setVisible(count > 0)
        self.missing.setText(f"with the {count:,} that have none")
        blocker = QSignalBlocker(self.missing)
        self.missing.setChecked(wanted.missing)
        blocker.unblock()

    def show_proposal(self, parted: Parting | None) -> None:
        """Offer the lowest value that would be proposed, if any."""
        self.propose.setVisible(parted is not None)
        self.propose.setToolTip(
            "" if parted is None else f"Let what is above pass: in this tomogram {parted} (by Otsu's method)."
        )

    def _typed(self) -> None:
        ends = []
        for field, end in ((self.low, self.range.low), (self.high, self.range.high)):
            text = field.text().strip().replace(",", ".")
            # what is written may be rounded
            ends.append(end if end is not None and text == _written(end) else float(text) if text else None)
        low, high = ends
        if low is not None and high is not None and low > high:
            self.low.setText("" if self.range.low is None else _written(self.range.low))
            self.high.setText("" if self.range.high is None else _written(self.range.high))
            raise ParameterError(f"A range goes from low to high, got {low:g} to {high:g}.")
        self._set(Range(low, high, self.range.missing))

    def _set(self, wanted: Range) -> None:
        if wanted != self.range:
            self.range = wanted
            self.plot.show_histogram(self._histogram, wanted.low, wanted.high)
            self._filters.set_range(self._dock.uid, self.key, wanted)


def _written(value: float) -> str:
    return f"{value:.5g}"


def _equal(one: Quantity, other: Quantity) -> bool:
    return len(one.values) == len(other.values) and bool(
        ((one.values == other.values) | (one.values != one.values) & (other.values != other.values)).all()
    )
