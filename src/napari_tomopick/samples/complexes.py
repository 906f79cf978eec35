"""A crowded synthetic tomogram: many kinds of complexes, alike in size and mass, and one of them to pick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.samples.imaging import image
from napari_tomopick.samples.membranes import Sheet, Sphere, bilayer
from napari_tomopick.samples.phantoms import Blobs
from napari_tomopick.samples.scene import clutter
from napari_tomopick.samples.species import complexes

TARGET = "ribosome"
"""The kind to be picked."""
DIAMETER_ANGSTROM = 260.0
"""How far a complex reaches across, as a user would measure it."""

_CENTRES_APART_ANGSTROM = 210.0
_BLOBS_APART_ANGSTROM = 55.0  # some three standard deviations: what is dense of two objects does not touch
_MEMBRANE_APART_ANGSTROM = 50.0
_MEMBRANE_DENSITY = 2.0  # in bilayers of `bilayer`: as visible as the complexes are
_TRIES = 60
_GOLD_SIGMA = 0.32  # of a bead, in diameters
_GOLD_DENSITY = 20.0  # in the middle of a bead; a complex reaches 2 to 6


@dataclass(frozen=True, eq=False)
class CrowdedTomogram:
    """A synthetic tomogram of many kinds of complexes, and its truth. Positions are in its voxels, x, y, z.

    Parameters
    ----------
    name : str
        What the particles give as their tomogram.
    volume : float32 array ``[z, y, x]``
        Dense is dark; mean 0, standard deviation 1.
    voxel_size_angstrom : float
    acquisition : Acquisition
    defocus_angstrom : float
        Underfocus is positive.
    particles : mapping of str to Particles
        True poses of each kind; `TARGET` is one of them. A position is the complex's centre of mass.
    maps : mapping of str to float32 array
        Density of each kind (dense is positive), at the same voxel size, origin at voxel ``N // 2``.
    gold : array, shape (n, 3)
        Centres of the gold beads.
    membrane : Sheet
    vesicle : Sphere
        Middle of the vesicle's membrane.
    """

    name: str
    volume: NDArray[np.float32]
    voxel_size_angstrom: float
    acquisition: Acquisition
    defocus_angstrom: float
    particles: Mapping[str, Particles]
    maps: Mapping[str, NDArray[np.float32]]
    gold: NDArray[np.float64]
    membrane: Sheet
    vesicle: Sphere

    @property
    def diameter(self) -> float:
        """Diameter of the complexes in voxels."""
        return DIAMETER_ANGSTROM / self.voxel_size_angstrom


def crowded_tomogram(
    seed: int = 0,
    *,
    size: tuple[int, int, int] = (256, 256, 128),
    voxel_size_angstrom: float = 10.0,
    snr: float = 0.1,
    tilt_range: tuple[float, float] = (-60.0, 60.0),
    defocus_angstrom: float = 40000.0,
    targets: int = 40,
    others: int = 28,
    gold: int = 15,
) -> CrowdedTomogram:
    """Make a tomogram in which a kind of complex stands among others of its size.

    All kinds have one mass and one radius of gyration, so that neither darkness nor size tells them apart.
    They lie turned at random, inside and outside a vesicle and beside a sheet of membrane, with gold beads
    and the small proteins of a cell between them; none overlaps another, and none is cut by the border.

    Parameters
    ----------
    seed : int
        The same seed and parameters give the same bytes.
    size : tuple of 3 int
        Number of voxels along x, y, z.
    voxel_size_angstrom : float
        The objects keep their size in Å.
    snr : float
        Variance of signal over variance of noise, voxel by voxel; the gold is not counted in the signal.
    tilt_range : tuple of 2 float
        Lowest and highest tilt in degrees, about y.
    defocus_angstrom : float
    targets, others : int
        Number of targets, and of each other kind; fewer where there is no room.
    gold : int
        Number of beads of 8 to 12 nm.
    """
    rng = np.random.default_rng(seed)
    nx, ny, nz = size
    angstrom = 1 / voxel_size_angstrom
    sheet = Sheet(
        x_middle=0.9 * nx,
        y_middle=ny / 2,
        z_middle=nz / 2,
        bend_radius=4.0 * ny,
        slope=rng.choice([-1, 1]) * rng.uniform(0.05, 0.15),
        amplitude=0.012 * nx,
        wave_y=2 * np.pi / ny * rng.uniform(1.3, 1.8),
        wave_z=np.pi / nz * rng.uniform(-0.5, 0.5),
        phase=rng.uniform(0, 2 * np.pi),
    )
    vesicle = Sphere((0.25 * nx, 0.3 * ny, 0.5 * nz), 0.3 * min(0.5 * nx, 0.5 * ny, nz))

    density = _membranes(size, sheet, vesicle, voxel_size_angstrom)
    clutter(size, voxel_size_angstrom, rng).add_to(density)
    room = _Room(size, voxel_size_angstrom, sheet, vesicle, rng)
    kinds = {kind: thing.scaled(angstrom) for kind, thing in complexes().items()}
    poses: dict[str, list[tuple[NDArray[np.float64], Rotation]]] = {kind: [] for kind in kinds}
    wanted = [TARGET] * targets + [kind for kind in kinds if kind != TARGET for _ in range(others)]
    for kind in rng.permutation(wanted):
        pose = room.place(kinds[kind])
        if pose is not None:
            poses[kind].append(pose)
            kinds[kind].posed(*pose).add_to(density)

    without_gold = density.var(dtype=np.float64)
    beads = []
    for diameter in rng.uniform(80, 120, gold) * angstrom:
        bead = Blobs(np.zeros((1, 3)), np.array([_GOLD_SIGMA * diameter]), np.array([_GOLD_DENSITY]))
        pose = room.place(bead)
        if pose is not None:
            beads.append(pose[0])
            bead.posed(*pose).add_to(density)

    acquisition = Acquisition(tilt_min_degrees=tilt_range[0], tilt_max_degrees=tilt_range[1])
    with_gold = density.var(dtype=np.float64) / without_gold
    name = "crowded"

    def truth(found: list[tuple[NDArray[np.float64], Rotation]]) -> Particles:
        quaternions = np.array([rotation.as_quat() for _, rotation in found]).reshape(-1, 4)
        return Particles(
            np.array([position for position, _ in found]).reshape(-1, 3),
            Rotation.from_quat(quaternions),
            tomograms=np.full(len(found), name),
            voxel_size_angstrom=voxel_size_angstrom,
        )

    return CrowdedTomogram(
        name=name,
        volume=image(
            density,
            voxel_size_angstrom,
            acquisition,
            snr=float(snr * with_gold),
            defocus_angstrom=defocus_angstrom,
            rng=rng,
        ),
        voxel_size_angstrom=voxel_size_angstrom,
        acquisition=acquisition,
        defocus_angstrom=defocus_angstrom,
        particles={kind: truth(found) for kind, found in poses.items()},
        maps={kind: thing.map(2 * round(180 * angstrom)) for kind, thing in kinds.items()},
        gold=np.array(beads).reshape(-1, 3),
        membrane=sheet,
        vesicle=vesicle,
    )


class _Room:
    """Where objects stand, and where there is room for another."""

    def __init__(
        self,
        size: tuple[int, int, int],
        voxel_size_angstrom: float,
        sheet: Sheet,
        vesicle: Sphere,
        rng: np.random.Generator,
    ) -> None:
        self._box = np.array(size, np.float64)
        self._angstrom = 1 / voxel_size_angstrom
        self._sheet, self._vesicle = sheet, vesicle
        self._rng = rng
        self._centres: list[NDArray[np.float64]] = []
        self._blobs: list[NDArray[np.float64]] = []

    def place(self, thing: Blobs) -> tuple[NDArray[np.float64], Rotation] | None:
        """Find a pose at random, and remember it as taken; None where none was found."""
        for _ in range(_TRIES):
            position = self._free_position()
            if position is None:
                return None
            rotation = Rotation.random(None, self._rng)
            posed = thing.posed(position, rotation)
            if self._fits(position, posed):
                self._centres.append(position)
                self._blobs.append(posed.centres)
                return position, rotation
        return None

    def _free_position(self) -> NDArray[np.float64] | None:
        """A position that keeps its distance from all centres; looked for where most of the room is left."""
        places = self._rng.uniform(0, self._box - 1, (400, 3))
        if self._centres:
            apart = cdist(places, self._centres).min(axis=1)
            places = places[apart >= _CENTRES_APART_ANGSTROM * self._angstrom]
        return places[0] if len(places) else None

    def _fits(self, position: NDArray[np.float64], posed: Blobs) -> bool:
        reach = 1.5 * posed.sigmas[:, None]
        if (posed.centres < reach).any() or (posed.centres > self._box - 1 - reach).any():
            return False
        for membrane in (self._sheet, self._vesicle):
            if np.abs(membrane.distance(posed.centres)).min() < _MEMBRANE_APART_ANGSTROM * self._angstrom:
                return False
        for centre, blobs in zip(self._centres, self._blobs, strict=True):
            near = np.linalg.norm(centre - position) < 400 * self._angstrom
            if near and cdist(posed.centres, blobs).min() < _BLOBS_APART_ANGSTROM * self._angstrom:
                return False
        return True


def _membranes(
    size: tuple[int, int, int], sheet: Sheet, vesicle: Sphere, voxel_size_angstrom: float
) -> NDArray[np.float32]:
    nx, ny, nz = size
    density = np.empty((nz, ny, nx), np.float32)
    for z in range(nz):
        points = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), z, indexing="xy"), -1)[:, :, 0]
        density[z] = bilayer(sheet.distance(points), voxel_size_angstrom)
        density[z] += bilayer(vesicle.distance(points), voxel_size_angstrom)
    return density * np.float32(_MEMBRANE_DENSITY)
