"""What an initial model leaves behind: maps, halves, pictures, a table, poses, aligned boxes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_tomopick.geometry import orientations
from napari_tomopick.io.particles import write_particles
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.picking.initial_model import model_maps
from napari_tomopick.picking.initial_refinement import ClassMap
from napari_tomopick.picking.initial_settings import FoundModel, Material, Settings
from napari_tomopick.protocols.pictures import save_central_sections
from napari_tomopick.protocols.subtomograms import BoxWriter, Subtomograms, write_description


@dataclass(frozen=True)
class ModelFiles:
    """The files of one class.

    Parameters
    ----------
    map : Path
    halves : tuple of 2 Path
    picture : Path
    aligned : Path, optional
        Folder of the aligned boxes.
    """

    map: Path
    halves: tuple[Path, Path]
    picture: Path
    aligned: Path | None

    @classmethod
    def named(cls, folder: Path, name: str, *, aligned: bool) -> ModelFiles:
        """Those of a class of this name."""
        return cls(
            folder / f"{name}.mrc",
            (folder / f"{name}_half1.mrc", folder / f"{name}_half2.mrc"),
            folder / f"{name}.png",
            folder / f"{name}_aligned" if aligned else None,
        )

    def all(self) -> list[Path]:
        """Every file, and the folder."""
        return [self.map, *self.halves, self.picture, *([self.aligned] if self.aligned else [])]

    def moved(self, folder: Path) -> ModelFiles:
        """The same names in another folder."""
        aligned = None if self.aligned is None else folder / self.aligned.name
        first, second = (folder / half.name for half in self.halves)
        return ModelFiles(folder / self.map.name, (first, second), folder / self.picture.name, aligned)


class ModelWriter:
    """Turns what was found into files.

    Parameters
    ----------
    boxes : Subtomograms
        That it was made from.
    size : int
        Of the boxes as they were used.
    found : FoundModel
    turned : bool
        Whether the contrast of the boxes was inverted.
    step : Step
        What made the model.
    """

    def __init__(self, boxes: Subtomograms, size: int, found: FoundModel, turned: bool, step: Step) -> None:
        self._boxes, self._size, self._found = boxes, size, found
        self._turned, self._step = turned, step
        self._voxel_size = boxes.voxel_size_angstrom * boxes.box_size / size
        per_tomogram_voxel = self._voxel_size / (
            boxes.particles.voxel_size_angstrom or boxes.voxel_size_angstrom
        )
        offsets = boxes.shifts() * size / boxes.box_size + found.poses.shifts
        self._rotations = boxes.box_rotations * found.poses.rotations()
        self.particles: Particles = replace(
            boxes.particles,
            positions=boxes.box_centres + boxes.box_rotations.apply(offsets) * per_tomogram_voxel,
            rotations=self._rotations,
            scores=found.poses.scores.astype(np.float64),
        ).with_columns(rlnClassNumber=found.classes + 1)
        """The particles with their poses in the tomograms."""

    def aligned(self, number: int, folder: Path) -> Subtomograms:
        """The aligned boxes of a class."""
        rows = np.flatnonzero(self._found.classes == number)
        chosen = self.particles.select(rows)
        return replace(
            self._boxes,
            folder=folder,
            particles=replace(chosen, rotations=orientations.identity(len(rows))),
            box_centres=chosen.positions,
            box_rotations=chosen.rotations,
            box_size=self._size,
            voxel_size_angstrom=self._voxel_size,
            step=self._step,
            inverted=self._boxes.inverted != self._turned,
            messages=(),
        )

    def write(
        self, material: Material, settings: Settings, files: list[ModelFiles], table: Path, particles: Path
    ) -> list[ClassMap]:
        """Average, and write everything.

        Parameters
        ----------
        material : Material
        settings : Settings
        files : list of ModelFiles
            Of each class; nothing is written of a class without boxes.
        table : Path
            CSV of the Fourier shell correlations.
        particles : Path
            Star of the poses.
        """
        classes = self._found.classes
        place = np.empty(len(classes), np.int64)
        for number in range(settings.classes):
            rows = np.flatnonzero(classes == number)
            place[rows] = np.arange(len(rows))
        sets = [
            self.aligned(number, each.aligned) if each.aligned and (classes == number).any() else None
            for number, each in enumerate(files)
        ]
        with ExitStack() as stack:
            writers: list[BoxWriter | None] = []
            for each in sets:
                if each is not None:
                    each.folder.mkdir()
                writers.append(None if each is None else stack.enter_context(BoxWriter(each)))

            def keep(row: int, box: NDArray[np.float32]) -> None:
                writer = writers[classes[row]]
                if writer is not None:
                    writer.write(int(place[row]), box)

            maps = model_maps(material, settings, self._found, keep)
        for each in sets:
            if each is not None:
                write_description(each)
        for number, (found, names) in enumerate(zip(maps, files, strict=True)):
            if not found.boxes:
                continue
            write_mrc(names.map, found.map, self._voxel_size)
            for half, path in zip(found.halves, names.halves, strict=True):
                write_mrc(path, half, self._voxel_size)
            kind = "initial model" if settings.classes == 1 else f"class {number + 1}"
            title = f"{kind} of {found.boxes} subtomograms"
            save_central_sections(names.picture, found.map, self._voxel_size, title)
        self._write_table(table, maps)
        write_particles(particles, self.particles)
        return maps

    def _write_table(self, path: Path, maps: list[ClassMap]) -> None:
        shells = np.arange(1, self._size // 2 + 1)
        side = self._size * self._voxel_size
        columns: dict[str, NDArray[np.float64]] = {
            "frequency_per_angstrom": shells / side,
            "resolution_angstrom": side / shells,
        }
        for number, found in enumerate(maps, start=1):
            if found.boxes:
                columns["fsc" if len(maps) == 1 else f"fsc_class{number}"] = found.correlation[1:]
        pd.DataFrame(columns).to_csv(path, index=False, float_format="%.6g")
