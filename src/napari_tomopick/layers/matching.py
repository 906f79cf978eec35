"""Template matching in a viewer: what is looked for, how, and what was found.

`Matching` holds what a search needs: the template (`TemplateChoice`) and its options. `Runs` searches in the
background, and `Results` are the particles that come of it, as they are looked at and as they are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_tomopick.layers.matching_engine import Engine, TemplateMatching
from napari_tomopick.layers.matching_results import PREVIEW_OF_MATCHES, Results
from napari_tomopick.layers.matching_runs import Runs
from napari_tomopick.layers.matching_template import TemplateChoice
from napari_tomopick.project.names import free_name
from napari_tomopick.protocols.jobs_match import STEP

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace


class Matching:
    """See the module. A search goes on when the dock is closed, and what it finds is kept.

    Parameters
    ----------
    workspace : Workspace
    engine : Engine, optional
        What reads templates and finds them. Default: the protocol `match`.

    Attributes
    ----------
    options : dict
        Of the next search, as `protocols.match.match` has them.
    label : str
        Name of the particle set; "" for that of the template's file.

    Signals
    -------
    changed()
        Something that is shown of it has changed.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, engine: Engine | None = None) -> None:
        self.workspace = workspace
        self.engine: Engine = TemplateMatching() if engine is None else engine
        self.options: dict[str, Any] = {}
        self.label = ""
        self._links: list[tuple[Any, Callable[..., Any]]] = []
        self.opened = False
        self._coloured = False
        self.choice = TemplateChoice(self)
        self.results = Results(self)
        self.runs = Runs(self)
        for background in (self.choice.reading, self.runs.background):
            background.changed.connect(self._on_background)

    def _tell(self) -> None:
        self.changed.emit()

    def _on_background(self) -> None:
        if not self.opened and not self.runs.background.running:
            self._unlink()
        self._tell()

    # being open

    def open(self) -> None:
        """Begin to follow what is shown, and show what was found."""
        if self.opened:
            return
        self.opened = True
        self._link()
        self.workspace.review.preview_deleted[PREVIEW_OF_MATCHES] = self.results.delete
        self._on_tomogram()

    def close(self) -> None:
        """End: what is not kept is no longer drawn; a search under way goes on."""
        self.opened = False
        self.workspace.review.preview_deleted.pop(PREVIEW_OF_MATCHES, None)
        self.runs.background.resume()
        self.results.close()
        if not self.runs.background.running:
            self._unlink()

    def _link(self) -> None:
        if self._links:
            return
        work = self.workspace
        for signal, slot in (
            (work.session_changed, self._on_session),
            (work.tomogram_changed, self._on_tomogram),
            (work.tomograms_changed, self._tell),
            (work.review.sets_changed, self._on_sets),
        ):
            signal.connect(slot)
            self._links.append((signal, slot))

    def _unlink(self) -> None:
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._links = []

    def _on_session(self) -> None:
        self.runs.stop()
        self.runs.message = ""
        self.results.forget()
        self.choice.forget()
        self.label = ""
        self.changed.emit()

    def _on_tomogram(self) -> None:
        if self.opened:
            self.results.show_tomogram()
            self.changed.emit()

    def _on_sets(self) -> None:
        if self.opened:
            self.results.follow_kept()

    # what is to be searched

    def set_options(self, **options: Any) -> None:
        """Search with these options from now on; the number of particles acts on what was found, too."""
        if options == {name: self.options.get(name) for name in options}:
            return
        self.options |= options
        if options.get("number"):
            self.results.set_number(int(options["number"]))
        self.changed.emit()

    def set_label(self, label: str) -> None:
        """Give what is found next a name; "" for that of the template's file."""
        if label.strip() != self.label:
            self.label = label.strip()
            self.changed.emit()

    @property
    def set_name(self) -> str:
        """The name of the particle set that a search makes or fills."""
        chosen, session = self.choice.chosen, self.workspace.session
        wanted = self.label or ("" if chosen is None else chosen.path.stem)
        others = [] if session is None else [s.name for s in session.particle_sets() if s.step.name != STEP]
        return free_name(wanted, others)

    def colour_by_score(self) -> None:
        """Let colours tell scores, the first time that there are any; a user may have it otherwise then."""
        if not self._coloured:
            self._coloured = True
            self.workspace.review.set_look(colour_by="score")

    def stop(self) -> bool:
        """Give up what is under way. False if nothing is."""
        return self.runs.stop()
