"""The table of particle formats: which program's file it is, which module reads it, and what it keeps.

A new format is a row here and a module beside this one with

- ``read(path, tomograms, **options)``, which gives `Particles`, where ``reads``;
- ``write(path, particles, tomograms)``, which gives the files written, where ``writes``; with a fourth
  argument, the ``variant``, where the row has one;
- ``recognises(path)``, which says by content whether a file is of this format, where other files have the
  suffix too. It reads no more than it must and raises nothing but OSError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """One kind of particle file.

    Parameters
    ----------
    name : str
        What ``--format`` calls it.
    title : str
        What people call it.
    suffixes : tuple of str
        Of its files, in lower case. Of several formats of one suffix the first that recognises a file reads
        it, and the first is written unless another is named.
    module : str
        The module beside this one that reads and writes it.
    variant : str
        What the module's ``write`` is told, where it writes several formats.
    reads, writes : bool
        Formats of one module are told apart only in writing: one of them reads all.
    folder : bool
        Whether it is a folder and not a file.
    orientations, scores, ids, groups, voxel_size, box_size, blocks : bool
        Whether these are kept in writing; ``blocks`` are those of a STAR file besides the particles.
    columns : tuple of str
        Beginnings of the names of the further columns that are kept; ("",) for all.
    one_of : tuple of tuple of str
        Names of further columns of several programs that mean one thing, such as the class; of each group the
        first that is there is kept, under the format's own name.
    shifts : bool
        Whether it has a shift beside the coordinate: how far the particle lies off it.
    frames : bool
        Whether a rotation of the subtomogram, and angles in its frame, are kept.
    options : tuple of str
        Which of the options of `read_particles` and `write_particles` mean something here.
    needs_tomogram : str
        What reading takes from the tomogram; "" where the file is enough.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    module: str
    variant: str = ""
    reads: bool = True
    writes: bool = True
    folder: bool = False
    orientations: bool = True
    scores: bool = True
    ids: bool = True
    groups: bool = True
    voxel_size: bool = True
    box_size: bool = False
    blocks: bool = False
    columns: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    shifts: bool = False
    frames: bool = False
    options: tuple[str, ...] = ()
    needs_tomogram: str = ""


ALL = ("",)
_STAR: dict[str, Any] = {
    "suffixes": (".star",),
    "box_size": True,
    "columns": ALL,
    "shifts": True,
}
_RELION = _STAR | {"module": "relion", "blocks": True, "frames": True}
_CLASSES = ("motl_class", "dyn_class", "rlnClassNumber")
_HALVES = ("motl_halfset", "rlnRandomSubset")
_MOTL_COLUMNS = ("motl_subtomo_num", "motl_tomo_num")
_MOTL: dict[str, Any] = {"shifts": True, "voxel_size": False}

FORMATS: tuple[Format, ...] = (
    Format("relion5", "RELION 5, 4, 3.1 or 3.0 particles", **_RELION, variant="relion5"),
    Format(
        "relion5-centred",
        "RELION 5 particles with coordinates in Å from the centre",
        **_RELION,
        variant="relion5-centred",
        reads=False,
        needs_tomogram="shape and voxel size",
    ),
    Format("relion4", "RELION 4 particles", **_RELION, variant="relion4", reads=False),
    Format(
        "warp",
        "Warp or M particles",
        **_STAR,
        module="warp",
        needs_tomogram="voxel size, where the file has none; shape, for fractions of the volume",
    ),
    Format(
        "stopgap",
        "STOPGAP motive list",
        (".star",),
        "stopgap",
        columns=("motl_idx", *_MOTL_COLUMNS),
        one_of=(_CLASSES, _HALVES),
        **_MOTL,
    ),
    Format(
        "av3",
        "AV3 or TOM motive list",
        (".em",),
        "av3",
        columns=("motl_row", *_MOTL_COLUMNS),
        one_of=(_CLASSES,),
        **_MOTL,
    ),
    Format(
        "dynamo",
        "Dynamo table",
        (".tbl",),
        "dynamo",
        columns=("dyn_",),
        one_of=(("dyn_class", "motl_class", "rlnClassNumber"),),
        shifts=True,
        options=("scipion_compatible",),
    ),
    Format(
        "dynamo-folder",
        "data folder of Dynamo (of subtomograms, convert writes one)",
        (),
        "dynamo_folder",
        writes=False,
        folder=True,
        options=("scipion_compatible",),
    ),
    Format(
        "csv",
        "CSV or TSV",
        (".csv", ".tsv"),
        "csv_table",
        box_size=True,
        frames=True,
        columns=ALL,
        options=("coordinate_columns",),
    ),
    Format(
        "peet",
        "PEET motive list",
        (".csv",),
        "peet",
        ids=False,
        groups=False,
        shifts=True,
        columns=("peet_column_",),
    ),
    Format(
        "imod",
        "IMOD points with slicer angles",
        (".mod",),
        "imod_points",
        scores=False,
        ids=False,
        columns=("imod_slicer_angle",),
    ),
    Format(
        "eman",
        "EMAN2 info file",
        (".json",),
        "eman_json",
        orientations=False,
        ids=False,
        box_size=True,
        columns=("eman_",),
        needs_tomogram="shape and voxel size, where boxes count from the centre",
    ),
    Format(
        "eman-hdf",
        "stack of boxes of EMAN2 (of subtomograms, convert writes one)",
        (".hdf",),
        "eman_hdf",
        writes=False,
        needs_tomogram="shape, where coordinates count from the centre",
    ),
    Format(
        "copick",
        "copick picks",
        (".json",),
        "copick",
        ids=False,
        groups=False,
        shifts=True,
        columns=("copick_",),
        needs_tomogram="voxel size, where neither the file nor its folder has it",
    ),
    Format(
        "copick-project",
        "picks in a copick project",
        (".json",),
        "copick_project",
        ids=False,
        shifts=True,
        columns=("copick_",),
        needs_tomogram="voxel size, where neither the files nor their folders have it",
    ),
    Format(
        "coords",
        "list of coordinates (EMAN2, crYOLO)",
        (".coords", ".box", ".txt"),
        "coords",
        orientations=False,
        scores=False,
        ids=False,
        groups=False,
    ),
    Format(
        "cbox",
        "crYOLO boxes",
        (".cbox",),
        "cryolo",
        orientations=False,
        ids=False,
        groups=False,
        box_size=True,
        columns=("cbox_",),
    ),
    Format("tloc", "TomoTwin locations", (".tloc",), "tomotwin", writes=False),
    Format("chimerax", "ChimeraX script", (".cxc",), "chimerax", reads=False, box_size=True),
)
