"""Projections of a session onto napari layers; all differences between napari versions are in `compat`."""
