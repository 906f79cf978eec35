"""Look at a file: what it is, and what was assumed about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from napari_tomopick.errors import FileFormatError
from napari_tomopick.io import models as model_files
from napari_tomopick.io import particles as particle_files
from napari_tomopick.io.volumes import Volume, open_volume
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model
from napari_tomopick.project import SUFFIX, Session
from napari_tomopick.protocols.describe import Bounds, Progress

SLAB_VOXELS = 16_000_000


@dataclass(frozen=True)
class FileInfo:
    """Facts about a file in the order in which a person wants them, and what was assumed."""

    facts: Mapping[str, str]
    assumed: tuple[str, ...] = ()


def info(
    path: Path,
    tomograms: Sequence[Tomogram] = (),
    *,
    voxel_size_angstrom: Annotated[float | None, Bounds(minimum=0.01)] = None,
    progress: Progress | None = None,
) -> FileInfo:
    """Say what a tomogram, a model file, a particle file or a project holds.

    Parameters
    ----------
    path : Path
        The file.
    tomograms : sequence of Tomogram
        Those of a particle file that cannot be read without.
    voxel_size_angstrom : float, optional
        Voxel size in Å of a volume whose header has none or a wrong one.
    progress : callable, optional
        Called with (done, total, text).

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or of no known kind.
    """
    path = Path(path)
    if not path.exists():
        raise FileFormatError(f"{path}: there is no such file")
    if path.suffix.lower() == SUFFIX:
        return _describe_project(path)
    if particle_files.holds_particles(path):
        return _describe_particles(particle_files.read_particles(path, tomograms=tomograms))
    if path.suffix.lower() in (".json", ".omd"):
        return _describe_models(model_files.read_models(path))
    return _describe_volume(
        open_volume(path, voxel_size_angstrom=voxel_size_angstrom, override_header=True), progress
    )


def _describe_volume(volume: Volume, progress: Progress | None) -> FileInfo:
    nz, ny, nx = volume.data.shape
    size = volume.voxel_size_angstrom
    bytes_ = nx * ny * nz * volume.data.dtype.itemsize
    statistics = volume_statistics(volume, progress)
    return FileInfo(
        {
            "kind": "volume",
            "shape": f"{nx} x {ny} x {nz} (x, y, z)",
            "voxel size": "not in the header" if size is None else f"{size:.6g} Å",
            "extent": "unknown"
            if size is None
            else " x ".join(f"{n * size / 10:.1f}" for n in (nx, ny, nz)) + " nm",
            "data type": f"{volume.data.dtype.name} ({bytes_ / 2**20:.1f} MiB)",
            "origin": "{:g}, {:g}, {:g} Å".format(*volume.origin_angstrom),
            **{name: f"{value:.6g}" for name, value in statistics.items()},
        },
        volume.assumed,
    )


def volume_statistics(volume: Volume, progress: Progress | None = None) -> dict[str, float]:
    """Minimum, maximum, mean, standard deviation and number of non-finite voxels, read in slabs."""
    nz, ny, nx = volume.data.shape
    step = max(1, SLAB_VOXELS // (nx * ny))
    low, high, total, squares, count, bad = np.inf, -np.inf, 0.0, 0.0, 0, 0
    for start in range(0, nz, step):
        if progress is not None:
            progress(start, nz, "reading")
        slab = np.asarray(volume.data[start : start + step], dtype=np.float64)
        finite = np.isfinite(slab)
        if not finite.all():
            bad += int((~finite).sum())
            slab = slab[finite]
        if slab.size:
            low, high = min(low, float(slab.min())), max(high, float(slab.max()))
            total += float(slab.sum())
            squares += float((slab**2).sum())
            count += slab.size
    mean = total / count if count else np.nan
    deviation = np.sqrt(max(squares / count - mean**2, 0.0)) if count else np.nan
    result = {"minimum": low, "maximum": high, "mean": mean, "standard deviation": float(deviation)}
    return {**result, "voxels that are not numbers": bad} if bad else result


def _describe_models(models: list[Model]) -> FileInfo:
    facts = {"kind": "model file", "models": str(len(models))}
    for number, model in enumerate(models, 1):
        # two models may bear one name
        facts[model.name if model.name not in facts else f"{model.name} ({number})"] = _model_in_words(model)
    return FileInfo(facts)


def _model_in_words(model: Model) -> str:
    levels = len(np.unique(model.levels)) if len(model) else 0
    marker = "side marker set" if model.marker is not None else "no side marker"
    return f"{model.type.value.replace('_', ' ')}: {len(model)} points in {levels} levels, {marker}"


def _describe_project(path: Path) -> FileInfo:
    facts = {"kind": "project"}
    with Session.open(path, read_only=True) as session:
        for tomogram in session.tomograms():
            nz, ny, nx = tomogram.shape
            text = f"{nx} x {ny} x {nz}, {tomogram.voxel_size_angstrom:g} Å"
            if tomogram.source:
                text += f", {tomogram.source} binned by {tomogram.binning}"
            if not tomogram.path.exists():
                text += f"; its file {tomogram.path} is missing"
            facts[f"tomogram {tomogram.name}"] = text
            for model in session.models(tomogram.name):
                facts[f"  model {model.name} in {tomogram.name}"] = _model_in_words(model)
        for entry in session.particle_sets():
            where = ", ".join(entry.tomograms)
            facts[f"particle set {entry.name}"] = f"{entry.count} particles in {where}, by {entry.step.name}"
        for result in session.results():
            facts[f"{result.kind} {result.path.name}"] = str(result.path)
    return FileInfo(facts)


def _describe_particles(particles: Particles) -> FileInfo:
    size = particles.voxel_size_angstrom
    facts: dict[str, Any] = {
        "kind": "particles",
        "particles": str(len(particles)),
        "tomograms": ", ".join(sorted(set(particles.tomograms.tolist()))) or "not named",
        "voxel size": "not in the file" if size is None else f"{size:.6g} Å",
        "groups": ", ".join(map(str, np.unique(particles.groups))),
    }
    if len(particles):
        low, high = particles.positions.min(axis=0), particles.positions.max(axis=0)
        facts["x, y, z from"] = "{:.2f}, {:.2f}, {:.2f}".format(*low)
        facts["x, y, z to"] = "{:.2f}, {:.2f}, {:.2f}".format(*high)
        turned = particles.rotations.magnitude() > 1e-9
        facts["oriented"] = f"{int(np.sum(turned))} of {len(particles)}"
    if len(particles.table.columns):
        facts["further columns"] = ", ".join(map(str, particles.table.columns))
    return FileInfo(facts)
