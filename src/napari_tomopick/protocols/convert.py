"""Convert between particle and model files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io import models as model_files
from napari_tomopick.io import particles as particle_files
from napari_tomopick.io.particles import shifts
from napari_tomopick.io.volumes import write_tomogram_list
from napari_tomopick.models.particles import SHIFTS, Particles, concatenate
from napari_tomopick.models.references import is_negative
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols import dynamo_folder, eman_stack
from napari_tomopick.protocols.convert_meshes import MESH_SUFFIXES, write_surfaces
from napari_tomopick.protocols.describe import Bounds, Progress
from napari_tomopick.protocols.subtomograms import EMAN_SUFFIX, read_subtomograms

MODEL_SUFFIX = ".json"
MODELS_ALONE = (MODEL_SUFFIX, ".omd")
"""Suffixes of files that hold models where they do not hold particles (of .mod, points are particles too)."""
LIST_SUFFIX = ".vll"
EACH_TOMOGRAM = "{tomogram}"
"""What stands for the name of the tomogram in that of a file of which there is one for each."""


@dataclass(frozen=True)
class Written:
    """The files that were written.

    Parameters
    ----------
    files : tuple of Path
        The one asked for first.
    lost : tuple of str
        What the format has no place for, in words.
    format : str
        What people call the format; the suffix of the file where that says it all.
    """

    files: tuple[Path, ...]
    lost: tuple[str, ...] = ()
    format: str = ""

    def lines(self) -> list[str]:
        """Which files were written, and what they do not hold."""
        lines = [f"wrote {file}" for file in self.files]
        if self.lost:
            kind = self.format or f"{self.files[0].suffix} files"
            lines.append(f"{kind} have no place for: {', '.join(self.lost)}")
        return lines


def convert(
    source: Path,
    output: Path,
    tomograms: Sequence[Tomogram] = (),
    *,
    format: str | None = None,
    source_format: str | None = None,
    fold_shifts: bool = False,
    scipion_compatible: bool = False,
    coordinate_columns: str | None = None,
    box_size: Annotated[int | None, Bounds(minimum=1)] = None,
    mesh_unit: Literal["voxel", "angstrom", "nm"] | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write a particle or model file in another format, chosen by the suffix and, if need be, by name.

    Parameters
    ----------
    source, output : Path
        Files; what they hold follows from their suffixes and, of the source, from its content. An output
        called "picks/{tomogram}.mod" is a file for each tomogram. A model file becomes particles only where
        its models are general points: others must first be turned into crop points.
    tomograms : sequence of Tomogram
        Needed where a format depends on the size or voxel size of the tomogram.
    format : str, optional
        Name of the format to write, where several have the suffix; `formats` lists them.
        "dynamo-folder" turns a folder of subtomograms into one of Dynamo's, "eman-hdf" (or the suffix .hdf)
        into a stack of EMAN2's.
    source_format : str, optional
        Format of the source, where its suffix and content do not say it.
    fold_shifts : bool
        Make one coordinate of a coordinate and the shift beside it (RELION's origin, Dynamo's dx, dy, dz).
        Without it both are written where the format has both; where it has not, it is told.
    scipion_compatible : bool
        Take the coordinates of Dynamo files, read or written, for 0-based, as Scipion and copick do; Dynamo
        itself counts from 1.
    coordinate_columns : str, optional
        Names of the columns of a CSV file that hold x, y, z, where they are called otherwise, with commas
        between them.
    box_size : int, optional
        Box size in voxels to be written, where the particles have none or another.
    mesh_unit : "voxel", "angstrom" or "nm", optional
        Unit of the coordinates in a mesh (.ply, .obj, .stl, .glb), which is the surfaces of a model file, or
        another mesh.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    Written
        Every file, and what the format has no place for.

    Raises
    ------
    FileFormatError
        If a file cannot be read, or the format lacks something it needs.
    ParameterError
        If user points of a surface or the like would lose their meaning.
    """
    source, output = Path(source), Path(output)
    if format == dynamo_folder.FORMAT:
        boxes = read_subtomograms(source)
        return Written(dynamo_folder.write_dynamo_folder(boxes, output, progress=progress))
    if format == eman_stack.FORMAT or (format is None and output.suffix.lower() == EMAN_SUFFIX):
        boxes = read_subtomograms(source)
        path, lost = eman_stack.write_eman_stack(boxes, output, progress=progress)
        return Written((path,), lost)
    if output.suffix.lower() in MESH_SUFFIXES:
        return Written(*write_surfaces(source, output, tomograms, mesh_unit))
    if mesh_unit is not None or source.suffix.lower() in MESH_SUFFIXES:
        raise ParameterError(
            f"{source}, {output}: a mesh is a surface, and is written of surfaces "
            f"({' '.join(MESH_SUFFIXES)}); to orient particles by one, give it to orient"
        )
    reads = scipion_compatible and _about_scipion(source, source_format, read=True)
    writes = scipion_compatible and _about_scipion(output, format)
    if scipion_compatible and not (reads or writes):
        raise ParameterError("compatibility with Scipion is about Dynamo tables; neither file is one")
    to_models = output.suffix.lower() == MODEL_SUFFIX and not format
    of_models = source.suffix.lower() in MODELS_ALONE and not particle_files.holds_particles(source)
    if not source_format and (of_models or (to_models and source.suffix.lower() == ".mod")):
        models = model_files.read_models(source)
        if to_models or output.suffix.lower() == ".mod":
            return write_models(output, models)
        particles = particles_of_general_models(models, str(source))
        return write(
            output, particles, tomograms, format=format, scipion_compatible=writes, box_size=box_size
        )
    particles = particle_files.read_particles(
        source,
        tomograms=tomograms,
        format=source_format,
        scipion_compatible=reads,
        coordinate_columns=_names(coordinate_columns),
    )
    return write(
        output,
        particles,
        tomograms,
        format=format,
        fold_shifts=fold_shifts,
        scipion_compatible=writes,
        box_size=box_size,
    )


