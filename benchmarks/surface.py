"""How well a surface is recovered from clicks, against two other ways, on surfaces known exactly.

    python benchmarks/surface.py [--seeds 10]

For each surface, levels x clicks per level and jitter (standard deviation in voxels of each coordinate): RMS
distance in voxels and RMS angle of the normals in degrees over the traced area, of

- this project (`fit_surface`), with its time;
- a thin-plate spline height field over the plane nearest to the points, smoothing by cross-validation
  (`scipy.interpolate.RBFInterpolator`);
- a spline through each level, control points at equal distances, triangle strips between the levels, two
  subdivisions and Taubin smoothing: what Dynamo's membrane model is understood to do.

The last column has the best figures known for such surfaces when this was written (penalised spline or thin
plate, whichever was better). Below it, the spacing of crop points: coefficient of variation of the distance
to the nearest neighbour, its mean relative to the spacing asked for, and the time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, RBFInterpolator

from napari_tomopick.geometry import sampling
from napari_tomopick.geometry.meshes import grid_faces
from napari_tomopick.geometry.surfaces import TracedSurface, fit_surface

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """A surface known exactly: ``place(a, b)`` over a rectangle, and the truth nearest to any point."""

    name: str
    size: tuple[float, float]
    place: Callable[[Array, Array], Array]
    truth: Callable[[Array], tuple[Array, Array]]  # signed distance and unit normal
    closed: bool = False


def plane() -> Known:
    normal = np.array([-0.2, 1.0, -0.1]) / np.linalg.norm([0.2, 1.0, 0.1])
    return Known(
        "plane",
        (70, 70),
        lambda a, b: np.stack([a, 0.2 * a + 0.1 * b, b], axis=-1),
        lambda p: (p @ normal, np.broadcast_to(normal, p.shape)),
    )


def cylinder(radius: float = 50.0) -> Known:
    def truth(p: Array) -> tuple[Array, Array]:
        radial = p * [1, 1, 0]
        length = np.linalg.norm(radial, axis=1)
        return length - radius, radial / length[:, None]

    def place(a: Array, b: Array) -> Array:
        angle = (a - 50) / radius
        return np.stack([radius * np.sin(angle), radius * np.cos(angle), b], axis=-1)

    return Known("cylinder R50", (100, 70), place, truth)


def sphere(radius: float = 60.0, *, closed: bool = False) -> Known:
    def truth(p: Array) -> tuple[Array, Array]:
        length = np.linalg.norm(p, axis=1)
        return length - radius, p / length[:, None]

    def place(a: Array, b: Array) -> Array:
        z = b - 35
        around = np.sqrt(radius**2 - z**2)
        angle = 2 * np.pi * a / (8 / 7 * 80) if closed else (a - 40) / radius
        return np.stack([around * np.sin(angle), around * np.cos(angle), z], axis=-1)

    return Known("vesicle R60" if closed else "sphere cap R60", (80, 70), place, truth, closed)


def wave(period: float = 70.0, amplitude: float = 8.0) -> Known:
    k = 2 * np.pi / period

    def truth(p: Array) -> tuple[Array, Array]:
        a = p[:, 0].copy()
        for _ in range(60):  # the foot point, by damped fixed-point steps
            slope = amplitude * k * np.cos(k * a)
            a = 0.5 * a + 0.5 * (p[:, 0] + slope * (p[:, 1] - amplitude * np.sin(k * a)))
        normal = np.stack([-amplitude * k * np.cos(k * a), np.ones_like(a), np.zeros_like(a)], axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        foot = np.stack([a, amplitude * np.sin(k * a), p[:, 2]], axis=1)
        return ((p - foot) * normal).sum(axis=1), normal

    return Known(
        "wave +-8", (80, 80), lambda a, b: np.stack([a, amplitude * np.sin(k * a), b], axis=-1), truth
    )


def clicks(known: Known, levels: int, per_level: int, jitter: float, seed: int) -> list[Array]:
    a, rng = np.linspace(0, known.size[0], per_level), np.random.default_rng(seed)
    heights = np.linspace(0, known.size[1], levels)
    exact = [known.place(a, np.full(per_level, b)) for b in heights]
    return [curve + rng.normal(0, jitter, curve.shape) for curve in exact]


def errors(known: Known, positions: Array, normals: Array) -> tuple[float, float]:
    distance, true = known.truth(positions)
    angle = np.arccos(np.abs((normals * true).sum(axis=1)).clip(0, 1))
    return float(np.sqrt((distance**2).mean())), float(np.degrees(np.sqrt((angle**2).mean())))


def thin_plate(curves: list[Array], positions: Array) -> tuple[Array, Array]:
    points = np.concatenate(curves)
    centre = points.mean(axis=0)
    axes = np.linalg.svd(points - centre)[2]
    local, at = (points - centre) @ axes.T, ((positions - centre) @ axes.T)[:, :2]
    folds = np.random.default_rng(0).permutation(len(points)) % 8
    best, best_error = 0.0, np.inf
    for smoothing in np.geomspace(1e-3, 1e7, 21):
        error = 0.0
        for fold in range(8):
            seen, left = local[folds != fold], local[folds == fold]
            guess = RBFInterpolator(seen[:, :2], seen[:, 2], smoothing=smoothing)(left[:, :2])
            error += float(((guess - left[:, 2]) ** 2).sum())
        if error < best_error:
            best, best_error = float(smoothing), error
    height = RBFInterpolator(local[:, :2], local[:, 2], smoothing=best)
    z, step = height(at), 0.01
    slopes = [(height(at + np.eye(2)[k] * step) - z) / step for k in (0, 1)]
    normals = np.column_stack([-slopes[0], -slopes[1], np.ones(len(at))]) @ axes
    return np.column_stack([at, z]) @ axes + centre, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def strips(curves: list[Array], count: int = 8) -> tuple[Array, Array]:
    import trimesh

    rows = []
    for curve in curves:
        s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
        fine = CubicSpline(s, curve)(np.linspace(0, s[-1], 400))
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
        rows.append(CubicSpline(way, fine)(np.linspace(0, way[-1], count)))
    vertices = np.stack(rows, axis=1).reshape(-1, 3)
    mesh = trimesh.Trimesh(vertices, grid_faces(count - 1, len(curves) - 1, closed=False), process=False)
    mesh = trimesh.smoothing.filter_taubin(mesh.subdivide().subdivide())
    faces = np.random.default_rng(0).choice(len(mesh.faces), 1000, p=mesh.area_faces / mesh.area)
    return mesh.triangles_center[faces], mesh.face_normals[faces]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    best_known = {
        ("plane", 8, 0): "0.00 / 0.0", ("plane", 8, 1): "0.28 / 0.9",
        ("cylinder R50", 8, 0): "0.02 / 0.4", ("cylinder R50", 8, 1): "0.44 / 3.0",
        ("cylinder R50", 8, 2): "0.81 / 4.7",
        ("sphere cap R60", 8, 0): "0.02 / 0.3", ("sphere cap R60", 8, 1): "0.49 / 3.3",
        ("wave +-8", 8, 0): "0.07 / 0.9", ("wave +-8", 8, 1): "0.62 / 5.5",
        ("wave +-8", 5, 0): "0.34 / 3.8",
    }  # fmt: skip
    runs = [(known, 8, 8) for known in (plane(), cylinder(), sphere(), wave())] + [(wave(), 5, 6)]
    runs.append((sphere(closed=True), 8, 8))
    print(f"{'surface':15} {'clicks':7} {'jitter':6} {'this project':>12} {'ms':>4} {'thin plate':>12} "
          f"{'strips':>12} {'best known':>12}")  # fmt: skip
    surfaces: list[tuple[str, TracedSurface]] = []
    for known, levels, per_level in runs:
        for jitter in (0, 1, 2):
            found, seconds = [], 0.0
            for seed in range(seeds if jitter else 1):
                curves = clicks(known, levels, per_level, jitter, seed)
                start = time.perf_counter()
                surface = fit_surface(curves)
                seconds += time.perf_counter() - start
                positions, normals = surface.samples(1000, np.random.default_rng(0))
                row = [errors(known, positions, normals)]
                if not known.closed:
                    row += [errors(known, *thin_plate(curves, positions)), errors(known, *strips(curves))]
                found.append(row)
            if jitter == 1:
                surfaces.append((known.name, surface))
            means = np.sqrt((np.array(found) ** 2).mean(axis=0))
            cells = [f"{d:.2f} / {a:.1f}" for d, a in means] + ["-"] * (3 - len(means))
            print(f"{known.name:15} {f'{levels}x{per_level}':7} {jitter:<6} {cells[0]:>12} "
                  f"{seconds / len(found) * 1e3:4.0f} {cells[1]:>12} {cells[2]:>12} "
                  f"{best_known.get((known.name, levels, jitter), '-'):>12}")  # fmt: skip

    print(f"\n{'crop points':15} {'spacing':>7} {'number':>6} {'CV':>6} {'mean':>5} {'ms':>4}")
    for name, surface in surfaces:
        mesh, _ = surface.mesh(2.0, 10**6, 0)
        for wanted in (4.0, 10.0):
            start = time.perf_counter()
            n = int(mesh.area() / wanted**2 * sampling.CANDIDATES_PER_POINT)
            positions, normals = surface.samples(max(n, 2000), np.random.default_rng(0))
            rows = sampling.poisson_disk(positions, normals, sampling.MINIMUM_TO_MEAN * wanted)
            ms = (time.perf_counter() - start) * 1e3
            gaps = sampling.spacing(positions[rows])
            print(f"{name:15} {wanted:7.0f} {len(rows):6} {gaps.std() / gaps.mean():6.3f} "
                  f"{gaps.mean() / wanted:5.2f} {ms:4.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
