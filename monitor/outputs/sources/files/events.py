"""EVENTS tables to evidence: drops, samples, head counts, and the stretches of time that count or do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np

from monitor.facts.evidence import Floats, Stretch
from monitor.facts.evidence_builder import EvidenceBuilder
from monitor.facts.failures import Layer
from monitor.facts.signals import OK
from monitor.outputs.sources.files.cells import Names, Rows, Words, name_of
from monitor.outputs.sources.files.tables import Chunk, Layout
from monitor.outputs.sources.files.times import Moments, TimeReader

KINDS: Final = ("disconnect", "sample", "connected", "gap", "suspect", "span")
SIMULATED: Final = "simulated"  # what a row of kind span says in `detail` of a platform that is a simulator
NAMED: Final = ("outcome", "site", "probe", "target", "detail", "agent", "reason")
EVENTS: Final = Layout(
    ("time", "last_good", "until", "kind", "signal", "value", "layer", "code", "suspect", "weight", *NAMED), ("time",)
)
_SIGNAL = re.compile(r"[a-z][a-z0-9_]{0,63}")
_IS_NO_SIGNAL = -1
_NEVER_NEGATIVE = ("_seconds", "_ratio", "_per_second")
_LARGEST_CODE = 99_999
_LAYERS = ("", *(layer.value for layer in Layer))
_NO_CLOSE_CODE = f"not a close code; a whole number from 0 to {_LARGEST_CODE} is needed"
_LATE = "later than the drop; a time at or before `time` is needed"
_ENDS_EARLY = "an end before its start; one at or after `time` is needed"
_NO_SIGNAL = "no signal; a sample needs a name such as ws_rtt_seconds"
_NO_VALUE = "no value; a number, or an outcome that says why there is none, is needed"

_Take = Callable[[], None]


class EventRows:
    """Feeds a builder with chunks of EVENTS, each as a whole or not at all. signals: every signal that was named.

    spans: observed periods that rows tell of. doubled, missing: times at a change of the clocks, as in Moments.
    """

    def __init__(self, builder: EvidenceBuilder, times: TimeReader) -> None:
        self._builder = builder
        self._times = times
        self._names = Names(builder.code)
        self._kinds = Words(KINDS, "disconnect")
        self._layers = Words(_LAYERS)
        self._signals = Names(self._signal)
        self.signals: dict[str, int] = {}
        self.spans: list[tuple[float, float]] = []
        self.doubled = 0
        self.missing = 0

    def take(self, chunk: Chunk) -> None:
        """Take every row. Raises BadColumn, and then none is taken."""
        rows = Rows(chunk.columns, len(chunk.lines))
        moments = self._times.column(rows.texts("time"), "time")
        kinds = rows.places("kind", self._kinds)
        takes: list[_Take] = []
        for kind in np.unique(kinds):
            chosen = np.flatnonzero(kinds == kind)
            takes += _READERS[KINDS[kind]](self, rows.only(chosen), moments.only(chosen))
        for take in takes:
            take()
        self.doubled += moments.doubled
        self.missing += moments.missing

    def _drops(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        last_good_s = self._last_good_s(rows, moments)
        layers = np.array([self._builder.code(layer) for layer in _LAYERS], dtype=np.int32)
        site, agent, reason = (rows.places(name, self._names) for name in ("site", "agent", "reason"))
        close = rows.numbers("code", blank=-1.0)
        rows.check((close >= -1) & (close <= _LARGEST_CODE) & (close % 1 == 0), "code", _NO_CLOSE_CODE)
        codes = (site, agent, layers[rows.places("layer", self._layers)], reason, close.astype(np.int32))
        yield partial(self._builder.drops, (last_good_s, moments.last_s), codes)

    def _last_good_s(self, rows: Rows, moments: Moments) -> Floats:
        """What is told; without a word the moment itself."""
        texts = rows.texts("last_good")
        told = [n for n, text in enumerate(texts) if text.strip()] if rows.has("last_good") else []
        found = moments.at_s
        if told:
            found = found.copy()
            found[told] = self._column(rows, "last_good", told).at_s
            rows.check(found <= moments.last_s, "last_good", _LATE, fatal=True)
        return found

    def _samples(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        signals, values = rows.places("signal", self._signals), rows.numbers("value")
        outcomes = rows.places("outcome", self._names)
        rows.check(signals != _IS_NO_SIGNAL, "signal", _NO_SIGNAL)
        rows.check(~np.isnan(values) | (outcomes != 0), "value", _NO_VALUE)
        outcomes = np.where(outcomes == 0, np.int32(self._builder.code(OK)), outcomes)
        weights = rows.numbers("weight", blank=1.0)
        rows.check(weights > 0, "weight", "not above 0; a number above 0 is needed")
        codes = (outcomes, *(rows.places(name, self._names) for name in ("site", "probe", "target", "detail")))
        suspect, names = rows.flags("suspect"), list(self.signals)
        for signal in np.unique(signals):
            ours = signals == signal
            if names[signal].endswith(_NEVER_NEGATIVE):
                rows.check(~(ours & (values < 0)), "value", f"below 0; {names[signal]} needs a number from 0")
            figures = [column[ours] for column in (moments.at_s, values, weights)]
            yield partial(self._builder.samples, names[signal], figures, [code[ours] for code in codes], suspect[ours])

    def _heads(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        counts, sites = rows.numbers("value"), self._sites(rows)
        rows.check(counts >= 0, "value", "no head count; a number from 0 is needed")
        for at_s, count, site in zip(moments.at_s.tolist(), counts.tolist(), sites, strict=True):
            yield partial(self._builder.heads, at_s, count, site=site)

    def _gaps(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        for (start_s, end_s), site in zip(self._stretches(rows, moments), self._sites(rows), strict=True):
            yield partial(self._builder.gaps.append, Stretch(start_s, end_s, site))

    def _suspects(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        for (start_s, end_s), site in zip(self._stretches(rows, moments), self._sites(rows), strict=True):
            yield partial(self._builder.suspects.append, Stretch(start_s, end_s, site))

    def _spans(self, rows: Rows, moments: Moments) -> Iterator[_Take]:
        for span, detail in zip(self._stretches(rows, moments), rows.texts("detail"), strict=True):
            yield partial(self._add_span, span, detail)

    def _sites(self, rows: Rows) -> list[str]:
        rows.places("site", self._names)  # so that one that is no text is told like any other cell
        return list(map(name_of, rows.texts("site")))

    def _stretches(self, rows: Rows, moments: Moments) -> list[tuple[float, float]]:
        told = np.array([bool(text.strip()) for text in rows.texts("until")])
        rows.check(told, "until", "no time; a stretch needs its end")
        ends = self._column(rows, "until", range(rows.length))
        rows.check(ends.last_s >= moments.at_s, "until", _ENDS_EARLY, fatal=True)
        return list(zip(moments.at_s.tolist(), ends.last_s.tolist(), strict=True))

    def _column(self, rows: Rows, name: str, chosen: Sequence[int]) -> Moments:
        texts = rows.texts(name)
        return self._times.column([texts[n] for n in chosen], name, [rows.origin[n] for n in chosen])

    def _add_span(self, span: tuple[float, float], detail: str) -> None:
        self.spans.append(span)
        self._builder.simulated |= detail.strip().casefold() == SIMULATED

    def _signal(self, name: str) -> int:
        return self.signals.setdefault(name, len(self.signals)) if _SIGNAL.fullmatch(name) else _IS_NO_SIGNAL


_READERS: dict[str, Callable[[EventRows, Rows, Moments], Iterator[_Take]]] = {
    "disconnect": EventRows._drops,
    "sample": EventRows._samples,
    "connected": EventRows._heads,
    "gap": EventRows._gaps,
    "suspect": EventRows._suspects,
    "span": EventRows._spans,
}
