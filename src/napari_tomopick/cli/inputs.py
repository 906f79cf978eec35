"""What the arguments of a command refer to: plain files, or a project and something in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.models import read_models
from napari_tomopick.io.particles import holds_particles, read_particles
from napari_tomopick.io.particles.relion_set import read_tomogram_list
from napari_tomopick.io.volumes import list_tomogram_files
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import SUFFIX as PROJECT_SUFFIX
from napari_tomopick.project import ParticleSet, Session
from napari_tomopick.protocols.convert import MODELS_ALONE, Written, particles_of_general_models, write
from napari_tomopick.protocols.import_tomograms import assumed_of, describe_tomogram, with_tilt_range
from napari_tomopick.protocols.jobs import Job

out = Console(highlight=False, soft_wrap=True, emoji=False)
notes = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def is_project(path: Path | str) -> bool:
    """Whether an argument names a project file."""
    return str(path).lower().endswith(PROJECT_SUFFIX)


def refuse(why: str, **given: object) -> None:
    """Raise a `ParameterError` if something was given that would not act; flags by their Python names."""
    for name, value in given.items():
        if value:
            raise ParameterError(f"{name if name.isupper() else '--' + name.replace('_', '-')}: {why}")


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """Show progress on stderr where someone is watching."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    hidden = not notes.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=notes, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield report


def run(job: Job, session: Session, output: Path | None = None) -> None:
    """Compute a job with a progress bar, record it in the project, and say what came of it.

    Its particles are written to ``output`` first, so that nothing is recorded where that fails.
    """
    with progress_bar() as progress:
        result = job.compute(progress)
    written = None if output is None else write(output, result.particles, session.tomograms())
    say(job.record(session, result))
    if written is not None:
        say_written(written)


def say(*lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        out.print(line, markup=False)


def say_written(written: Written) -> None:
    """Name the files, and on stderr what they do not hold."""
    for line in written.lines():
        (out if line.startswith("wrote ") else notes).print(line, markup=False)


def tomogram_file(
    path: Path, voxel_size: float | None = None, tilt_range: tuple[float, float] | None = None
) -> Tomogram:
    """Look at one tomogram file; a voxel size that is typed counts even where the header has another."""
    tomogram = describe_tomogram(path, voxel_size, override_header=voxel_size is not None)
    for assumption in assumed_of(tomogram, voxel_size):
        notes.print(f"note: {path.name}: {assumption}", markup=False)
    return with_tilt_range(tomogram, tilt_range)


def tomogram_files(paths: Sequence[Path], voxel_size: float | None = None) -> list[Tomogram]:
    """Look at tomogram files, and at lists of them (RELION's .star, Dynamo's .vll and .ctlg)."""
    found: list[Tomogram] = []
    for path in paths:
        if path.suffix.lower() == ".star":
            found += read_tomogram_list(path)
        else:
            found += [tomogram_file(file, voxel_size) for file in list_tomogram_files(path)]
    return found


def models_from(
    path: Path, tomogram: Tomogram | None = None, names: Sequence[str] | None = None
) -> list[Model]:
    """Read the models of these names, or all; the tomogram given is the one they are taken to lie in.

    Points without a voxel size are taken to be voxels of that tomogram.
    """
    models = _named(read_models(path), names or (), path)
    if tomogram is None:
        return models
    other = {model.tomogram for model in models} - {"", tomogram.name}
    if other:
        notes.print(
            f"note: the models name tomogram {', '.join(sorted(other))}; they are taken to lie in "
            f"{tomogram.path.name}",
            markup=False,
        )
    return [
        replace(
            model,
            tomogram=tomogram.name,
            voxel_size_angstrom=model.voxel_size_angstrom or tomogram.voxel_size_angstrom,
        )
        for model in models
    ]


def particles_from(path: Path, tomogram: Tomogram) -> Particles:
    """Read the particles of one tomogram from a particle or model file.

    Raises
    ------
    ParameterError
        If the file holds particles of several tomograms and none of them has this one's name.
    """
    if path.suffix.lower() in MODELS_ALONE and not holds_particles(path):
        particles = particles_of_general_models(models_from(path, tomogram), str(path))
    else:
        particles = read_particles(path, tomograms=[tomogram])
        if _without_voxel_size(path):
            notes.print(
                f"note: {path.name} holds no voxel size; its coordinates are taken to be voxels of "
                f"{tomogram.path.name} ({tomogram.voxel_size_angstrom:g} Å)",
                markup=False,
            )
    names = sorted(set(particles.tomograms.tolist()) - {""})
    if tomogram.name in names:
        others = len(particles) - len(particles.in_tomogram(tomogram.name))
        if others:
            notes.print(f"note: {others} particles of other tomograms are left out")
        particles = particles.in_tomogram(tomogram.name)
    elif len(names) > 1:
        raise ParameterError(
            f"{path}: particles of {len(names)} tomograms ({', '.join(names[:5])}), none of them "
            f"{tomogram.name!r}; rename the tomogram file, or split the particles"
        )
    elif names:
        notes.print(
            f"note: the particles name tomogram {names[0]}; they are taken to lie in {tomogram.path.name}"
        )
    if particles.voxel_size_angstrom is None:
        particles = replace(particles, voxel_size_angstrom=tomogram.voxel_size_angstrom)
    return replace(particles, tomograms=[tomogram.name] * len(particles))  # type: ignore[arg-type]


def chosen_models(session: Session, names: Sequence[str], tomogram: str | None) -> list[Model]:
    """Return the models of a project with these names (all, if none is given), in one tomogram or in all."""
    known = [each.name for each in session.tomograms()]
    if tomogram is not None and tomogram not in known:
        raise ParameterError(
            f"{session.path.name} has no tomogram called {tomogram!r}; there are: "
            f"{', '.join(known) or 'none'}"
        )
    return _named(list(session.models(tomogram)), names, session.path)


def _named(models: list[Model], names: Sequence[str], path: Path) -> list[Model]:
    known = {model.name for model in models}
    for name in names:
        if name not in known:
            raise ParameterError(
                f"{path.name} has no model called {name!r}; there are: {', '.join(sorted(known)) or 'none'}"
            )
    return [model for model in models if not names or model.name in names]


def _without_voxel_size(path: Path) -> bool:
    """Whether a particle file that could be read with its tomogram has no voxel size of its own."""
    try:
        return read_particles(path).voxel_size_angstrom is None
    except FileFormatError:  # in Å from the centre of the tomogram
        return False


def chosen_points(session: Session, names: Sequence[str], tomogram: str | None) -> list[str]:
    """Return the uids of general models (all, if no name is given), or of the one particle set named."""
    for entry in session.particle_sets():
        if list(names) == [entry.name]:
            return [entry.uid]
    models = chosen_models(session, names, tomogram)
    return [model.uid for model in models if names or model.type is ModelType.GENERAL]


def chosen_set(session: Session, name: str | None) -> ParticleSet:
    """Return the particle set of this name, or the only one."""
    sets = session.particle_sets()
    found = [entry for entry in sets if entry.name == name] if name else list(sets)
    if len(found) == 1:
        return found[0]
    known = ", ".join(entry.name for entry in sets) or "none yet"
    raise ParameterError(
        f"{session.path.name}: "
        + (f"no particle set is called {name!r}" if name else "say which particle set is meant")
        + f"; there are: {known}"
    )
