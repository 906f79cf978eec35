"""What is done when Qt has deleted a widget is done once, however it goes."""

from __future__ import annotations

import gc
import weakref

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_tomopick.widgets import deletion
from napari_tomopick.widgets.deletion import when_deleted


def test_with_its_last_reference(qtbot):
    said = []
    widget = QWidget()
    when_deleted(widget, lambda: said.append(1))
    del widget
    assert said == [1]
    assert not deletion._waiting


def test_as_garbage_that_holds_what_is_to_be_done(qtbot):
    said = []
    for _ in range(50):
        widget = QWidget()
        # a heap of garbage with the callback in it, as a dock is with all its parts
        held = {"widget": widget}
        widget.held = held
        weak = weakref.ref(widget)
        when_deleted(widget, lambda weak=weak: said.append(weak()))
        del widget, held
    gc.collect()
    assert said == [None] * 50
    assert not deletion._waiting


def test_by_qt(qtbot):
    said = []
    widget = QWidget()
    when_deleted(widget, lambda: said.append(1))
    widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert said == [1]
    del widget
    gc.collect()
    assert said == [1]
