"""The template that is chosen for matching, and the files among which it is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.symmetry import symmetry_name
from napari_tomopick.layers.background import Background
from napari_tomopick.protocols.jobs_match import STEP

if TYPE_CHECKING:
    from napari_tomopick.layers.matching import Matching
    from napari_tomopick.picking.template import Template

MADE_HERE = ("initial model", "average")
NO_TEMPLATE = "Choose a template first: a map of the particle, or one of the project's results."


@dataclass(frozen=True)
class Offered:
    """A file that may become the template.

    Parameters
    ----------
    path : Path
    text : str
        What it is, for a list to choose from.
    symmetry : str
        Point group that is known of it.
    """

    path: Path
    text: str
    symmetry: str = "C1"


@dataclass(frozen=True, eq=False)
class Chosen:
    """A template with the files it comes from."""

    path: Path
    mask: Path | None
    template: Template = field(repr=False)

    @property
    def symmetry(self) -> str:
        """Its point group."""
        return self.template.symmetry


class TemplateChoice:
    """See the module. What cannot be read leaves the choice as it was.

    Parameters
    ----------
    matching : Matching

    Attributes
    ----------
    chosen : Chosen or None
    reading : Background
        Reading files.
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self.chosen: Chosen | None = None
        self.reading = Background(lambda: matching.workspace.run)
        self._elsewhere: list[Path] = []

    @property
    def template(self) -> Template:
        """The template.

        Raises
        ------
        ParameterError
            If none is chosen.
        """
        if self.chosen is None:
            raise ParameterError(NO_TEMPLATE)
        return self.chosen.template

    def offered(self) -> list[Offered]:
        """Files to choose from: results of the project, the newest first, and what was chosen before."""
        session = self._matching.workspace.session
        if session is None:
            return []
        found = {}
        for result in reversed(session.results()):
            if result.kind in MADE_HERE and result.path not in found and result.path.is_file():
                text = f"{result.path.name} ({result.kind}, {result.step.created[:10]})"
                found[result.path] = Offered(
                    result.path, text, _known_symmetry(result.step.parameters.get("symmetry"))
                )
        before = [
            (Path(given.removeprefix("template ")), str(s.step.parameters.get("symmetry", "C1")))
            for s in session.particle_sets()
            if s.step.name == STEP
            for given in s.step.inputs
            if given.startswith("template ")
        ]
        for path, symmetry in [*((path, "C1") for path in reversed(self._elsewhere)), *before]:
            if path not in found and path.is_file():
                found[path] = Offered(path, path.name, _known_symmetry(symmetry))
        return list(found.values())

    def choose(self, path: Path, *, mask: Path | None = None, symmetry: str | None = None) -> None:
        """Read a template in the background, and take it once it is there.

        Parameters
        ----------
        path : Path
        mask : Path, optional
        symmetry : str, optional
            Default: what the project knows of it.

        Raises
        ------
        ParameterError
            If the symmetry is none.
        """
        path = Path(path).expanduser().absolute()
        if symmetry is None:
            symmetry = next((o.symmetry for o in self.offered() if o.path == path), "C1")
        try:
            symmetry = symmetry_name(symmetry)
        except ValueError as error:
            raise ParameterError(str(error)) from None
        engine, work = self._matching.engine, self._matching.workspace

        def done(template: Template) -> None:
            self.chosen = Chosen(path, mask, template)
            if path not in self._elsewhere:
                self._elsewhere.append(path)
            self._matching.changed.emit()

        def failed(error: Exception) -> None:
            with work.reporting():
                raise error

        self.reading.start(
            f"Reading {path.name}", lambda progress: engine.load(path, mask, symmetry), done, failed
        )

    def set_mask(self, mask: Path | None) -> None:
        """Give the template a mask from a file, or the ball that holds it."""
        chosen = self._known
        if mask != chosen.mask:
            self.choose(chosen.path, mask=mask, symmetry=chosen.symmetry)

    def set_symmetry(self, symmetry: str) -> None:
        """Say which point group the template has."""
        chosen = self._known
        if symmetry.strip().upper() != chosen.symmetry.upper():
            self.choose(chosen.path, mask=chosen.mask, symmetry=symmetry)

    @property
    def _known(self) -> Chosen:
        if self.chosen is None:
            raise ParameterError(NO_TEMPLATE)
        return self.chosen

    def forget(self) -> None:
        """Let go of it, as another project is opened."""
        self.reading.stop()
        self.chosen, self._elsewhere = None, []

    def on_changed(self, slot: Callable[[], None]) -> None:
        """Tell when a file begins or ends being read."""
        self.reading.changed.connect(slot)


def _known_symmetry(text: object) -> str:
    try:
        return symmetry_name(str(text))
    except ValueError:
        return "C1"
