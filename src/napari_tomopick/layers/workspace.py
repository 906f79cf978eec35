"""`Workspace`: what one viewer shows of a project. All docks on a viewer share one."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from psygnal import Signal, SignalInstance

from napari_tomopick.errors import ModelError, ProjectError, TomopickError
from napari_tomopick.layers import compat
from napari_tomopick.layers.boxing import Boxing
from napari_tomopick.layers.controls import Controls
from napari_tomopick.layers.display import Display
from napari_tomopick.layers.hand import NO_BOXING, Hand
from napari_tomopick.layers.initial_model import InitialModelling
from napari_tomopick.layers.main_pane import MainPane, NapariKeys, NapariMouse
from napari_tomopick.layers.matching import Matching
from napari_tomopick.layers.picking import Picking
from napari_tomopick.layers.pointing import Pointing
from napari_tomopick.layers.review import Review
from napari_tomopick.layers.scene import Scene
from napari_tomopick.layers.settings import Settings
from napari_tomopick.layers.tomogram_image import Depiction, LoadedTomogram, TomogramImage, load_tomogram
from napari_tomopick.layers.tomograms import Tomograms
from napari_tomopick.layers.tracking import Tracking
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session

if TYPE_CHECKING:
    from napari.components import ViewerModel


IMPORT_HINT = (
    "What a header does not tell can be given: Import… → With voxel size, tilt range… in the Tomograms dock."
)


class Runner(Protocol):
    """Runs something slow, and then says how it went on the thread it was called from."""

    def __call__(
        self,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        /,
    ) -> None:
        """Call ``done`` with the result of ``function``, or ``failed`` with the exception it raised."""


def run_at_once(
    function: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
) -> None:
    """The `Runner` for scripts and tests: nothing happens in the background."""
    try:
        result = function()
    except Exception as error:  # handed on as it is
        failed(error)
    else:
        done(result)


class Workspace:
    """The open project of a viewer, its shown tomogram, and everything drawn of it.

    Knows napari's models but no Qt. Get it with `workspace_for`.

    Signals
    -------
    session_changed()
        Another project was opened, or the project was closed.
    tomograms_changed()
        Something that a list of the tomograms shows has changed.
    history_changed()
        What can be undone or redone has changed.
    tomogram_changed()
        Another tomogram is shown, or none.
    display_changed()
        It went from slices to 3D or back, or shows the tomogram otherwise in 3D.
    loading_changed(name)
        The tomogram of this name is being opened; "" when that is over.
    trouble_changed()
        Something a user did failed (see `trouble`), or that is over.
    """

    session_changed = Signal()
    tomograms_changed = Signal()
    history_changed = Signal()
    tomogram_changed = Signal()
    display_changed = Signal()
    loading_changed = Signal(str)
    trouble_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.run: Runner = run_at_once
        # for what takes so long that it must not keep others waiting for a thread
        self.run_long: Runner = run_at_once
        self.session: Session | None = None
        self._shown = ""
        self.loading = ""
        # stops the reading of the tomogram being opened
        self._stop = threading.Event()
        # what went wrong with what the user did last
        self.trouble = ""
        # the files that could not be imported last
        self.refused: list[Path] = []
        self.display = Display()
        self.image = TomogramImage(viewer, self.run_in_background, self.display)
        self.tomograms = Tomograms(self)
        self.picking = Picking(self)
        self.review = Review(self)
        self.tracking = Tracking(self)
        settings = Settings()
        if settings.trouble:
            compat.show_warning(settings.trouble)
        self.controls = Controls(settings)
        self.main_pane = MainPane(self)
        self.pointing = Pointing(self.main_pane)
        self.hand = Hand(self.picking, self.controls, self.pointing, self.reporting)
        self.boxing = Boxing(self)
        self.hand.boxing = self.boxing
        self.hand.marking = self.review.marking
        self.matching = Matching(self)
        self.initial_model = InitialModelling(self)
        self.scene = Scene(self)
        self.image.depiction_changed.connect(self.display_changed.emit)
        self._mouse = NapariMouse(self, self.main_pane)
        self._keys = NapariKeys(self.controls, self.hand, viewer)
        for layer in self._own_layers():
            self._keys.add(layer)
        self.controls.actions |= {
            "delete": self._delete,
            "undo": self.undo,
            "redo": self.redo,
            "previous_tomogram": lambda: self.open_neighbour(-1),
            "next_tomogram": lambda: self.open_neighbour(1),
            "track": self._track,
            "track_on": self.tracking.on,
            "cancel": lambda: self.tracking.stop() or self.boxing.stop(),
            "mode_box": self._box,
        }
        viewer.dims.events.ndisplay.connect(lambda: self.display_changed.emit())

    # project

    @property
    def open_session(self) -> Session:
        """The session.

        Raises
        ------
        ProjectError
            If no project is open.
        """
        if self.session is None:
            raise ProjectError("No project is open: make or open one in the Tomograms dock.")
        return self.session

    def create_project(self, path: str | os.PathLike[str]) -> None:
        """Make a new project file and open it in place of the one open so far."""
        self.set_session(Session.create(path))

    def open_project(self, path: str | os.PathLike[str]) -> None:
        """Open a project in place of the one open so far."""
        if self.session is not None and os.path.abspath(path) == str(self.session.path):
            return
        self.set_session(Session.open(path))

    def set_session(self, session: Session | None) -> None:
        """Show another session, and close the one shown so far."""
        self.close_tomogram()
        before, self.session = self.session, session
        if before is not None:
            for signal, slot in self._slots(before):
                signal.disconnect(slot)
            before.close()
        if session is not None:
            for signal, slot in self._slots(session):
                signal.connect(slot)
        self.session_changed.emit()
        self.tomograms_changed.emit()
        self.history_changed.emit()

    def close_project(self) -> None:
        """Close the project; nothing needs saving."""
        self.set_session(None)

    def import_tomograms(self, paths: Sequence[str | os.PathLike[str]], **options: Any) -> None:
        """Look at files in the background, add them to the project as one edit, and show the first."""
        from napari_tomopick.protocols.jobs import import_job

        session, sources = self.open_session, [Path(path) for path in paths]
        job = import_job(sources, options)
        self.say(f"{job.title} …")

        def done(found: list[Tomogram]) -> None:
            with self.reporting():
                if session is not self.session:
                    raise ProjectError("Another project was opened meanwhile, so nothing was imported.")
                self.say(job.record(session, found))
                self.refused = []
                self.open_first()

        def failed(error: Exception) -> None:
            self.refused = sources
            refusal = isinstance(error, TomopickError)
            self._report(TomopickError(f"{error}\n{IMPORT_HINT}") if refusal else error)

        self.run(lambda: job.compute(None), done, failed)

    def undo(self) -> None:
        """Take the last edit back."""
        label = self.open_session.undo()
        self.say(f"Undone: {label}." if label else "There is nothing to undo.")

    def _delete(self) -> None:
        """Delete what is selected in the active layer of ours, else the point picked last."""
        active = self.viewer.layers.selection.active
        if active in self.review.view.layers:
            self.review.delete()
        elif active is self.picking.view.markers:
            active.remove_selected()
        else:
            self.picking.delete()

    def _track(self) -> None:
        """Track a membrane where slices are shown; the scene goes back to how it is first seen."""
        if self.is_3d and self.pointing.pane is self.main_pane:
            self.scene.default_view()
        else:
            self.tracking.one()

    def _box(self) -> None:
        """Let clicks be references, where there is something to see of it."""
        if not self.boxing.opened:
            raise ModelError(NO_BOXING)
        self.boxing.set_role(self.boxing.role)

    def redo(self) -> None:
        """Do the edit again that was undone last."""
        label = self.open_session.redo()
        self.say(f"Done again: {label}." if label else "There is nothing to redo.")

    # tomogram

    @property
    def tomogram(self) -> Tomogram | None:
        """The shown tomogram, as the project knows it now."""
        return self.open_session.tomogram(self._shown) if self._shown else None

    @property
    def tomogram_name(self) -> str:
        """The name of the shown tomogram; "" if there is none."""
        return self._shown

    def open_tomogram(self, name: str) -> None:
        """Open a tomogram of the project in the background and show it; gives up one still being opened.

        Until it is there, and if it cannot be read, the tomogram shown so far stays.
        """
        tomogram = self.open_session.tomogram(name)
        self._stop.set()
        stop = self._stop = threading.Event()
        self._set_loading(name)

        def done(loaded: LoadedTomogram) -> None:
            # a late one goes, and its file with it
            if not stop.is_set():
                self._set_loading("")
                self._show(loaded)

        def failed(error: Exception) -> None:
            if not stop.is_set():
                self._set_loading("")
                self._report(error)

        self.run(lambda: load_tomogram(tomogram, stop.is_set), done, failed)

    def cancel_opening(self) -> None:
        """Give up the tomogram being opened; what is shown stays."""
        self._stop.set()
        self._set_loading("")

    def open_neighbour(self, step: int) -> None:
        """Open the next tomogram (``step`` 1) or the previous one (-1), as they are listed."""
        self.tomograms.open_neighbour(step)

    def open_first(self) -> None:
        """Show the project's first tomogram, if there is one and none is shown or being opened."""
        names = [t.name for t in self.open_session.tomograms()]
        if names and self.tomogram is None and not self.loading:
            self.open_tomogram(names[0])

    def close_tomogram(self) -> None:
        """Show no tomogram."""
        self.cancel_opening()
        if not self._shown:
            return
        self._shown = ""
        self.image.clear()
        for layer in self._own_layers():
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._redraw()
        self.tomogram_changed.emit()

    @property
    def is_3d(self) -> bool:
        """Whether the whole scene is shown, and not a slice."""
        return compat.is_3d(self.viewer)

    def show_3d(self, on: bool) -> None:
        """Go to 3D, or back to the slices."""
        self.viewer.dims.ndisplay = 3 if on else 2

    def set_depiction(self, depiction: Depiction) -> None:
        """Draw the tomogram in 3D as a slice ("plane"), as a volume, or not at all ("none")."""
        self.image.set_depiction(depiction)
        self.display_changed.emit()

    def _own_layers(self) -> tuple[Any, ...]:
        """From bottom to top."""
        return *self.review.view.layers, *self.picking.view.layers

    def _set_loading(self, name: str) -> None:
        if name != self.loading:
            self.loading = name
            self.loading_changed.emit(name)

    def _show(self, loaded: LoadedTomogram) -> None:
        self.image.show(loaded)
        self._shown = loaded.tomogram.name
        assert self.image.layer is not None
        self._keys.add(self.image.layer)
        for layer in self._own_layers():
            if layer not in self.viewer.layers:
                self.viewer.layers.append(layer)
        self.viewer.layers.selection.active = self.picking.view.points
        self._redraw()
        self.tomogram_changed.emit()

    def _redraw(self) -> None:
        self.picking.redraw()
        self.picking.active_changed.emit()
        self.review.reload()

    def update_slab(self) -> None:
        """Let the slab in which points are drawn be as thick as the largest of them."""
        if self.tomogram is not None:
            compat.set_slab(self.viewer, max(self.picking.reach, self.review.reach, 0.5))

    # background, errors, messages

    def run_in_background(self, function: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run something slow off the GUI thread, then ``done`` with its result on it; errors are shown."""
        self.run(function, done, self._report)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show errors that a user can mend; let the others, which are defects, through."""
        self._set_trouble("")
        try:
            yield
        except TomopickError as error:
            self._set_trouble(str(error))
            compat.show_error(str(error))

    def _set_trouble(self, text: str) -> None:
        if text != self.trouble:
            self.trouble = text
            self.trouble_changed.emit()

    def _report(self, error: Exception) -> None:
        with self.reporting():
            raise error

    def say(self, text: str) -> None:
        """Put a message in the status bar."""
        self.viewer.status = text

    # the session's signals

    def _slots(self, session: Session) -> list[tuple[SignalInstance, Callable[..., None]]]:
        """What of a session's signals is listened to, and how."""
        return [
            (session.models_changed, self._on_models_changed),
            (session.model_changed, self._on_model_changed),
            (session.sets_changed, self._on_sets_changed),
            (session.particles_changed, self._on_particles_changed),
            (session.tomograms_changed, self._on_tomograms_changed),
            (session.history_changed, self.history_changed.emit),
        ]

    def _on_models_changed(self, tomogram: str) -> None:
        if tomogram == self.tomogram_name:
            self.picking.redraw()
        self.tomograms_changed.emit()

    def _on_model_changed(self, uid: str) -> None:
        self._on_models_changed(self.open_session.model(uid).tomogram)

    def _on_sets_changed(self, tomogram: str) -> None:
        if tomogram == self.tomogram_name:
            self.review.reload()
        self.tomograms_changed.emit()

    def _on_particles_changed(self, uid: str) -> None:
        if any(s.uid == uid for s in self.review.sets):
            self.review.reload()

    def _on_tomograms_changed(self) -> None:
        known = {tomogram.name: tomogram for tomogram in self.open_session.tomograms()}
        if self.loading and self.loading not in known:
            self.cancel_opening()
        loaded = self.image.loaded
        if self._shown and loaded is not None:
            file = (loaded.tomogram.path, loaded.tomogram.shape)
            same = [tomogram.name for tomogram in known.values() if (tomogram.path, tomogram.shape) == file]
            if self._shown in known and self._shown not in same:
                self.open_tomogram(self._shown)  # it lies in another file now
            elif self._shown not in known and same:
                self._take_name(same[0])
            elif self._shown not in known:
                self.close_tomogram()
        self.tomograms_changed.emit()

    def _take_name(self, name: str) -> None:
        """Follow the renaming of the shown tomogram."""
        self._shown = name
        assert self.image.layer is not None
        self.image.layer.name = name
        self._redraw()
        self.tomogram_changed.emit()


# a workspace lives as long as its viewer, whose callbacks hold it
_workspaces: weakref.WeakValueDictionary[int, Workspace] = weakref.WeakValueDictionary()


def tomograms_in(viewer: Any) -> tuple[Tomogram, ...]:
    """The tomograms of the project that is open in a viewer; none where there is no project."""
    workspace = _workspaces.get(id(compat.unwrapped(viewer)))
    if workspace is None or workspace.session is None:
        return ()
    return tuple(workspace.session.tomograms())


def workspace_for(viewer: Any) -> Workspace:
    """The workspace of a viewer, made when first asked for.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Also behind the proxy that napari hands to plugins.
    """
    model = compat.unwrapped(viewer)
    workspace = _workspaces.get(id(model))
    if workspace is None or workspace.viewer is not model:
        workspace = _workspaces[id(model)] = Workspace(model)
    return workspace