def _names(columns: str | None) -> tuple[str, ...] | None:
    """The three names of columns between commas."""
    if columns is None:
        return None
    names = tuple(name.strip() for name in columns.split(","))
    if len(names) != 3 or not all(names):
        raise ParameterError(f"three names of columns, for x, y and z, are needed; got {columns!r}")
    return names


def _about_scipion(path: Path, format: str | None, *, read: bool = False) -> bool:
    """Whether a file is of a format for which compatibility with Scipion means something."""
    suffix = path.suffix.lower()
    return any(
        "scipion_compatible" in f.options and (f.name == format if format else suffix in f.suffixes)
        for f in particle_files.FORMATS
        if (f.reads if read else f.writes)
    )


def write(
    output: Path,
    particles: Particles,
    tomograms: Sequence[Tomogram] = (),
    *,
    format: str | None = None,
    fold_shifts: bool = False,
    scipion_compatible: bool = False,
    box_size: int | None = None,
) -> Written:
    """Write particles to a particle or model file, in the format named or that of the suffix.

    A volume list (.vll) is written of the tomograms alone. ``box_size`` replaces that of the particles; with
    ``fold_shifts`` coordinates are positions. Where the name of the output has `EACH_TOMOGRAM` in it, there
    is a file for each tomogram.
    """
    if fold_shifts:
        particles = shifts.folded(particles)
    if box_size is not None:
        particles = replace(particles, box_size=box_size)
    if EACH_TOMOGRAM in str(output):
        outputs = files_of_each(output, particles.tomograms.tolist())
        parts = [
            write(
                file,
                particles.in_tomogram(name),
                tomograms,
                format=format,
                scipion_compatible=scipion_compatible,
            )
            for name, file in outputs.items()
        ]
        return _together(parts)
    if output.suffix.lower() == LIST_SUFFIX and not format:
        names = set(particles.tomograms.tolist())
        volumes = [t.path for t in tomograms if t.name in names] or [t.path for t in tomograms]
        return Written((write_tomogram_list(output, volumes),), ("the particles",))
    if output.suffix.lower() == MODEL_SUFFIX and not format:
        _refuse_replacing(output)
        models = models_of_particles(particles)
        return Written((model_files.write_models(output, models),), _lost_in_models(particles))
    lost = particle_files.what_is_lost(output, particles, format=format)
    files = particle_files.write_particles(
        output, particles, tomograms=tomograms, format=format, scipion_compatible=scipion_compatible
    )
    return Written(files, lost, particle_files.format_to_write(output, format).title if format else "")


