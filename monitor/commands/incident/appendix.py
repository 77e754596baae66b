"""The data appendix: the evidence as EVENTS and WINDOWS files, whole where it is small enough, else thinned."""

from __future__ import annotations

import gzip
import io
import math
from dataclasses import replace
from typing import Final

import numpy as np

from monitor.commands.incident.document import Attachment, Block, Section, Text
from monitor.commands.incident.tables import EVENTS_NAME, WINDOWS_NAME
from monitor.facts.evidence import Evidence, Heads
from monitor.outputs.sources.files.export import events_to, windows_to

MOST_ROWS: Final = 50_000
PLAIN_BYTES: Final = 400_000  # a larger file is compressed: it becomes an eighth
MOST_HEADS: Final = 5_000
PREVIEW_LINES: Final = 6
MINUTE_S: Final = 60.0
WHOLE: Final = (
    "Everything that this report was judged by: save both files (gunzip one that ends in .gz) and run the command "
    "above. analyze judges once where "
    "report judges for repeated looks: where this report withholds a word for that reason alone, analyze says it."
)

NO_WINDOW: Final = "Everything that this report was judged by."


def appendix_section(evidence: Evidence, whole: str = WHOLE) -> Section:
    """Both files, and what they are good for. whole: the words where nothing was left out."""
    kept, words = thinned(evidence)
    events, windows = io.StringIO(), io.StringIO()
    rows = events_to(kept, events), windows_to(kept.windows, windows)
    blocks: list[Block] = [
        Text(words or whole, strong=bool(words)),
        Text("The files name sites, agents and servers as the evidence does (format: docs/files.md)."),
    ]
    blocks += [
        _attachment(name, stream.getvalue(), count)
        for name, stream, count in zip((EVENTS_NAME, WINDOWS_NAME), (events, windows), rows, strict=True)
    ]
    return Section("data", "Data appendix", tuple(blocks))


def thinned(evidence: Evidence) -> tuple[Evidence, str]:
    """The evidence with at most about MOST_ROWS rows, and what that means; no words where nothing was left out.

    Drops, gaps and windows are whole in any case. Of head counts the last one of each minute and site is kept where
    they are many, and of each signal every so-manieth sample.
    """
    samples = sum(len(series) for series in evidence.series.values())
    fixed = len(evidence.drops) + len(evidence.gaps) + len(evidence.suspects)
    heads = evidence.heads
    if fixed + len(heads.at_s) + samples <= MOST_ROWS:
        return evidence, ""
    heads = heads if len(heads.at_s) <= MOST_HEADS else _by_minute(heads)
    room = max(MOST_ROWS // 4, MOST_ROWS - fixed - len(heads.at_s))
    every = max(1, math.ceil(samples / room))
    series = {name: one.where(np.arange(0, len(one), every)) for name, one in evidence.series.items()}
    words = (
        f"Thinned: of {samples:,} samples one in {every} is here, signal by signal, and of head counts the last of "
        "each minute where they were many. Drops, gaps, suspect time and windows are whole, so a repeat finds the same "
        "drops; its latencies, failed gatherings, order and diagnosis rest on fewer samples and can differ, and the "
        "verdict with them. To repeat this report exactly, run report on the journals themselves."
    )
    return replace(evidence, heads=heads, series=series), words


def _by_minute(heads: Heads) -> Heads:
    """The last head count of each minute and site."""
    order = np.lexsort((heads.at_s, heads.site))
    minute, site = np.floor(heads.at_s[order] / MINUTE_S), heads.site[order]
    last = np.append((np.diff(minute) != 0) | (np.diff(site) != 0), True)
    kept = np.sort(order[last])
    return Heads(heads.at_s[kept], heads.site[kept], heads.count[kept])


def _attachment(name: str, text: str, rows: int) -> Attachment:
    preview = "\n".join(text.split("\n", PREVIEW_LINES)[:PREVIEW_LINES])
    content = text.encode()
    if len(content) <= PLAIN_BYTES:
        return Attachment(name, "text/csv", content, rows, preview)
    return Attachment(f"{name}.gz", "application/gzip", gzip.compress(content, 9, mtime=0), rows, preview)
