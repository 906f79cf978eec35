"""The tables of a project file, and how a file made by an older version is brought up to date.

A project is one SQLite file that anyone may read with ``sqlite3`` (while no window has it open): positions
are x, y, z in voxels, a missing value is NULL, and what has no column of its own is JSON text.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from napari_tomopick import __version__

APPLICATION_ID = 0x746F6D70  # "tomp": tells a project from the SQLite files of other programs

_VERSION_1 = (
    """CREATE TABLE project (key TEXT PRIMARY KEY, value TEXT)""",
    """CREATE TABLE steps (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, parameters TEXT NOT NULL, inputs TEXT NOT NULL,
        seed INTEGER, version TEXT NOT NULL, created TEXT NOT NULL)""",
    """CREATE TABLE tomograms (
        name TEXT PRIMARY KEY, number INTEGER NOT NULL, path TEXT NOT NULL,
        nz INTEGER NOT NULL, ny INTEGER NOT NULL, nx INTEGER NOT NULL, voxel_size_angstrom REAL NOT NULL,
        origin_x_angstrom REAL NOT NULL, origin_y_angstrom REAL NOT NULL, origin_z_angstrom REAL NOT NULL,
        particles_are_dark INTEGER, source TEXT, binning INTEGER NOT NULL, acquisition TEXT NOT NULL,
        status TEXT NOT NULL, step INTEGER REFERENCES steps (id)) WITHOUT ROWID""",
    """CREATE TABLE models (
        uid TEXT PRIMARY KEY, number INTEGER NOT NULL, tomogram TEXT NOT NULL REFERENCES tomograms (name),
        name TEXT NOT NULL, type TEXT NOT NULL, marker_x REAL, marker_y REAL, marker_z REAL,
        group_id INTEGER NOT NULL, colour TEXT NOT NULL, parameters TEXT NOT NULL, box_size INTEGER,
        voxel_size_angstrom REAL NOT NULL, UNIQUE (tomogram, name)) WITHOUT ROWID""",
    """CREATE TABLE points (
        model TEXT NOT NULL REFERENCES models (uid), number INTEGER NOT NULL,
        x REAL NOT NULL, y REAL NOT NULL, z REAL NOT NULL, level INTEGER NOT NULL,
        PRIMARY KEY (model, number)) WITHOUT ROWID""",
    """CREATE TABLE particle_sets (
        uid TEXT PRIMARY KEY, number INTEGER NOT NULL, name TEXT NOT NULL UNIQUE, colour TEXT NOT NULL,
        further_columns TEXT NOT NULL, voxel_size_angstrom REAL, box_size INTEGER,
        step INTEGER NOT NULL REFERENCES steps (id)) WITHOUT ROWID""",
    """CREATE TABLE particles (
        particle_set TEXT NOT NULL REFERENCES particle_sets (uid), id INTEGER NOT NULL,
        number INTEGER NOT NULL, tomogram TEXT NOT NULL REFERENCES tomograms (name),
        x REAL NOT NULL, y REAL NOT NULL, z REAL NOT NULL,
        qx REAL NOT NULL, qy REAL NOT NULL, qz REAL NOT NULL, qw REAL NOT NULL,
        group_id INTEGER NOT NULL, score REAL, further TEXT,
        PRIMARY KEY (particle_set, id)) WITHOUT ROWID""",
    """CREATE TABLE results (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL,
        step INTEGER NOT NULL REFERENCES steps (id))""",
    """CREATE TABLE history (
        id INTEGER PRIMARY KEY, label TEXT NOT NULL, created TEXT NOT NULL, undone INTEGER NOT NULL,
        changes BLOB NOT NULL)""",
    """CREATE INDEX history_undone ON history (undone)""",
)

# points that tracking placed and nobody has accepted or touched yet
_VERSION_2 = ("ALTER TABLE points ADD COLUMN proposed INTEGER NOT NULL DEFAULT 0",)

# MIGRATIONS[i] are the statements that take a file of version i to version i + 1; a new file starts at 0.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date in one transaction: all of it, or nothing.

    The file then carries the version of this program, for older ones that meet it.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("REPLACE INTO project VALUES ('program_version', ?)", (__version__,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@dataclass(frozen=True)
class Table:
    """A table whose rows are journalled: its columns, the first ``key_length`` of which identify a row.

    ``added`` are the values of its last columns for a row in the history of an older version.

    Large tables have a key of two columns, an owner and a whole number, so that many rows are one range.
    """

    name: str
    columns: tuple[str, ...]
    key_length: int = 1
    added: tuple[object, ...] = ()


def _table(name: str, columns: str, key_length: int = 1, added: tuple[object, ...] = ()) -> Table:
    return Table(name, tuple(columns.split()), key_length, added)


TABLES = {
    table.name: table
    for table in (
        _table("steps", "id name parameters inputs seed version created"),
        _table(
            "tomograms",
            "name number path nz ny nx voxel_size_angstrom origin_x_angstrom origin_y_angstrom "
            "origin_z_angstrom particles_are_dark source binning acquisition status step",
        ),
        _table(
            "models",
            "uid number tomogram name type marker_x marker_y marker_z group_id colour parameters box_size "
            "voxel_size_angstrom",
        ),
        _table("points", "model number x y z level proposed", key_length=2, added=(0,)),
        _table("particle_sets", "uid number name colour further_columns voxel_size_angstrom box_size step"),
        _table(
            "particles",
            "particle_set id number tomogram x y z qx qy qz qw group_id score further",
            key_length=2,
        ),
        _table("results", "id kind path step"),
    )
}
