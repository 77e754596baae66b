"""What an expression in PromQL is made of: the series that it selects, and the functions around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as pp


@dataclass(frozen=True, slots=True)
class Selected:
    """One selector. labels: those that it matches on. over: seconds of its range, None without one. inside: the calls
    and aggregations around it, the outermost first."""

    metric: str
    labels: frozenset[str]
    over: float | None
    inside: tuple[str, ...]


def selected(expr: str) -> list[Selected]:
    """Every selector of an expression. Raises ValueError for what is no PromQL."""
    return list(_walk(pp.parse(expr), ()))


def grouped(expr: str) -> set[str]:
    """Every label that an expression groups, joins or matches by."""
    found: set[str] = set()
    _labels(pp.parse(expr), found)
    return found


def _walk(node: Any, inside: tuple[str, ...]) -> Iterator[Selected]:
    match node:
        case pp.MatrixSelector():
            yield _selector(node.vector_selector, node.range.total_seconds(), inside)
        case pp.VectorSelector():
            yield _selector(node, None, inside)
        case pp.Call():
            for argument in node.args:
                yield from _walk(argument, (*inside, node.func.name))
        case pp.AggregateExpr():
            yield from _walk(node.expr, (*inside, str(node.op)))
        case pp.BinaryExpr():
            yield from _walk(node.lhs, inside)
            yield from _walk(node.rhs, inside)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            yield from _walk(node.expr, inside)


def _selector(node: Any, over: float | None, inside: tuple[str, ...]) -> Selected:
    labels = frozenset(matcher.name for matcher in node.matchers.matchers if matcher.name != "__name__")
    return Selected(node.name, labels, over, inside)


def _labels(node: Any, found: set[str]) -> None:
    match node:
        case pp.AggregateExpr():
            found.update(node.modifier.labels if node.modifier else ())
            _labels(node.expr, found)
        case pp.BinaryExpr():
            if node.modifier is not None and node.modifier.matching is not None:
                found.update(node.modifier.matching.labels)
            _labels(node.lhs, found)
            _labels(node.rhs, found)
        case pp.Call():
            for argument in node.args:
                _labels(argument, found)
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            _labels(node.expr, found)
