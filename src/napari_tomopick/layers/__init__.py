"""Projections of a session onto napari layers: drawn from the session, never read back as the truth."""
