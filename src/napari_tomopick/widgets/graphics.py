"""What the graphics driver can do: a program of its own, since Qt ends the one that finds no display.

Prints its findings as JSON lines.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QApplication

from napari_tomopick.layers.tomogram_image import MAX_3D_AXIS
from napari_tomopick.protocols.doctor import Finding


def graphics() -> list[Finding]:
    """Ask the driver for its name and its largest textures."""
    application = QGuiApplication.instance() or QApplication([])
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not (context.create() and context.makeCurrent(surface)):
        return [Finding("OpenGL", "no context could be made: the window will stay empty", False)]
    try:
        from OpenGL import GL

        version, renderer = (GL.glGetString(what).decode() for what in (GL.GL_VERSION, GL.GL_RENDERER))
        flat = int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE))
        deep = int(GL.glGetIntegerv(GL.GL_MAX_3D_TEXTURE_SIZE))
    finally:
        context.doneCurrent()
        del application
    return [
        Finding("OpenGL", f"{version}, {renderer}"),
        Finding("largest texture", f"{flat} in 2D, {deep} in 3D", deep >= MAX_3D_AXIS),
    ]


if __name__ == "__main__":
    for finding in graphics():
        print(json.dumps(asdict(finding)))
