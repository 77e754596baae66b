"""The live page's explaining children: what the checks, the diagnosis and the verdict say now, a JSON line each.

`python -m monitor.commands.explain now|verdict`: the settings are the first line of stdin, and the end of stdin is the
end. Nothing that is measured waits for them (explain_process).
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.commands.check_settings import asked_of, rules_of
from monitor.commands.explain_process import MEMORY_BYTES, be_modest, end_with_parent, first_line
from monitor.config.model import Settings
from monitor.facts.clock import SystemClock, WorkClock
from monitor.facts.markers import Marker
from monitor.facts.runs import runs_of
from monitor.facts.signals import LATENESS, LOOP_LAG
from monitor.outputs.journal import JournalError, JournalReader

USAGE = 2
DIAGNOSED_S = 7200.0
LEAST_EVERY_S = {"now": 10.0, "verdict": 600.0}
SHARE = 20.0  # at most this part of a processor's time is spent on explaining
AFTER_RUN_S = 360.0  # a publish's effect outlasts it by five minutes, as the verdict counts it
LOOK_S = 10.0  # how often the verdict looks for a run that has ended
MARKERS_S = 86_400.0
MOST_STRETCHES = 5
OWN_SIGNALS = (LOOP_LAG, LATENESS)
UNLIMITED = "the commands check and report have no such limit"

Tell = Callable[[dict[str, Any]], None]
Explain = Callable[[float], dict[str, Any] | None]  # of a moment, Unix seconds; None where there is nothing to tell
Step = tuple[str, Explain]


def now_steps(settings: Settings) -> Sequence[Step]:
    """The on-call checks and the cause, which need our journal alone, and then how other sites stand."""
    from monitor.commands.explain_sites import Checks

    checks = Checks(settings)
    return (
        ("checks", checks.own),
        ("diagnosis", lambda now_s: diagnosis(settings, now_s)),
        ("checks", checks.every_site),
    )


def verdict_steps(settings: Settings) -> Sequence[Step]:
    """The verdict."""
    return (("verdict", lambda now_s: verdict(settings, now_s)),)


def diagnosis(settings: Settings, now_s: float) -> dict[str, Any]:
    """Which cause the last two hours point to, and when something was out of order. Raises JournalError.

    attempts: what was measured; observed_since: from when on, None for nothing. trouble: stretches, Unix seconds.
    """
    from monitor.analysis.diagnosis.diagnose import diagnose
    from monitor.analysis.diagnosis.findings import troubled
    from monitor.analysis.diagnosis.signs import Signs
    from monitor.commands.explain_sites import own_question

    since_s = now_s - DIAGNOSED_S
    evidence = own_question(settings, since_s, now_s).evidence
    rules = rules_of(asked_of(settings), since_s, now_s)
    attempts = sum(len(series) for signal, series in evidence.series.items() if signal not in OWN_SIGNALS)
    return {
        "since": since_s,
        "until": now_s,
        "observed_since": None if evidence.span is None else max(since_s, evidence.span[0]),
        "attempts": attempts,
        "trouble": troubled(Signs(evidence, rules))[-MOST_STRETCHES:],
        **asdict(diagnose(evidence, rules)),
    }


def verdict(settings: Settings, now_s: float) -> dict[str, Any]:
    """What `report` says of this monitor's journal. Raises JournalError."""
    from monitor.analysis.verdict.analyse import analyse
    from monitor.analysis.verdict.result import to_json
    from monitor.commands.verdict_sentence import sentence
    from monitor.commands.verdict_text import verdict_lines
    from monitor.outputs.sources.journals import read_journals

    asked = asked_of(settings)
    evidence = read_journals((asked.journal,), None, now_s, limit_s=asked.limit_s)
    rules = rules_of(asked, *(evidence.span or (now_s, now_s)))
    result = analyse(evidence, rules)
    zone = ZoneInfo(settings.timezone)
    return {
        **to_json(result),
        "sentence": sentence(result, rules.margin, rules.alpha),
        "lines": verdict_lines(result, margin=rules.margin, alpha=rules.alpha, zone=zone),
    }


