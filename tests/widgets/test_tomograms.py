"""The Tomograms dock: a list that is sorted, filtered and quick, and what can be done from it."""

import time
from collections import Counter

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDialog, QMessageBox, QWidget

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.tomogram_image import load_tomogram
from napari_tomopick.layers.workspace import run_at_once, workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.project import Session, TomogramStatus
from napari_tomopick.widgets.dock import WIDTH
from napari_tomopick.widgets.status_overview import segments
from napari_tomopick.widgets.table import natural_key
from napari_tomopick.widgets.tomogram_properties import PropertiesDialog
from napari_tomopick.widgets.tomograms import TomogramsDock

SHAPE = (20, 30, 40)
NAME, STATUS, POINTS, PARTICLES, VOXEL_SIZE, SIZE = range(6)


def listed(dock, column=NAME):
    """What a column of the table shows, from top to bottom."""
    model = dock.table.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def select(dock, *names):
    """Select rows as with Ctrl held."""
    selection = dock.table.selectionModel()
    selection.clearSelection()
    for row, name in enumerate(listed(dock)):
        if name in names:
            flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
            selection.select(dock.table.model().index(row, 0), flags)
            selection.setCurrentIndex(dock.table.model().index(row, 0), selection.SelectionFlag.NoUpdate)


@pytest.fixture
def many(tmp_path, qtbot):
    """A dock, without a napari window, on a project with 12 tomograms that have different everything."""
    workspace = workspace_for(ViewerModel())
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    with Session.create(tmp_path / "many.tomopick") as session:
        for i in range(12):
            path = tmp_path / f"tomo_{i}.mrc"
            write_mrc(path, volume, 10.0)
            session.add_tomogram(Tomogram(f"tomo_{i}", path, SHAPE, 9.5 if i == 3 else 10.0))
        session.add_model(Model("outer", tomogram="tomo_2", points=np.ones((9, 3))))
        session.add_model(Model("<inner>", tomogram="tomo_2", points=np.ones((2, 3))))
        session.add_model(Model("m", tomogram="tomo_10", points=np.ones((100, 3))))
        particles = Particles(np.ones((5, 3)), tomograms=["tomo_2"] * 2 + ["tomo_4"] * 3)
        session.add_particles("crowns", particles, Step("manual"))
        session.set_status("tomo_2", TomogramStatus.DONE)
        session.set_status("tomo_4", TomogramStatus.IN_PROGRESS)
    workspace.open_project(tmp_path / "many.tomopick")
    dock = TomogramsDock(workspace.viewer)
    workspace.run = run_at_once
    qtbot.addWidget(dock)
    dock.resize(WIDTH, 600)
    dock.show()
    yield dock
    workspace.close_project()


# the list


def test_numbers_in_names_are_numbers():
    assert sorted(["t_10", "T_9", "t_1b", "t_1a", ""], key=natural_key) == ["", "t_1a", "t_1b", "T_9", "t_10"]


def test_all_is_told_of_each(many):
    assert listed(many)[:3] == ["tomo_0", "tomo_1", "tomo_2"]
    assert [listed(many, column)[2] for column in range(6)] == [
        *("tomo_2", "done", "11", "2", "10", "40 × 30 × 20")
    ]
    tips = [many.table.model().index(2, c).data(Qt.ItemDataRole.ToolTipRole) for c in (POINTS, PARTICLES)]
    assert "outer" in tips[0]
    assert "&lt;inner&gt;" in tips[0]
    assert "crowns" in tips[1]
    select(many, "tomo_2")
    told = many.details.text()
    for part in ("outer</b>", "outer&nbsp;<b>9</b>", "&lt;inner&gt;&nbsp;<b>2</b>", "crowns&nbsp;<b>2</b>"):
        assert (part in told) == (part != "outer</b>")
    assert "40 × 30 × 20 voxels of 10 Å" in told
    select(many, "tomo_2", "tomo_10")
    assert "2 tomograms selected: 111 points, 2 particles" in many.details.text()


@pytest.mark.parametrize(
    ("column", "first", "last"),
    [
        (NAME, "tomo_0", "tomo_11"),
        (STATUS, "tomo_0", "tomo_2"),
        (POINTS, "tomo_0", "tomo_10"),
        (PARTICLES, "tomo_0", "tomo_4"),
        (VOXEL_SIZE, "tomo_3", "tomo_11"),
        (SIZE, "tomo_0", "tomo_11"),
    ],
)
def test_each_column_sorts(many, column, first, last):
    many.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    assert (listed(many)[0], listed(many)[-1]) == (first, last)
    values = listed(many, POINTS)
    many.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    if column == POINTS:
        assert values == ["0"] * 10 + ["11", "100"]
        assert listed(many, POINTS) == values[::-1]
    assert [row.tomogram.name for row, _ in many.table.order.whole(many.table.rows)] == listed(many)


