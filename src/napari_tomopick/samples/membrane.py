"""A synthetic tomogram of crowns on a double membrane, with everything in it known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import orientations
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.samples import phantoms
from napari_tomopick.samples.imaging import image
from napari_tomopick.samples.membranes import Sheet, Sphere
from napari_tomopick.samples.scene import clutter, helical_filament, keep_apart, membrane_density

CROWN_HEIGHT_ANGSTROM = 65.0  # of a crown's origin above the middle of the outer membrane
_CROWNS_APART_ANGSTROM = 250.0
_RIBOSOMES_APART_ANGSTROM = 290.0


@dataclass(frozen=True, eq=False)
class Sample:
    """A synthetic tomogram and its truth. Positions are in voxels of ``volume``, x, y, z.

    Parameters
    ----------
    name : str
        Name the particles and models give as their tomogram.
    volume : float32 array ``[z, y, x]``
        Dense is dark; mean 0, standard deviation 1.
    voxel_size_angstrom : float
    acquisition : Acquisition
    membrane : Sheet
        Middle of the outer membrane; its outer side, where the crowns stand, is towards smaller x.
    marker : array, shape (3,)
        A point on the membrane's inner side.
    vesicle : Sphere
        Middle of the vesicle's membrane.
    crowns, ribosomes, filament : Particles
        Poses of the objects whose densities (dense is positive) are in ``maps``. The z axis of a crown is
        the outward normal of the membrane below it, that of a filament's subunit the filament's direction.
    maps : mapping of str to float32 array
        "crown", "ribosome" and "subunit", in boxes whose origin is voxel ``N // 2``, at the same voxel size.
    """

    name: str
    volume: NDArray[np.float32]
    voxel_size_angstrom: float
    acquisition: Acquisition
    membrane: Sheet
    marker: NDArray[np.float64]
    vesicle: Sphere
    crowns: Particles
    ribosomes: Particles
    filament: Particles
    maps: Mapping[str, NDArray[np.float32]]

    def user_points(
        self, *, levels: int = 8, points_per_level: int = 8, jitter: float = 1.0, seed: int = 0
    ) -> list[Model]:
        """What a user might click in this tomogram, slice by slice.

        Parameters
        ----------
        levels : int
            Number of slices in which the outer membrane and the vesicle are traced.
        points_per_level : int
        jitter : float
            Standard deviation in voxels of the hand's error within the slice.
        seed : int

        Returns
        -------
        list of Model
            "outer membrane" (surface, with its side marker), "crowns" (general), "vesicle" (vesicle) and
            "filament" (filament). z is a whole number throughout, since one clicks in slices.
        """
        rng = np.random.default_rng(seed)
        nz, ny, _ = self.volume.shape
        steps = np.arange(points_per_level) + 0.5

        sheet = []
        for z in np.round(np.linspace(0.15 * nz, 0.85 * nz, levels)):
            # nobody clicks at equal distances
            along = steps + rng.uniform(-0.3, 0.3, points_per_level)
            sheet.append(self.membrane.points(ny * (0.06 + 0.88 * along / points_per_level), np.asarray(z)))

        circles = []
        centre, radius = np.array(self.vesicle.centre), self.vesicle.radius
        for z in np.round(centre[2] + radius * np.linspace(-0.65, 0.65, levels)):
            angle = 2 * np.pi * (steps + rng.uniform(-0.3, 0.3, points_per_level)) / points_per_level
            r = np.sqrt(radius**2 - (z - centre[2]) ** 2)
            circle = centre[:2] + r * np.column_stack([np.cos(angle), np.sin(angle)])
            circles.append(np.column_stack([circle, np.full(points_per_level, z)]))

        axis = self.filament.positions[:: max(1, len(self.filament) // points_per_level)]

        def clicked(
            name: str, kind: ModelType, points: NDArray[np.float64], group: int, colour: str
        ) -> Model:
            in_slice = points + rng.normal(0, 1, points.shape) * [jitter, jitter, 0]
            in_slice[:, 2] = np.round(points[:, 2])
            return Model(
                name,
                kind,
                in_slice,
                in_slice[:, 2].astype(np.int64),
                marker=self.marker if kind is ModelType.SURFACE else None,
                group=group,
                colour=colour,
                tomogram=self.name,
                voxel_size_angstrom=self.voxel_size_angstrom,
            )

        return [
            clicked("outer membrane", ModelType.SURFACE, np.concatenate(sheet), 1, "#ffd166"),
            clicked("crowns", ModelType.GENERAL, self.crowns.positions, 1, "#ef476f"),
            clicked("vesicle", ModelType.VESICLE, np.concatenate(circles), 2, "#06d6a0"),
            clicked("filament", ModelType.FILAMENT, axis, 3, "#4cc9f0"),
        ]


def membrane_tomogram(
    seed: int = 0,
    *,
    size: tuple[int, int, int] = (192, 192, 96),
    voxel_size_angstrom: float = 10.0,
    snr: float = 0.3,
    tilt_range: tuple[float, float] = (-60.0, 60.0),
    defocus_angstrom: float = 45000.0,
    crowns: int = 14,
    ribosomes: int = 24,
) -> Sample:
    """Make a tomogram of crowns on a double membrane, ribosomes, a vesicle and a filament.

    Parameters
    ----------
    seed : int
        The same seed and parameters give the same bytes.
    size : tuple of 3 int
        Number of voxels along x, y, z.
    voxel_size_angstrom : float
        The objects keep their size in Å.
    snr : float
        Variance of signal over variance of noise, voxel by voxel; 0.01 to 0.1 is usual in cells, the default
        is kinder.
    tilt_range : tuple of 2 float
        Lowest and highest tilt in degrees, about y.
    defocus_angstrom : float
    crowns, ribosomes : int
        At most so many; fewer where there is no room.
    """
    rng = np.random.default_rng(seed)
    nx, ny, nz = size
    box = np.array(size, np.float64)
    angstrom = 1 / voxel_size_angstrom
    name = "synthetic"

    def truth(positions: NDArray[np.float64], rotations: Rotation) -> Particles:
        in_here = np.full(len(positions), name)
        return Particles(positions, rotations, tomograms=in_here, voxel_size_angstrom=voxel_size_angstrom)

    sheet = Sheet(
        x_middle=0.68 * nx,
        y_middle=ny / 2,
        z_middle=nz / 2,
        bend_radius=1.4 * ny,
        slope=rng.choice([-1, 1]) * rng.uniform(0.08, 0.2),
        amplitude=0.012 * nx,
        wave_y=2 * np.pi / ny * rng.uniform(1.3, 1.8),
        wave_z=np.pi / nz * rng.uniform(-0.5, 0.5),
        phase=rng.uniform(0, 2 * np.pi),
    )
    vesicle = Sphere((0.29 * nx, 0.3 * ny, 0.5 * nz), 0.34 * min(0.5 * nx, 0.5 * ny, nz))
    filament = truth(
        *helical_filament(box * [0.04, 0.72, 0.35], box * [0.52, 0.8, 0.7], 0.12 * ny, voxel_size_angstrom)
    )

    apart = _CROWNS_APART_ANGSTROM * angstrom
    in_sheet = rng.uniform(0.6 * apart, np.maximum(box[1:] - 0.6 * apart, 0.6 * apart), (4000, 2))
    roots = keep_apart(sheet.points(*in_sheet.T), apart, crowns)
    normals = sheet.normals(roots)
    crown_poses = truth(
        roots + normals * CROWN_HEIGHT_ANGSTROM * angstrom,
        orientations.from_directions(normals, twist_seed=int(rng.integers(2**31))),
    )

    reach = 0.5 * _RIBOSOMES_APART_ANGSTROM * angstrom
    places = rng.uniform(reach, np.maximum(box - reach, reach), (6000, 3))
    free = sheet.distance(places) > reach + 2 * CROWN_HEIGHT_ANGSTROM * angstrom
    free &= vesicle.distance(places) > reach
    free &= cKDTree(filament.positions).query(places)[0] > reach
    centres = keep_apart(places[free], 2 * reach, ribosomes)
    ribosome_poses = truth(centres, Rotation.random(len(centres), rng))

    objects = {
        "crown": (phantoms.crown().scaled(angstrom), crown_poses, 320),
        "ribosome": (phantoms.ribosome().scaled(angstrom), ribosome_poses, 400),
        "subunit": (phantoms.filament_subunit().scaled(angstrom), filament, 160),
    }
    density = membrane_density(size, sheet, vesicle, voxel_size_angstrom)
    clutter(size, voxel_size_angstrom, rng).add_to(density)
    for thing, poses, _ in objects.values():
        for position, rotation in zip(poses.positions, poses.rotations, strict=True):
            thing.posed(position, rotation).add_to(density)

    acquisition = Acquisition(tilt_min_degrees=tilt_range[0], tilt_max_degrees=tilt_range[1])
    return Sample(
        name=name,
        volume=image(
            density, voxel_size_angstrom, acquisition, snr=snr, defocus_angstrom=defocus_angstrom, rng=rng
        ),
        voxel_size_angstrom=voxel_size_angstrom,
        acquisition=acquisition,
        membrane=sheet,
        marker=sheet.points(ny / 2, nz / 2) + np.array([300 * angstrom, 0, 0]),
        vesicle=vesicle,
        crowns=crown_poses,
        ribosomes=ribosome_poses,
        filament=filament,
        maps={
            key: thing.map(2 * round(across * angstrom / 2)) for key, (thing, _, across) in objects.items()
        },
    )
