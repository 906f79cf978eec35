"""Comparing the particles of a set with their average: in the background, and one edit in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.user_points import DEFAULT_BOX

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace


class Comparing:
    """Finds out how like the particles of a set are to the average of the others, in all its tomograms.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    said : str
        What came of it last.
    uid : str
        Of the set that this is about.

    Signals
    -------
    changed()
        It is begun or over.
    compared(uid)
        The particles of a set have their likeness.
    """

    changed = Signal()
    compared = Signal(str)

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._background = Background(lambda: workspace.run_long)
        self._background.changed.connect(self.changed.emit)
        self.said = self.uid = ""

    @property
    def running(self) -> bool:
        """Whether particles are being compared."""
        return self._background.running

    @property
    def progress(self) -> tuple[int, int, str]:
        """How far it is: done, of how much, what with."""
        return self._background.progress

    def box_size(self, uid: str) -> int:
        """The box size of a set, or the one that is assumed."""
        size = int(self._workspace.review.particles(uid).box_size or DEFAULT_BOX)
        return size + size % 2

    def start(self, uid: str, box_size: int | None = None) -> None:
        """Compare the particles of a set; its further column ``tomopickLikeness`` is one edit.

        Parameters
        ----------
        uid : str
        box_size : int, optional
            In voxels. Default: that of the set.

        Raises
        ------
        ParameterError
            If particles are being compared already, or there is no such set.
        """
        from napari_tomopick.protocols.jobs_review import likeness_job

        work = self._workspace
        if self.running:
            raise ParameterError("Particles are being compared already: wait for it, or cancel it.")
        if all(s.uid != uid for s in work.review.sets):
            raise ParameterError("There is no particle set to compare.")
        session = work.open_session
        job = likeness_job(session, uid, {"box_size": box_size or self.box_size(uid)})
        self.said, self.uid = "", uid

        def done(result: Any) -> None:
            if work.session is not session or all(s.uid != uid for s in session.particle_sets()):
                return
            with work.reporting():
                self.said = job.record(session, result)
                work.say(self.said.splitlines()[0])
                self.compared.emit(uid)

        def failed(error: Exception) -> None:
            with work.reporting():
                raise error

        self._background.start(job.title, job.compute, done, failed)

    def cancel(self) -> None:
        """Give it up; nothing is changed."""
        self._background.stop()
