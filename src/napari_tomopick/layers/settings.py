"""What a user has chosen for all projects: the control scheme, and the keys changed in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from napari_tomopick.errors import TomopickError
from napari_tomopick.io.atomic import atomic_path, make_folder

ENVIRONMENT = "TOMOPICK_SETTINGS"


def settings_path() -> Path:
    """Where this user's settings are kept: in the system's folder for such, or in ``TOMOPICK_SETTINGS``."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given)
    from platformdirs import user_config_path

    return user_config_path("napari-tomopick", appauthor=False) / "settings.json"


class Settings:
    """Settings in a JSON file, which is read once and written at each change.

    Parameters
    ----------
    path : path-like
        Need not exist.

    Attributes
    ----------
    scheme : str
        Name of the control scheme; "" for the default.
    bindings : dict
        For each scheme, what gestures do otherwise than in it; "" where one does nothing.
    trouble : str
        Why the file could not be read; "" if it could.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = settings_path() if path is None else Path(path)
        self.scheme = ""
        self.bindings: dict[str, dict[str, str]] = {}
        self.trouble = ""
        # of another version, to be written back as they are
        self._others: dict[str, Any] = {}
        self._read()

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self.trouble = self._damaged(getattr(error, "strerror", None) or str(error))
            return
        try:
            content = json.loads(text)
            scheme, bindings = content.pop("scheme", ""), content.pop("bindings", {})
            good = isinstance(scheme, str) and all(
                isinstance(item, str)
                for name, changes in bindings.items()
                for item in (name, *changes, *changes.values())
            )
        except (ValueError, AttributeError, TypeError):
            good = False
        if not good:
            self.trouble = self._damaged("it is not what was written")
            return
        self.scheme, self.bindings, self._others = scheme, bindings, content

    def _damaged(self, why: str) -> str:
        return (
            f"Your settings cannot be read from {self.path}: {why}. Keys and mouse are as by default; "
            "mend or delete the file to keep changes again. It was left as it is."
        )

    def save(self) -> None:
        """Write the file, wholly or not at all.

        Raises
        ------
        TomopickError
            If it cannot be written, or what is there could not be read and would be lost.
        """
        if self.trouble:
            raise TomopickError(f"This holds until napari is closed. {self.trouble}")
        content = {**self._others, "scheme": self.scheme, "bindings": self.bindings}
        make_folder(self.path.parent)
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
