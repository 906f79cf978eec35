"""One page per step of the workflow: what goes in, its options, and the job they make together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QTextEdit

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import free_path
from napari_tomopick.models.crop_points import parameters_for
from napari_tomopick.models.references import is_negative
from napari_tomopick.models.sided_surfaces import SURFACE_TYPES
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session
from napari_tomopick.protocols import jobs
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.bin_tomogram import bin_tomogram
from napari_tomopick.protocols.crop_points import crop_points
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.import_picks import import_picks
from napari_tomopick.protocols.import_tomograms import import_tomograms
from napari_tomopick.protocols.orient import orient
from napari_tomopick.widgets.consensus_page import ConsensusPage
from napari_tomopick.widgets.forms import combo_box
from napari_tomopick.widgets.step_inputs import CheckList, PathField, offer
from napari_tomopick.widgets.step_page import StepPage

ALL = "all tomograms"


class ImportPage(StepPage):
    """Files to tomograms of the project."""

    title = "Import"

    def __init__(self) -> None:
        super().__init__(
            import_tomograms, "Add tomograms to the project, with what is known of how they were taken."
        )
        self.files = QTextEdit()
        self.files.setObjectName("import-files")
        self.files.setPlaceholderText("Files, folders or patterns, one a line")
        self.files.setToolTip("Also lists (.vll), Dynamo catalogues (.ctlg) and patterns such as tomo_*.mrc")
        self.files.setFixedHeight(84)
        self.files.setAcceptRichText(False)
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.inputs.addRow(self.files)
        self.inputs.addRow(browse)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Nothing here depends on the project."""

    def job(self, session: Session) -> jobs.Job:
        """Import the files listed."""
        sources = [line.strip() for line in self.files.toPlainText().splitlines() if line.strip()]
        if not sources:
            raise ParameterError("no file is listed to import")
        return jobs.import_job(sources, self.form.values())

    def suggest(self, paths: Sequence[Path]) -> None:
        """List files, unless some are listed."""
        if not self.files.toPlainText().strip():
            self.files.setPlainText("\n".join(map(str, paths)))

    def _browse(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Tomograms to import")
        if paths:
            self.files.setPlainText("\n".join(paths))


class ImportPicksPage(StepPage):
    """Files of user points and particles to models and sets of the project."""

    title = "Import picks"

    def __init__(self) -> None:
        super().__init__(
            import_picks,
            "Bring in user points (.json, .mod) and particles (.star, .tbl, .csv) made elsewhere.",
            leave_out=("in_tomogram",),
        )
        self.file = PathField("File of picks", "file")
        self.where = combo_box("picks-tomogram")
        self.inputs.addRow("File", self.file)
        self.inputs.addRow("Tomogram", self.where)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer the tomograms of the project."""
        names = [(entry.name, entry.name) for entry in session.tomograms()]
        offer(self.where, [("as the file says", ""), *names])

    def job(self, session: Session) -> jobs.Job:
        """Import the file."""
        return jobs.import_picks_job(
            session, [self.file.path()], in_tomogram=self.where.currentData() or None
        )


class BinPage(StepPage):
    """Bin one tomogram or all of them."""

    title = "Bin"

    def __init__(self) -> None:
        super().__init__(bin_tomogram, "Make smaller copies of tomograms; picks on them fit the originals.")
        self.form.field("factor").setText("4")  # type: ignore[attr-defined]
        self.which = combo_box("bin-tomogram")
        self.folder = PathField("Folder for the binned tomograms", "folder")
        self.inputs.addRow("Tomogram", self.which)
        self.inputs.addRow("Into folder", self.folder)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer the tomograms of the project."""
        names = [entry.name for entry in session.tomograms()]
        offer(self.which, [(name, name) for name in names] + [(ALL, ALL)], prefer=tomogram)
        self.folder.suggest(session.path.parent / "binned")

    def job(self, session: Session) -> jobs.Job:
        """Bin the chosen tomograms."""
        chosen = self.which.currentData()
        names = [chosen]
        if chosen == ALL:
            names = [entry.name for entry in session.tomograms() if entry.source is None]
        return jobs.bin_job(session, names, self.folder.path(), self.form.values())


class CropPointsPage(StepPage):
    """Models to crop points."""

    title = "Crop points"

    def __init__(self) -> None:
        super().__init__(
            crop_points, "Turn user points into oriented particles, equally spaced on what they describe."
        )
        self.models = CheckList("crop-models")
        self.inputs.addRow(QLabel("Models"))
        self.inputs.addRow(self.models)
        self._types: dict[str, ModelType] = {}
        self.models.itemChanged.connect(self._show_what_acts)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer the models of the project, those of the shown tomogram ticked."""
        models = [model for model in session.models() if not is_negative(model)]
        self._types = {model.uid: model.type for model in models}
        self.models.offer(_labelled(models), lambda uid: session.model(uid).tomogram == tomogram)
        self._show_what_acts()

    def _show_what_acts(self) -> None:
        """Show the options that act on the ticked models."""
        types = {self._types[uid] for uid in self.models.ticked()} or set(ModelType)
        self.form.show_only({name for kind in types for name in acting_options(kind)})

    def job(self, session: Session) -> jobs.Job:
        """Make crop points of the ticked models."""
        return jobs.crop_points_job(session, self.models.ticked(), self.form.values())


class OrientPage(StepPage):
    """Loose points oriented by membranes."""

    title = "Orient"

    def __init__(self) -> None:
        super().__init__(
            orient, "Give loose points the direction of the nearest membrane, away from its side marker."
        )
        self.points = combo_box("orient-points")
        self.surfaces = CheckList("orient-surfaces")
        self.inputs.addRow("Points", self.points)
        self.inputs.addRow(QLabel("Membranes"))
        self.inputs.addRow(self.surfaces)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer general models and particle sets as points, and every membrane."""
        general = [
            model for model in session.models() if model.type is ModelType.GENERAL and not is_negative(model)
        ]
        membranes = [model for model in session.models() if model.type in SURFACE_TYPES]
        offer(
            self.points,
            _labelled(general) + [(f"{entry.name} (set)", entry.uid) for entry in session.particle_sets()],
        )
        self.surfaces.offer(_labelled(membranes), lambda uid: session.model(uid).marker is not None)

    def job(self, session: Session) -> jobs.Job:
        """Orient the chosen points by the ticked membranes."""
        points, surfaces = self.points.currentData(), self.surfaces.ticked()
        if points is None:
            raise ParameterError("there are no points to orient: pick some in a general model first")
        if not surfaces:
            raise ParameterError("tick at least one membrane to orient by")
        return jobs.orient_job(session, [points], surfaces, self.form.values())


class ExtractPage(StepPage):
    """Particles to subtomograms."""

    title = "Extract"

    def __init__(self) -> None:
        super().__init__(
            extract, "Cut a box around every particle, with a star file and a table beside them."
        )
        self.form.field("box_size").setValue(32)  # type: ignore[attr-defined]
        self.particles = combo_box("extract-particles")
        self.source = combo_box("extract-source")
        self.folder = PathField("Folder for the subtomograms", "folder")
        self.inputs.addRow("Particles", self.particles)
        self.inputs.addRow("Cut from", self.source)
        self.inputs.addRow("Into folder", self.folder)
        self.particles.currentIndexChanged.connect(self._suggest_folder)
        self._home = Path()

    def refresh(self, session: Session, tomogram: str) -> None:
        """Offer the particle sets, the newest first."""
        self._home = session.path.parent
        entries = [(f"{e.name} ({e.count})", e.uid) for e in reversed(session.particle_sets())]
        offer(self.particles, entries)
        others = [(entry.name, entry.name) for entry in session.tomograms()]
        offer(self.source, [("same as picking", ""), *others])
        self._suggest_folder()

    def _suggest_folder(self) -> None:
        name = self.particles.currentText().rsplit(" (", 1)[0].replace("/", "-")
        if name:
            self.folder.suggest(free_path(self._home / f"{name} subtomograms"))

    def job(self, session: Session) -> jobs.Job:
        """Extract the chosen set."""
        uid, other = self.particles.currentData(), self.source.currentData()
        if uid is None:
            raise ParameterError("there are no particles yet: make crop points or orient points first")
        picked_on = next(entry for entry in session.particle_sets() if entry.uid == uid).tomograms
        if other and len(picked_on) > 1:
            raise ParameterError(
                f"these particles lie in {len(picked_on)} tomograms, so they cannot all be cut from {other}"
            )
        source = {} if not other else dict.fromkeys(picked_on, other)
        return jobs.extract_job(session, uid, self.folder.path(), self.form.values(), from_tomograms=source)


class AveragePage(StepPage):
    """Subtomograms to an average."""

    title = "Average"

    def __init__(self) -> None:
        super().__init__(average, "Turn every subtomogram into its own orientation and average them.")
        self.folder = PathField("Folder of subtomograms", "subtomograms")
        self.output = PathField("Average", "new file")
        self.inputs.addRow("Subtomograms", self.folder)
        self.inputs.addRow("Average", self.output)

    def refresh(self, session: Session, tomogram: str) -> None:
        """Suggest the folder extracted last."""
        made = [result.path for result in session.results() if result.kind == "subtomograms"]
        if made:
            self.folder.suggest(made[-1])
            stem = made[-1].name.removesuffix(" subtomograms")
            self.output.suggest(free_path(session.path.parent / f"{stem} average.mrc"))

    def job(self, session: Session) -> jobs.Job:
        """Average the chosen folder."""
        return jobs.average_job(self.folder.path(), self.output.path(), self.form.values())


def acting_options(model_type: ModelType) -> set[str]:
    """Names of the options of crop points that matter to models of this type."""
    names = set(parameters_for(model_type))
    if model_type in SURFACE_TYPES:
        names.add("twist_seed")
    if model_type in (ModelType.ELLIPSOIDAL_VESICLE, ModelType.MARKED_ELLIPSOIDAL_VESICLE):
        names = names - {"radius"} | {"radii"}
    return names


def _labelled(models: Sequence[Model]) -> list[tuple[str, str]]:
    several = len({model.tomogram for model in models}) > 1
    return [(f"{model.name} · {model.tomogram}" if several else model.name, model.uid) for model in models]


PAGES = (
    ImportPage,
    ImportPicksPage,
    BinPage,
    CropPointsPage,
    OrientPage,
    ConsensusPage,
    ExtractPage,
    AveragePage,
)