def test_clicks_on_a_header_sort_up_down_and_no_more(many, qtbot):
    header = many.table.horizontalHeader()
    seen = []
    for _ in range(3):
        at = QPoint(header.sectionViewportPosition(POINTS) + 10, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
        title = many.table.model().headerData(POINTS, Qt.Orientation.Horizontal)
        seen.append((listed(many)[0], listed(many)[-1], title))
    assert seen == [
        ("tomo_0", "tomo_10", "Points ▴"),
        ("tomo_10", "tomo_11", "Points ▾"),
        ("tomo_0", "tomo_11", "Points"),
    ]


def test_the_list_follows_edits_in_its_order(many, qtbot):
    many.table.sortByColumn(POINTS, Qt.SortOrder.DescendingOrder)
    select(many, "tomo_5", "tomo_2")
    session = many.workspace.session
    session.add_model(Model("new", tomogram="tomo_7", points=np.ones((200, 3))))
    qtbot.waitUntil(lambda: listed(many)[0] == "tomo_7")
    assert listed(many)[:3] == ["tomo_7", "tomo_10", "tomo_2"]
    # what was selected still is, wherever it went
    assert {row.tomogram.name for row in many.table.selected} == {"tomo_5", "tomo_2"}
    for name in ("new_1", "new_2"):
        session.add_tomogram(Tomogram(name, session.tomogram("tomo_0").path, SHAPE, 10.0))
    session.add_model(Model("new", tomogram="new_2", points=np.ones((150, 3))))
    qtbot.waitUntil(lambda: listed(many)[:4] == ["tomo_7", "new_2", "tomo_10", "tomo_2"])
    session.remove_tomogram("new_2")
    session.remove_tomogram("tomo_7")
    qtbot.waitUntil(lambda: "tomo_7" not in listed(many))
    assert {row.tomogram.name for row in many.table.selected} == {"tomo_5", "tomo_2"}
    assert listed(many)[:2] == ["tomo_10", "tomo_2"]


def test_names_and_statuses_are_filtered(many, qtbot):
    qtbot.keyClicks(many.filter, "O_1 tomo")
    assert listed(many) == ["tomo_1", "tomo_10", "tomo_11"]
    many.filter.clear()
    many.status_filter.setCurrentIndex(many.status_filter.findData(TomogramStatus.DONE))
    assert listed(many) == ["tomo_2"]
    many.workspace.session.set_status("tomo_6", TomogramStatus.DONE)
    qtbot.waitUntil(lambda: listed(many) == ["tomo_2", "tomo_6"])
    many.overview.words.linkActivated.emit("in_progress")
    assert listed(many) == ["tomo_4"]
    many.overview.words.linkActivated.emit("in_progress")
    assert len(listed(many)) == 12


def test_a_project_of_hundreds_is_listed_at_once(tmp_path, qtbot):
    names = [f"tomo_{i}" for i in range(500)]
    with Session.create(tmp_path / "p.tomopick") as session, session.edit("fill"):
        for name in names:
            session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
        for k in range(5):
            particles = Particles(np.ones((1000, 3)), tomograms=np.repeat(names, 2))
            session.add_particles(f"set {k}", particles, Step("manual"))
        uids = [session.add_model(Model("m", tomogram=name, points=np.eye(3))) for name in names[:20]]
    workspace = workspace_for(ViewerModel())
    workspace.open_project(tmp_path / "p.tomopick")
    dock = TomogramsDock(workspace.viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.table.sortByColumn(POINTS, Qt.SortOrder.DescendingOrder)
    times = []
    for uid in uids[:5]:
        workspace.session.add_points(uid, [[1, 2, 3]], [3])
        start = time.perf_counter()
        dock.refresh()
        times.append(time.perf_counter() - start)
    assert listed(dock)[:6] == [*names[:5], "tomo_5"]
    assert listed(dock, PARTICLES)[0] == "10"
    assert min(times) < 0.05
    workspace.close_project()


def test_what_matters_most_fits_without_scrolling(many, qtbot):
    many.workspace.tomograms.set_status(["tomo_10", "tomo_11"], TomogramStatus.NOTHING_HERE)
    many.setFixedWidth(WIDTH)
    qtbot.wait(60)
    header, width = many.table.horizontalHeader(), many.table.viewport().width()
    assert header.sectionViewportPosition(PARTICLES) + header.sectionSize(PARTICLES) <= width + 2
    metrics = many.table.fontMetrics()
    assert header.sectionSize(NAME) > metrics.horizontalAdvance("tomo_10")
    assert header.sectionSize(STATUS) > metrics.horizontalAdvance("nothing here")
    # the further columns are there to be scrolled to, at their full width
    assert header.sectionSize(SIZE) > metrics.horizontalAdvance("40 × 30 × 20")


# progress


def test_the_bar_gives_each_status_its_share():
    S = TomogramStatus
    parts = segments(Counter({S.TODO: 75, S.DONE: 25}), 101.0)
    assert parts == [(S.DONE, 0.0, 25.0), (S.TODO, 26.0, 75.0)]
    # one among a thousand is still seen, and all of it fits
    parts = segments(Counter({S.TODO: 999, S.NOTHING_HERE: 1}), 300.0)
    assert parts[0][2] > 2.9
    assert parts[-1][1] + parts[-1][2] == pytest.approx(300.0)
    assert segments(Counter(), 300.0) == []


def test_progress_is_in_sight(many, qtbot):
    words = many.findChild(QWidget, "status-words")
    assert "1&nbsp;done" in words.text()
    assert "10&nbsp;to&nbsp;do" in words.text()
    assert "nothing" not in words.text()
    many.workspace.tomograms.set_status(["tomo_0"], TomogramStatus.NOTHING_HERE)
    qtbot.waitUntil(lambda: "1&nbsp;nothing&nbsp;here" in words.text())
    colours = many.overview.bar.grab().toImage()
    middle = colours.height() - 2
    assert colours.pixelColor(2, middle).name() == "#2fb170"
    assert colours.pixelColor(colours.width() - 2, middle).name() == "#8a9099"


# opening


def test_double_click_and_enter_open(many, qtbot):
    select(many, "tomo_4")
    many.table.setFocus()
    qtbot.keyClick(many.table, Qt.Key.Key_Down)
    qtbot.keyClick(many.table, Qt.Key.Key_Return)
    assert many.workspace.tomogram_name == "tomo_5"
    at = many.table.visualRect(many.table.model().index(1, STATUS)).center()
    qtbot.mouseClick(many.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(many.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert many.workspace.tomogram_name == "tomo_1"


def test_next_and_previous_go_as_it_is_sorted_and_filtered(many):
    workspace = many.workspace
    many.table.sortByColumn(POINTS, Qt.SortOrder.DescendingOrder)
    many.filter.setText("tomo_1")
    workspace.open_neighbour(1)
    assert workspace.tomogram_name == "tomo_10"
    workspace.open_neighbour(1)
    assert workspace.tomogram_name == "tomo_1"
    # one that drops out of the filter keeps its place in the order
    many.filter.clear()
    many.status_filter.setCurrentIndex(many.status_filter.findData(TomogramStatus.TODO))
    workspace.open_tomogram("tomo_10")
    workspace.tomograms.set_status(["tomo_10", "tomo_0"], TomogramStatus.DONE)
    # at once, also before the dock shows it
    workspace.open_neighbour(1)
    assert workspace.tomogram_name == "tomo_1"


def test_a_dock_that_is_gone_leaves_the_order_of_the_project(many):
    workspace = many.workspace
    other = TomogramsDock(workspace.viewer)
    workspace.run = run_at_once
    other.filter.setText("tomo_1")
    other.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    workspace.open_neighbour(1)
    assert workspace.tomogram_name == "tomo_0"
    assert workspace.tomograms.listing is None


def test_a_window_stays_alive_while_one_is_opened(window, dock, qtbot, monkeypatch):
    workspace = workspace_for(window)
    dock("Tomograms")

    def slow(*arguments):
        time.sleep(0.6)  # as on a network drive
        return load_tomogram(*arguments)

    monkeypatch.setattr("napari_tomopick.layers.workspace.load_tomogram", slow)
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(workspace.tomogram_name))
    timer.start(20)
    workspace.open_tomogram("tomo_2")
    # the first goes on being shown, sliced and picked in
    window.dims.set_point(0, 3)
    workspace.session.add_points(workspace.picking.active.uid, [[1.0, 2, 3]], [3])
    assert len(workspace.picking.view.points.data) == 1
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_2")
    assert ticks.count("tomo_1") >= 10


def test_opening_is_shown_and_can_be_cancelled(window, dock, press, qtbot):
    workspace = workspace_for(window)
    workspace.session.add_points(workspace.picking.active.uid, [[1.0, 2, 3]], [3])
    tomograms = dock("Tomograms")
    tomograms.table.doubleClicked.emit(tomograms.table.model().index(1, 0))
    assert workspace.loading == "tomo_2"
    assert workspace.tomogram_name == "tomo_1"
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_2")
    qtbot.waitUntil(lambda: not tomograms.busy.isVisible())
    waiting, run = [], workspace.run
    workspace.run = lambda *job: waiting.append(job)
    tomograms.table.doubleClicked.emit(tomograms.table.model().index(0, 0))
    qtbot.waitUntil(tomograms.busy.isVisible)
    assert tomograms.opening.text() == "Opening tomo_1 …"
    press(tomograms, "cancel-opening")
    qtbot.waitUntil(lambda: not tomograms.busy.isVisible())
    run(*waiting[0])
    qtbot.wait(150)
    assert (workspace.tomogram_name, workspace.loading) == ("tomo_2", "")


def test_a_file_that_is_gone_is_said_in_the_dock(many, qtbot):
    many.workspace.open_tomogram("tomo_1")
    many.workspace.session.tomogram("tomo_8").path.unlink()
    select(many, "tomo_8")
    many.table.opened.emit(many.table.current)
    said = many.findChild(QWidget, "trouble")
    qtbot.waitUntil(said.isVisible)
    assert "tomo_8.mrc" in said.text()
    assert many.workspace.tomogram_name == "tomo_1"


def test_the_list_goes_along_with_what_is_on_the_screen(many, qtbot):
    workspace = many.workspace
    select(many, "tomo_9", "tomo_2")
    workspace.open_tomogram("tomo_4")
    qtbot.waitUntil(lambda: [s.tomogram.name for s in many.table.selected] == ["tomo_4"])
    workspace.open_neighbour(1)
    qtbot.waitUntil(lambda: [s.tomogram.name for s in many.table.selected] == ["tomo_5"])
    # an edit does not take the user away from what was selected since
    select(many, "tomo_9")
    workspace.tomograms.set_status(["tomo_5"], TomogramStatus.DONE)
    qtbot.waitUntil(lambda: listed(many, STATUS)[5] == "done")
    assert [s.tomogram.name for s in many.table.selected] == ["tomo_9"]


def test_with_nothing_selected_the_one_on_the_screen_is_meant(many, qtbot):
    workspace = many.workspace
    select(many, "tomo_9")
    many.filter.setText("tomo_1")
    assert not many.table.selected
    assert not many.empty_button.isEnabled()
    workspace.open_tomogram("tomo_4")
    qtbot.waitUntil(many.empty_button.isEnabled)
    assert "On the screen: <b>tomo_4</b>" in many.details.text()
    many.empty_button.click()
    assert workspace.session.status("tomo_4") is TomogramStatus.NOTHING_HERE
    assert workspace.session.status("tomo_9") is TomogramStatus.TODO


# what is done with several


def test_status_is_set_for_all_selected_and_undone_at_once(many, qtbot):
    select(many, "tomo_1", "tomo_2", "tomo_9")
    assert many.status.currentIndex() == -1
    many.status.activated.emit(many.status.findData(TomogramStatus.NOTHING_HERE))
    session = many.workspace.session
    empty = [s.tomogram.name for s in session.summaries() if s.status is TomogramStatus.NOTHING_HERE]
    assert empty == ["tomo_1", "tomo_2", "tomo_9"]
    qtbot.wait(60)
    assert [row.tomogram.name for row in many.table.selected] == empty
    assert many.status.currentText() == "nothing here"
    session.undo()
    assert session.status("tomo_2") is TomogramStatus.DONE
    assert session.status("tomo_9") is TomogramStatus.TODO


def test_saved_as_empty_with_one_button_and_no_model(many, qtbot):
    select(many, "tomo_11")
    qtbot.mouseClick(many.empty_button, Qt.MouseButton.LeftButton)
    assert many.workspace.session.status("tomo_11") is TomogramStatus.NOTHING_HERE
    qtbot.waitUntil(lambda: listed(many, STATUS)[11] == "nothing here")


def test_a_point_makes_a_tomogram_in_progress(many, qtbot):
    workspace = many.workspace
    workspace.open_tomogram("tomo_0")
    workspace.picking.add_model(ModelType.GENERAL)
    workspace.viewer.dims.set_point(0, 9)
    workspace.picking.points_added(np.array([[5.0, 5.0, 9.0]]))
    qtbot.waitUntil(lambda: listed(many, STATUS)[0] == "in progress")
    assert listed(many, POINTS)[0] == "1"


def test_several_are_removed_after_a_question(many, monkeypatch):
    asked = []

    def question(_parent, _title, text):
        asked.append(text)
        return QMessageBox.StandardButton.Yes if len(asked) > 1 else QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", question)
    select(many, "tomo_1", "tomo_2")
    for remaining in (12, 10):
        many.reported(many._remove)
        assert len(many.workspace.session.tomograms()) == remaining
    assert "tomo_1, tomo_2" in asked[0]


# properties


def dialog_of(many, *names):
    select(many, *names)
    many.properties_button.click()
    return many.findChild(QDialog, "tomogram-properties")


def test_properties_of_one_are_corrected(many, qtbot):
    dialog = dialog_of(many, "tomo_3")
    assert (dialog.name.text(), dialog.voxel_size.text(), dialog.tilt_min.text()) == ("tomo_3", "9.5", "")
    dialog.name.setText("lamella 3")
    dialog.voxel_size.setText("7,84")
    dialog.tilt_min.setText("−51")
    dialog.tilt_max.setText("48")
    dialog.contrast.setCurrentIndex(1)
    dialog.accept()
    tomogram = many.workspace.session.tomogram("lamella 3")
    assert tomogram.voxel_size_angstrom == 7.84
    assert tomogram.acquisition.tilt_range_degrees == (-51, 48)
    assert tomogram.particles_are_dark is True
    qtbot.waitUntil(lambda: listed(many)[3] == "lamella 3")
    assert listed(many, VOXEL_SIZE)[3] == "7.84"
    many.workspace.undo()
    assert many.workspace.session.tomogram("tomo_3").voxel_size_angstrom == 9.5


def test_properties_of_many_leave_alone_what_is_not_touched(many):
    before = {t.name: t for t in many.workspace.session.tomograms()}
    dialog = dialog_of(many, "tomo_3", "tomo_5")
    assert (dialog.voxel_size.text(), dialog.voxel_size.placeholderText()) == ("", "different")
    assert not dialog.name.isVisible()
    dialog.tilt_min.setText("-60")
    dialog.tilt_max.setText("60")
    dialog.accept()
    after = {t.name: t for t in many.workspace.session.tomograms()}
    assert [after[n].acquisition.tilt_range_degrees for n in ("tomo_3", "tomo_5")] == [(-60, 60)] * 2
    assert [after[n].voxel_size_angstrom for n in ("tomo_3", "tomo_5")] == [9.5, 10.0]
    assert all(after[n] == before[n] for n in before if n not in ("tomo_3", "tomo_5"))


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("voxel_size", "ten", "'ten' is no number"),
        ("voxel_size", "-1", "voxel size"),
        ("tilt_min", "-60", "highest"),
        ("name", "tomo_4", "named 'tomo_4' already"),
    ],
)
def test_properties_that_cannot_be_are_said_and_the_dialog_stays(many, field, text, told):
    before = many.workspace.session.tomograms()
    dialog = dialog_of(many, "tomo_3")
    getattr(dialog, field).setText(text)
    dialog.accept()
    assert dialog.isVisible()
    assert told in dialog.trouble.text()
    assert many.workspace.session.tomograms() == before
    dialog.reject()


def test_properties_left_alone_are_no_edit(many):
    label = many.workspace.session.undo_label
    dialog = dialog_of(many, "tomo_3")
    assert PropertiesDialog.facts(dialog) == {}
    dialog.accept()
    assert many.workspace.session.undo_label == label


# dropping files


def drop(dock, *paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), copy, data, left, none)
    enter.ignore()
    QApplication.sendEvent(dock, enter)
    if enter.isAccepted():
        QApplication.sendEvent(dock, QDropEvent(QPointF(5, 5), copy, data, left, none))
    return enter.isAccepted()


def test_dropped_tomograms_are_imported_and_a_dropped_project_is_opened(many, tmp_path):
    write_mrc(tmp_path / "new_1.mrc", np.zeros(SHAPE, np.float32), 8.0)
    write_mrc(tmp_path / "new_2.mrc", np.zeros(SHAPE, np.float32), 8.0)
    assert drop(many, tmp_path / "new_1.mrc", tmp_path / "new_2.mrc")
    session = many.workspace.session
    assert [t.name for t in session.tomograms()][-2:] == ["new_1", "new_2"]
    assert session.undo_label == "Import 2 tomograms"
    with Session.create(tmp_path / "other.tomopick"):
        pass
    assert drop(many, tmp_path / "other.tomopick")
    assert many.workspace.session.path == tmp_path / "other.tomopick"
    assert not drop(many)


def test_dropping_without_a_project_says_what_to_do(qtbot, tmp_path):
    workspace = workspace_for(ViewerModel())
    dock = TomogramsDock(workspace.viewer)
    qtbot.addWidget(dock)
    drop(dock, tmp_path / "new.mrc")
    assert "No project is open" in workspace.trouble
