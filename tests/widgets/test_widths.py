"""No dock is so narrow that something in it is cut off at the right."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QScrollArea

from napari_tomopick.widgets.dock import MARGIN
from napari_tomopick.widgets.window import DOCKS


@pytest.mark.parametrize("name", DOCKS)
def test_what_scrolls_up_and_down_fits_into_the_least_width(window, dock, name):
    shown = dock(name)
    room = shown.minimumWidth() - 2 * MARGIN
    needed = {}
    for area in shown.findChildren(QScrollArea):
        content = area.widget()
        if area.isVisible() and content is not None:
            bar = area.verticalScrollBar().sizeHint().width()
            needed[content.objectName() or type(content).__name__] = content.minimumSizeHint().width() + bar
    assert max(needed.values(), default=0) <= room, needed
