"""The consensus of particle sets in the window: what was chosen, what came of it, what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tomopick.errors import ParameterError
from napari_tomopick.project import ParticleSet, Session
from napari_tomopick.protocols.agreement_picture import agreement_image, save_agreement_picture
from napari_tomopick.protocols.agreement_table import save_agreement_table
from napari_tomopick.protocols.agreement_words import TextTable, agreement_tables, headline
from napari_tomopick.protocols.consensus import Agreed
from napari_tomopick.protocols.jobs import Job
from napari_tomopick.protocols.jobs_consensus import consensus_job

if TYPE_CHECKING:
    from PIL.Image import Image

    from napari_tomopick.protocols.describe import Progress

TABLES = (".csv",)
UNTOLD = "Scipion's consensus does not tell who picked what, so there is no picture and no table of it."


@dataclass(frozen=True)
class Choice:
    """What a consensus is to be made of, and how.

    Parameters
    ----------
    uids : tuple of str
        Of the particle sets, in the order in which they are listed.
    options : mapping
        Options of `protocols.consensus.consensus`; weights are in that order.
    grid : str, optional
        uid of the set on whose grid the result is to be. Default: the first.
    reference : str, optional
        uid of the set to score against.
    label : str, optional
        Name of the new set.
    in_tomogram : str, optional
        The only tomogram to look at.
    """

    uids: tuple[str, ...]
    options: Mapping[str, Any]
    grid: str | None = None
    reference: str | None = None
    label: str | None = None
    in_tomogram: str | None = None

    def job(self, session: Session) -> Job:
        """Return the job of it.

        Raises
        ------
        ParameterError
            If fewer than two sets are chosen, or something makes no sense.
        """
        if len(self.uids) < 2:
            raise ParameterError("tick two or more particle sets to put together")
        uids, options = list(self.uids), dict(self.options)
        if self.grid in uids:
            # the first one's grid is that of the result, and weights go by the same order
            at = uids.index(self.grid)
            uids.insert(0, uids.pop(at))
            options["weights"] = _moved_to_front(options.get("weights"), at, len(uids))
        return consensus_job(
            session,
            uids,
            options,
            reference=self.reference,
            label=self.label,
            in_tomogram=self.in_tomogram,
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found, ready to be shown.

    Parameters
    ----------
    agreed : Agreed
    title : str
        How many particles, and by which rule.
    tables : list of TextTable
    image : Image, optional
        Of who agrees with whom; None where that is not known.
    """

    agreed: Agreed
    title: str
    tables: list[TextTable]
    image: Image | None

    @classmethod
    def of(cls, agreed: Agreed, options: Mapping[str, Any]) -> Outcome:
        """Count, and draw."""
        title = headline(agreed, options)
        image = None if agreed.agreement is None else agreement_image(agreed.agreement, title)
        return cls(agreed, title, agreement_tables(agreed), image)

    def save_picture(self, path: Path) -> Path:
        """Write the picture, .png if no suffix is given; return where.

        Raises
        ------
        TomopickError
            If there is none, the suffix is of another kind, or it cannot be written.
        """
        if self.agreed.agreement is None:
            raise ParameterError(UNTOLD)
        path = path if path.suffix else path.with_suffix(".png")
        save_agreement_picture(path, self.agreed.agreement, self.title)
        return path

    def save_table(self, path: Path) -> Path:
        """Write every combination of sets in every tomogram as CSV; return where.

        Raises
        ------
        TomopickError
            If there is none, the suffix is of another kind, or it cannot be written.
        """
        if self.agreed.agreement is None:
            raise ParameterError(UNTOLD)
        path = path if path.suffix else path.with_suffix(".csv")
        if path.suffix.lower() not in TABLES:
            raise ParameterError(f"{path}: a table is .csv")
        save_agreement_table(path, self.agreed.agreement)
        return path


class ConsensusStep:
    """The consensus looked at last.

    What was previewed is not computed again to be kept, unless something was changed since.
    """

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        # of the set that was made last; "" if none was
        self.made = ""
        self._of: tuple[Any, ...] | None = None

    def preview(self, session: Session, choice: Choice) -> Job:
        """Look at what comes of it; the project stays as it is."""
        return self._job(session, choice, keep=False)

    def run(self, session: Session, choice: Choice) -> Job:
        """Keep what comes of it as a particle set, as one edit."""
        return self._job(session, choice, keep=True)

    def forget(self) -> None:
        """Look at nothing."""
        self.outcome = self._of = None

    def _job(self, session: Session, choice: Choice, keep: bool) -> Job:
        job, source = choice.job(session), _source(session, choice)
        known = self.outcome if source == self._of else None

        def compute(progress: Progress | None) -> Outcome:
            return known or Outcome.of(job.compute(progress), choice.options)

        def record(session: Session, outcome: Outcome) -> str:
            self.made = ""
            if keep:
                before = {entry.uid for entry in session.particle_sets()}
                said = job.record(session, outcome.agreed)
                self.made = next((s.uid for s in session.particle_sets() if s.uid not in before), "")
            else:
                # what each set is worth stands in a table
                first, *_ = outcome.agreed.lines()
                lines = [first, *outcome.agreed.result.notes]
                said = "\n".join([*lines, "only looked at so far: Run makes it a particle set"])
            self.outcome, self._of = outcome, source
            return said if outcome.image is not None else f"{said}\n{UNTOLD}"

        return Job("Consensus" if keep else "Preview of the consensus", compute, record)


def _source(session: Session, choice: Choice) -> tuple[Any, ...]:
    """What a result depends on: the choice but for the new name, the sets as they are, and the tomograms."""
    options = tuple(sorted(choice.options.items()))
    uids = (*choice.uids, *([choice.reference] if choice.reference is not None else []))
    return (
        replace(choice, options=options, label=None),
        tuple(session.particle_set(uid).name for uid in uids),
        # those of a session never change, and are equal to themselves only
        tuple(session.particles(uid) for uid in uids),
        session.tomograms(),
    )


def labelled_sets(sets: tuple[ParticleSet, ...]) -> list[tuple[str, str]]:
    """What sets are called where they are ticked, with voxel size if these differ; and their uids."""
    several = len({entry.voxel_size_angstrom for entry in sets}) > 1

    def words(entry: ParticleSet) -> str:
        size = entry.voxel_size_angstrom
        grid = "" if not several else f" · {size:g} Å" if size is not None else " · voxel size not known"
        return f"{entry.name} ({entry.count:,}){grid}"

    return [(words(entry), entry.uid) for entry in sets]


def _moved_to_front(weights: str | None, at: int, count: int) -> str | None:
    parts = [] if weights is None else str(weights).split(",")
    # of a wrong number is told by the one who needs them
    if len(parts) != count:
        return weights
    parts.insert(0, parts.pop(at))
    return ",".join(parts)
