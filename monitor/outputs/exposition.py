"""Series as the text of a scrape: Prometheus 0.0.4 or OpenMetrics 1.0, each series written anew only when it changed.

A scrape must not disturb who measures. Most of a thousand series have not changed since the last one, so the text of
each is kept until it does; what is left takes a millisecond or two.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from monitor.outputs.labels import Values

FORMATS = (False, True)  # openmetrics or not


class Exemplar:
    """Which fact a histogram's bucket was last raised by. labels: at most 128 characters together (OpenMetrics)."""

    __slots__ = ("at_wall_s", "labels")

    def __init__(self, labels: Mapping[str, str], at_wall_s: float) -> None:
        self.labels = labels
        self.at_wall_s = at_wall_s


class CounterSeries:
    """One counter of one label set. Not safe by itself: its Family has the lock."""

    def __init__(self, name: str, labels: Mapping[str, str], edges: Sequence[float]) -> None:
        self._head = f"{name}{_labels_text(labels)} "
        self._value = 0.0
        self._text = ""

    def add(self, amount: float, exemplar: Exemplar | None) -> None:
        """Raise it. Raises ValueError for a negative amount: that would look like a restart."""
        if amount < 0:
            raise ValueError("a counter only rises")
        self._value += amount
        self._text = ""

    def text(self, *, openmetrics: bool) -> str:
        """Its line."""
        if not self._text:
            self._text = f"{self._head}{_number(self._value)}\n"
        return self._text


class HistogramSeries:
    """One histogram of one label set; buckets are counted apart, and added up when they are told."""

    def __init__(self, name: str, labels: Mapping[str, str], edges: Sequence[float]) -> None:
        self._edges = (*edges, math.inf) if edges[-1:] != (math.inf,) else tuple(edges)
        self._heads = [f"{name}_bucket{_labels_text({**labels, 'le': _number(edge)})} " for edge in self._edges]
        self._count_head = f"{name}_count{_labels_text(labels)} "
        self._sum_head = f"{name}_sum{_labels_text(labels)} "
        self._counts = [0] * len(self._edges)
        self._exemplars: list[tuple[float, Exemplar] | None] = [None] * len(self._edges)
        self._sum = 0.0
        self._texts: dict[bool, str] = {}

    def add(self, value: float, exemplar: Exemplar | None) -> None:
        """Enter a value."""
        bucket = bisect.bisect_left(self._edges, value)
        self._counts[bucket] += 1
        self._sum += value
        if exemplar is not None:
            self._exemplars[bucket] = (value, exemplar)
        self._texts.clear()

    def text(self, *, openmetrics: bool) -> str:
        """Its lines; exemplars are OpenMetrics' alone."""
        if openmetrics not in self._texts:
            self._texts[openmetrics] = "".join(self._lines(openmetrics=openmetrics))
        return self._texts[openmetrics]

    def _lines(self, *, openmetrics: bool) -> Iterator[str]:
        up_to = list(accumulate(self._counts))
        for head, count, exemplar in zip(self._heads, up_to, self._exemplars, strict=True):
            tail = _exemplar_text(*exemplar) if openmetrics and exemplar is not None else ""
            yield f"{head}{_number(count)}{tail}\n"
        yield f"{self._count_head}{_number(up_to[-1])}\n"
        yield f"{self._sum_head}{_number(self._sum)}\n"


class Family:
    """One counter or histogram with its series. Every method may be called from any thread.

    name: of the metric, that of a counter with `_total`. buckets: upper edges, rising; empty for a counter.
    """

    def __init__(self, name: str, help_text: str, names: Values, buckets: Sequence[float] = ()) -> None:
        self._name = name
        self._names = names
        self._edges = tuple(map(float, buckets))
        self._of: type[CounterSeries] | type[HistogramSeries] = HistogramSeries if buckets else CounterSeries
        self._heads = {
            om: head(name, "histogram" if buckets else "counter", help_text, openmetrics=om) for om in FORMATS
        }
        self._series: dict[Values, CounterSeries | HistogramSeries] = {}
        self._lock = threading.Lock()

    def __contains__(self, values: Values) -> bool:
        return values in self._series

    def create(self, sets: Iterable[Values]) -> None:
        """Let series of these label values exist, at 0 where they are new."""
        with self._lock:
            for values in sets:
                if values not in self._series:
                    labels = dict(zip(self._names, values, strict=True))
                    self._series[values] = self._of(self._name, labels, self._edges)

    def add(self, values: Values, amount: float, exemplar: Exemplar | None = None) -> None:
        """Raise a counter, or enter a value into a histogram. Raises KeyError for a series that does not exist."""
        with self._lock:
            self._series[values].add(amount, exemplar)

    def text(self, *, openmetrics: bool) -> str:
        """All of it, as it stands now."""
        with self._lock:
            told = [series.text(openmetrics=openmetrics) for series in self._series.values()]
        return "".join([self._heads[openmetrics], *told])


class GaugeFamily:
    """One gauge, whose values are given at each scrape. Remembers how its series begin, the last of them at most."""

    def __init__(self, name: str, help_text: str, names: Values) -> None:
        self._name = name
        self._names = names
        self._heads = {om: head(name, "gauge", help_text, openmetrics=om) for om in FORMATS}
        self._begins: dict[Values, str] = {}

    def text(self, series: Mapping[Values, float], *, openmetrics: bool) -> str:
        """All of it. series: by label values."""
        self._begins = {values: self._begins.get(values) or self._begin(values) for values in series}
        told = (f"{self._begins[values]}{_number(value)}\n" for values, value in series.items())
        return "".join([self._heads[openmetrics], *told])

    def _begin(self, values: Values) -> str:
        return f"{self._name}{_labels_text(dict(zip(self._names, values, strict=True)))} "


def head(name: str, kind: str, help_text: str, *, openmetrics: bool) -> str:
    """The HELP and TYPE lines; OpenMetrics names a counter without its `_total` there."""
    told = name.removesuffix("_total") if openmetrics and kind == "counter" else name
    words = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        words = words.replace('"', r"\"")
    return f"# HELP {told} {words}\n# TYPE {told} {kind}\n"


def _labels_text(labels: Mapping[str, str]) -> str:
    """Sorted, in braces; empty without labels."""
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{told}}}" if told else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _exemplar_text(value: float, exemplar: Exemplar) -> str:
    labels = _labels_text(exemplar.labels) or "{}"
    return f" # {labels} {_number(value)} {exemplar.at_wall_s}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
