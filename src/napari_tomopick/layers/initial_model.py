"""The initial model of a project: what it is made from, how far it is, and what came of it.

The work goes on when the dock is closed; it is given up when another project is opened. What is computed is
drawn where it is computed, as pictures; a window only asks for the latest now and then.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_tomopick.errors import Cancelled, ParameterError, TomopickError
from napari_tomopick.io.atomic import free_path
from napari_tomopick.layers import initial_model_words as words
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.initial_model_kept import look_of, newest
from napari_tomopick.layers.initial_model_look import Look
from napari_tomopick.layers.initial_model_surface import ModelSurface
from napari_tomopick.layers.initial_model_time import TimeLeft, in_words, stretches

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace
    from napari_tomopick.project import Session
    from napari_tomopick.protocols.describe import Progress
    from napari_tomopick.protocols.initial_model import InitialModel, InitialModelState
    from napari_tomopick.protocols.jobs import Job

BETWEEN_LOOKS_S = 0.7
"""A picture takes a tenth of a second of what could be spent on the model."""
SUBTOMOGRAMS = "subtomograms"

Make = Callable[[Path, Path, Mapping[str, Any], Callable[[Any], None]], "Job"]


class _GivenUp(Exception):
    """Ends the work without its result: `Cancelled` would have it written."""


def _job(folder: Path, output: Path, options: Mapping[str, Any], report: Callable[[Any], None]) -> Job:
    # compiled kernels come with it
    from napari_tomopick.protocols.jobs_initial_model import initial_model_job

    return initial_model_job(folder, output, options, report)


class InitialModelling:
    """See the module; one model at a time.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    make : callable
        Makes the job; the protocol, unless a test says otherwise.
    folder : Path or None
        The subtomograms that are chosen.
    about : str
        What they are, once that was read.
    look : Look or None
        What there is to see: of the model that is being made, or else of the one made last. Written by the
        thread that computes, so ask now and then.
    surface : ModelSurface
        The model in the viewer's scene.

    Signals
    -------
    changed()
        Something began or ended, or something else is chosen.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.make: Make = _job
        self.clock: Callable[[], float] = time.monotonic
        self.background = Background(lambda: workspace.run_long)
        self.background.changed.connect(self._tell)
        self.surface = ModelSurface(workspace)
        self.folder: Path | None = None
        self.about = ""
        self.look: Look | None = None
        self._message, self._failed = "", False
        self._known: words.About | None = None
        # the maps of what is shown, once they are made
        self._paths: tuple[Path, ...] = ()
        # whose they are, and to whom the message was said: nothing of it concerns another project
        self._session: weakref.ref[Session] | None = None
        self._addressee: weakref.ref[Session] | None = None
        self._number = 0
        self._starts = 1
        self._left: TimeLeft | None = None
        self._give_up = threading.Event()

    def _tell(self) -> None:
        self.changed.emit()

    # what it is made from

    @property
    def sets(self) -> tuple[tuple[str, Path], ...]:
        """The extracted sets of the project, by what they are called, the newest first."""
        session = self.workspace.session
        results = () if session is None else session.results()
        paths = dict.fromkeys(r.path for r in reversed(results) if r.kind == SUBTOMOGRAMS and r.path.is_dir())
        names = [path.name for path in paths]
        return tuple(
            (path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}", path)
            for path in paths
        )

    def choose(self, folder: Path | None) -> None:
        """Take these subtomograms, and look in the background at what they are."""
        if folder == self.folder:
            return
        self.folder, self.about, self._known = folder, "", None
        if folder is not None:
            self.look_again()
        self.changed.emit()

    def look_again(self) -> None:
        """Read anew what the chosen subtomograms are."""
        folder = self.folder
        if folder is None:
            return

        def done(known: words.About) -> None:
            if folder == self.folder:
                self._known, self.about = known, known.text()
                self.changed.emit()

        def failed(error: Exception) -> None:
            if not isinstance(error, TomopickError):
                raise error
            if folder == self.folder:
                self._known, self.about = None, str(error)
                self.changed.emit()

        self.workspace.run(lambda: words.about(folder), done, failed)

    def suggested_output(self) -> Path | None:
        """A file that is not there yet, beside the project, called after the subtomograms."""
        session = self.workspace.session
        if session is None or self.folder is None:
            return None
        stem = self.folder.name.removesuffix(" subtomograms") or self.folder.name
        return free_path(session.path.parent / f"{stem} initial model.mrc")

    # making it

    @property
    def running(self) -> bool:
        """Whether a model is being made."""
        return self.background.running

    @property
    def progress(self) -> tuple[int, int, str]:
        """How far it is: done, of how much (0 if that is not known), and in words with the time left."""
        done, total, text = self.background.progress
        if self.background.concluding:
            return 0, 0, "stopping: what was found is written …"
        left = in_words(None if self._left is None else self._left.seconds())
        return done, total, f"{text}: {left}" if left else text

    def start(self, output: Path, options: Mapping[str, Any]) -> None:
        """Make a model in the background.

        Parameters
        ----------
        output : Path
            MRC file of the map.
        options : mapping
            Options of `protocols.initial_model.initial_model`.

        Raises
        ------
        ProjectError
            If no project is open.
        ParameterError
            If there are no subtomograms, or something that is known to be needed is missing.
        """
        work = self.workspace
        session, folder = work.open_session, self.folder
        self._say("")
        try:
            if folder is None:
                raise ParameterError(words.NO_SETS)
            words.check(folder, self._known, dict(options))
        except ParameterError as error:
            self._say_failed(error)
            raise
        give_up = self._give_up = threading.Event()
        self._starts = int(options.get("starts", 1))
        boxes = self._known.count if self._known else words.ADVISED
        left = self._left = TimeLeft(stretches(options, boxes), self.clock)
        self.look, self._paths, self._number = None, (), 0
        self._session = weakref.ref(session)
        noted = [-BETWEEN_LOOKS_S, ""]

        def note(state: InitialModelState) -> None:
            now, stage = self.clock(), state.model.stage
            if now - noted[0] < BETWEEN_LOOKS_S and stage == noted[1]:
                return
            noted[:] = now, stage
            look = Look.of_state(state)
            number = min(self._number, look.count - 1)
            look.sections(number), look.solid(number)
            if not give_up.is_set():
                self.look = look

        job = self.make(folder, output, options, note)

        def compute(progress: Progress) -> tuple[InitialModel, Look]:
            def told(done: int, total: int, text: str) -> None:
                if give_up.is_set():
                    raise _GivenUp
                progress(done, total, text)
                left.note(done, total)

            result = job.compute(told)
            look = Look.of_result(result, self.look)
            look.sections(0), look.solid(0)
            return result, look

        def done(found: tuple[InitialModel, Look]) -> None:
            work.session_changed.disconnect(self.give_up)
            result, self.look = found
            self._paths, self._number = tuple(each.path for each in result.classes), 0
            try:
                job.record(session, result)
            except TomopickError as error:
                failed(error)
                return
            self._say(words.kept(result))
            work.say(f"{job.title}: done.")

        def failed(error: Exception) -> None:
            work.session_changed.disconnect(self.give_up, missing_ok=True)
            # what there was before is looked up again
            self.look, self._session = None, None
            if isinstance(error, Cancelled):
                self._say("Stopped before there was a model; nothing was changed.")
                return
            self._say_failed(error)
            with work.reporting():
                raise error

        work.session_changed.connect(self.give_up)
        self.background.start(job.title, compute, done, failed)

    def _say(self, text: str, *, failed: bool = False) -> None:
        self._message, self._failed = text, failed
        session = self.workspace.session
        self._addressee = None if session is None else weakref.ref(session)

    def _say_failed(self, error: Exception) -> None:
        if isinstance(error, TomopickError):
            self._say(f"Not done: {error}", failed=True)

    def cancel(self) -> bool:
        """End early, and keep the best that was found until then. False if nothing is under way."""
        return self.background.conclude()

    def give_up(self) -> bool:
        """End at once, and keep nothing. False if nothing is under way."""
        self._give_up.set()
        self.workspace.session_changed.disconnect(self.give_up, missing_ok=True)
        if not self.background.running:
            return False
        self.look = None
        self._say(
            "The model that was being made was given up, as its project was closed; nothing was changed."
        )
        return self.background.stop()

    # what came of it

    def _open(self, whose: weakref.ref[Session] | None) -> bool:
        """Whether this is the project that is open."""
        return whose is not None and whose() is not None and whose() is self.workspace.session

    @property
    def message(self) -> str:
        """What came of what was done last in this project."""
        return self._message if self._open(self._addressee) else ""

    @property
    def failed(self) -> bool:
        """Whether the message says that nothing came of it."""
        return bool(self.message) and self._failed

    @property
    def shown(self) -> Look | None:
        """What there is to see of a model of the project that is open."""
        return self.look if self._open(self._session) else None

    @property
    def finished(self) -> bool:
        """Whether what is seen is a model that is done."""
        return bool(self._paths) and self.shown is not None

    def recall(self) -> None:
        """Show the model that the project has, if it is not known yet whether it has one."""
        session = self.workspace.session
        if session is None or self.running or self._open(self._session):
            return
        self.look, self._paths, self._number = None, (), 0
        self._session = weakref.ref(session)
        paths = newest(session)
        if not paths:
            return

        def look() -> Look:
            found = look_of(paths)
            found.sections(0), found.solid(0)
            return found

        def done(found: Look) -> None:
            if session is self.workspace.session and not self.running and self.look is None:
                self.look, self._paths = found, paths
                self.changed.emit()

        def failed(error: Exception) -> None:
            if not isinstance(error, TomopickError):
                raise error
            self.workspace.say(str(error))

        self.workspace.run(look, done, failed)

    @property
    def number(self) -> int:
        """The class that is shown, 0-based."""
        look = self.shown
        return 0 if look is None else min(self._number, look.count - 1)

    def show_class(self, number: int) -> None:
        """Show another class."""
        self._number = number
        if self.surface.shown:
            self.show_in_3d(True)
        self.changed.emit()

    @property
    def state(self) -> str:
        """What is seen, in a line or two."""
        look = self.shown
        if self.workspace.session is None:
            return words.NO_PROJECT
        if look is None:
            return "Reading the subtomograms …" if self.running else words.NOTHING_YET
        if self.finished:
            return words.outcome(look, self.number)
        return words.under_way(look, self._starts, self.number)

    @property
    def path(self) -> Path | None:
        """The map of the class that is shown, once it is made."""
        return self._paths[self.number] if self.finished else None

    def show_in_3d(self, on: bool) -> None:
        """Show the model in the viewer's scene, or no longer."""
        look = self.shown
        if not on or look is None:
            self.surface.hide()
        else:
            name = "initial model" if self.path is None else self.path.stem
            self.surface.show(look.maps[self.number], look.voxel_size_angstrom, name)
        self.changed.emit()
