"""The network of a kind of particle: trained, applied to one tomogram or to all, kept in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tomopick.errors import ModelError, ParameterError, ProjectError, TomopickError
from napari_tomopick.layers import compat
from napari_tomopick.layers.background import Background
from napari_tomopick.layers.boxing_picks import NO_PICKS, Scored
from napari_tomopick.project.checks import same_voxel_size
from napari_tomopick.project.names import counted
from napari_tomopick.protocols import jobs_boxing as jobs

if TYPE_CHECKING:
    from napari_tomopick.layers.boxing import Boxing
    from napari_tomopick.models.tomogram import Tomogram
    from napari_tomopick.protocols.describe import Progress

ROUNDS = 6
SEED = 0
NO_NETWORK = "There is no network yet: train one, or load one from a file."
ONE_KIND = (
    "A network is taught by what is a particle and by what is not: click at least one of each. "
    "There is no {} reference yet."
)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, and where it is from.

    Parameters
    ----------
    picker : Picker
        Its ``taught`` tells by how many references, and for how long.
    loaded : bool
        Whether it comes from a file, and so need not have to do with the references there are.
    path : Path, optional
        The file it was loaded from, or saved in last.
    """

    picker: Any
    loaded: bool = False
    path: Path | None = None


class Network:
    """See the module; one thing at a time.

    Parameters
    ----------
    boxing : Boxing

    Attributes
    ----------
    background : Background
        Training or applying.
    rounds : int
        How many rounds the next training has.
    training : TrainingState or None
        How far the training is; written by its thread, so ask now and then.
    message : str
        What came of what was done last.
    """

    def __init__(self, boxing: Boxing) -> None:
        self._boxing = boxing
        self.background = Background(lambda: boxing.workspace.run_long)
        self._trained: dict[str, Trained] = {}
        self.rounds = ROUNDS
        self.training: Any = None
        self.message = ""
        self.skip_done = True

    # what there is

    @property
    def trained(self) -> Trained | None:
        """The network of the kind of particle that is boxed."""
        return self._trained.get(self._boxing.label)

    @property
    def picker(self) -> Any:
        """The same, as the picker that it is; None if there is none."""
        found = self.trained
        return None if found is None else found.picker

    @property
    def loss(self) -> tuple[float, ...]:
        """The loss of each training step so far."""
        if self.training is not None:
            return tuple(self.training.loss)
        return () if self.picker is None else tuple(self.picker.history)

    @property
    def held_back(self) -> float | None:
        """How well it does on references that were held back, from 0 to 1; None if there were too few."""
        if self.training is not None:
            return self.training.held_back
        return None if self.picker is None else self.picker.held_back

    def told(self, stage: str) -> dict[str, Any]:
        """What the picker of a stage was taught, for the record."""
        boxing, found = self._boxing, self.trained
        if stage == "instant" or found is None:
            return {
                "positive": boxing.count("positive", everywhere=True),
                "negative": boxing.count("negative", everywhere=True),
            }
        taught = found.picker.taught
        told: dict[str, Any] = {
            "positive": taught.positive,
            "negative": taught.negative,
            "rounds": taught.rounds,
            "seed": taught.seed,
            "held_back": found.picker.held_back,
        }
        if found.path is not None:
            told["file"] = str(found.path)
        return told

    def rename(self, before: str, after: str) -> None:
        """Let the network go with a kind of particle that is called otherwise now."""
        if before in self._trained:
            self._trained[after] = self._trained.pop(before)

    @property
    def saved(self) -> Path | None:
        """The file in which a network of this kind of particle was saved last, if it is there."""
        session = self._boxing.workspace.session
        results = () if session is None else session.results()
        found = [
            result.path
            for result in results
            if result.kind == "network" and result.step.parameters.get("label") == self._boxing.label
        ]
        return found[-1] if found and found[-1].exists() else None

    def forget_all(self) -> None:
        """Let go of all networks, as another project is opened."""
        self._trained.clear()
        self.training, self.message = None, ""

    def stop(self) -> bool:
        """Give up what is under way. False if nothing is."""
        title, self.training = self.background.title, None
        if title:
            self.message = f"Stopped: {title[0].lower()}{title[1:]}. Nothing was changed by what was left."
        return self.background.stop()

    def reset(self) -> None:
        """Forget the network of this kind of particle; the references stay."""
        self._trained.pop(self._boxing.label, None)
        self.training, self.message = None, ""
        self._boxing.learning.behind = True
        self._boxing.picks.set_stage("instant")

    # training

    def train(self, *, more: bool = False) -> None:
        """Train a network from the references, in the background, and then look at what it finds.

        Parameters
        ----------
        more : bool
            Go on from the network there is.

        Raises
        ------
        ParameterError
            If there are no references of one kind, or there is nothing to go on from.
        """
        boxing, work = self._boxing, self._boxing.workspace
        taught, label, sizes = boxing.taught(), boxing.label, boxing.sizes
        before = self.trained if more else None
        if more and before is None:
            raise ParameterError(NO_NETWORK)
        for role in ("positive", "negative"):
            if not any(len(getattr(t, role)) for t in taught):
                raise ParameterError(ONE_KIND.format(role))
        rounds, engine, session = self.rounds, boxing.engine, work.session
        prepared = boxing.learning.ready(sizes)
        self.training, self.message = None, ""

        def note(state: Any) -> None:
            self.training = state

        def compute(progress: Progress) -> Any:
            return engine.train(
                taught,
                sizes,
                name=label,
                start=None if before is None else before.picker,
                prepared=prepared,
                rounds=rounds,
                seed=SEED,
                report=note,
                progress=progress,
            )

        def done(picker: Any) -> None:
            self.training = None
            if session is not work.session:
                return
            self._trained[label] = Trained(picker)
            if label == boxing.label:
                boxing.picks.set_stage("network")
                self.look()

        self.background.start("Training more" if more else "Training", compute, done, self._failed)

    # applying

    def look(self) -> None:
        """Look for particles in the shown tomogram, and draw them; they are kept by `apply`."""
        if self.picker is None:
            raise ParameterError(NO_NETWORK)
        self._score(lambda: self._boxing.picks.set_stage("network"))

    def apply(self) -> None:
        """Let what the shown stage finds in the shown tomogram be the particles there, as one edit.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        ParameterError
            If nothing was learned yet.
        """
        boxing = self._boxing
        if boxing.workspace.tomogram is None:
            raise ModelError("Open a tomogram first.")
        if boxing.picks.picker is None:
            raise ParameterError(NO_PICKS)
        if boxing.picks.scored is not None:
            self._keep()
        else:
            self._score(self._keep)

    def _keep(self) -> None:
        picks = self._boxing.picks
        picks.keep()
        kept, self.message = picks.kept, ""
        count = 0 if kept is None else len(kept)
        self._boxing.workspace.say(f"{counted('Kept', count, 'particle')} in '{self._boxing.label}'.")

    def _score(self, then: Callable[[], None]) -> None:
        """Score the shown tomogram in the background, from the shown slice on, and show what is found."""
        boxing, work, picks = self._boxing, self._boxing.workspace, self._boxing.picks
        tomogram, picker, engine = work.tomogram, self.picker, boxing.engine
        if tomogram is None or picker is None:
            return
        first = None if compat.sliced_axis(work.viewer) else float(compat.slice_index(work.viewer))
        picks.stream.start()
        ready = boxing.learning.ready(boxing.sizes)

        def compute(progress: Progress) -> Scored:
            fitting = (p for p in ready if p.tomogram == tomogram and engine.fits(p, picker))
            target = next(fitting, tomogram)
            scores = engine.score(target, picker, first_z=first, found=picks.stream.put, progress=progress)
            return Scored(tomogram.name, picker, scores)

        def done(scored: Scored) -> None:
            picks.stop_streaming()
            picks.take_network(scored)
            if scored.tomogram == work.tomogram_name and picker is self.picker:
                with work.reporting():
                    then()

        def failed(error: Exception) -> None:
            picks.stop_streaming()
            self._failed(error)

        self.background.start(f"Looking for {boxing.label} in {tomogram.name}", compute, done, failed)

    def apply_all(self) -> None:
        """Find particles in all tomograms of this voxel size, one after the other; each is one edit.

        Raises
        ------
        ModelError
            If no tomogram is shown.
        ParameterError
            If nothing was learned yet, or no tomogram is left to be gone through.
        """
        boxing, work = self._boxing, self._boxing.workspace
        shown, session = work.tomogram, work.open_session
        if shown is None:
            raise ModelError("Open a tomogram first.")
        if boxing.picks.picker is None:
            raise ParameterError(NO_PICKS)
        size = shown.voxel_size_angstrom
        same = [t for t in session.tomograms() if same_voxel_size(t.voxel_size_angstrom, size)]
        kept = jobs.picks_of(session, boxing.label)
        done_already = set(kept.tomograms) if kept is not None and self.skip_done else set()
        left = [t for t in same if t.name not in done_already]
        others = len(session.tomograms()) - len(same)
        if not left:
            raise ParameterError("All tomograms have particles of this kind already; do not skip those.")
        notes = [f"{others} of another voxel size left out"] if others else []
        if len(same) > len(left):
            notes.append(f"{len(same) - len(left)} done already")
        self._go_through(left, boxing.picks.picker, notes, [])

    def _go_through(
        self, left: list[Tomogram], picker: Any, notes: list[str], counts: list[int], of: int = 0
    ) -> None:
        """Find particles in the first of these tomograms, and then in the others."""
        boxing, work = self._boxing, self._boxing.workspace
        session, label, engine, of = work.session, boxing.label, boxing.engine, of or len(left)
        tomogram, rest = left[0], left[1:]

        def go_on() -> None:
            if rest:
                self._go_through(rest, picker, notes, counts, of)
                return
            where = "1 tomogram" if len(counts) == 1 else f"{len(counts)} tomograms"
            self.message = "; ".join([f"{counted('Kept', sum(counts), 'particle')} in {where}", *notes]) + "."
            work.say(self.message)

        def compute(progress: Progress) -> Scored:
            scores = engine.score(tomogram, picker, first_z=None, found=None, progress=progress)
            return Scored(tomogram.name, picker, scores)

        def done(scored: Scored) -> None:
            if session is not work.session:
                return
            boxing.picks.take_network(scored)
            particles = boxing.picks.particles_of(scored, tomogram.voxel_size_angstrom)
            try:
                if len(particles) or jobs.picks_of(work.open_session, label) is not None:
                    step = boxing.picks.step(tomogram.name)
                    jobs.keep_picks(work.open_session, label, tomogram.name, particles, step)
                counts.append(len(particles))
            except TomopickError as error:
                notes.append(f"{tomogram.name}: {error}")
            if tomogram.name == work.tomogram_name:
                boxing.picks.show_kept()
            go_on()

        def failed(error: Exception) -> None:
            if not isinstance(error, TomopickError):
                self._failed(error)
                return
            # the others can be gone through all the same
            notes.append(f"{tomogram.name}: {error}")
            go_on()

        title = f"{of - len(rest)} of {of}: looking for {label} in {tomogram.name}"
        self.background.start(title, compute, done, failed)

    def _failed(self, error: Exception) -> None:
        self.training = None
        self.message = f"Not done: {error}" if isinstance(error, TomopickError) else ""
        with self._boxing.workspace.reporting():
            raise error

    # files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picker of the shown stage to a file, and note that in the project.

        Raises
        ------
        ParameterError
            If nothing was learned yet.
        """
        boxing, file = self._boxing, Path(path)
        picker = boxing.picks.picker
        if picker is None:
            raise ParameterError(NO_NETWORK)
        if file.suffix != ".safetensors":
            file = file.with_name(f"{file.name}.safetensors")
        # `pick` on the command line goes by the name
        replace(picker, name=boxing.label).save(file)
        session = boxing.workspace.open_session
        session.add_result("network", file, boxing.picks.step(boxing.workspace.tomogram_name))
        if self.trained is not None and picker is self.picker:
            self._trained[boxing.label] = replace(self.trained, path=file)
        self.message = f"Saved as {file.name}."
        boxing.changed.emit()

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read a network from a file; it is then that of this kind of particle.

        Raises
        ------
        FileFormatError
            If the file is none.
        """
        boxing, work = self._boxing, self._boxing.workspace
        file, engine, label = Path(path), boxing.engine, boxing.label

        def done(picker: Any) -> None:
            self._trained[label] = Trained(picker, loaded=True, path=file)
            lines = [f"Loaded {file.name}.", *picker.lines()]
            tomogram = work.tomogram
            if tomogram is not None and not same_voxel_size(
                picker.voxel_size_angstrom, tomogram.voxel_size_angstrom
            ):
                lines.append(
                    f"It was taught at {picker.voxel_size_angstrom:g} Å per voxel, and this tomogram has "
                    f"{tomogram.voxel_size_angstrom:g} Å: it is applied at the scale it was taught at."
                )
            self.message = "\n".join(lines)
            boxing.picks.set_stage("network")

        if work.session is None:
            raise ProjectError("No project is open: make or open one in the Tomograms dock.")
        self.background.start(f"Reading {file.name}", lambda progress: engine.load(file), done, self._failed)
