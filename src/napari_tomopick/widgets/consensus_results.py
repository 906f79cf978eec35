"""What a consensus has found: a picture and tables of who agrees with whom, and saving them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QTabWidget, QVBoxLayout, QWidget

from napari_tomopick.layers.consensus import Outcome
from napari_tomopick.protocols.agreement_words import TextTable
from napari_tomopick.widgets.dock import SPACING, row, scrolled
from napari_tomopick.widgets.picture import Picture
from napari_tomopick.widgets.table import Column, RowsTable
from napari_tomopick.widgets.texts import note

HEIGHT = 270
# five tabs beside each other in the width of a dock
TAB_STYLE = "QTabBar::tab { padding: 3px 6px; min-width: 0px; }"
PICTURE = "Picture"
PICTURES, TABLES = "PNG (*.png);;SVG (*.svg)", "CSV (*.csv)"


class ConsensusResults(QWidget):
    """Tabs with the picture and the tables; not there as long as there is nothing to show.

    Signals
    -------
    wanted(action)
        What the user asked for, a callable, to be done where errors are shown.
    """

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("consensus-results")
        self._outcome: Outcome | None = None
        self._folder = Path()
        self.title = note("consensus-title")
        self.tabs = QTabWidget()
        self.tabs.setObjectName("consensus-tabs")
        self.tabs.setStyleSheet(TAB_STYLE)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setFixedHeight(HEIGHT)
        self.save_picture = QPushButton("Save picture…")
        self.save_picture.setObjectName("save-consensus-picture")
        self.save_picture.setToolTip("As PNG, for slides, or as SVG, to be edited")
        self.save_picture.clicked.connect(lambda: self.wanted.emit(self._save_picture))
        self.save_table = QPushButton("Save table…")
        self.save_table.setObjectName("save-consensus-table")
        self.save_table.setToolTip("Every combination of sets in every tomogram, as CSV")
        self.save_table.clicked.connect(lambda: self.wanted.emit(self._save_table))
        self.saved = note("consensus-saved")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.title)
        layout.addWidget(self.tabs)
        layout.addLayout(row(self.save_picture, self.save_table))
        layout.addWidget(self.saved)
        self.hide()

    def show_outcome(self, outcome: Outcome | None, folder: Path = Path()) -> None:
        """Show what was found, or nothing; ``folder`` is where it is offered to be saved."""
        if outcome is self._outcome:
            return
        self._outcome, self._folder = outcome, folder
        before = self.tabs.tabText(self.tabs.currentIndex())
        while self.tabs.count():
            page = self.tabs.widget(0)
            self.tabs.removeTab(0)
            page.deleteLater()
        self.setVisible(outcome is not None)
        self._say_saved("")
        if outcome is None:
            return
        self.title.setText(f"<b>{outcome.title}</b>")
        if outcome.image is not None:
            picture = Picture()
            picture.setObjectName("consensus-picture")
            picture.show_image(outcome.image, outcome.title)
            self.tabs.addTab(_page("Who picked the same. Click to enlarge.", scrolled(picture)), PICTURE)
        for table in outcome.tables:
            title = table.title[:1].upper() + table.title[1:]
            self.tabs.addTab(_page(title, _view(table)), table.short)
        # the same tab as before, to compare
        names = [self.tabs.tabText(k) for k in range(self.tabs.count())]
        self.tabs.setCurrentIndex(names.index(before) if before in names else 0)
        self.tabs.setVisible(bool(names))
        for button in (self.save_picture, self.save_table):
            button.setVisible(outcome.image is not None)

    def _save_picture(self) -> None:
        self._save("Save the picture", "consensus.png", PICTURES, lambda o, path: o.save_picture(path))

    def _save_table(self) -> None:
        self._save("Save the table", "consensus.csv", TABLES, lambda o, path: o.save_table(path))

    def _save(self, title: str, name: str, kinds: str, write: Callable[[Outcome, Path], Path]) -> None:
        outcome = self._outcome
        if outcome is None:
            return
        found, kind = QFileDialog.getSaveFileName(self, title, str(self._folder / name), kinds)
        if found:
            path = Path(found)
            # a name without suffix is of the kind that was chosen
            path = path if path.suffix else path.with_suffix(".svg" if "svg" in kind else Path(name).suffix)
            self._folder = path.parent
            self._say_saved("")
            self._say_saved(f"wrote {write(outcome, path)}")

    def _say_saved(self, text: str) -> None:
        self.saved.setText(text)
        self.saved.setVisible(bool(text))


def _page(title: str, content: QWidget) -> QWidget:
    """A tab, with a line that says what is seen."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, SPACING, 0, 0)
    layout.setSpacing(SPACING)
    words = note("consensus-words")
    words.setTextFormat(Qt.TextFormat.PlainText)
    words.setText(title)
    layout.addWidget(words)
    layout.addWidget(content, 1)
    return page


def _view(table: TextTable) -> RowsTable:
    columns = [
        Column(
            name,
            # what a column shows is known by its place: names of sets may be those of other columns
            lambda texts, k=k: texts[k],  # type: ignore[misc]
            tip=lambda texts, k=k, name=name: f"{texts[0]}\n{name}: {texts[k]}" if k else texts[0],  # type: ignore[misc]
            number=k > 0,
            # where the numbers leave room enough, all of them are seen
            stretch=k == 0 and len(table.columns) <= 4,
            order=None if k == 0 else lambda texts, k=k: _number(texts[k]),  # type: ignore[misc]
        )
        for k, name in enumerate(table.columns)
    ]
    view = RowsTable(columns, lambda texts: texts, f"consensus-{table.short.lower()}")
    view.setHorizontalScrollMode(RowsTable.ScrollMode.ScrollPerPixel)
    view.let_sort()
    view.set_rows(table.rows)
    return view


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
