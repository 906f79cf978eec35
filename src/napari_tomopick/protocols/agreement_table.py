"""The table of who agrees with whom, as a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.picking.agreement import Agreement


def agreement_table(agreement: Agreement) -> pd.DataFrame:
    """One row for every tomogram and combination of pickers that occurs in it.

    Columns: ``tomogram``, one for each picker (1 where it voted), ``votes``, ``clusters`` and ``kept``.
    """
    rows = [
        [tomogram, *map(int, combination), sum(combination), int(count), int(kept)]
        for k, tomogram in enumerate(agreement.tomograms)
        for combination, count, kept in zip(
            agreement.combinations, agreement.counts[:, k], agreement.kept[:, k], strict=True
        )
        if count
    ]
    # names of pickers may be anything, "votes" too
    return pd.DataFrame(rows, columns=["tomogram", *agreement.names, "votes", "clusters", "kept"])


def save_agreement_table(path: Path, agreement: Agreement) -> None:
    """Write it as CSV, atomically.

    Raises
    ------
    TomopickError
        If it cannot be written.
    """
    with atomic_path(path) as temporary:
        agreement_table(agreement).to_csv(temporary, index=False, lineterminator="\n")