STEPS_OF: dict[str, Callable[[Settings], Sequence[Step]]] = {"now": now_steps, "verdict": verdict_steps}


@dataclass(slots=True)
class Turns:
    """When a child explains next.

    last_mono_s, last_wall_s: when the last turn began. cpu_s: processor seconds that it took; waiting for others costs
    nothing.
    """

    name: str
    last_mono_s: float | None = None
    last_wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def every_s(self) -> float:
        """The pause from turn to turn: the more work one was, the longer."""
        return max(LEAST_EVERY_S[self.name], SHARE * self.cpu_s)

    def due(self, mono_s: float, wall_s: float, ended_s: Iterable[float] = ()) -> bool:
        """Whether it is time: at first, after the pause, and once when a run has been over for AFTER_RUN_S.

        ended_s: when the runs ended, Unix seconds.
        """
        if self.last_mono_s is None or mono_s - self.last_mono_s >= self.every_s:
            return True
        return any(self.last_wall_s < end_s + AFTER_RUN_S <= wall_s for end_s in ended_s)


class Child:
    """One child: explains in turns, and tells each result."""

    def __init__(self, name: str, settings: Settings, tell: Tell, clock: WorkClock) -> None:
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._turns = Turns(name)
        self._steps = STEPS_OF[name](settings)
        self._name = name
        self._cpu_s = clock.cpu_s()

    def look(self) -> float:
        """Explain if it is time. How long to wait before the next look, seconds."""
        turns, mono_s, wall_s = self._turns, self._clock.mono_s(), self._clock.wall_s()
        if turns.due(mono_s, wall_s, self._ended()):
            turns.last_mono_s, turns.last_wall_s = mono_s, wall_s
            self._explain()
            worked_s = self._clock.cpu_s()  # with what a slow source's thread has worked since the last turn
            turns.cpu_s, self._cpu_s = worked_s - self._cpu_s, worked_s
        return LOOK_S if self._name == "verdict" else self._turns.every_s

    def _explain(self) -> None:
        self._tell({"busy": True})
        problem = None
        for key, explain in self._steps:
            try:
                told = self._timed(explain)
                if told is not None:
                    self._tell({key: told})
            except JournalError as error:
                problem = str(error)
            except MemoryError:
                problem = f"the {key} could not be worked out in {MEMORY_BYTES >> 20} MB of memory: {UNLIMITED}"
            except Exception as error:  # a mistake of ours in one must not take the other away
                problem = f"the {key} could not be worked out: {type(error).__name__}: {error}"
        self._tell({"busy": False, "problem": problem})

    def _timed(self, explain: Explain) -> dict[str, Any] | None:
        at_s, began_s = self._clock.wall_s(), self._clock.mono_s()
        told = explain(at_s)
        took_s = self._clock.mono_s() - began_s
        return None if told is None else {"at": at_s, "took_s": round(took_s, 3), **told}

    def _ended(self) -> Iterator[float]:
        """When the runs of the last day ended; what cannot be read is told by the explanations."""
        if self._name != "verdict":
            return
        now_s = self._clock.wall_s()
        try:
            markers: list[Marker] = JournalReader(Path(self._settings.journal.path)).markers(now_s - MARKERS_S)
        except JournalError:
            return
        for run in runs_of(markers, now_wall_s=now_s, limit_s=self._settings.metrics.publish_limit_s):
            if run.end_wall_s is not None:
                yield run.end_wall_s


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, allow_nan=False, separators=(",", ":")), flush=True)


def main(words: list[str]) -> int:
    """A child's process: explains until stdin ends. 2 for words that name none."""
    if words[:1] not in ([name] for name in STEPS_OF):
        print(f"explain: one of {', '.join(STEPS_OF)} is needed", file=sys.stderr)
        return USAGE
    be_modest()
    settings = Settings.from_json(first_line())
    threading.Thread(target=end_with_parent, name="parent-watch", daemon=True).start()
    child = Child(words[0], settings, _print, SystemClock())
    waiting = threading.Event()
    while True:
        waiting.wait(child.look())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
