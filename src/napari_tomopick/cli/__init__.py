"""The command line: one command per step of the workflow, and `demo`, `open`, `doctor`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; errors a user can mend go to stderr with exit status 1."""
    from rich.console import Console

    from napari_tomopick.cli import (  # noqa: F401  # for their commands
        boxing,
        consensus,
        formats,
        initial_model,
        matching,
        review,
    )
    from napari_tomopick.cli.window import app
    from napari_tomopick.errors import TomopickError

    try:
        app()
    except TomopickError as error:
        # a name such as scan:a:2 is no emoji
        console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        console.print(f"[bold red]error:[/] {_plain(error)}")
        sys.exit(1)


def _plain(error: Exception) -> str:
    from rich.markup import escape

    return escape(str(error))
