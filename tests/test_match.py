"""Template matching as a step: what is found, what is said, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tomopick.errors import Cancelled, ParameterError
from napari_tomopick.geometry.symmetry import angles_between, point_group
from napari_tomopick.io.volumes import open_volume, write_mrc
from napari_tomopick.models.tomogram import Acquisition, Tomogram
from napari_tomopick.picking.template import Template
from napari_tomopick.project import Session
from napari_tomopick.protocols import match as match_step
from napari_tomopick.protocols.jobs_match import kept_matches, match_job, matches_of, write_score_map
from napari_tomopick.protocols.match import Matched, describe_search, load_template
from small_scene import FEWER, VOXEL, SmallScene, small_scene


@pytest.fixture(scope="module", autouse=True)
def fewer_places() -> Iterator[None]:
    """In so small a tomogram there are not that many places to look at."""
    with pytest.MonkeyPatch.context() as patch:
        for module, values in FEWER.items():
            for name, value in values.items():
                patch.setattr(module, name, value)
        yield


@pytest.fixture(scope="module")
def made() -> SmallScene:
    return small_scene()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matching")


@pytest.fixture(scope="module")
def tomogram(made: SmallScene, folder: Path) -> Tomogram:
    return made.written(folder)


@pytest.fixture(scope="module")
def template(made: SmallScene) -> Template:
    return Template.of(made.map, VOXEL)


@pytest.fixture(scope="module")
def result(tomogram: Tomogram, template: Template) -> Matched:
    return match_step(tomogram, template)


def match(tomogram: Tomogram, template: Template, **options: Any) -> Matched:
    """With few orientations, for the time: some copies may be missed."""
    return match_step(tomogram, template, **{"angle_step_degrees": 24.0, **options})


def nearest(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    apart = np.linalg.norm(found[:, None] - truth[None], axis=2)
    return apart.argmin(axis=0), apart.min(axis=0)


def test_every_copy_is_found_where_it_is_as_it_lies_and_nothing_else(
    result: Matched, made: SmallScene
) -> None:
    particles = result.particles
    assert len(particles) == len(made.positions)
    row, off = nearest(particles.positions, made.positions)
    assert sorted(row.tolist()) == list(range(len(particles)))
    assert np.median(off) < 0.25
    assert off.max() < 0.8
    angles = angles_between(particles.rotations[row], made.rotations, point_group("C1"))
    assert np.median(angles) < 3
    assert angles.max() < 8
    assert (np.diff(particles.scores) <= 0).all()
    assert set(particles.tomograms) == {"small"}
    assert particles.box_size == 24
    assert particles.voxel_size_angstrom == VOXEL
    assert (particles.table["deviationsAboveChance"] > 3).all()


def test_the_other_threshold_and_number(result: Matched) -> None:
    third = result.particles.scores[2]
    assert len(result.particles_from(third)) == 3
    assert len(replace(result, number=2).particles_from(-1.0)) == 2
    assert result.false_positives(result.threshold) < 0.5
    assert result.false_positives(result.chance.middle) > 10


def test_the_same_call_gives_the_same_bytes(result: Matched, tomogram: Tomogram, template: Template) -> None:
    again = match_step(tomogram, template)
    assert again.found.positions.tobytes() == result.found.positions.tobytes()
    assert again.found.scores.tobytes() == result.found.scores.tobytes()
    assert again.threshold == result.threshold


def test_the_transfer_is_measured(result: Matched) -> None:
    frequency, values = result.found.transfer
    assert result.found.measured_transfer
    # underfocus of 2 micrometres: hardly anything at low frequency, most at 1/50 to 1/30 per Å
    low, middle = np.interp([1 / 200, 1 / 40], frequency, values)
    assert middle > 2 * low


def test_contrast_is_told_or_detected(made: SmallScene, folder: Path, template: Template) -> None:
    bright = replace(made, volume=-made.volume).written(folder, "bright")
    found = match(bright, template)
    assert any("bright" in message for message in found.messages)
    _, off = nearest(found.particles.positions, made.positions)
    assert np.median(off) < 0.3
    told = match(replace(bright, particles_are_dark=False), template)
    assert told.found.positions.tobytes() == found.found.positions.tobytes()
    assert not any("bright" in message for message in told.messages)


def test_another_voxel_size_is_resampled_and_it_is_said(
    made: SmallScene, tomogram: Tomogram, result: Matched
) -> None:
    from scipy.signal import resample

    fine = made.map
    for axis in range(3):
        fine = resample(fine, 48, axis=axis)
    # what was voxel 12 of 24 is voxel 24 of 48
    found = match(tomogram, Template.of(fine, VOXEL / 2))
    assert "resampled" in " ".join(found.messages)
    assert found.particles.box_size == 24
    _, off = nearest(found.particles.positions, made.positions)
    assert np.median(off) < 0.3


@pytest.mark.parametrize(
    "options",
    [
        {"exact": True, "angle_step_degrees": 30.0},
        {"background_correction": True},
        {"contrast_transfer_from": "defocus", "defocus_angstrom": 20000.0},
    ],
    ids=["exact", "background", "defocus"],
)
def test_other_ways_find_the_same(
    options: dict[str, object], tomogram: Tomogram, template: Template, made: SmallScene
) -> None:
    found = match(tomogram, template, **options)  # type: ignore[arg-type]
    best = found.particles_from(-np.inf).positions[: len(made.positions)]
    _, off = nearest(best, made.positions)
    assert (off < 1.5).mean() >= 0.6


def test_only_where_a_mask_lets_it(
    tomogram: Tomogram, template: Template, made: SmallScene, folder: Path
) -> None:
    mask = np.zeros(made.volume.shape, np.float32)
    mask[:, :, :48] = 1
    for name, shown in (("whole", mask), ("binned", mask[::2, ::2, ::2].copy())):
        path = folder / f"{name}_mask.mrc"
        write_mrc(path, shown, VOXEL)
        particles = match(tomogram, template, tomogram_mask=path).particles
        inside = made.positions[:, 0] < 46.5
        _, off = nearest(particles.positions, made.positions[inside])
        assert np.median(off) < 0.5
        assert (particles.positions[:, 0] < 50).all()
    path = folder / "wrong_mask.mrc"
    write_mrc(path, mask[:30], VOXEL)
    with pytest.raises(ParameterError, match="a binning of it"):
        match(tomogram, template, tomogram_mask=path)


def test_a_few_sections_are_searched_in_their_own_place(
    tomogram: Tomogram, template: Template, made: SmallScene, tmp_path: Path
) -> None:
    z = made.positions[:, 2]
    low, high = 26, 42
    found = match(tomogram, template, sections=(low, high), threshold=0.0)
    at = found.found.positions[:, 2]
    # a peak within the sections may be refined to a place a little outside
    assert ((at > low - 2.5) & (at < high + 2.5)).all()
    wanted = made.positions[(z > low) & (z < high)]
    assert len(wanted) >= 2
    _, off = nearest(found.found.positions[: 2 * len(wanted)], wanted)
    assert np.median(off) < 0.5
    # the map says where it lies: its highest score is at the best particle
    path = tmp_path / "scores.mrc"
    spacing = write_score_map(path, found)
    volume = open_volume(path)
    top = np.unravel_index(np.argmax(volume.data), volume.data.shape)[::-1]
    origin = np.array(volume.origin_angstrom)
    assert 0 < found.first_section < low
    assert np.abs((np.array(top) * spacing + origin) / VOXEL - wanted).max(axis=1).min() < 2.5


def test_particles_cut_by_the_faces_may_be_left_out(tomogram: Tomogram, template: Template) -> None:
    found = match(tomogram, template, rmedge=True, threshold=-1.0).found.positions
    radius = template.diameter_angstrom / VOXEL / 2
    assert (found[:, :2] > radius - 2.5).all()
    assert (found[:, 0] < 95 - radius + 2.5).all()


def test_regions_of_the_wrong_size_are_left_out(tomogram: Tomogram, template: Template) -> None:
    none = match(tomogram, template, minvol=1e6)
    assert len(none.found.scores) == 0
    assert len(match(tomogram, template, minvol=1.0, maxvol=1e6).particles) >= 4


def test_vthr_counts_in_deviations_above_chance(tomogram: Tomogram, template: Template) -> None:
    found = match(tomogram, template, vthr=6.0)
    assert found.threshold == pytest.approx(found.chance.at(6.0))
    assert found.particles.table["deviationsAboveChance"].min() >= 6.0


def test_cancelling_leaves_nothing(tomogram: Tomogram, template: Template) -> None:
    seen = []

    def progress(done: int, total: int, text: str) -> None:
        seen.append((done, total, text))
        if done > total // 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        match(tomogram, template, progress=progress)
    assert [d for d, _, _ in seen] == sorted(d for d, _, _ in seen)
    assert {"reading", "searching"} <= {text for _, _, text in seen}


def test_what_makes_no_sense_is_refused(tomogram: Tomogram, template: Template, folder: Path) -> None:
    with pytest.raises(ParameterError, match="tilt range is not known"):
        match(replace(tomogram, acquisition=Acquisition()), template)
    with pytest.raises(ParameterError, match="give one of them"):
        match(tomogram, template, threshold=0.1, vthr=5.0)
    with pytest.raises(ParameterError, match="give the defocus"):
        match(tomogram, template, contrast_transfer_from="defocus")
    with pytest.raises(ParameterError, match="check both voxel sizes"):
        match(tomogram, Template.of(np.asarray(template.density), 100.0))
    with pytest.raises(ParameterError, match="sections go from 0 to 55"):
        match(tomogram, template, sections=(10, 99))
    path = folder / "template.mrc"
    write_mrc(path, template.density, VOXEL)
    with pytest.raises(ParameterError, match="no point group"):
        load_template(path, symmetry="Q3")


def test_how_much_is_compared_is_said_beforehand(template: Template) -> None:
    assert describe_search(template, 15.0) == "4401 orientations, 15° apart"
    twelve = replace(template, symmetry="C12")
    assert describe_search(twelve, 15.0) == "367 orientations that differ under C12, 15° apart"


def test_in_a_project_the_set_is_replaced_and_undone(
    tomogram: Tomogram, template: Template, folder: Path
) -> None:
    path = folder / "template.mrc"
    write_mrc(path, template.density, VOXEL)
    with Session.create(folder / "p.tomopick") as session:
        session.add_tomogram(tomogram)
        step = {"angle_step_degrees": 30.0}
        job = match_job(session, ["small"], template, path, step, maps=folder / "maps")
        text = job.record(session, job.compute(None))
        assert " particles with a score" in text
        found = matches_of(session, "template")
        assert found is not None
        assert found.step.parameters["symmetry"] == "C1"
        assert found.step.parameters["angle_step_degrees"] == 30.0
        before = len(session.particles(found.uid))
        assert before >= 4
        assert (folder / "maps" / "small_template_scores.mrc").is_file()
        again = match_job(session, ["small"], template, path, {**step, "number": 4})
        again.record(session, again.compute(None))
        kept = kept_matches(session, "template", "small")
        assert kept is not None
        assert len(kept) == 4
        assert len(session.particle_sets()) == 1
        session.undo()
        assert len(session.particles(found.uid)) == before


def test_the_map_peaks_where_particles_are(result: Matched, made: SmallScene, folder: Path) -> None:
    spacing = write_score_map(folder / "scores.mrc", result)
    assert spacing == pytest.approx(VOXEL * result.found.grid.factors.mean())
    at = np.rint(result.found.grid.to_grid(made.positions)).astype(int)
    values = result.found.score_map[tuple(at[:, ::-1].T)]
    assert np.median(values) > np.percentile(result.found.score_map, 99)
