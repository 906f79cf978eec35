"""The part of the matching dock that shows what was found, and from which score on it counts."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_tomopick.layers import matching_words as words
from napari_tomopick.layers.matching_histogram import Histogram
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.folds import Fold
from napari_tomopick.widgets.line_plot import Line, LinePlot, Plot
from napari_tomopick.widgets.matching_histogram import HistogramPlot
from napari_tomopick.widgets.slider_field import SliderField
from napari_tomopick.widgets.texts import note

TRANSFER_HEIGHT = 84
TICKS_ANGSTROM = (100, 50, 30, 20, 15, 10)
TICKS_APART = 0.12  # of the width


class FoundControls(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock, and is refreshed with it.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock, self.matching = dock, dock.workspace.matching
        results = self.matching.results
        self.state, self.count = note("match-state"), note("match-count")
        self.count.setToolTip(
            "How many candidates reach the threshold, of all that were looked at to the end; and how many "
            "places would reach it by chance, as places show that hardly stand out"
        )
        self.histogram = HistogramPlot()
        self.threshold = SliderField(
            "Threshold",
            "match-threshold",
            0.0,
            1.0,
            decimals=3,
            tip="Lowest score of a particle, from -1 to 1",
        )
        for source in (self.histogram, self.threshold):
            source.moved.connect(self._move)
            source.settled.connect(self._keep)
        self.proposed = dock.button(
            "⟲",
            "proposed-threshold",
            lambda: (results.propose(), self._keep()),
            "The threshold that the scores themselves tell",
        )
        self.proposed.setFixedWidth(2 * self.fontMetrics().height())
        self.keep = dock.button(
            "Keep", "keep-matches", results.keep, "Let these be particles of the project, in these sections"
        )
        self.drop = dock.button("Discard", "drop-preview", results.drop_preview, "Look at what is kept again")
        self.map = QCheckBox("Show scores")
        self.map.setObjectName("show-match-scores")
        self.map.setToolTip("The scores of the search as an image over the slices")
        self.map.toggled.connect(results.map.want)
        self.transfer_words = note("transfer-words")
        self.transfer = LinePlot(
            "transfer-plot",
            TRANSFER_HEIGHT,
            "What became of each spatial frequency of the template in the tomogram: its contrast transfer",
        )
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING // 2)
        column.addWidget(self.transfer)
        column.addWidget(self.transfer_words)
        self.transfer_fold = Fold("Contrast transfer", "fold-transfer", inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.state)
        layout.addWidget(self.histogram)
        layout.addLayout(row(self.threshold, self.proposed, stretch=0))
        layout.addWidget(self.count)
        layout.addLayout(row(self.map, QWidget(), self.keep, self.drop, stretch=1))
        layout.addWidget(self.transfer_fold)
        self._seen: object = None
        self._drawn: Histogram | None = None
        dock.refreshed.connect(self.refresh)
        self.refresh()

    def _move(self, threshold: float) -> None:
        self._dock.reported(lambda: self.matching.results.set_threshold(threshold))
        # at once, and not only when the whole dock is shown anew
        self._show_count()

    def _keep(self) -> None:
        # what is seen is kept, but a preview only when a user says so
        results = self.matching.results
        if results.live and not results.previewing:
            self._dock.reported(results.keep)

    def showEvent(self, event: QShowEvent) -> None:
        """See Qt: only in the window it is known how wide letters are."""
        super().showEvent(event)
        metrics = self.threshold.label.fontMetrics()
        self.threshold.align(
            metrics.horizontalAdvance(self.threshold.label.text()) + SPACING,
            metrics.horizontalAdvance("0.000") + 4 * metrics.height(),
        )

    def refresh(self) -> None:
        """Show what was found in the shown tomogram."""
        results = self.matching.results
        outcome = results.outcome
        self.state.setText(words.state(self.matching))
        self.state.setVisible(bool(self.state.text()))
        matched = None if outcome is None else outcome.matched
        if matched is not self._seen:
            self._seen = matched
            self._drawn = None if matched is None else Histogram.of(matched)
            self.transfer.show_plot(Plot(()) if matched is None else _transfer_plot(*matched.found.transfer))
        for widget in (
            self.histogram,
            self.threshold,
            self.proposed,
            self.count,
            self.map,
            self.transfer_fold,
        ):
            widget.setVisible(outcome is not None)
        self.keep.setVisible(outcome is not None and results.live)
        self.drop.setVisible(results.previewing)
        self.transfer_words.setText(words.transfer(self.matching))
        if self._drawn is not None:
            self.threshold.set_range(*self._drawn.range)
        blocker = QSignalBlocker(self.map)
        self.map.setChecked(results.map.wanted)
        blocker.unblock()
        self._show_count()

    def _show_count(self) -> None:
        outcome = self.matching.results.outcome
        if outcome is None or outcome.matched is not self._seen:
            return
        self.histogram.show_histogram(self._drawn, outcome.threshold)
        if np.isfinite(outcome.threshold):
            self.threshold.show_value(outcome.threshold)
        self.count.setText(words.count(self.matching))


def _transfer_plot(frequency: np.ndarray, values: np.ndarray) -> Plot:
    """Frequencies along x, with the lengths that they belong to below."""
    high = float(frequency[-1])
    ticks, last = [], -np.inf
    for length in TICKS_ANGSTROM:
        if 1 / length <= high and 1 / length - last >= TICKS_APART * high:
            ticks.append((1 / length, f"{length} Å"))
            last = 1 / length
    low = min(float(values.min()), 0.0) - 0.1
    return Plot(
        (Line(values.tolist(), at=frequency.tolist()),),
        x=(0.0, high),
        y=(low, max(float(values.max()), 1.0) * 1.1),
        marks=((0.0, ""),),
        ticks=tuple(ticks),
    )
