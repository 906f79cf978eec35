"""The directional workflow in a real window, by real mouse and key events, from clicks to an average."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from windows import add_model, needs_a_screen, pick, put_marker, run_step, window_on

from benchmark_modules import BENCHMARKS, DATA, benchmark, needs_data
from napari_tomopick.io.models import read_models
from napari_tomopick.io.volumes import open_volume, write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.project import Session
from napari_tomopick.protocols.import_tomograms import import_tomograms
from napari_tomopick.samples import membrane_tomogram


def axis_angles(first, second):
    return np.degrees(np.arccos(np.clip(np.sum(first * second, axis=1), -1, 1)))


@needs_a_screen
def test_from_clicks_to_an_average(tmp_path):
    sample = membrane_tomogram(size=(144, 128, 64), crowns=6, ribosomes=4)
    slice_by_slice = np.argsort(sample.crowns.positions[:, 2])
    path = tmp_path / "synthetic.mrc"
    write_mrc(path, sample.volume, sample.voxel_size_angstrom)
    with window_on(Tomogram("synthetic", path, sample.volume.shape, 10.0), tmp_path) as hand:
        surface = add_model(hand, "surf")
        y, z = (grid.ravel() for grid in np.meshgrid([14.0, 40, 66, 92, 116], [14.0, 23, 32, 41, 50]))
        pick(hand, surface, sample.membrane.points(y, z))
        hand.key("ctrl+z")
        hand.until(lambda s: len(s["models"][surface]["points"]) == 24, "undo")
        hand.key("ctrl+shift+z")
        hand.until(lambda s: len(s["models"][surface]["points"]) == 25, "redo")
        put_marker(hand, surface, sample.marker)
        pick(hand, add_model(hand, "gene"), sample.crowns.positions[slice_by_slice])
        run_step(hand, "Orient", 1)
        run_step(hand, "Extract", 2)
        seen = run_step(hand, "Average", 3)
        assert Path(seen["results"][1]).exists()
    with Session.open(tmp_path / "p.tomopick") as session:
        [entry] = session.particle_sets()
        particles = session.particles(entry.uid)
        assert session.undo_label is not None
    truth = sample.crowns.directions()[slice_by_slice]
    assert axis_angles(particles.directions(), truth).max() < 12


@needs_data
@needs_a_screen
def test_crowns_on_a_membrane(tmp_path):
    data, membrane = Path(DATA), benchmark("membrane")
    truth = pd.read_csv(data / "membrane" / "membrane_surface_truth.csv").query("membrane == 'omm'")
    points, normals = truth[["x", "y", "z"]].to_numpy(), truth[["nx", "ny", "nz"]].to_numpy()
    crowns = pd.read_csv(data / "membrane" / "membrane_truth.csv").query("cls == 'crown'")
    crowns = crowns.sort_values("z")  # slice by slice, as a hand goes
    [tomogram] = import_tomograms([data / "membrane" / "membrane.mrc"], tilt_range_degrees=(-60, 60))
    with window_on(tomogram, tmp_path) as hand:
        surface = add_model(hand, "surf")
        pick(hand, surface, membrane.outer_membrane_as_clicked(points, normals, seed=0).points)
        put_marker(hand, surface, membrane.MARKER)
        pick(hand, add_model(hand, "gene"), crowns[["x", "y", "z"]].to_numpy())
        run_step(hand, "Crop", 1)
        run_step(hand, "Orient", 2)
        run_step(hand, "Extract", 3)
        run_step(hand, "Average", 4)
    with Session.open(tmp_path / "p.tomopick") as session:
        sets = {entry.step.name: session.particles(entry.uid) for entry in session.particle_sets()}
    cropped = sets["crop-points"]
    cropped = cropped.select(cropped.table["tomopickModel"].to_numpy() == surface)
    nearest = cKDTree(points).query(cropped.positions)[1]
    off = np.sum((cropped.positions - points[nearest]) * normals[nearest], axis=1)
    assert np.sqrt(np.mean(off**2)) < 1.0
    assert np.sqrt(np.mean(axis_angles(cropped.directions(), normals[nearest]) ** 2)) < 3.5
    axes = crowns[["nx", "ny", "nz"]].to_numpy()
    assert np.sqrt(np.mean(axis_angles(sets["orient"].directions(), axes) ** 2)) < 5


@needs_data
@needs_a_screen
def test_the_leaflets_of_a_real_membrane(tmp_path):
    lysosome = benchmark("lysosome")
    [model] = read_models(BENCHMARKS / "data" / "lysosome_models.json")
    [tomogram] = import_tomograms([Path(DATA) / "lysosome" / "lysosome_crop_12.3A.mrc"])
    tomogram = replace(tomogram, acquisition=Acquisition(tilt_min_degrees=-45, tilt_max_degrees=45))
    # every third click of eight of the slices: what a hand has the patience for
    clicks = np.concatenate([contour[::3] for contour in model.contours()[1:9]])
    with window_on(tomogram, tmp_path) as hand:
        surface = add_model(hand, "surf")
        pick(hand, surface, clicks)
        put_marker(hand, surface, model.marker)
        run_step(hand, "Crop", 1)
        run_step(hand, "Extract", 2)
        seen = run_step(hand, "Average", 3)
    profile = lysosome.z_profile(np.asarray(open_volume(seen["results"][1]).data))
    (inner, outer), contrast = lysosome.leaflets(profile)
    assert abs(inner + outer) / 2 < 1
    assert 2 < outer - inner < 4.5
    assert contrast > 5
