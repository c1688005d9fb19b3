"""What a plan does about declared bindings: binds, makes, repairs, and refuses everything that would change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.address import parse_address
from reconciler.core.binding_plan import plan_bindings
from reconciler.core.binding_rows import checked_row, without_doubles
from reconciler.core.binding_targets import BindingsSeen
from reconciler.core.bindings import Bound, BoundBy, Customer, Customers, MetadataSource, WantedBindings
from reconciler.core.changes import Action, Change
from reconciler.core.diagnostics import Severity, SourceRange
from reconciler.core.email_address import email_key
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Absent, Unchanged
from reconciler.core.planner import Draft
from reconciler.core.values import Ref, canonical, to_json
from reconciler.views.redact import redact_text

KEY = "billplan_id_acme"
ATTR = f"metadata[{KEY}]"


def customer(id: str, email: str | None = None, bound: str | None = None, **metadata: str) -> Customer:
    held = {KEY: bound} if bound else {}
    return Customer(id=id, created=1, as_of=9, email=email, metadata={**metadata, **held})


def rows(*declared: Mapping[str, Any]) -> WantedBindings:
    """Declare rows, one a line of users.csv."""
    made = [
        checked_row(one, SourceRange("users.csv", line, 1), one.get("create"), skipped_by=one.get("skipped_by", ""))
        for line, one in enumerate(declared, 2)
    ]
    return WantedBindings(rows=without_doubles(made))


def users(*declared: Mapping[str, Any]) -> WantedBindings:
    """Declare rows of a source that leaves out who is no customer."""
    return rows(*({**one, "skipped_by": "users"} for one in declared))


def row(external_id: str, **values: Any) -> dict[str, Any]:
    return {"external_id": external_id, **values}


def stored(**pairs: str) -> dict[str, Bound]:
    return {id: Bound(external_id=id, customer=whom, by=BoundBy.PLAN, at=1) for id, whom in pairs.items()}


def planned(
    wanted: WantedBindings, *customers: Customer, bound: Mapping[str, Bound] | None = None, gone: tuple[str, ...] = ()
) -> Draft:
    seen = BindingsSeen(
        customers=Customers(customers), bound=bound or {}, gone=frozenset(email_key(email) for email in gone)
    )
    return plan_bindings(wanted, seen, "acme")


def only(draft: Draft) -> Change:
    (change,) = draft.changes
    return change


def refusal(draft: Draft) -> str:
    """The words of the one refused change; nothing is sent for it."""
    change = only(draft)
    assert change.action is Action.REFUSED
    assert not draft.steps
    assert change.hint
    assert redact_text(change.refused) == change.refused, "it holds an e-mail address"
    return change.refused


def test_a_customer_is_bound_by_its_id_and_by_its_email() -> None:
    wanted = rows(row("u1", customer="cus_1"), row("u2", email="JANE@example.com"))
    draft = planned(wanted, customer("cus_1"), customer("cus_2", "jane@Example.com"))
    assert [(c.address.name, c.action, c.remote_id, c.verb) for c in draft.changes] == [
        ("u1", Action.UPDATE, "cus_1", "bind"),
        ("u2", Action.UPDATE, "cus_2", "bind"),
    ]
    assert {c.change_class for c in draft.changes} == {ChangeClass.ENTITLEMENT}
    step = draft.steps[1]
    assert (step.method, step.path, step.params) == ("post", "/v1/customers/cus_2", {"metadata": {KEY: "u2"}})
    found_by = Ref(step.address, "email")
    assert draft.steps[0].precondition == Unchanged(remote_id="cus_1", before={ATTR: None})
    assert step.precondition == Unchanged(remote_id="cus_2", before={ATTR: None, "email": found_by})
    assert wanted.emails() == {found_by: "JANE@example.com"}
    assert step.expect == {ATTR: "u2"}
    assert "users.csv:3" in draft.changes[1].reason


def test_what_is_bound_as_wanted_is_unchanged_with_and_without_a_store() -> None:
    wanted = rows(row("u1", customer="cus_1"), row("u2", email="jane@example.com"))
    customers = (customer("cus_1", bound="u1"), customer("cus_2", "jane@example.com", "u2"))
    for bound in ({}, stored(u1="cus_1", u2="cus_2")):
        draft = planned(wanted, *customers, bound=bound)
        assert (draft.changes, draft.steps, draft.drift, draft.unchanged) == ((), (), (), 2)
        assert draft.diagnostics == ()


def test_an_email_of_several_customers_is_refused_with_the_candidates() -> None:
    wanted = rows(row("u1", email="jane@example.com"))
    words = refusal(planned(wanted, customer("cus_1", "jane@example.com"), customer("cus_2", "JANE@EXAMPLE.COM")))
    assert words == "2 customers share the e-mail of users.csv:2: cus_1, cus_2"


def test_plus_addresses_are_distinct_and_unicode_is_compared_composed() -> None:
    wanted = rows(row("u1", email="jane+a@example.com"), row("u2", email="Zo\u00eb@example.com"))
    draft = planned(
        wanted,
        customer("cus_1", "jane@example.com"),
        customer("cus_2", "jane+a@example.com"),
        customer("cus_3", "zoe\u0308@EXAMPLE.com"),
    )
    assert [c.remote_id for c in draft.changes] == ["cus_2", "cus_3"]


def test_an_email_of_nobody_is_refused_and_says_so_of_a_deleted_customer() -> None:
    wanted = rows(row("u1", email="jane@example.com"))
    assert refusal(planned(wanted)) == "no customer has the e-mail of users.csv:2"
    assert "create: {}" in only(planned(wanted)).hint
    assert refusal(planned(wanted, gone=("Jane@example.com",))).endswith("; a customer that had it was deleted")


def test_an_unknown_or_deleted_customer_is_refused() -> None:
    words = refusal(planned(rows(row("u1", customer="cus_9")), customer("cus_1")))
    assert words == "cus_9 is no customer of this account, or was deleted"


def test_create_makes_a_customer_where_nobody_has_the_email_and_shows_no_email() -> None:
    wanted = rows(row("u1", email="kim@example.com", create={"name": "Kim", "metadata": {"tier": "2"}}))
    draft = planned(wanted)
    change, (step,) = only(draft), draft.steps
    assert (change.action, step.path, step.precondition) == (
        Action.CREATE, "/v1/customers", Absent(incarnations=(), natural_key="u1"),
    )  # fmt: skip
    assert step.params == {
        "email": Ref(change.address, "email"),
        "name": "Kim",
        "metadata": {"tier": "2", KEY: "u1"},
    }
    assert "example.com" not in canonical([to_json(step.params), to_json(change.after)])
    assert wanted.emails() == {Ref(change.address, "email"): "kim@example.com"}


def test_create_links_where_somebody_has_the_email() -> None:
    wanted = rows(row("u1", email="kim@example.com", create={"name": "Kim"}))
    draft = planned(wanted, customer("cus_1", "kim@example.com"))
    assert (only(draft).action, only(draft).remote_id) == (Action.UPDATE, "cus_1")


def test_two_rows_that_would_make_one_customer_are_refused() -> None:
    wanted = rows(
        row("u1", email="kim@example.com", create={}), row("u2", email="KIM@example.com", create={"name": "Kim"})
    )
    draft = planned(wanted)
    assert [c.action for c in draft.changes] == [Action.REFUSED] * 2
    assert "u1 (users.csv:2), u2 (users.csv:3)" in draft.changes[0].refused


def test_two_rows_for_one_customer_are_both_refused() -> None:
    wanted = rows(row("u1", customer="cus_1"), row("u2", email="jane@example.com"), row("u3", customer="cus_2"))
    draft = planned(wanted, customer("cus_1", "jane@example.com"), customer("cus_2"))
    assert [c.action for c in draft.changes] == [Action.REFUSED, Action.REFUSED, Action.UPDATE]
    assert len(draft.steps) == 1


def test_a_changed_external_id_is_refused_with_old_and_new() -> None:
    wanted = rows(row("u2", customer="cus_1"))
    for bound in ({}, stored(u1="cus_1")):
        draft = planned(wanted, customer("cus_1", bound="u1"), bound=bound)
        assert "cus_1 is bound to u1" in refusal(draft)
        (diff,) = only(draft).diffs
        assert (diff.name, diff.before, diff.after) == (ATTR, "u1", "u2")


def test_another_customer_for_an_external_id_is_refused_with_old_and_new() -> None:
    wanted = rows(row("u1", customer="cus_2"))
    for bound in ({}, stored(u1="cus_1")):
        draft = planned(wanted, customer("cus_1", bound="u1"), customer("cus_2"), bound=bound)
        assert "it is bound to cus_1, and external ids are immutable once set" in refusal(draft)
        (diff,) = only(draft).diffs
        assert (diff.name, diff.before, diff.after) == ("customer", "cus_1", "cus_2")


def test_an_external_id_of_a_deleted_customer_stays_taken() -> None:
    wanted = rows(row("u1", email="new@example.com"))
    words = refusal(planned(wanted, customer("cus_2", "new@example.com"), bound=stored(u1="cus_1")))
    assert "bound to cus_1, which was deleted" in words
    making = rows(row("u1", email="new@example.com", create={}))
    assert "bound to cus_1, which was deleted" in refusal(planned(making, bound=stored(u1="cus_1")))


def test_edited_metadata_is_drift_with_both_values_and_put_back() -> None:
    wanted = rows(row("u1", customer="cus_1"))
    for live in ("u7", None):
        draft = planned(wanted, customer("cus_1", bound=live), bound=stored(u1="cus_1"))
        (drift,) = draft.drift
        assert (drift.name, drift.applied, drift.live, drift.remote_id) == (ATTR, "u1", live, "cus_1")
        assert draft.steps[0].precondition == Unchanged(remote_id="cus_1", before={ATTR: live})
        assert draft.steps[0].params == {"metadata": {KEY: "u1"}}


def test_metadata_moved_to_another_customer_is_refused_and_told_as_drift() -> None:
    wanted = rows(row("u1", customer="cus_1"))
    draft = planned(wanted, customer("cus_1"), customer("cus_2", bound="u1"), bound=stored(u1="cus_1"))
    assert "it is bound to cus_2" in refusal(draft)
    assert [(d.remote_id, d.live) for d in draft.drift] == [("cus_1", None)]


def test_two_customers_with_one_external_id_are_refused_with_both() -> None:
    wanted = rows(row("u1", customer="cus_1"))
    draft = planned(wanted, customer("cus_1", bound="u1"), customer("cus_2", bound="u1"), bound=stored(u1="cus_1"))
    assert refusal(draft).startswith("cus_1, cus_2 all carry it in their metadata")
    undeclared = planned(rows(), customer("cus_1", bound="u1"), customer("cus_2", bound="u1"))
    assert [(d.code, str(d.address)) for d in undeclared.diagnostics] == [("BP1505", "customer_binding.u1")]


def test_a_first_touch_that_died_before_its_write_is_finished_without_a_spec() -> None:
    draft = planned(rows(), customer("cus_1"), customer("cus_2", bound="u2"), bound=stored(u1="cus_1", u2="cus_2"))
    assert (only(draft).action, only(draft).remote_id, draft.drift) == (Action.UPDATE, "cus_1", ())
    assert draft.unmanaged == {"customer_binding": 2}
    (diagnostic,) = draft.diagnostics
    assert diagnostic.summary.startswith("2 bindings in place that no spec declares")
    assert "bindings export" in diagnostic.hint


def test_nothing_is_repaired_against_a_declared_row() -> None:
    wanted = rows(row("u9", customer="cus_1"))
    draft = planned(wanted, customer("cus_1", bound="u9"), bound=stored(u1="cus_1"))
    assert "cus_1 is bound to u1" in refusal(draft)
    assert [(d.applied, d.live) for d in draft.drift] == [("u1", "u9")]


def test_a_binding_outlives_the_email_that_found_it() -> None:
    wanted = rows(row("u1", email="old@example.com"))
    draft = planned(wanted, customer("cus_1", "new@example.com", "u1"))
    assert (draft.changes, draft.unchanged) == ((), 1)
    assert [d.code for d in draft.diagnostics] == ["BP1503"]
    shared = planned(wanted, customer("cus_1", "old@example.com", "u1"), customer("cus_2", "old@example.com"))
    assert (shared.changes, shared.unchanged) == ((), 1)
    taken = planned(wanted, customer("cus_1", "new@example.com", "u1"), customer("cus_2", "old@example.com"))
    assert "it is bound to cus_1" in refusal(taken)


def test_a_customer_with_all_its_metadata_keys_is_refused_beforehand() -> None:
    full = customer("cus_1", **{f"k{n}": "v" for n in range(50)})
    assert "50 metadata keys" in refusal(planned(rows(row("u1", customer="cus_1")), full))


def test_an_id_beside_another_email_is_bound_with_a_note() -> None:
    wanted = rows(row("u1", customer="cus_1", email="jane@example.com"))
    change = only(planned(wanted, customer("cus_1", "kim@example.com")))
    assert change.notes == ("the e-mail that is declared with it is not this customer's; the id at users.csv:2 counts",)
    assert only(planned(wanted, customer("cus_1", "Jane@example.com"))).notes == ()


def test_metadata_of_another_tool_is_a_source() -> None:
    legacy = MetadataSource(name="legacy", key="user_id", source=SourceRange("a.yaml", 3, 1))
    wanted = WantedBindings(from_metadata=(legacy,))
    draft = planned(wanted, customer("cus_1", user_id="7"), customer("cus_2"), customer("cus_3", user_id="x" * 201))
    assert [(c.address.name[:3], c.action, c.remote_id) for c in draft.changes] == [
        ("7", Action.UPDATE, "cus_1"),
        ("xxx", Action.REFUSED, None),
    ]


def test_a_doubtful_id_of_a_source_is_refused_until_a_row_decides_it() -> None:
    legacy = MetadataSource(name="legacy", key="user_id", source=SourceRange("a.yaml", 3, 1))
    customers = customer("cus_1", user_id="7"), customer("cus_2", user_id="7")
    doubtful = planned(WantedBindings(from_metadata=(legacy,)), *customers)
    assert refusal(doubtful) == "it is declared 2 times: a.yaml:3 (cus_1), a.yaml:3 (cus_2)"
    decided = WantedBindings(rows=rows(row("7", customer="cus_2")).rows, from_metadata=(legacy,))
    draft = planned(decided, *customers)
    assert (only(draft).action, only(draft).remote_id) == (Action.UPDATE, "cus_2")
    assert [(d.code, "cus_1" in d.summary) for d in draft.diagnostics] == [("BP1504", True)]


def test_an_id_that_is_declared_twice_names_every_place_and_both_values() -> None:
    wanted = rows(row("u1", customer="cus_1"), row("u1", customer="cus_2"), row("u2", customer="cus_3"))
    draft = planned(wanted, customer("cus_1"), customer("cus_2"), customer("cus_3"))
    assert [c.action for c in draft.changes] == [Action.REFUSED, Action.UPDATE]
    assert draft.changes[0].refused == "it is declared 2 times: users.csv:2 (cus_1), users.csv:3 (cus_2)"
    same = rows(row("u1", email="a@example.com"), row("u1", email="A@example.com"))
    assert refusal(planned(same)) == (
        "it is declared 2 times, each time the same: users.csv:2 (an e-mail), users.csv:3 (an e-mail)"
    )


def test_users_without_a_customer_are_left_out_and_counted_where_that_is_asked_for() -> None:
    wanted = users(
        row("u1", email="JANE@example.com"), row("u2", email="nobody@example.com"), row("u3"),
        row("u4", email="gone@example.com"),
    )  # fmt: skip
    draft = planned(wanted, customer("cus_1", "jane@example.com"), gone=("gone@example.com",))
    assert [(c.address.name, c.action, c.remote_id) for c in draft.changes] == [("u1", Action.UPDATE, "cus_1")]
    (diagnostic,) = draft.diagnostics
    assert diagnostic.summary == (
        "3 rows of users left out (unmatched: skip): no customer has their e-mail; 1 of them without one (u2, u3, u4)"
    )
    assert diagnostic.severity is Severity.WARNING


def test_each_source_counts_its_own() -> None:
    first, second = users(row("u1", email="a@example.com")), rows(row("u2", skipped_by="more"), row("u3"))
    draft = planned(WantedBindings(rows=(*first.rows, *second.rows)))
    assert [d.summary.partition(" left out")[0] for d in draft.diagnostics] == ["1 row of more", "1 row of users"]
    assert refusal(draft) == "the row has neither a customer nor an e-mail"


def test_only_who_has_no_customer_is_left_out() -> None:
    several = customer("cus_1", "jane@example.com"), customer("cus_2", "JANE@example.com")
    assert "2 customers share" in refusal(planned(users(row("u1", email="jane@example.com")), *several))
    assert "cus_9 is no customer" in refusal(planned(users(row("u1", customer="cus_9", email="no@example.com"))))
    assert "is not an e-mail address" in refusal(planned(users(row("u1", email="jane"))))
    assert "must not be empty" in refusal(planned(users(row("", email="no@example.com"))))
    carried = customer("cus_1", bound="u1"), customer("cus_2", bound="u1")
    assert "all carry it" in refusal(planned(users(row("u1", email="no@example.com")), *carried))
    twice = users(row("u1", email="no@example.com"), row("u1"))
    assert refusal(planned(twice)) == "it is declared 2 times: users.csv:2 (an e-mail), users.csv:3 (nobody)"


def test_who_is_bound_is_not_left_out_whatever_the_row_still_says() -> None:
    for values, codes in (({}, []), ({"email": "old@example.com"}, ["BP1503"])):
        draft = planned(users(row("u1", **values)), customer("cus_1", "new@example.com", "u1"))
        assert (draft.changes, draft.unchanged, [d.code for d in draft.diagnostics]) == ((), 1, codes)
        lost = planned(users(row("u1", **values)), customer("cus_1", "new@example.com"), bound=stored(u1="cus_1"))
        assert [(c.action, c.remote_id, c.verb) for c in lost.changes] == [(Action.UPDATE, "cus_1", "bind")]
    of_deleted = planned(users(row("u1", email="old@example.com")), bound=stored(u1="cus_1"))
    assert (of_deleted.changes, [d.code for d in of_deleted.diagnostics]) == ((), ["BP1511"])


def test_a_row_that_is_left_out_does_not_stand_against_what_metadata_says() -> None:
    legacy = MetadataSource(name="legacy", key="user_id", source=SourceRange("a.yaml", 3, 1))
    for values in ({}, {"email": "old@example.com"}):
        wanted = WantedBindings(rows=users(row("7", **values)).rows, from_metadata=(legacy,))
        draft = planned(wanted, customer("cus_1", "new@example.com", user_id="7"))
        assert (only(draft).remote_id, draft.diagnostics) == ("cus_1", ())


def test_rows_without_a_usable_id_stand_under_their_places() -> None:
    long, odd = "x" * 201, "u\ud800"
    wanted = rows(
        row(""), row(" "), row(long), row(f"{long}y"), row(odd, email="a@example.com"),
        row("u?", email="a@example.com"), row("ok", customer="cus_1"),
    )  # fmt: skip
    draft = planned(wanted, customer("cus_1"), customer("cus_2", "a@example.com"))
    refused = {str(c.address): c.refused for c in draft.changes if c.action is Action.REFUSED}
    assert sorted(refused) == [f'customer_binding["users.csv"]["line {line}"]' for line in range(2, 7)]
    assert not [words for words in refused.values() if "declared" in words]
    assert [parse_address(address) for address in refused] == [
        c.address for c in draft.changes if c.action is Action.REFUSED
    ]
    assert [c.remote_id for c in draft.changes if c.action is Action.UPDATE] == ["cus_1", "cus_2"]
    assert len({c.address for c in draft.changes}) == len(draft.changes)


def test_metadata_that_the_store_knows_better_is_repaired_and_a_strangers_is_refused() -> None:
    wanted = rows(row("u1", customer="cus_1"), row("u2", customer="cus_2"))
    bound = stored(u1="cus_1", u2="cus_2")
    swapped = planned(wanted, customer("cus_1", bound="u2"), customer("cus_2", bound="u1"), bound=bound)
    assert [(c.remote_id, c.after) for c in swapped.changes] == [("cus_1", {ATTR: "u1"}), ("cus_2", {ATTR: "u2"})]
    doubled = planned(wanted, customer("cus_1", bound="u1"), customer("cus_2", bound="u1"), bound=bound)
    assert [(c.action, c.remote_id) for c in doubled.changes] == [(Action.UPDATE, "cus_2")]
    assert [s.precondition for s in doubled.steps] == [Unchanged(remote_id="cus_2", before={ATTR: "u1"})]
    stranger = planned(
        rows(row("u1", customer="cus_1")),
        customer("cus_1", bound="u1"),
        customer("cus_3", bound="u1"),
        bound=stored(u1="cus_1"),
    )
    assert "all carry it" in refusal(stranger)
    undeclared = planned(rows(), customer("cus_1", bound="u2"), customer("cus_2", bound="u1"), bound=bound)
    assert [c.remote_id for c in undeclared.changes] == ["cus_1", "cus_2"]