def _together(parts: Sequence[Written]) -> Written:
    lost = dict.fromkeys(said for part in parts for said in part.lost)
    return Written(tuple(file for part in parts for file in part.files), tuple(lost), parts[0].format)


def files_of_each(output: Path, names: Sequence[str]) -> dict[str, Path]:
    """The file of each tomogram, in the order of their first particles.

    Raises
    ------
    ParameterError
        If there is none, or a tomogram has no name or one that no file can have.
    """
    files = {}
    for name in dict.fromkeys(names):
        if not name or {"/", "\\", "\0"} & set(name):
            said = f"the tomogram {name!r}" if name else "a tomogram whose name is not known"
            raise ParameterError(f"{output}: no file can be named for {said}; leave {EACH_TOMOGRAM} out")
        files[name] = Path(str(output).replace(EACH_TOMOGRAM, name))
    if not files:
        raise ParameterError(f"{output}: there are no particles, so there is no tomogram to name a file for")
    return files


def _refuse_replacing(output: Path) -> None:
    """Refuse to write a model file over a .json file of another program."""
    if output.suffix.lower() == MODEL_SUFFIX and particle_files.holds_particles(output):
        raise ParameterError(
            f"{output}: a file of another program is there, and would be replaced by a model file; name the "
            "format to write into it (--format eman, copick or copick-project), or choose another name"
        )


def _lost_in_models(particles: Particles) -> tuple[str, ...]:
    scores = ("scores",) if np.isfinite(particles.scores).any() else ()
    apart = (shifts.TOLD,) if shifts.any_shift(particles) else ()
    columns = (f"column {c}" for c in particles.table.columns if c not in SHIFTS)
    return (*scores, "ids", *apart, *columns)


def write_models(output: Path, models: Sequence[Model]) -> Written:
    """Write models to a model file (.json, .mod), or one for each tomogram; see `write`."""
    if EACH_TOMOGRAM in str(output):
        outputs = files_of_each(output, [model.tomogram for model in models])
        return _together(
            [write_models(file, [m for m in models if m.tomogram == name]) for name, file in outputs.items()]
        )
    _refuse_replacing(output)
    return Written((model_files.write_models(output, models),), model_files.what_is_lost(output, models))


def particles_of_general_models(models: Sequence[Model], source: str) -> Particles:
    """Take the points of general models as particles without orientation.

    Raises
    ------
    ParameterError
        If a model is not a general one, or says what is not a particle.
    """
    for model in models:
        if is_negative(model):
            raise ParameterError(
                f"{source}: {model.name!r} holds negative references, which are not particles; leave it out"
            )
        if model.type is not ModelType.GENERAL:
            raise ParameterError(
                f"{source}: {model.name!r} is a {model.type.value} model, whose user points are not "
                "particles; make crop points of it first (crop-points)"
            )
    if not models:
        return Particles(np.empty((0, 3)))
    return concatenate(
        [
            Particles(
                model.points,
                groups=np.full(len(model), model.group),
                tomograms=np.full(len(model), model.tomogram),
                voxel_size_angstrom=model.voxel_size_angstrom,
                box_size=model.box_size,
            ).with_columns(tomopickModel=np.full(len(model), model.name))
            for model in models
        ]
    )


def models_of_particles(particles: Particles) -> list[Model]:
    """Make general models of particles, one per tomogram and group; orientations have no place in them.

    Raises
    ------
    ParameterError
        If a particle is oriented, since that would be lost.
    """
    if (particles.rotations.magnitude() > 1e-9).any():
        raise ParameterError(
            "these particles are oriented, and a model file holds points without orientation; "
            "write them as .star, .tbl or .csv"
        )
    models = []
    for name in dict.fromkeys(particles.tomograms.tolist()):
        for group in np.unique(particles.groups[particles.tomograms == name]):
            rows = (particles.tomograms == name) & (particles.groups == group)
            models.append(
                Model(
                    name=f"group {group}",
                    points=particles.positions[rows],
                    levels=np.rint(particles.positions[rows, 2]).astype(np.int64),
                    group=int(group),
                    box_size=particles.box_size,
                    tomogram=str(name),
                    voxel_size_angstrom=particles.voxel_size_angstrom,
                )
            )
    return models
