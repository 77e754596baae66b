"""A metric's label sets: which exist from the start, which come along, and what is folded into `other`. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping

from monitor.outputs.catalogue import OPEN_VALUES_LIMIT, OTHER, Metric, label_names

Values = tuple[str, ...]
Dimensions = Mapping[Values, tuple[Values, ...]]  # some labels together, and the value tuples they are known to take


class LabelSpace:
    """The label sets of one metric. Remembers the open values it has let in."""

    def __init__(self, metric: Metric, *, per_agent: bool) -> None:
        self.names = label_names(metric, per_agent=per_agent)
        self._closed: dict[Values, tuple[Values, ...]] = {
            (label,): tuple((str(value),) for value in values) for label, values in metric.closed.items()
        }
        if metric.combinations:
            self._closed[metric.combined] = tuple(tuple(map(str, values)) for values in metric.combinations)
        self._open = [name for name in self.names if not any(name in labels for labels in self._closed)]
        self._let_in: dict[str, set[str]] = defaultdict(set)

    def known(self, dimensions: Dimensions) -> Iterator[Values]:
        """Every label set, in the order of `names`, of the closed values and these known ones.

        Nothing when a label has no known value at all: its sets come as they come.
        """
        given = {labels: values for labels, values in dimensions.items() if set(labels) <= set(self._open)}
        for labels, tuples in given.items():
            for label, column in zip(labels, zip(*tuples, strict=True), strict=False):
                self._let_in[label].update(column)
        every = {**self._closed, **given}
        if {label for labels in every for label in labels} != set(self.names):
            return
        for choice in itertools.product(*every.values()):
            flat = dict(zip(itertools.chain(*every), itertools.chain(*choice), strict=True))
            yield tuple(flat[name] for name in self.names)

    def fold(self, labels: Mapping[str, str]) -> Values:
        """These labels' values in the order of `names`, with what is too much or not in its closed set as `other`."""
        folded = {name: str(labels.get(name, "")) for name in self.names}
        for name in self._open:
            folded[name] = self._admit(name, folded[name])
        for together, allowed in self._closed.items():
            if tuple(folded[name] for name in together) not in allowed:
                folded[together[-1]] = OTHER
                folded[together[0]] = folded[together[0]] if folded[together[0]] in {v[0] for v in allowed} else OTHER
        return tuple(folded[name] for name in self.names)

    def companions(self, values: Values) -> Iterator[Values]:
        """The label sets that start at 0 together with this one: the same open values, all closed ones."""
        yield values
        flat = dict(zip(self.names, values, strict=True))
        yield from self.known({(name,): ((flat[name],),) for name in self._open})

    def _admit(self, name: str, value: str) -> str:
        let_in = self._let_in[name]
        if value not in let_in and len(let_in) >= OPEN_VALUES_LIMIT:
            return OTHER
        let_in.add(value)
        return value
