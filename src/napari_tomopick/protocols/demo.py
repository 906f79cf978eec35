"""The demo: a synthetic tomogram with known truth, and the whole directional workflow on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io import models as model_files
from napari_tomopick.io import particles as particle_files
from napari_tomopick.io.atomic import make_folder
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session, TomogramStatus
from napari_tomopick.protocols import jobs
from napari_tomopick.protocols.describe import Progress
from napari_tomopick.samples import Sample, membrane_tomogram

PROJECT = "demo.tomopick"
BOX_SIZE = 32


@dataclass(frozen=True)
class DemoResult:
    """Where the demo put things, and how well the picking met the truth.

    Parameters
    ----------
    folder, project, average, picture : Path
    crown_axis_error_degrees : float
        Root mean square angle between the oriented crowns' axes and the true ones.
    """

    folder: Path
    project: Path
    particles: Path
    average: Path
    picture: Path
    crown_axis_error_degrees: float

    def lines(self) -> list[str]:
        """What to tell the user."""
        return [
            f"project      {self.project}",
            f"particles    {self.particles}",
            f"average      {self.average}",
            f"picture      {self.picture}",
            f"crown axes   {self.crown_axis_error_degrees:.1f} degrees RMS from the truth",
        ]


def make_demo_project(folder: Path, *, progress: Progress | None = None) -> Path:
    """Make the sample tomogram and its project in a folder, or find the project that is there.

    Returns
    -------
    Path
        The project file. It holds the tomogram, a traced membrane, a vesicle, a filament and clicked crowns.
    """
    folder = Path(folder)
    project = folder / PROJECT
    if not project.exists():
        make_folder(folder)
        if progress is not None:
            progress(0, 1, "making the sample tomogram")
        _make_project(membrane_tomogram(), folder)
    return project


def run_demo(folder: Path, *, progress: Progress | None = None) -> DemoResult:
    """Run the directional workflow on the sample: crop points, orient, extract, average.

    Parameters
    ----------
    folder : Path
        Where everything is written; it must not hold an earlier run.
    progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    ParameterError
        If the folder holds a run already.
    """
    folder = Path(folder)
    project = folder / PROJECT
    if project.exists():
        raise ParameterError(f"{folder} holds an earlier run of the demo; delete it or name another folder")
    make_folder(folder)
    if progress is not None:
        progress(0, 1, "making the sample tomogram")
    sample = membrane_tomogram()
    _make_project(sample, folder)
    with Session.open(project) as session:

        def step(job: jobs.Job) -> object:
            result = job.compute(progress)
            job.record(session, result)
            return result

        models = {model.name: model for model in session.models()}
        step(jobs.crop_points_job(session, [models["outer membrane"].uid], {"cropping": 10.0}))
        step(
            jobs.orient_job(
                session, [models["crowns"].uid], [models["outer membrane"].uid], {"twist_seed": 0}
            )
        )
        crowns = next(entry for entry in session.particle_sets() if entry.name == "crowns oriented")
        subtomograms, average = folder / "crowns", folder / "crowns_average.mrc"
        options = {"box_size": BOX_SIZE, "invert": True, "normalise": "box"}
        step(jobs.extract_job(session, crowns.uid, subtomograms, options))
        averaged = step(jobs.average_job(subtomograms, average, {"missing_wedge": True}))
        particles = session.particles(crowns.uid)
        particle_files.write_particles(folder / "crowns.star", particles, tomograms=session.tomograms())
    cosines = np.sum(particles.directions() * sample.crowns.directions(), axis=1)
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return DemoResult(
        folder,
        project,
        folder / "crowns.star",
        average,
        averaged.picture,  # type: ignore[attr-defined]
        float(np.sqrt(np.mean(angles**2))),
    )


def _make_project(sample: Sample, folder: Path) -> None:
    nz, ny, nx = sample.volume.shape
    path = folder / f"{sample.name}.mrc"
    write_mrc(path, sample.volume, sample.voxel_size_angstrom)
    particle_files.write_particles(folder / "truth_crowns.csv", sample.crowns)
    models = sample.user_points()
    model_files.write_models(folder / "user_points.json", models)
    tomogram = Tomogram(
        sample.name,
        path.resolve(),
        (nz, ny, nx),
        sample.voxel_size_angstrom,
        acquisition=sample.acquisition,
        particles_are_dark=True,
    )
    with Session.create(folder / PROJECT) as session:
        session.add_tomogram(tomogram, Step("demo", seed=0))
        for model in models:
            session.add_model(model)
        session.set_status(sample.name, TomogramStatus.IN_PROGRESS)
