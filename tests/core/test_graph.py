"""The order of dependence: needs first, otherwise by address, and circles are named."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.graph import find_cycle, in_dependency_order

A, B, C, D = (Address("price", name) for name in "abcd")
Graph = dict[Address, list[Address]]
NODES = st.sampled_from([Address(kind, str(n)) for kind in ("product", "price") for n in range(4)])
GRAPHS = st.dictionaries(NODES, st.lists(NODES, max_size=3))


def acyclic(graph: Graph) -> Graph:
    """Keep only what points back to an earlier address."""
    return {a: [n for n in needs if str(n) < str(a)] for a, needs in graph.items()}


@pytest.mark.parametrize(
    ("graph", "order"),
    [
        ({}, ()),
        ({B: [], A: []}, (A, B)),
        ({A: [B], B: []}, (B, A)),
        ({A: [B], B: [C], C: []}, (C, B, A)),
        ({D: [B, C], B: [A], C: [A], A: []}, (A, B, C, D)),
        ({A: [D], B: []}, (A, B)),
        ({A: [B, B], B: []}, (B, A)),
    ],
)
def test_what_others_need_comes_first_and_the_rest_by_address(graph: Graph, order: tuple[Address, ...]) -> None:
    assert in_dependency_order(graph) == order


@settings(deadline=None)
@given(GRAPHS.map(acyclic))
def test_the_order_holds_everything_once_after_its_needs_whatever_the_order_of_files(graph: Graph) -> None:
    order = in_dependency_order(graph)
    assert sorted(order) == sorted(graph)
    for address, needs in graph.items():
        assert all(order.index(n) < order.index(address) for n in needs if n in graph)
    assert in_dependency_order(dict(reversed(graph.items()))) == order


@pytest.mark.parametrize(
    ("graph", "members"),
    [
        ({A: [A]}, {A}),
        ({A: [B], B: [A]}, {A, B}),
        ({A: [B], B: [C], C: [A], D: [A]}, {A, B, C}),
        ({D: [], A: [B, D], B: [D, A]}, {A, B}),
    ],
)
def test_a_circle_is_named_from_one_address_back_to_itself(graph: Graph, members: set[Address]) -> None:
    circle = find_cycle(graph)
    assert circle[0] == circle[-1]
    assert set(circle) == members


@settings(deadline=None, max_examples=200)
@given(GRAPHS)
def test_a_circle_is_found_where_there_is_one_and_each_member_needs_the_next(graph: Graph) -> None:
    circle = find_cycle(graph)
    for one, following in pairwise(circle):
        assert following in graph[one]
    if not circle:
        assert len(in_dependency_order(graph)) == len(graph)


@settings(deadline=None)
@given(GRAPHS.map(acyclic))
def test_there_is_no_circle_where_everything_points_back(graph: Graph) -> None:
    assert find_cycle(graph) == ()
