"""The model that is being made, or was made last: pictures, curves, and what can be done with it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_tomopick.layers import initial_model_plots as plots
from napari_tomopick.layers.initial_model_look import Look
from napari_tomopick.layers.initial_model_words import classes
from napari_tomopick.widgets.dock import SPACING, Dock, row
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.initial_model_pictures import GAP, DirectionsView, SectionsView, SolidView
from napari_tomopick.widgets.line_plot import Line, LinePlot, Plot
from napari_tomopick.widgets.texts import note

SCORES_HEIGHT, AGREEMENT_HEIGHT = 54, 96


class ModelView(QWidget):
    """See the module.

    Parameters
    ----------
    dock : Dock
        It stands in this dock.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock, self.modelling = dock, dock.workspace.initial_model
        self.state = note("model-state")
        self.which = combo_box("model-class")
        self.which.setMinimumContentsLength(3)
        self.which.setToolTip("The class that is shown, and what the buttons below are about")
        self.which.activated.connect(self.modelling.show_class)
        self.sections, self.solid, self.directions = SectionsView(), SolidView(), DirectionsView()
        self.scores = LinePlot(
            "model-scores",
            SCORES_HEIGHT,
            "How well the subtomograms agree with the model, for each start; the thick line is the start "
            "that is ahead.\nMore and more detail is looked at, so that scores may well fall.",
        )
        self.agreement = LinePlot(
            "model-fsc",
            AGREEMENT_HEIGHT,
            "Fourier shell correlation of two halves that were refined apart from each other.\n"
            "The finest detail to be trusted is where it falls below 0.143.",
        )
        self.template = dock.button(
            "Use as template", "model-template", self._use, "Look for more of it by template matching"
        )
        self.scene = dock.button(
            "Show in 3D", "model-3d", self._show_3d, "Its surface in the viewer, over the slice that is shown"
        )
        self.scene.setCheckable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACING, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.state)
        layout.addLayout(row(self.which, self.template, self.scene))
        layout.addWidget(self.sections)
        beside = QHBoxLayout()
        beside.setSpacing(GAP)
        beside.addWidget(self.solid, 1)
        beside.addWidget(self.directions, 1)
        layout.addLayout(beside)
        layout.addWidget(self.agreement)
        layout.addWidget(self.scores)
        layout.addStretch(1)
        self._seen: tuple[Look | None, int] = (None, -1)

    def refresh(self) -> None:
        """Show what there is, and what can be done with it."""
        modelling = self.modelling
        self.template.setEnabled(modelling.path is not None)
        self.scene.setEnabled(modelling.shown is not None)
        self.scene.setChecked(modelling.surface.shown)
        self.follow()

    def follow(self) -> None:
        """Show the latest of what is being made."""
        modelling = self.modelling
        look, number = modelling.shown, modelling.number
        self.state.setText(modelling.state)
        self.scene.setEnabled(look is not None)
        if self._seen == (look, number):
            return
        self._seen = (look, number)
        names = [] if look is None else classes(look)
        self.which.setVisible(len(names) > 1)
        if [self.which.itemText(i) for i in range(self.which.count())] != names:
            with QSignalBlocker(self.which):
                self.which.clear()
                self.which.addItems(names)
        with QSignalBlocker(self.which):
            self.which.setCurrentIndex(number)
        for widget in (self.sections, self.solid, self.directions):
            widget.setVisible(look is not None)
        self.scores.setVisible(look is not None and bool(look.curves))
        found = None if look is None else plots.agreement(look, number)
        self.agreement.setVisible(found is not None)
        if look is None:
            return
        self.sections.show_sections(look.sections(number))
        self.solid.show_solid(look.solid(number))
        self.directions.show_directions(look.directions(number))
        scores = plots.scores(look)
        lines = tuple(Line(each, n == scores.ahead) for n, each in enumerate(scores.starts))
        self.scores.show_plot(Plot(lines, scores.text))
        if found is not None:
            line = Line(found.values, at=found.frequencies)
            ends = (0.0, found.frequencies[-1])
            self.agreement.show_plot(Plot((line,), found.text, ends, (-0.1, 1.05), found.marks, found.ticks))

    def _show_3d(self) -> None:
        self.modelling.show_in_3d(not self.modelling.surface.shown)

    def _use(self) -> None:
        from napari_tomopick.widgets.matching import use_as_template

        path = self.modelling.path
        if path is not None:
            use_as_template(self._dock.workspace.viewer, path)
