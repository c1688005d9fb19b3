"""Strategies for migrations in money: anything that a plan may carry."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.core.migration_money import (
    AgainstSource,
    BatchRows,
    ChargeDay,
    Difference,
    Lot,
    MigrationMoney,
    MissingCards,
    Total,
)
from reconciler.core.migrations import row_address

_TEXTS = st.text(max_size=12)
_COUNTS = st.integers(0, 10**6)
_AMOUNTS = st.integers(0, 10**15)
_CURRENCIES = st.sampled_from(["usd", "jpy", "kwd"])
_TOTALS = st.builds(Total, currency=_CURRENCIES, amount=_AMOUNTS, rows=_COUNTS, unknown=_COUNTS)


def _tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=2).map(tuple)


MONEYS = st.builds(
    MigrationMoney,
    migration=_TEXTS,
    batches=_tuples(
        st.builds(
            BatchRows,
            name=_TEXTS,
            released=st.booleans(),
            rows=st.dictionaries(st.sampled_from(Lot), st.integers(1), max_size=3),
        )
    ),
    moved=_tuples(_TOTALS),
    in_all=_tuples(_TOTALS),
    not_laid=_COUNTS,
    charges=_tuples(st.builds(ChargeDay, day=st.dates().map(str), total=_TOTALS, plus_tax=_COUNTS)),
    uncharged=_COUNTS,
    first_start=st.none() | _COUNTS,
    last_start=st.none() | _COUNTS,
    cards=st.builds(MissingCards, set_latest=_COUNTS, failed=_COUNTS, without=_COUNTS),
    compared=_tuples(
        st.builds(
            AgainstSource,
            currency=_CURRENCIES,
            more=_COUNTS,
            less=_COUNTS,
            same=_COUNTS,
            source=_AMOUNTS,
            here=_AMOUNTS,
        )
    ),
    not_compared=_COUNTS,
    biggest=_tuples(
        st.builds(
            Difference,
            address=st.builds(row_address, _TEXTS, _TEXTS),
            currency=_CURRENCIES,
            source=_AMOUNTS,
            here=_AMOUNTS,
        )
    ),
    faults=st.dictionaries(_TEXTS, _COUNTS, max_size=2),
)
