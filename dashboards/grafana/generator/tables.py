"""Tables: instant queries joined to rows by their labels, one column a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.grafana.generator.limits import Limit
from dashboards.grafana.generator.panels import FULL, Query, Text, begun, mapping, targets
from dashboards.grafana.generator.sdk import common, common_models, models, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. limit: colours the cell. words: shows values as words. hidden: only its labels are wanted."""

    title: str
    expr: str
    unit: str = "none"
    decimals: int | None = None
    limit: Limit | None = None
    words: dict[str, tuple[str, str]] | None = None
    hidden: bool = False


def rows(
    text: Text,
    labels: dict[str, str],
    columns: Sequence[Column],
    *,
    sort: str,
    descending: bool = True,
    height: int = 7,
) -> table.Panel:
    """A table with a row for each set of labels. labels: label -> heading, in the order of the first columns."""
    panel = begun(table.Panel(), text, FULL, height)
    panel = panel.targets(targets([Query(column.expr) for column in columns], instant=True, kind="table"))
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=_order(labels, columns)))
    panel = (
        panel.unit("none")
        .no_value("")
        .align(common_models.FieldTextAlignment.AUTO)
        .cell_options(common_models.TableAutoCellOptions())
        .filterable(True)
    )
    for column in columns:
        if not column.hidden:
            panel = panel.override_by_name(column.title, _looks(column))
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])  # type: ignore[no-any-return]


def _values(columns: Sequence[Column]) -> dict[str, Column]:
    """Grafana's name of each query's value."""
    return {"Value" if len(columns) == 1 else f"Value #{chr(ord('A') + n)}": one for n, one in enumerate(columns)}


def _order(labels: dict[str, str], columns: Sequence[Column]) -> dict[str, object]:
    values = _values(columns)
    shown = [*labels, *(name for name, column in values.items() if not column.hidden)]
    return {
        "excludeByName": {"Time": True, **{name: True for name, column in values.items() if column.hidden}},
        "indexByName": {name: place for place, name in enumerate(shown)},
        "renameByName": {**labels, **{name: one.title for name, one in values.items() if not one.hidden}},
    }


def _looks(column: Column) -> list[models.DynamicConfigValue]:
    looks: dict[str, object] = {"unit": column.unit}
    if column.decimals is not None:
        looks["decimals"] = column.decimals
    if column.words is not None:
        looks["mappings"] = [mapping(column.words)]
    if column.limit is not None:
        looks["thresholds"] = models.ThresholdsConfig(models.ThresholdsMode.ABSOLUTE, column.limit.steps())
    if column.limit is not None or column.words is not None:
        looks["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in looks.items()]
