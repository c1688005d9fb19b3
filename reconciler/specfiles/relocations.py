"""The `moved:` and `removed:` lists of spec files: how resources change their address, and how they leave."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.address import Address, parse_address
from reconciler.core.bindings import KIND as BINDING
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import Path
from reconciler.core.migrations import KIND as MIGRATION
from reconciler.core.resources import Moved, Removed
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.kinds import BY_NAME
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.specfiles import codes
from reconciler.specfiles.bindings import NEVER_LEAVES
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.places import Places

_KINDS = {**BY_NAME, MIGRATION: SUBSCRIPTION_MIGRATION}
_WHOLE = "roll a whole migration back by state: canceled in its block; what is left of it leaves row by row"


class Relocations:
    """Collects the entries of both lists over all files."""

    def __init__(self, findings: Findings) -> None:
        self.moved: dict[Address, Moved] = {}
        self.removed: dict[Address, Removed] = {}
        self._findings = findings

    def add(self, name: str, value: Value, places: Places) -> None:
        """Take in the list `moved` or `removed` of one file."""
        if value is None:
            return
        if not isinstance(value, list):
            summary = f"{name}: expected a list, found {describe(value)}"
            self._report(codes.WRONG_SHAPE, summary, places.value_at((name,)))
            return
        wanted = ("from", "to") if name == "moved" else ("address", "action")
        for n, entry in enumerate(value):
            texts = self._texts(entry, (name, n), wanted, places)
            if texts is None:
                continue
            if name == "moved":
                self._move(texts, (name, n), places)
            else:
                self._remove(texts, (name, n), places)

    def check(self, declared: Iterable[tuple[Address, SourceRange]]) -> None:
        """Report what is declared although an entry says that it has left."""
        if not self.moved and not self.removed:
            return
        for address, source in declared:
            gone = self.moved.get(address) or self.removed.get(address)
            if gone is not None:
                code, word = (codes.MOVE, "moved") if isinstance(gone, Moved) else (codes.REMOVAL, "removed")
                summary = f"{address} is {word}, and still declared at {source}"
                self._report(code, summary, gone.source, "take one of the two away")

    def _texts(self, entry: Value, path: Path, wanted: tuple[str, str], places: Places) -> tuple[str, str] | None:
        shape = f"{{{wanted[0]}: ..., {wanted[1]}: ...}}"
        if not isinstance(entry, dict):
            summary = f"{path[0]}: expected {shape}, found {describe(entry)}"
            self._report(codes.WRONG_SHAPE, summary, places[path])
            return None
        sound = True
        for key in entry:
            if key not in wanted:
                sound = False
                hint = suggestion(key, wanted) or f"expected {shape}"
                self._report(codes.WRONG_SHAPE, f"{path[0]}: unknown key {key}", places[(*path, key)], hint)
        for key in wanted:
            value = entry.get(key)
            if not isinstance(value, str):
                sound = False
                wrong = f"{key} is a text, found {describe(value)}" if key in entry else f"{key} is required"
                at = places.nearest((*path, key))
                self._report(codes.WRONG_SHAPE, f"{path[0]}: {wrong}", at, f"expected {shape}")
        return (entry[wanted[0]], entry[wanted[1]]) if sound else None

    def _address(self, name: str, text: str, at: SourceRange) -> Address | None:
        try:
            address = parse_address(text)
        except ValueError as error:
            self._report(codes.BAD_ADDRESS, str(error), at)
            return None
        if address.kind in _KINDS:
            return address
        if address.kind == BINDING:
            code = codes.MOVE if name == "moved" else codes.REMOVAL
            self._report(code, f"{name}: {text} cannot stand here: {NEVER_LEAVES[name]}", at, "take the entry out")
            return None
        hint = suggestion(address.kind, _KINDS) or f"there are: {', '.join(_KINDS)}"
        self._report(codes.BAD_ADDRESS, f"{text}: there is no kind {address.kind}", at, hint)
        return None

    def _move(self, texts: tuple[str, str], path: Path, places: Places) -> None:
        at = places.value_at((*path, "from"))
        before = self._address("moved", texts[0], at)
        after = self._address("moved", texts[1], places.value_at((*path, "to")))
        if before is None or after is None:
            return
        if before.kind != after.kind:
            self._report(codes.MOVE, f"a {before.kind} cannot become a {after.kind}", at)
        elif (before.key is None) != (after.key is None):
            hint = "name two rows, or two migrations, whose rows keep their keys"
            self._report(codes.MOVE, f"{before} cannot become {after}: one of them is a row", at, hint)
        elif before == after:
            self._report(codes.MOVE, f"{before} is moved to itself", at)
        elif before in self.moved:
            self._report(codes.MOVE, f"{before} is moved twice, first at {self.moved[before].source}", at)
        else:
            self.moved[before] = Moved(before=before, after=after, source=at)

    def _remove(self, texts: tuple[str, str], path: Path, places: Places) -> None:
        at = places.value_at((*path, "address"))
        address = self._address("removed", texts[0], at)
        if address is None:
            return
        kind, action = _KINDS[address.kind], texts[1]
        if address.kind == MIGRATION and address.key is None:
            summary = f'{address} is a migration, and a row leaves: {address}["key"]'
            self._report(codes.REMOVAL, summary, at, _WHOLE)
        elif action not in kind.removals:
            hint = f"a {kind.name} can {' or '.join(kind.removals)}"
            summary = f"{action!r} is not a way for a {kind.name} to leave"
            self._report(codes.REMOVAL, summary, places.value_at((*path, "action")), hint)
        elif address in self.removed:
            first = self.removed[address].source
            self._report(codes.REMOVAL, f"{address} is removed twice, first at {first}", at)
        else:
            self.removed[address] = Removed(address=address, action=action, source=at)

    def _report(self, code: str, summary: str, source: SourceRange, hint: str = "") -> None:
        self._findings.report(code, summary, source, hint)
