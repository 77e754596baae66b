"""The live page's explaining children: what the checks, the diagnosis and the verdict say now, a JSON line each.

`python -m monitor.commands.explain now|verdict`: the settings are the first line of stdin, and the end of stdin is the
end. They run with the lowest priority: nothing that is measured waits for them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor.commands.check_settings import asked_of, rules_of
from monitor.config.model import Settings
from monitor.facts.clock import Clock, SystemClock
from monitor.facts.markers import Marker
from monitor.facts.runs import runs_of
from monitor.outputs.journal import JournalError, JournalReader

NICE = 19
OK, USAGE = 0, 2
DIAGNOSED_S = 7200.0
LEAST_EVERY_S = {"now": 10.0, "verdict": 600.0}
SHARE = 20.0  # at most this part of the time is spent on explaining
AFTER_RUN_S = 360.0  # a publish's effect outlasts it by five minutes, as the verdict counts it
LOOK_S = 10.0  # how often the verdict looks for a run that has ended
MARKERS_S = 86_400.0

Tell = Callable[[dict[str, Any]], None]
Explain = Callable[[Settings, float], dict[str, Any]]


def checks(settings: Settings, now_s: float) -> dict[str, Any]:
    """The on-call checks of the last 15 minutes, and how every site stands. Raises JournalError."""
    from monitor.commands.explain_sites import checks_json

    return checks_json(settings, now_s)


def diagnosis(settings: Settings, now_s: float) -> dict[str, Any]:
    """Which cause the last two hours point to. Raises JournalError."""
    from monitor.analysis.diagnosis.diagnose import diagnose
    from monitor.commands.explain_sites import own_question

    since_s = now_s - DIAGNOSED_S
    evidence = own_question(settings, since_s, now_s).evidence
    found = diagnose(evidence, rules_of(asked_of(settings), since_s, now_s))
    return {"since": since_s, "until": now_s, **asdict(found)}


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


TOLD_BY: dict[str, dict[str, Explain]] = {
    "now": {"checks": checks, "diagnosis": diagnosis},
    "verdict": {"verdict": verdict},
}


@dataclass(slots=True)
class Turns:
    """When a child explains next. ended_s: of the runs that are known to have ended."""

    name: str
    last_s: float | None = None
    took_s: float = 0.0

    @property
    def every_s(self) -> float:
        """The pause after a turn: the longer it took, the longer."""
        return max(LEAST_EVERY_S[self.name], SHARE * self.took_s)

    def due(self, now_s: float, ended_s: Iterable[float] = ()) -> bool:
        """Whether it is time: at first, after the pause, and once when a run has been over for AFTER_RUN_S."""
        if self.last_s is None or now_s - self.last_s >= self.every_s:
            return True
        return any(self.last_s < end_s + AFTER_RUN_S <= now_s for end_s in ended_s)


class Child:
    """One child: explains in turns, and tells each result."""

    def __init__(self, name: str, settings: Settings, tell: Tell, clock: Clock) -> None:
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._turns = Turns(name)
        self._explains = TOLD_BY[name]
        self._name = name

    def look(self) -> float:
        """Explain if it is time. How long to wait before the next look, seconds."""
        if self._turns.due(self._clock.wall_s(), self._ended()):
            self._turns.last_s = self._clock.wall_s()
            began_s = self._clock.mono_s()
            self._explain()
            self._turns.took_s = self._clock.mono_s() - began_s
        return LOOK_S if self._name == "verdict" else self._turns.every_s

    def _explain(self) -> None:
        self._tell({"busy": True})
        problem = None
        for key, explain in self._explains.items():
            try:
                self._tell({key: self._timed(explain)})
            except JournalError as error:
                problem = str(error)
            except Exception as error:  # a mistake of ours in one must not take the other away
                problem = f"the {key} could not be worked out: {type(error).__name__}: {error}"
        self._tell({"busy": False, "problem": problem})

    def _timed(self, explain: Explain) -> dict[str, Any]:
        at_s, began_s = self._clock.wall_s(), self._clock.mono_s()
        told = explain(self._settings, at_s)
        took_s = self._clock.mono_s() - began_s
        return {"at": at_s, "took_s": round(took_s, 3), **told}

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


def _end_with_parent() -> None:
    """End as SIGTERM does when the other end of stdin is gone, in the middle of whatever is worked out."""
    while os.read(0, 65_536):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(words: list[str]) -> int:
    """A child's process: explains until stdin ends. 2 for words that name none."""
    if words[:1] not in ([name] for name in TOLD_BY):
        print(f"explain: one of {', '.join(TOLD_BY)} is needed", file=sys.stderr)
        return USAGE
    os.nice(NICE)
    settings = Settings.from_json(_first_line())
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    child = Child(words[0], settings, _print, SystemClock())
    waiting = threading.Event()
    while True:
        waiting.wait(child.look())


def _first_line() -> str:
    """Read without a buffer, so that the rest of stdin is left to whoever watches for its end."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            break
        line += part
    return line.decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
