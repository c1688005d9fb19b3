"""What a filled-in list of customers that need attention says, checked: nothing is bound by it but through a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.binding_targets import BindingsSeen, Held
from reconciler.core.bindings import Customer, WantedBindings
from reconciler.core.external_id import external_id_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of the filled-in list of customers that need attention: `line` counts from 1."""

    line: int
    customer: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a filled-in list says: the bindings to declare, the rows left blank, and what is wrong, by line."""

    bindings: Mapping[str, str]
    blank: int
    wrong: tuple[tuple[int, str, str], ...]


def resolution_of(answers: Sequence[Answer], wanted: WantedBindings, seen: BindingsSeen, project: str) -> Resolution:
    """Check filled-in rows against what is there: each must be a binding that a plan would make."""
    held = Held(seen, project)
    # What is declared by an e-mail alone is what the answer is for: a binding by id goes before it.
    declared = {row.external_id: str(row.source) for row in wanted.rows if row.customer is not None or row.wrong}
    judge = _Judge(held, declared)
    blank = 0
    for answer in answers:
        if not answer.external_id.strip():
            blank += 1
        else:
            judge.take(answer)
    return Resolution(bindings=judge.bindings, blank=blank, wrong=tuple(judge.wrong))


class _Judge:
    """Takes in rows one by one."""

    def __init__(self, held: Held, declared: Mapping[str, str]) -> None:
        self.bindings: dict[str, str] = {}
        self.wrong: list[tuple[int, str, str]] = []
        self._held = held
        self._declared = declared
        self._lines: dict[tuple[str, str], int] = {}

    def take(self, answer: Answer) -> None:
        """Take a row's binding, or note what is wrong with it."""
        wrong, hint = self._fault(answer)
        if wrong:
            self.wrong.append((answer.line, wrong, hint))
        else:
            self.bindings[answer.external_id] = answer.customer

    def _fault(self, answer: Answer) -> tuple[str, str]:
        id, customer = answer.external_id, self._held.customers.by_id.get(answer.customer)
        fault = external_id_fault(id)
        if fault:
            return fault, "give the customer another one"
        if customer is None:
            return f"{answer.customer} is no customer that the mirror knows", "check the id, or billplan sync first"
        for side, name in (("external id", id), ("customer", customer.id)):
            first = self._lines.setdefault((side, name), answer.line)
            if first != answer.line:
                return f"the {side} {name} stands in line {first} already", "keep one of the two"
        if id in self._declared:
            return f"the external id {id} is declared already, at {self._declared[id]}", "take one of the two out"
        return self._taken(id, customer)

    def _taken(self, id: str, customer: Customer) -> tuple[str, str]:
        stored, other = self._held.bound.get(id), self._held.by_customer.get(customer.id)
        carriers = [one.id for one in self._held.carriers.get(id, ()) if one.id != customer.id]
        own = other.external_id if other is not None else self._held.of(customer)
        if stored is not None and stored.customer != customer.id:
            return f"the external id {id} is bound to {stored.customer}", "external ids never change: take another one"
        if carriers:
            return f"the external id {id} is bound to {carriers[0]}", "external ids never change: take another one"
        if own is not None and own != id:
            return f"{customer.id} is bound to {own}", "external ids never change: leave the row blank"
        return "", ""
