"""The signals of a project, and which of them follow from changes to rows."""

from __future__ import annotations

from collections.abc import Sequence

from psygnal import EmitLoopError, Signal

from napari_tomopick.project.journal import Change
from napari_tomopick.project.store import Store


class Events:
    """Signals that tell views what to show anew; emitted after an edit is on disk, each once.

    Signals
    -------
    tomograms_changed()
        The list of tomograms, or something about one (status, path, ...).
    models_changed(tomogram)
        The list of models of a tomogram, or what a list shows of them: name, type, group, colour, settings.
    model_changed(uid)
        Anything about a model that was there before and still is: its points, marker, or settings.
    sets_changed(tomogram)
        The list of particle sets of a tomogram, or how many particles they have there. With "" as well where
        the sets themselves changed: one came or went, a name, a colour.
    particles_changed(uid)
        The particles of a set that was there before and still is, or its name or colour.
    results_changed()
        The list of results.
    history_changed()
        What can be undone or redone.
    """

    tomograms_changed = Signal()
    models_changed = Signal(str)
    model_changed = Signal(str)
    sets_changed = Signal(str)
    particles_changed = Signal(str)
    results_changed = Signal()
    history_changed = Signal()

    def _emit_for(self, applied: Sequence[tuple[Change, Change]], store: Store) -> None:
        """Emit the signals that follow from the changes (each with its inverse) of one transaction."""
        tables = {done.table for done, _ in applied}
        listed: dict[str, set[str]] = {"models": set(), "particle_sets": set()}
        touched: dict[str, set[str]] = {"models": set(), "particle_sets": set()}
        new: dict[str, set[str]] = {"models": set(), "particle_sets": set()}
        for done, inverse in applied:
            rows = (*done.put, *inverse.put)
            if done.table in touched:
                new[done.table].update(key[0] for key in inverse.delete)
                touched[done.table].update(row[0] for row in rows)
            if done.table == "models":
                listed["models"].update(row[2] for row in rows)
            elif done.table == "points":
                touched["models"].update(row[0] for row in rows)
            elif done.table == "particle_sets":
                listed["particle_sets"].update(t for row in rows for t in ("", *store.counts(row[0])))
            elif done.table == "particles":
                touched["particle_sets"].update(row[0] for row in rows)
                listed["particle_sets"].update(row[3] for row in rows)
        kept = {
            table: [uid for (uid,) in store.rows(table) if uid in touched[table] - new[table]]
            for table in touched
        }
        calls = (
            *((self.tomograms_changed, ()) for _ in tables & {"tomograms"}),
            *((self.models_changed, (name,)) for name in sorted(listed["models"])),
            *((self.model_changed, (uid,)) for uid in kept["models"]),
            *((self.sets_changed, (name,)) for name in sorted(listed["particle_sets"])),
            *((self.particles_changed, (uid,)) for uid in kept["particle_sets"]),
            *((self.results_changed, ()) for _ in tables & {"results"}),
            *((self.history_changed, ()) for _ in tables - {"results", "steps"}),
        )
        failures = []
        for signal, arguments in dict.fromkeys(calls):
            # one view that fails must not keep the others from showing an edit that is done
            try:
                signal.emit(*arguments)
            except EmitLoopError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
