"""What is left of migrations that are declared no more: schedules with the project's marker, which still start."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.held_facts import PROJECT, SCHEDULE, HeldReading
from reconciler.core.migration_facts import Held
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.engine.look import Seen
from reconciler.engine.outside import Outside
from reconciler.errors import BillplanError, RemoteRejected
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Mirror

_NOT_STARTED: Mapping[str, Value] = {"scheduled": True}


class LeftSchedules:
    """Looks for them once; `notes` say afterwards why nobody looked."""

    def __init__(self, outside: Outside, seen: Seen, reading: HeldReading) -> None:
        self._outside = outside
        self._seen = seen
        self._reading = reading
        self.notes: list[Diagnostic] = []

    def find(self, *, asked: bool, offline: bool) -> list[Held]:
        """Find them, all where somebody asked how migrations stand.

        A plan that nobody asked lists them where the journal has rows, and then only what has not started: that is one
        request once all have. Where the journal has none, what the mirror had at the last sync will do: a plan without
        migrations does not catch up with schedules.
        """
        if not offline and (asked or self._scheduled_before()):
            return self._listed({} if asked else _NOT_STARTED)
        mirror = self._seen.mirror
        if mirror is not None and mirror.standings()[SCHEDULE].whole:
            return self._mirrored(mirror)
        if asked or self._scheduled_before():
            self._note("the mirror does not have them", "plan without --refresh=none, or billplan sync first")
        return []

    def _scheduled_before(self) -> bool:
        try:
            return self._outside.scheduled_before(self._seen.target.scope)
        except BillplanError:
            # A plan does without a store that cannot be read where nothing of the specs is in it.
            return False

    def _listed(self, which: Mapping[str, Value]) -> list[Held]:
        found: list[Held] = []
        mirrored = BY_NAME[SCHEDULE]
        self._outside.progress.start("looking for what migrations left behind", None)
        try:
            for listing in mirrored.listings:
                for page, date in list_pages(self._outside.api, mirrored.path, {**listing, **which}):
                    self._outside.progress.advance(len(page))
                    found += [one for raw in page if (one := self._reading.read(raw, date)) is not None]
        except RemoteRejected as error:
            if error.status != 403:
                raise
            self._note(error.message, error.hint)
        finally:
            self._outside.progress.finish()
        return found

    def _mirrored(self, mirror: Mirror) -> list[Held]:
        if not mirror.ids_where(SCHEDULE, PROJECT, self._seen.target.scope.project):
            return []
        as_of = mirror.standings()[SCHEDULE].as_of or 0
        return [one for raw in mirror.raws(SCHEDULE) if (one := self._reading.read(raw, as_of)) is not None]

    def _note(self, why: str, hint: str) -> None:
        self.notes.append(
            Diagnostic(
                code="BP1735",
                summary="schedules of migrations that are declared no more could not be looked for, and what of them"
                f" has not started will start all the same: {why}",
                severity=Severity.WARNING,
                hint=hint,
            )
        )
