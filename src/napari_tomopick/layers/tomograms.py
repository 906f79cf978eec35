"""What a user does with the tomograms of a project: go through them, say how far one is, correct facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import TomogramStatus, TomogramSummary
from napari_tomopick.project.names import counted
from napari_tomopick.protocols.import_tomograms import describe_tomogram, with_tilt_range

if TYPE_CHECKING:
    from napari_tomopick.layers.workspace import Workspace

STATUS_WORDS = {
    TomogramStatus.TODO: "to do",
    TomogramStatus.IN_PROGRESS: "in progress",
    TomogramStatus.DONE: "done",
    TomogramStatus.NOTHING_HERE: "nothing here",
}

Listing = Sequence[tuple[str, bool]]
"""Names of all tomograms in the order of a list, and whether the list offers each or filters it out."""


def neighbour(listing: Listing, current: str, step: int) -> str | None:
    """The next tomogram that is offered after (or, with a negative step, before) the current one.

    The current one may itself be filtered out: it still has its place. From none, one comes to the first
    or the last. None where the list ends.
    """
    names = [name for name, _ in listing]
    start = names.index(current) if current in names else (-1 if step > 0 else len(names))
    ahead = listing[start + 1 :] if step > 0 else listing[:start][::-1]
    offered = [name for name, shown in ahead if shown]
    return offered[abs(step) - 1] if len(offered) >= abs(step) else None


class Tomograms:
    """The tomograms of the open project.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        # how a dock lists them now; None where there is no such dock
        self.listing: Callable[[Sequence[TomogramSummary]], Listing] | None = None

    def open_neighbour(self, step: int) -> None:
        """Open the next tomogram (``step`` 1) or the previous one (-1), as they are listed.

        While one is being opened, it is its neighbour.
        """
        workspace = self._workspace
        summaries = workspace.open_session.summaries()
        if self.listing is not None:
            listing = self.listing(summaries)
        else:
            listing = [(summary.tomogram.name, True) for summary in summaries]
        current = workspace.loading or workspace.tomogram_name
        name = neighbour(listing, current, step)
        if name is not None:
            workspace.open_tomogram(name)
            return
        if not any(shown for _, shown in listing):
            why = "no tomogram is listed" if listing else "the project has no tomogram yet"
        else:
            why = f"'{current}' is the {'last' if step > 0 else 'first'} one listed"
        workspace.say(f"There is no {'next' if step > 0 else 'previous'} tomogram: {why}.")

    def set_status(self, names: Sequence[str], status: TomogramStatus) -> None:
        """Say how far one is with tomograms, as one edit."""
        session = self._workspace.open_session
        names = [name for name in names if session.status(name) is not status]
        if not names:
            return
        with session.edit(f"Mark {_these(names)} as {STATUS_WORDS[status]}"):
            for name in names:
                session.set_status(name, status)

    def save_as_empty(self, names: Sequence[str] = ()) -> None:
        """Keep as a result that there is nothing to pick in these tomograms (by default the shown one)."""
        names = list(names) or [self._workspace.tomogram_name]
        if names == [""]:
            self._workspace.say("No tomogram is shown that could be saved as empty.")
            return
        self.set_status(names, TomogramStatus.NOTHING_HERE)
        left = [
            f"'{s.tomogram.name}' keeps {s.total_points} points and {s.total_particles} particles"
            for s in self._workspace.open_session.summaries()
            if s.tomogram.name in names and (s.total_points or s.total_particles)
        ]
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        told = f"; {left[0]}{more}" if left else ""
        self._workspace.say(f"Saved as empty: {_these(names)}{told}.")

    def rename(self, name: str, new_name: str) -> None:
        """Give a tomogram another name; its models and particles follow."""
        if new_name.strip() != name:
            self._workspace.open_session.rename_tomogram(name, new_name.strip())

    def remove(self, names: Sequence[str]) -> None:
        """Take tomograms out of the project, as one edit; their files stay."""
        session = self._workspace.open_session
        with session.edit(f"Remove {_these(names)}"):
            for name in names:
                session.remove_tomogram(name)

    def change(self, names: Sequence[str], **facts: Any) -> None:
        """Correct what is known of tomograms, as one edit; what is not given stays.

        Parameters
        ----------
        names : sequence of str
        **facts
            ``name`` and ``path`` (of one tomogram only), ``voxel_size_angstrom``, ``tilt_range_degrees``
            ((lowest, highest) or None for not known), ``tilt_axis``, ``particles_are_dark``. Another file is
            looked at in the background.
        """
        session = self._workspace.open_session
        if "path" not in facts:
            self._change(names, facts, {})
            return
        (name,) = names
        tomogram = session.tomogram(name)
        path, size = Path(facts["path"]), facts.get("voxel_size_angstrom", tomogram.voxel_size_angstrom)

        def done(found: Tomogram) -> None:
            with self._workspace.reporting():
                if session is self._workspace.session:
                    shape, origin = found.shape, found.origin_angstrom
                    self._change(names, facts, {"path": path, "shape": shape, "origin_angstrom": origin})

        self._workspace.run_in_background(lambda: describe_tomogram(path, size, override_header=True), done)

    def _change(self, names: Sequence[str], facts: dict[str, Any], of_file: dict[str, Any]) -> None:
        session = self._workspace.open_session
        changed = [_with_facts(replace(session.tomogram(name), **of_file), facts) for name in names]
        with session.edit(f"Change {_these(names)}"):
            session.replace_tomograms(changed)
            if "name" in facts:
                self.rename(names[0], facts["name"])


def _with_facts(tomogram: Tomogram, facts: dict[str, Any]) -> Tomogram:
    own = {key: facts[key] for key in ("voxel_size_angstrom", "particles_are_dark") if key in facts}
    acquisition = tomogram.acquisition
    if "tilt_axis" in facts:
        acquisition = replace(acquisition, tilt_axis=facts["tilt_axis"])
    if "tilt_range_degrees" in facts:
        acquisition = replace(acquisition, tilt_min_degrees=None, tilt_max_degrees=None)
    return with_tilt_range(replace(tomogram, acquisition=acquisition, **own), facts.get("tilt_range_degrees"))


def _these(names: Sequence[str]) -> str:
    """One by its name, several by their number."""
    return f"'{names[0]}'" if len(names) == 1 else counted("", len(names), "tomogram").strip()
