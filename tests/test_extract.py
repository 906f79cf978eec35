"""From particles to boxes on disk and their average, by the protocols."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import Cancelled, FileFormatError, ParameterError, TomopickError
from napari_tomopick.geometry.cropping import crop_oriented
from napari_tomopick.io.particles import read_particles
from napari_tomopick.io.volumes import open_volume, write_mrc
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.protocols.average import average
from napari_tomopick.protocols.extract import extract
from napari_tomopick.protocols.subtomograms import BoxWriter, read_subtomograms

SHAPE = (48, 52, 56)
TILTS = Acquisition(tilt_min_degrees=-60, tilt_max_degrees=60)


def tomogram_file(folder, volume, name="T", voxel_size=10.0, **fields) -> Tomogram:
    path = Path(folder) / f"{name}.mrc"
    write_mrc(path, volume, voxel_size)
    return Tomogram(name, path, volume.shape, voxel_size, **{"acquisition": TILTS} | fields)


@pytest.fixture
def volume():
    noise = np.random.default_rng(0).normal(size=SHAPE)
    return ndimage.gaussian_filter(noise, 1).astype(np.float32) * 10 + 3


@pytest.fixture
def tomogram(tmp_path, volume):
    return tomogram_file(tmp_path, volume)


@pytest.fixture
def particles():
    return Particles(
        positions=[[20.3, 22.0, 24.6], [30.0, 30.0, 20.0], [10.5, 40.2, 30.9]],
        rotations=Rotation.random(3, random_state=1),
        ids=[7, 2, 40],
        groups=[1, 2, 2],
        scores=[0.5, 0.25, np.nan],
        tomograms=["T"] * 3,
        voxel_size_angstrom=10.0,
    )


def left_behind(folder) -> list[str]:
    return sorted(p.name for p in Path(folder).iterdir())


def test_files_are_paired_with_particles_by_id(tmp_path, tomogram, volume, particles):
    boxes = extract(particles, [tomogram], tmp_path / "boxes", box_size=16)
    assert mrcfile.validate(tmp_path / "boxes/particle_000002.mrc")
    assert left_behind(tmp_path / "boxes") == [
        "extraction.json",
        "particle_000002.mrc",
        "particle_000007.mrc",
        "particle_000040.mrc",
        "particles.doc",
        "particles.star",
        "particles.tbl",
    ]
    with mrcfile.open(tmp_path / "boxes/particle_000040.mrc") as mrc:
        assert mrc.voxel_size.x == 10
        assert mrc.header.dmax == mrc.data.max()
        # 10.5 goes up to 11
        np.testing.assert_array_equal(mrc.data, volume[31 - 8 : 31 + 8, 40 - 8 : 40 + 8, 11 - 8 : 11 + 8])
    again = read_subtomograms(tmp_path / "boxes")
    for one in (boxes, again):
        assert one.particles.ids.tolist() == [7, 2, 40]
        np.testing.assert_allclose(one.particles.positions, particles.positions, atol=1e-6)
        np.testing.assert_allclose(one.shifts(), [[0.3, 0, -0.4], [0, 0, 0], [-0.5, 0.2, -0.1]], atol=1e-6)
        assert (one.box_size, one.voxel_size_angstrom, len(one)) == (16, 10.0, 3)
    assert (again.particles.rotations.inv() * particles.rotations).magnitude().max() < 1e-6
    assert again.particles.groups.tolist() == [1, 2, 2]
    assert again.acquisitions == {"T": TILTS}
    assert again.step.parameters["box_size"] == 16


def test_star_and_table_give_box_centre_and_shift(tmp_path, tomogram, particles):
    extract(particles, [tomogram], tmp_path / "boxes", box_size=16)
    # Dynamo: 1-based box centre in columns 24 to 26, shift in 4 to 6, and their sum is the particle
    first = (tmp_path / "boxes/particles.tbl").read_text().split("\n")[0].split()
    assert [float(v) for v in first[23:26]] == [21, 23, 26]
    np.testing.assert_allclose([float(v) for v in first[3:6]], [0.3, 0, -0.4], atol=1e-6)
    assert [float(v) for v in first[13:15]] == [-60, 60]
    import starfile

    star = starfile.read(tmp_path / "boxes/particles.star", always_dict=True)["particles"]
    assert star["rlnCoordinateX"].tolist() == [20, 30, 11]
    np.testing.assert_allclose(star["rlnOriginXAngst"], [-3, 0, 5], atol=1e-5)
    assert star["rlnImageName"].tolist() == [f"particle_{i:06d}.mrc" for i in (7, 2, 40)]
    for name in ("particles.star", "particles.tbl"):
        read = read_particles(tmp_path / "boxes" / name, tomograms=[tomogram])
        np.testing.assert_allclose(read.positions, particles.positions, atol=1e-6)


def test_tables_of_downsampled_boxes(tmp_path, tomogram, particles):
    boxes = extract(particles, [tomogram], tmp_path / "boxes", box_size=16, downsample=2)
    for name in ("particles.star", "particles.tbl"):
        read = read_particles(tmp_path / "boxes" / name, tomograms=[tomogram])
        np.testing.assert_allclose(read.rescaled(10.0).positions, particles.positions, atol=1e-6)
    # Dynamo's shift is one within the box
    table = np.loadtxt(tmp_path / "boxes/particles.tbl")
    np.testing.assert_allclose(table[:, 3:6], boxes.shifts(), atol=1e-6)
    assert table[0, 35] == 20
    import starfile

    optics = starfile.read(tmp_path / "boxes/particles.star", always_dict=True)["optics"]
    columns = ["rlnTomoTiltSeriesPixelSize", "rlnImagePixelSize", "rlnImageSize", "rlnImageDimensionality"]
    assert optics.loc[0, columns].tolist() == [10, 20, 8, 3]


def test_a_stack_holds_the_same_boxes(tmp_path, tomogram, particles):
    single = extract(particles, [tomogram], tmp_path / "single", box_size=16)
    stack = extract(particles, [tomogram], tmp_path / "stack", box_size=16, stack=True)
    for row in range(3):
        np.testing.assert_array_equal(stack.box(row), single.box(row))
    assert mrcfile.validate(tmp_path / "stack/subtomograms.mrc")
    with mrcfile.open(tmp_path / "stack/subtomograms.mrc") as mrc:
        assert mrc.is_volume_stack()
        assert mrc.data.shape == (3, 16, 16, 16)
    assert "000003@subtomograms.mrc" in (tmp_path / "stack/particles.star").read_text()


def test_boxes_that_leave_the_volume(tmp_path, tomogram, volume, particles):
    positions = particles.positions.copy()
    positions[1] = [3, 30, 20]
    moved = dataclasses.replace(particles, positions=positions)
    skipping = extract(moved, [tomogram], tmp_path / "skip", box_size=16)
    assert (skipping.skipped, skipping.particles.ids.tolist()) == ((2,), [7, 40])
    assert "1 skipped" in skipping.lines()[1]
    assert not (tmp_path / "skip/particle_000002.mrc").exists()
    assert json.loads((tmp_path / "skip/extraction.json").read_text())["skipped"] == [2]
    # the third particle has its own box, not that of the second
    np.testing.assert_array_equal(skipping.box(1), volume[23:39, 32:48, 3:19])
    padding = extract(moved, [tomogram], tmp_path / "pad", box_size=16, pad=True)
    assert (padding.skipped, padding.padded) == ((), (2,))
    inner = volume[12:28, 22:38, :11]
    np.testing.assert_array_equal(padding.box(1)[:, :, 5:], inner)
    np.testing.assert_allclose(padding.box(1)[:, :, :5], inner.mean(), rtol=1e-5)


def test_nothing_inside_is_an_error_that_doubts_the_voxel_size(tmp_path, tomogram, particles):
    wrong = dataclasses.replace(particles, voxel_size_angstrom=100.0)
    before = left_behind(tmp_path)
    with pytest.raises(ParameterError, match=r"3 of 3 positions .* 100 Å where they were picked, 10 Å here"):
        extract(wrong, [tomogram], tmp_path / "boxes", box_size=16)
    assert left_behind(tmp_path) == before


def test_other_binning(tmp_path, tomogram, volume, particles):
    from napari_tomopick.protocols.bin_tomogram import bin_tomogram

    binned = bin_tomogram(tomogram, tmp_path / "T_bin2.mrc", factor=2)
    assert (binned.name, binned.source, binned.binning) == ("T_bin2", "T", 2)
    # one tomogram and one name: they belong together
    boxes = extract(particles, [binned], tmp_path / "boxes", box_size=8)
    np.testing.assert_allclose(boxes.particles.positions, (particles.positions + 0.5) / 2 - 0.5)
    assert (boxes.voxel_size_angstrom, boxes.particles.tomograms[0]) == (20.0, "T_bin2")
    x, y, z = np.floor(boxes.particles.positions[1] + 0.5).astype(int)
    expected = open_volume(binned.path).data[z - 4 : z + 4, y - 4 : y + 4, x - 4 : x + 4]
    np.testing.assert_array_equal(boxes.box(1), expected)
    np.testing.assert_allclose(
        boxes.box(1)[4, 4, 4],
        volume[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(),
        rtol=1e-5,
    )


def test_two_tomograms_by_name(tmp_path, tomogram, volume, particles):
    other = tomogram_file(tmp_path, volume[::-1].copy(), "U")
    both = dataclasses.replace(particles, tomograms=np.array(["T", "U", "T"]))
    boxes = extract(both, [other, tomogram], tmp_path / "boxes", box_size=16, stack=True)
    assert boxes.particles.tomograms.tolist() == ["T", "U", "T"]
    np.testing.assert_array_equal(boxes.box(1), volume[::-1][12:28, 22:38, 22:38])
    np.testing.assert_array_equal(boxes.box(2), volume[23:39, 32:48, 3:19])
    strangers = dataclasses.replace(particles, tomograms=np.array(["T", "X", "T"]))
    with pytest.raises(ParameterError, match="'X', which was not given; given are U, T"):
        extract(strangers, [other, tomogram], tmp_path / "none", box_size=16)
    coarse = dataclasses.replace(other, voxel_size_angstrom=20.0)
    with pytest.raises(ParameterError, match="different voxel sizes"):
        extract(both, [coarse, tomogram], tmp_path / "none", box_size=16)


@pytest.mark.parametrize(("picked_at", "factor"), [(9.996, 1), (20.005, 2), (5.0, 0.5), (15.0, 1.5)])
def test_rounded_voxel_sizes_are_the_binning_they_come_from(tmp_path, tomogram, picked_at, factor):
    on_tomogram = np.array([[40.0, 30.0, 20.0]])
    picked = Particles((on_tomogram + 0.5) / factor - 0.5, voxel_size_angstrom=picked_at)
    boxes = extract(picked, [tomogram], tmp_path / "boxes", box_size=8)
    np.testing.assert_allclose(boxes.particles.positions, on_tomogram, atol=1e-9)
    assert any("taken as a ratio" in m for m in boxes.messages) == (picked_at in (9.996, 20.005))


def test_sub_voxel_centring_leaves_no_shift(tmp_path, particles):
    z, y, x = np.indices(SHAPE)
    px, py, pz = particles.positions[0]
    blob = np.exp(-((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / 8).astype(np.float32)
    tomogram = tomogram_file(tmp_path, blob)
    boxes = extract(particles.select([0]), [tomogram], tmp_path / "boxes", box_size=16, sub_voxel=True)
    np.testing.assert_allclose(boxes.shifts(), 0, atol=1e-12)
    np.testing.assert_allclose(ndimage.center_of_mass(boxes.box(0)), [8, 8, 8], atol=0.02)


def test_grey_values_in_order(tmp_path, tomogram, volume, particles):
    plain = extract(particles, [tomogram], tmp_path / "plain", box_size=16)
    inverted = extract(particles, [tomogram], tmp_path / "inverted", box_size=16, invert=True)
    np.testing.assert_array_equal(inverted.box(0), -plain.box(0))
    assert inverted.inverted
    options = {"downsample": 2.0, "normalise": "box", "invert": True}
    small = extract(particles, [tomogram], tmp_path / "small", box_size=16, **options)
    assert (small.box_size, small.voxel_size_angstrom) == (8, 20.0)
    np.testing.assert_allclose(small.shifts(), plain.shifts() / 2, atol=1e-6)
    box = small.box(0)
    assert (box.mean(), box.std()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, rel=1e-4))
    # the stored box is normalised last, so its contrast is that of the plain one turned over
    assert np.corrcoef(box.ravel(), -plain.box(0)[::2, ::2, ::2].ravel())[0, 1] > 0.5
    sphere = extract(particles, [tomogram], tmp_path / "sphere", box_size=16, normalise="background")
    d = np.arange(16) - 8
    outside = d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 > 64
    assert sphere.box(2)[outside].std() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_size": 15}, "even number of voxels, got 15; take 14 or 16"),
        ({"box_size": 16, "downsample": 3}, r"no even box; factors that do: .*2.66667 \(box 6\)"),
        ({"box_size": 16, "downsample": 0.5}, "no even box"),
        ({"box_size": 16, "normalise": "background", "sphere_radius": 30}, "radius 30"),
        ({"box_size": 64}, "3 skipped"),
        ({"box_size": 16, "threads": 0}, "threads must be at least 1"),
    ],
)
def test_parameters_out_of_range_write_nothing(tmp_path, tomogram, particles, options, message):
    before = left_behind(tmp_path)
    with pytest.raises(ParameterError, match=message):
        extract(particles, [tomogram], tmp_path / "boxes", **options)
    assert left_behind(tmp_path) == before


def test_particles_that_cannot_be_placed(tmp_path, tomogram, particles):
    with pytest.raises(ParameterError, match="not known"):
        extract(
            dataclasses.replace(particles, voxel_size_angstrom=None), [tomogram], tmp_path / "b", box_size=16
        )
    with pytest.raises(ParameterError, match="no particles"):
        extract(particles.select([]), [tomogram], tmp_path / "b", box_size=16)
    with pytest.raises(FileFormatError, match="when it was imported"):
        extract(particles, [dataclasses.replace(tomogram, shape=(9, 9, 9))], tmp_path / "b", box_size=16)


@pytest.mark.parametrize("sub_voxel", [False, True])
def test_nan_names_tomogram_and_particle(tmp_path, volume, particles, sub_voxel):
    volume[24, 22, 20] = np.nan
    tomogram = tomogram_file(tmp_path, volume)
    near_only_the_first = particles.select([0, 2])
    before = left_behind(tmp_path)
    with pytest.raises(FileFormatError, match=r"T.mrc: NaN .* of particles 7; .*nothing was written"):
        extract(near_only_the_first, [tomogram], tmp_path / "b", box_size=8, sub_voxel=sub_voxel)
    assert left_behind(tmp_path) == before
    extract(particles.select([2]), [tomogram], tmp_path / "b", box_size=8)


def test_boxes_of_one_grey_value_are_listed(tmp_path, particles):
    tomogram = tomogram_file(tmp_path, np.full(SHAPE, 0.1, np.float32))
    with pytest.raises(FileFormatError, match=r"one grey value.*of particles 2, 7, 40"):
        extract(particles, [tomogram], tmp_path / "b", box_size=16, normalise="box")
    extract(particles, [tomogram], tmp_path / "b", box_size=16)


def test_existing_folders_are_respected(tmp_path, tomogram, particles):
    output = tmp_path / "boxes"
    output.mkdir()  # empty: may be used
    extract(particles, [tomogram], output, box_size=16)
    with pytest.raises(ParameterError, match="exists already"):
        extract(particles, [tomogram], output, box_size=16)
    extract(particles.select([0]), [tomogram], output, box_size=8, overwrite=True)
    assert len(read_subtomograms(output)) == 1
    assert not (output / "particle_000040.mrc").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter1.txt").write_text("precious")
    with pytest.raises(ParameterError, match="something else"):
        extract(particles, [tomogram], thesis, box_size=16, overwrite=True)
    assert left_behind(thesis) == ["chapter1.txt"]


def test_cancelled_or_failed_leaves_nothing(tmp_path, tomogram, particles, monkeypatch):
    def cancel(done, total, what):
        raise Cancelled("stop")

    before = left_behind(tmp_path)
    with pytest.raises(Cancelled):
        extract(particles, [tomogram], tmp_path / "boxes", box_size=16, progress=cancel)
    assert left_behind(tmp_path) == before
    with pytest.raises(TomopickError, match="does not exist; make it first"):
        extract(particles, [tomogram], tmp_path / "no/boxes", box_size=16)

    for owner, name, error in (
        (BoxWriter, "write", OSError(28, "No space left on device")),
        (Path, "mkdir", OSError(30, "Read-only file system")),
    ):

        def fail(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            with pytest.raises(TomopickError, match=rf"boxes: {error.strerror}; nothing was changed"):
                extract(particles, [tomogram], tmp_path / "boxes", box_size=16)
        assert left_behind(tmp_path) == before


def test_read_only_folder(tmp_path, tomogram, particles, lock):
    folder = tmp_path / "locked"
    folder.mkdir()
    lock(folder)
    with pytest.raises(TomopickError, match=r"locked/boxes: Permission denied; nothing was changed"):
        extract(particles, [tomogram], folder / "boxes", box_size=16)
    boxes = extract(particles, [tomogram], tmp_path / "boxes", box_size=16)
    with pytest.raises(TomopickError, match=r"average\.mrc: Permission denied; nothing was changed"):
        average(boxes, folder / "average.mrc")
    assert not list(folder.iterdir())


def test_same_input_same_bytes(tmp_path, tomogram, particles):
    for name, threads in (("a", 1), ("b", 3)):
        extract(particles, [tomogram], tmp_path / name, box_size=16, normalise="box", threads=threads)
        average(tmp_path / name, tmp_path / f"average_{name}.mrc", missing_wedge=True, threads=threads)
    for file in left_behind(tmp_path / "a"):
        if file != "extraction.json":  # has the time
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    a, b = (open_volume(tmp_path / f"average_{name}.mrc").data for name in "ab")
    np.testing.assert_array_equal(a, b)


# --- averages ---------------------------------------------------------------------------------------------


def handed_object(n=24) -> np.ndarray:
    """Five blobs of different weight on a skew tripod: it has no symmetry and is not its own mirror image."""
    z, y, x = np.indices((n, n, n)) - n // 2
    out = np.zeros((n, n, n))
    for weight, at in (
        (1.0, (0, 0, 0)),
        (0.9, (6, 0, 0)),
        (0.7, (0, 5, 0)),
        (0.5, (0, 0, 7)),
        (0.6, (-3, -4, 3)),
    ):
        out += weight * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2) / (2 * 1.5**2))
    return out.astype(np.float32)


def planted(shape, positions, rotations) -> np.ndarray:
    """The object at each pose, put there by scipy alone: volume(p + R r) = object(r)."""
    thing = handed_object()
    volume = np.zeros(shape)
    n = 40
    for position, rotation in zip(positions, rotations, strict=True):
        corner = np.floor(position).astype(int) - n // 2
        inverse = rotation.inv().as_matrix()[::-1, ::-1]
        offset = 12 - inverse @ (position - corner)[::-1]
        part = ndimage.affine_transform(thing, inverse, offset, (n, n, n), order=3)
        x, y, z = corner
        volume[z : z + n, y : y + n, x : x + n] += part
    return volume.astype(np.float32)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    rng = np.random.default_rng(5)
    grid = np.array([[30, 30, 30], [75, 30, 30], [30, 75, 30], [75, 75, 30]])
    positions = grid + rng.uniform(-2, 2, (4, 3))
    rotations = Rotation.random(4, random_state=6)
    volume = planted((60, 105, 105), positions, rotations)
    tomogram = tomogram_file(tmp_path_factory.mktemp("field"), volume)
    return tomogram, Particles(
        positions, rotations, tomograms=np.full(4, "T"), voxel_size_angstrom=tomogram.voxel_size_angstrom
    )


def correlation(a, b) -> float:
    d = np.arange(len(a)) - len(a) // 2
    inner = d[:, None, None] ** 2 + d[:, None] ** 2 + d**2 < (len(a) // 2 - 1) ** 2
    return float(np.corrcoef(np.asarray(a)[inner], np.asarray(b)[inner])[0, 1])


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("options", [{}, {"sub_voxel": True}, {"invert": True, "stack": True}])
def test_average_recovers_the_object_with_its_hand(tmp_path, field, interpolation, options):
    tomogram, particles = field
    extract(particles, [tomogram], tmp_path / "boxes", box_size=24, **options)
    result = average(
        tmp_path / "boxes", tmp_path / "average.mrc", interpolation=interpolation, missing_wedge=False
    )
    assert (result.count, result.box_size, result.voxel_size_angstrom) == (4, 24, 10.0)
    volume = open_volume(result.path).data * (-1 if options.get("invert") else 1)
    thing = handed_object()
    assert correlation(volume, thing) > (0.995 if interpolation == "cubic" else 0.97)
    mirrored = np.zeros_like(thing)
    mirrored[1:] = thing[:0:-1]
    assert correlation(volume, mirrored) < 0.8
    assert result.picture.read_bytes()[:4] == b"\x89PNG"
    # the same by sampling the tomogram itself
    direct = crop_oriented(
        open_volume(tomogram.path).data, particles.positions, particles.rotations, 24, interpolation="cubic"
    ).mean(axis=0)
    assert correlation(volume, direct) > 0.97


def test_average_of_downsampled_boxes(tmp_path, field):
    tomogram, particles = field
    extract(particles, [tomogram], tmp_path / "boxes", box_size=24, downsample=1.5)
    result = average(tmp_path / "boxes", tmp_path / "average.mrc", missing_wedge=False)
    assert (result.box_size, result.voxel_size_angstrom) == (16, 15.0)
    small = ndimage.affine_transform(handed_object(), np.full(3, 1.5), 12 - 8 * 1.5, (16,) * 3, order=3)
    assert correlation(open_volume(result.path).data, small) > 0.97


def test_aligned_set_averages_to_the_same(tmp_path, field):
    tomogram, particles = field
    extract(particles, [tomogram], tmp_path / "boxes", box_size=24)
    first = average(tmp_path / "boxes", tmp_path / "average.mrc", missing_wedge=True)
    assert first.aligned is not None
    assert first.aligned.folder == tmp_path / "average_aligned"
    aligned = read_subtomograms(first.aligned.folder)
    np.testing.assert_allclose(aligned.shifts(), 0, atol=1e-6)
    assert aligned.particles.rotations.magnitude().max() < 1e-6
    for row in range(4):
        assert correlation(aligned.box(row), handed_object()) > 0.97
    # its particles lie as the reference does, but each still knows what its tilts have measured
    second = average(first.aligned.folder, tmp_path / "again.mrc", missing_wedge=True, aligned_set=False)
    assert second.aligned is None
    np.testing.assert_allclose(open_volume(second.path).data, open_volume(first.path).data, atol=1e-4)


def test_wedge_weighting_makes_up_for_missing_wedges(tmp_path, field):
    from napari_tomopick.geometry.missing_wedge import measured

    tomogram, particles = field
    volume = np.asarray(open_volume(tomogram.path).data)
    k = np.stack(
        np.meshgrid(
            *(
                f(n)
                for f, n in zip((np.fft.fftfreq, np.fft.fftfreq, np.fft.rfftfreq), volume.shape, strict=True)
            ),
            indexing="ij",
        )[::-1],
        axis=-1,
    )
    mask = measured(k, (-45, 60), "y")
    wedged = np.fft.irfftn(np.fft.rfftn(volume) * mask, s=volume.shape, axes=(0, 1, 2)).astype(np.float32)
    acquisition = Acquisition(tilt_min_degrees=-45, tilt_max_degrees=60)
    limited = tomogram_file(tmp_path, wedged, acquisition=acquisition)
    extract(particles, [limited], tmp_path / "boxes", box_size=24)
    scores = {}
    for weighted in (True, False):
        result = average(
            tmp_path / "boxes", tmp_path / f"{weighted}.mrc", missing_wedge=weighted, aligned_set=False
        )
        scores[weighted] = correlation(open_volume(result.path).data, handed_object())
    assert scores[True] > scores[False] + 0.005
    assert scores[True] > 0.97


def test_unknown_tilt_range(tmp_path, field):
    tomogram, particles = field
    bare = dataclasses.replace(tomogram, acquisition=Acquisition())
    extract(particles, [bare], tmp_path / "boxes", box_size=16)
    with pytest.raises(ParameterError, match="tilt range of the tomogram 'T' is not known"):
        average(tmp_path / "boxes", tmp_path / "average.mrc", missing_wedge=True)
    assert left_behind(tmp_path) == ["boxes"]
    average(tmp_path / "boxes", tmp_path / "average.mrc")


def test_cancelled_average_leaves_nothing(tmp_path, field):
    tomogram, particles = field
    extract(particles, [tomogram], tmp_path / "boxes", box_size=16)

    def cancel_at_three(done, total, what):
        if done == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        average(tmp_path / "boxes", tmp_path / "average.mrc", progress=cancel_at_three)
    assert left_behind(tmp_path) == ["boxes"]
    average(tmp_path / "boxes", tmp_path / "average.mrc")
    with pytest.raises(ParameterError, match="exists already"):
        average(tmp_path / "boxes", tmp_path / "average.mrc")
    average(tmp_path / "boxes", tmp_path / "average.mrc", overwrite=True)
    assert left_behind(tmp_path) == ["average.mrc", "average.png", "average_aligned", "boxes"]


def test_folders_that_are_no_sets_or_are_damaged(tmp_path, field):
    tomogram, particles = field
    with pytest.raises(FileFormatError, match="run extract first"):
        average(tmp_path, tmp_path / "average.mrc")
    boxes = tmp_path / "boxes"
    extract(particles, [tomogram], boxes, box_size=16)
    (boxes / "particle_000003.mrc").write_bytes(b"short")
    with pytest.raises(FileFormatError, match=r"particle_000003.mrc: the box cannot be read"):
        average(boxes, tmp_path / "average.mrc")
    description = json.loads((boxes / "extraction.json").read_text())
    (boxes / "extraction.json").write_text(json.dumps(description | {"version": 99}))
    with pytest.raises(FileFormatError, match="newer version"):
        read_subtomograms(boxes)
    (boxes / "extraction.json").write_text("{")
    with pytest.raises(FileFormatError, match="damaged"):
        read_subtomograms(boxes)


def test_a_star_that_was_changed_fits_its_boxes(tmp_path, field):
    tomogram, particles = field
    extract(particles, [tomogram], tmp_path / "boxes", box_size=24)
    star = tmp_path / "boxes/particles.star"
    lines = star.read_text().splitlines()
    rows = [i for i, line in enumerate(lines) if ".mrc" in line]
    # another order is no harm; a missing row is, since boxes would not be paired
    lines[rows[0]], lines[rows[1]] = lines[rows[1]], lines[rows[0]]
    star.write_text("\n".join(lines) + "\n")
    assert read_subtomograms(tmp_path / "boxes").particles.ids.tolist() == [1, 2, 3, 4]
    del lines[rows[0]]
    star.write_text("\n".join(lines) + "\n")
    with pytest.raises(FileFormatError, match=r"lists 3 particles and extraction.json 4 boxes"):
        read_subtomograms(tmp_path / "boxes")
