"""PyTorch, which is an extra: imported when it is first needed, or missed in words that help."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

from napari_tomopick.errors import MissingExtraError

INSTALL = "pip install 'napari-tomopick[torch]'"


def torch() -> ModuleType:
    """Return PyTorch.

    Raises
    ------
    MissingExtraError
        If it is not installed, with the command that installs it.
    """
    try:
        import torch as module
    except ImportError as error:
        raise MissingExtraError(
            f"the reference network needs PyTorch, which is not installed here: {INSTALL} (where there is no "
            "graphics card, the smaller build of pytorch.org for the CPU will do)"
        ) from error
    return module


def has_torch() -> bool:
    """Whether PyTorch is installed; it is not imported."""
    return find_spec("torch") is not None


def device() -> str:
    """ "cuda" or "mps" where PyTorch finds a graphics card, else "cpu"."""
    module = torch()
    if module.cuda.is_available():
        return "cuda"
    return "mps" if module.backends.mps.is_available() else "cpu"
