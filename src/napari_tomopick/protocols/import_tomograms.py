"""Import tomograms: from files to what the project knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from napari_tomopick.errors import FileFormatError, ParameterError
from napari_tomopick.io.volumes import list_tomogram_files, open_volume
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.describe import Bounds, Progress


def import_tomograms(
    sources: Sequence[Path | str],
    *,
    voxel_size_angstrom: Annotated[float | None, Bounds(minimum=0.01)] = None,
    override_header: bool = False,
    tilt_range_degrees: tuple[float, float] | None = None,
    tilt_step_degrees: Annotated[float | None, Bounds(0.1, 30)] = None,
    tilt_axis: Literal["y", "x"] = "y",
    contrast: Literal["unknown", "dark", "light"] = "unknown",
    origin_angstrom: tuple[float, float, float] | None = None,
    voltage_kv: Annotated[float, Bounds(50, 1000, advanced=True)] = 300.0,
    spherical_aberration_mm: Annotated[float, Bounds(0, 10, advanced=True)] = 2.7,
    amplitude_contrast: Annotated[float, Bounds(0, 1, advanced=True)] = 0.1,
    progress: Progress | None = None,
) -> list[Tomogram]:
    """Look at tomogram files and gather what a project needs to know of them; no voxel is copied.

    Files, folders, patterns such as "tomo_*.mrc", lists (.vll) and Dynamo catalogues (.ctlg) are accepted.
    A tomogram is named after its file.

    Parameters
    ----------
    sources : sequence of path
        Files, folders, patterns or lists.
    voxel_size_angstrom : float, optional
        Voxel size in Å, for all of them. Default: each file's own header, which must then have one.
    override_header : bool
        Believe the voxel size given where the header has another.
    tilt_range_degrees : tuple of 2 float, optional
        Lowest and highest tilt angle of the tilt series, in degrees; needed for the missing wedge.
    tilt_step_degrees : float, optional
        Step between tilts, in degrees.
    tilt_axis : "y" or "x"
        Direction of the tilt axis in the tomogram: y for nearly every reconstruction program.
    contrast : "unknown", "dark" or "light"
        Whether particles are darker or lighter than what is around them.
    origin_angstrom : tuple of 3 float, optional
        x, y, z in Å of the centre of the first voxel. Default: what the header says.
    voltage_kv : float
        Acceleration voltage in kV.
    spherical_aberration_mm : float
        Spherical aberration in mm.
    amplitude_contrast : float
        Amplitude contrast, as a fraction.
    progress : callable, optional
        Called with (done, total, text).

    Returns
    -------
    list of Tomogram
        In the order of the files.

    Raises
    ------
    FileFormatError
        If a file cannot be read as a volume, no file is found, or the voxel size is neither given nor known.
    ParameterError
        If the tilt range makes no sense, or two files would have the same name.
    """
    acquisition = Acquisition(
        tilt_step_degrees=tilt_step_degrees,
        tilt_axis=tilt_axis,
        voltage_kv=voltage_kv,
        spherical_aberration_mm=spherical_aberration_mm,
        amplitude_contrast=amplitude_contrast,
    )
    dark = {"unknown": None, "dark": True, "light": False}[contrast]
    files = [file for source in sources for file in list_tomogram_files(source)]
    tomograms: dict[str, Tomogram] = {}
    for number, file in enumerate(files):
        if progress is not None:
            progress(number, len(files), file.name)
        tomogram = with_tilt_range(
            replace(
                describe_tomogram(file, voxel_size_angstrom, override_header=override_header),
                acquisition=acquisition,
                particles_are_dark=dark,
            ),
            tilt_range_degrees,
        )
        if origin_angstrom is not None:
            tomogram = replace(tomogram, origin_angstrom=origin_angstrom)
        if tomogram.name in tomograms:
            raise ParameterError(
                f"{file} and {tomograms[tomogram.name].path} would both be called {tomogram.name!r}; "
                "particles refer to a tomogram by its name, so rename one of the files"
            )
        tomograms[tomogram.name] = tomogram
    return list(tomograms.values())


def tomogram_name(path: Path) -> str:
    """Return the name of the tomogram in a file: the file name without its suffix, dots within it kept."""
    name = path.name
    for suffix in (".ome.zarr", ".ome.tiff", ".ome.tif"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def describe_tomogram(
    path: Path, voxel_size_angstrom: float | None = None, *, override_header: bool = False
) -> Tomogram:
    """Return what one file says of itself.

    Raises
    ------
    FileFormatError
        If it cannot be read, or its voxel size is neither given nor in its header.
    """
    volume = open_volume(path, voxel_size_angstrom=voxel_size_angstrom, override_header=override_header)
    if volume.voxel_size_angstrom is None:
        raise FileFormatError(
            f"{path}: the header holds no voxel size; give it in Å (--voxel-size on the command line)"
        )
    nz, ny, nx = volume.data.shape
    return Tomogram(
        name=tomogram_name(Path(path)),
        path=Path(path).resolve(),
        shape=(nz, ny, nx),
        voxel_size_angstrom=volume.voxel_size_angstrom,
        origin_angstrom=volume.origin_angstrom,
    )


def assumed_of(tomogram: Tomogram, voxel_size_angstrom: float | None = None) -> tuple[str, ...]:
    """What was assumed of a tomogram because its file does not say it, or not what was typed; in words."""
    return open_volume(tomogram.path, voxel_size_angstrom=voxel_size_angstrom, override_header=True).assumed


def with_tilt_range(tomogram: Tomogram, tilt_range_degrees: tuple[float, float] | None) -> Tomogram:
    """Return the tomogram with its lowest and highest tilt set; None leaves it as it is.

    Raises
    ------
    ParameterError
        If the range is upside down or beyond ±90 degrees.
    """
    if tilt_range_degrees is None:
        return tomogram
    low, high = tilt_range_degrees
    if not -90 <= low < high <= 90:
        raise ParameterError(
            f"tilt range {low:g} to {high:g}: the lowest tilt comes first, and both lie within ±90 degrees"
        )
    acquisition = replace(tomogram.acquisition, tilt_min_degrees=low, tilt_max_degrees=high)
    return replace(tomogram, acquisition=acquisition)
