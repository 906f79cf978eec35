"""The particles that boxing finds in the shown tomogram: as they are looked at, and as they are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry.coordinates import as_positions
from napari_tomopick.layers.boxing_map import ScoreLayer
from napari_tomopick.layers.boxing_stream import Stream
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.protocols import jobs_boxing as jobs

if TYPE_CHECKING:
    from napari_tomopick.layers.boxing import Boxing

Stage = Literal["instant", "network"]

KEPT_MAPS = 8
SUGGESTIONS = 12
BROUGHT_BACK = 1.0
# in diameters, as the step `pick` has it: particles are not round, and may touch sideways
TOUCHING = 0.6
NO_PICKS = "There are no particles to keep yet: click at least one particle and one thing that is none."


@dataclass(frozen=True, eq=False)
class Scored:
    """What a picker makes of a tomogram.

    Parameters
    ----------
    tomogram : str
    picker : Picker
    scores : ScoreMap
    """

    tomogram: str
    picker: Any
    scores: Any


@dataclass(frozen=True)
class Cutoffs:
    """Which candidates are particles; None is what the picker proposes, or no limit.

    Parameters
    ----------
    threshold : float, optional
        Lowest score, from 0 to 1; 0.5 is as likely a particle as not.
    distance : float, optional
        Smallest distance in voxels between two particles; by default somewhat less than the size of one.
    maximum : int, optional
        Largest number in a tomogram.
    """

    threshold: float | None = None
    distance: float | None = None
    maximum: int | None = None


class Picks:
    """See the module. What is looked at becomes what is kept by `keep`, which is one edit.

    Parameters
    ----------
    boxing : Boxing
    """

    def __init__(self, boxing: Boxing) -> None:
        self._boxing = boxing
        self.cutoffs = Cutoffs()
        self.map = ScoreLayer(boxing.workspace)
        self.stage: Stage = "instant"
        self._instant: Scored | None = None
        self._maps: OrderedDict[tuple[str, int], Scored] = OrderedDict()
        # what is drawn in place of what is kept
        self._live: Particles | None = None
        # what a user has thrown out is not found again
        self._rejected: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.stream = Stream()
        # the record of what is kept, as the cut-offs go by it
        self._step: Step | None = None
        self._suggested: tuple[Any, NDArray[np.float64], NDArray[np.float64]] | None = None

    # what there is

    @property
    def scored(self) -> Scored | None:
        """What the shown stage makes of the shown tomogram; None if that is not known."""
        if self.stage == "instant":
            return self._instant
        picker, name = self._boxing.network.picker, self._boxing.workspace.tomogram_name
        return None if picker is None else self._maps.get((name, id(picker)))

    @property
    def picker(self) -> Any:
        """The picker of the shown stage; None if nothing was learned."""
        if self.stage == "network":
            return self._boxing.network.picker
        return None if self._instant is None else self._instant.picker

    @property
    def live(self) -> bool:
        """Whether what is looked at is not what is kept."""
        return self._live is not None

    @property
    def kept(self) -> Particles | None:
        """What the project has in the shown tomogram."""
        work = self._boxing.workspace
        if work.session is None or work.tomogram is None:
            return None
        return jobs.kept_picks(work.session, self._boxing.label, work.tomogram_name)

    @property
    def has_kept(self) -> bool:
        """Whether the project has particles of this kind in the shown tomogram."""
        kept = self.kept
        return kept is not None and len(kept) > 0

    @property
    def set_uid(self) -> str:
        """The uid of the particle set; "" if there is none."""
        session = self._boxing.workspace.session
        found = None if session is None else jobs.picks_of(session, self._boxing.label)
        return "" if found is None else found.uid

    @property
    def shown(self) -> Particles | None:
        """The particles that are looked at, the best first: those of the preview, or else those kept."""
        return self._live if self._live is not None else self.kept

    @property
    def best_score(self) -> float | None:
        """The highest score there is, whatever the threshold; None if there is no candidate at all."""
        scored = self.scored
        scores = [] if scored is None else scored.scores.peaks(0.0, 0.0, 1)[1]
        return float(scores[0]) if len(scores) else None

    # what was found

    def take_instant(self, scored: Scored | None, *, show: bool) -> None:
        """Take what was learned at once; None where nothing can be learned."""
        self._instant = scored
        if self.stage == "instant" or self._boxing.network.picker is None:
            self.stage = "instant"
            self._show_new(show and scored is not None)

    def take_network(self, scored: Scored) -> None:
        """Take what the network makes of a tomogram."""
        self._maps[scored.tomogram, id(scored.picker)] = scored
        while len(self._maps) > KEPT_MAPS:
            self._maps.popitem(last=False)

    def set_stage(self, stage: Stage) -> None:
        """Show the picks of the instant stage, or of the network."""
        self.stage = stage
        if stage == "instant" and self._boxing.learning.behind:
            self._boxing.learning.learn(show=True)
        self._show_new(show=True)

    def redraw(self) -> None:
        """Draw what is looked at anew, if it is not what is kept."""
        if self.live and self.scored is not None:
            self._draw(self._found())
            self._boxing.changed.emit()

    def show_tomogram(self) -> None:
        """Begin with another tomogram, or another kind of particle."""
        self._instant = None
        self.stage = "network" if self._boxing.network.picker is not None else "instant"
        self.stop_streaming()
        self._show_new(show=not self.has_kept)

    def _show_new(self, show: bool) -> None:
        self._draw(self._found() if show else None)
        self._boxing.changed.emit()

    def forget(self) -> None:
        """Let go of everything, as another project is opened."""
        self._maps.clear()
        self._rejected.clear()
        self.close()

    def show_kept(self) -> None:
        """Draw what is kept, and nothing else."""
        self._draw(None)
        self._boxing.changed.emit()

    def close(self) -> None:
        """Draw nothing that is not kept."""
        self._instant = self._suggested = None
        self._draw(None)
        self.map.show(None)

    # cut-offs

    @property
    def threshold(self) -> float:
        """The lowest score of a particle."""
        given, picker = self.cutoffs.threshold, self.picker
        return given if given is not None else 0.5 if picker is None else float(picker.threshold)

    @property
    def distance(self) -> float:
        """The smallest distance between two particles, in voxels."""
        if self.cutoffs.distance is not None:
            return self.cutoffs.distance
        return TOUCHING * (self._boxing.particle_size or self._boxing.box_size / 2)

    def set_cutoffs(self, **changes: Any) -> None:
        """Look at what other cut-offs give; `keep` makes an edit of it.

        Raises
        ------
        ParameterError
            If a threshold is not from 0 to 1, a distance below 0, or a number below 1.
        """
        wanted = replace(self.cutoffs, **changes)
        if wanted.threshold is not None and not 0 <= wanted.threshold <= 1:
            raise ParameterError(f"the threshold is from 0 to 1, got {wanted.threshold:g}")
        if wanted.distance is not None and not wanted.distance >= 0:
            raise ParameterError(f"the smallest distance is 0 voxels or more, got {wanted.distance:g}")
        if wanted.maximum is not None and wanted.maximum < 1:
            raise ParameterError(f"the largest number of particles is 1 or more, got {wanted.maximum}")
        if wanted != self.cutoffs:
            self.cutoffs = wanted
            if self.scored is not None:
                self._draw(self._found())
            self._boxing.changed.emit()

    def _found(self) -> Particles | None:
        scored = self.scored
        if scored is None:
            return None
        places, scores = scored.scores.peaks(self.threshold, self.distance, None)
        return self._as_particles(*self._limited(places, scores))

    def _limited(self, places: Any, scores: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Without what was thrown out, and no more than wanted."""
        places, scores = as_positions(places), np.asarray(scores, np.float64)
        rejected = self._rejections()
        if len(rejected) and len(places):
            away = np.linalg.norm(places[:, None] - rejected[None], axis=2).min(axis=1)
            good = away > max(self.distance / 2, 1.0)
            places, scores = places[good], scores[good]
        order = np.argsort(-scores, kind="stable")[: self.cutoffs.maximum]
        return places[order], scores[order]

    def _as_particles(self, places: Any, scores: Any) -> Particles:
        tomogram, boxing = self._boxing.workspace.tomogram, self._boxing
        assert tomogram is not None
        return jobs.as_particles(
            tomogram.name,
            places,
            scores,
            voxel_size_angstrom=tomogram.voxel_size_angstrom,
            box_size=boxing.box_size,
            group=boxing.sizes.group,
        )

    def particles_of(self, scored: Scored, voxel_size_angstrom: float) -> Particles:
        """The particles in any tomogram, by the present cut-offs."""
        places, scores = scored.scores.peaks(self.threshold, self.distance, self.cutoffs.maximum)
        return jobs.as_particles(
            scored.tomogram,
            places,
            scores,
            voxel_size_angstrom=voxel_size_angstrom,
            box_size=self._boxing.box_size,
            group=self._boxing.sizes.group,
        )

    def _draw(self, particles: Particles | None) -> None:
        self._live = particles
        self._boxing.workspace.review.preview(particles, jobs.PICKS_COLOUR, self.set_uid)
        self.map.show(self.scored)

    # while a tomogram is gone through

    def show_streamed(self) -> None:
        """Draw what was found so far; to be called now and then."""
        fresh = self.stream.take()
        if fresh is None:
            return
        places, scores = fresh
        good = scores >= self.threshold
        self._draw(self._as_particles(*self._limited(places[good], scores[good])))
        self._boxing.changed.emit()

    def stop_streaming(self) -> None:
        """Draw no more of it; what was drawn goes, unless it is known wholly by now."""
        if self.stream.stop():
            self._draw(None)

    # keeping

    def keep(self) -> None:
        """Let what is looked at be the particles of this kind in the tomogram, as one edit.

        Raises
        ------
        ParameterError
            If there is nothing to keep.
        """
        particles = self._live if self._live is not None else self._found()
        if particles is None:
            raise ParameterError(NO_PICKS)
        self._keep(particles)

    def _keep(self, particles: Particles) -> None:
        boxing, work, kept = self._boxing, self._boxing.workspace, self.kept
        if not (
            kept is not None
            and np.array_equal(kept.positions, particles.positions)
            and np.array_equal(kept.scores, particles.scores)
            and kept.box_size == particles.box_size
        ):
            if kept is None and not len(particles):
                raise ParameterError("No particle has a score above the threshold: lower it.")
            # what follows from the cut-offs that are set need not be followed
            self._step = self.step(work.tomogram_name)
            jobs.keep_picks(work.open_session, boxing.label, work.tomogram_name, particles, self._step)
        self._draw(None)
        boxing.changed.emit()

    def follow_kept(self) -> None:
        """Let the cut-offs be those of what is kept, where that is due to undo or redo."""
        session, name = self._boxing.workspace.session, self._boxing.workspace.tomogram_name
        found = None if session is None else jobs.picks_of(session, self._boxing.label)
        if self.live or found is None or found.step == self._step:
            return
        self._step, values = found.step, found.step.parameters
        if f"tomogram {name}" in found.step.inputs and {"threshold", "minimum_distance"} <= set(values):
            maximum = values.get("maximum_number")
            self.cutoffs = Cutoffs(values["threshold"], values["minimum_distance"], maximum)
            self._boxing.changed.emit()

    def step(self, tomogram: str) -> Step:
        """The record of what finds particles now."""
        boxing = self._boxing
        values = {
            "threshold": self.threshold,
            "minimum_distance": self.distance,
            "maximum_number": self.cutoffs.maximum,
            "box_size": boxing.box_size,
        }
        return jobs.picking_step(boxing.label, tomogram, self.picker, values, boxing.network.told(self.stage))

    # what a user throws out

    def _rejections(self) -> NDArray[np.float64]:
        """Where a user has thrown a particle out, and has not brought it back or called it one since."""
        boxing, kept = self._boxing, self.kept
        name = boxing.workspace.tomogram_name
        found = self._rejected.get((name, boxing.label), np.empty((0, 3)))
        back = [np.empty((0, 3)), *(m.points for m in [boxing.model("positive")] if m is not None)]
        back += [] if kept is None else [kept.positions]
        there = np.concatenate(back)
        if not len(found) or not len(there):
            return found
        away = np.linalg.norm(found[:, None] - there[None], axis=2).min(axis=1)
        return found[away > BROUGHT_BACK]

    def delete(self, ids: Sequence[int]) -> None:
        """Throw particles out, given by their ids among those that are looked at; what is left is kept."""
        particles, boxing = self.shown, self._boxing
        if particles is None:
            return
        gone = np.isin(particles.ids, list(ids))
        key = boxing.workspace.tomogram_name, boxing.label
        self._rejected[key] = np.concatenate([self._rejections(), particles.positions[gone]])
        if self.live:
            self._keep(particles.select(~gone))
        else:
            boxing.workspace.review.delete_particles({self.set_uid: particles.ids[gone]})

    def delete_from(self, particle_id: int) -> None:
        """Throw out a particle and all with a lower score, by raising the threshold where that does it."""
        particles = self.shown
        if particles is None or particle_id not in particles.ids:
            return
        order = np.argsort(-particles.scores, kind="stable")
        place = int(np.flatnonzero(particles.ids[order] == particle_id)[0])
        scores, gone = particles.scores[order], particles.ids[order][place:]
        if self.scored is None or not place or not scores[place - 1] > scores[place]:
            self.delete(gone.tolist())
            return
        self.cutoffs = replace(self.cutoffs, threshold=float((scores[place - 1] + scores[place]) / 2))
        self._keep(particles.select(~np.isin(particles.ids, gone)))

    def delete_at(self, position: NDArray[np.float64], radius: float) -> bool:
        """Throw out the particle nearest to a place; False if there is none within the radius."""
        particles = self.shown
        if particles is None or not len(particles):
            return False
        away = np.linalg.norm(particles.positions - position, axis=1)
        nearest = int(away.argmin())
        if away[nearest] > radius:
            return False
        self.delete([int(particles.ids[nearest])])
        return True

    # what to label next

    def suggestions(self, number: int = SUGGESTIONS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places of which it is least certain whether they are particles, and their scores."""
        scored, boxing = self.scored, self._boxing
        if scored is None:
            return np.empty((0, 3)), np.empty(0)
        known = [m.points for m in boxing.models(boxing.workspace.tomogram_name)]
        # what is shown asks again and again
        key = (scored, number, self.distance, *map(id, known))
        if self._suggested is None or self._suggested[0] != key:
            away_from = np.concatenate([np.empty((0, 3)), *known])
            places, scores = scored.scores.suggestions(number, self.distance, away_from)
            self._suggested = key, as_positions(places), np.asarray(scores, np.float64)
        return self._suggested[1:]
