"""The page of a consensus in the Steps dock."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_tomopick.layers.consensus import Choice, ConsensusStep, labelled_sets
from napari_tomopick.project import ParticleSet, Session
from napari_tomopick.protocols.consensus import consensus
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.widgets.consensus_results import ConsensusResults
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.step_inputs import CheckList, offer
from napari_tomopick.widgets.step_page import StepPage

PLAIN = ("radius", "votes", "mode")
LABELS = {
    "votes": "Votes (-1: all, 1: any)",
    "absent": "Tomograms a set lacks",
    "compatible": "As in Scipion",
}


class ConsensusPage(StepPage):
    """Particle sets to the one that enough of them agree on."""

    title = "Consensus"
    can_preview = True

    def __init__(self) -> None:
        super().__init__(
            consensus,
            "Keep the particles that enough pickers have found, each at the mean of its picks.",
            plain=PLAIN,
            labels=LABELS,
        )
        self.form.field("mode").setItemText(0, "at least")  # type: ignore[attr-defined]
        self.step = ConsensusStep()
        self._session: Session | None = None
        # as they were offered: the project may be closed by now
        self._offered: tuple[ParticleSet, ...] = ()
        self.sets = CheckList("consensus-sets")
        self.sets.setToolTip("Each set is a picker and has one vote; their order matters for weights only")
        self.sets.itemChanged.connect(self._offer_grids)
        # names may be long, and differ at their ends
        self.sets.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.grid = combo_box("consensus-grid")
        self.grid.setToolTip("The result has the voxel size of this set, and lies in its tomograms")
        self.grid_label = QLabel("On grid of")
        self.reference = combo_box("consensus-reference")
        self.reference.setToolTip(
            "A set that is taken to be right: precision, recall and F1 of the others and the consensus; "
            "it has no vote, unless it is ticked too"
        )
        self.where = combo_box("consensus-tomogram")
        self.where.setToolTip("All tomograms, or only this one and other binnings of it")
        self.label = QLineEdit()
        self.label.setObjectName("consensus-label")
        self.label.setToolTip("Name of the new particle set")
        self.label.setPlaceholderText("consensus of …")
        self.inputs.addRow(QLabel("Particle sets, two or more"))
        self.inputs.addRow(self.sets)
        self.inputs.addRow(self.grid_label, self.grid)
        self.inputs.addRow("Reference", self.reference)
        self.inputs.addRow("Tomograms", self.where)
        self.inputs.addRow("Name", self.label)
        self.results = ConsensusResults()
        self.results.wanted.connect(self.wanted)
        self.layout().addWidget(self.results)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer the particle sets of the project; none is ticked of itself."""
        if session is not self._session:
            self._session = session
            self.step.forget()
            self.show_result()
        self._offered = session.particle_sets()
        entries = labelled_sets(self._offered)
        self.sets.offer(entries, lambda uid: False)
        offer(self.reference, [("none", ""), *entries])
        offer(self.where, [("all", ""), *((t.name, t.name) for t in session.tomograms())])
        self._offer_grids()

    def _offer_grids(self) -> None:
        """Ask for the grid where the ticked sets differ in it."""
        ticked = set(self.sets.ticked())
        entries = [entry for entry in self._offered if entry.uid in ticked]
        offer(self.grid, [(entry.name, entry.uid) for entry in entries])
        differ = len({entry.voxel_size_angstrom for entry in entries}) > 1
        self.grid.setVisible(differ)
        self.grid_label.setVisible(differ)

    def _choice(self) -> Choice:
        return Choice(
            tuple(self.sets.ticked()),
            self.form.values(),
            grid=self.grid.currentData(),
            reference=self.reference.currentData() or None,
            label=self.label.text().strip() or None,
            in_tomogram=self.where.currentData() or None,
        )

    def job(self, session: Session) -> Job:
        """Keep what the ticked sets agree on."""
        return self.step.run(session, self._choice())

    def preview_job(self, session: Session) -> Job:
        """Look at what the ticked sets agree on."""
        return self.step.preview(session, self._choice())

    def show_result(self) -> QWidget | None:
        """Show what was found; return what there is to be seen, if anything."""
        assert self._session is not None
        self.results.show_outcome(self.step.outcome, self._session.path.parent)
        return None if self.step.outcome is None else self.results

    @property
    def made_set(self) -> str:
        """Uid of the set that was made last."""
        return self.step.made
