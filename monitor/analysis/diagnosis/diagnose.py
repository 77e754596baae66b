"""The diagnosis: every rule's score, the best cause, the runner-up, and what to measure to tell the two apart; pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from monitor.analysis.diagnosis.drops import with_agent
from monitor.analysis.diagnosis.findings import findings, measured
from monitor.analysis.diagnosis.result import NONE, UNKNOWN, CauseFound, Diagnosis
from monitor.analysis.diagnosis.rules.rest import own_doing
from monitor.analysis.diagnosis.rules.rule import SURE, Rule
from monitor.analysis.diagnosis.rules.table import RULES
from monitor.analysis.diagnosis.signs import Signs
from monitor.analysis.verdict.rules import Rules
from monitor.facts import signals
from monitor.facts.evidence import NOTHING, Evidence

WORTH_SAYING = 0.1  # a cause with a lower score is left out
MOST_FINDINGS = 8
BASIC = (signals.WS_RTT, signals.ICE_SERVERS, signals.ICE_GATHERING, signals.STUN_RTT, signals.API, signals.LOOP_LAG)


def diagnose(evidence: Evidence, rules: Rules, *, without: Collection[str] = ()) -> Diagnosis:
    """What is wrong, told by measurements alone. without: causes whose rules are left out.

    `none` when nothing is out of order; `unknown` when something is, or nothing but drops is known, and no rule
    stands out.
    """
    signs = Signs(evidence, rules)
    table = [rule for rule in RULES if rule.cause not in without]
    scored = [(rule, found) for rule in table if (found := _judged(rule, signs)).score >= WORTH_SAYING]
    scored.sort(key=lambda one: -one[1].score)
    ranked = [rule for rule, _ in scored]
    causes = [found for _, found in scored]
    wrong = findings(signs)
    if causes and causes[0].score >= SURE:
        return Diagnosis(causes[0].cause, _second(causes[1:]), tuple(causes), _missing(evidence, ranked[:2]))
    if wrong or not measured(signs):
        unknown = CauseFound(UNKNOWN, 0.0, tuple(wrong[:MOST_FINDINGS]))
        return Diagnosis(
            UNKNOWN, _second(causes), (unknown, *causes), _missing(evidence, ranked[:2]) or _unmeasured(evidence)
        )
    return Diagnosis(NONE, None, (CauseFound(NONE, 1.0, _all_well(signs)),), _unseen(evidence))


def _judged(rule: Rule, signs: Signs) -> CauseFound:
    judged = rule.judge(signs)
    return CauseFound(rule.cause, round(judged.score, 3), judged.evidence)


def _second(causes: Sequence[CauseFound]) -> str | None:
    return causes[0].cause if causes else None


def _missing(evidence: Evidence, rules: Sequence[Rule]) -> tuple[str, ...]:
    """What was not measured of what these rules need, then what would settle each."""
    absent = {name: rule.cause for rule in rules for name in rule.needs if name not in evidence.series}
    told = [f"{name}, which {cause} is known by, was not measured" for name, cause in absent.items()]
    return tuple(dict.fromkeys([*told, *(rule.to_be_sure for rule in rules)]))


def _unmeasured(evidence: Evidence) -> tuple[str, ...]:
    """What most rules need and nobody measured, and what evidence as coarse as this cannot show."""
    absent = [f"{name} was not measured" for name in BASIC if name not in evidence.series]
    return (*absent, *_unseen(evidence))


def _unseen(evidence: Evidence) -> tuple[str, ...]:
    """What cannot be seen in evidence as coarse as this, though it may be there."""
    series = evidence.series
    stun = series.get(signals.STUN_RTT, evidence.no_series)
    told = [
        ("mapped addresses of STUN answers: a symmetric NAT is not seen without them", bool((stun.detail > 0).any())),
        (
            "results by probe: a split tunnel and a step of the clock are not seen without them",
            any(bool((rows.probe != NOTHING).any()) for rows in series.values()),
        ),
        (
            "how long each lost connection had been silent: a proxy's or a NAT's limit is not seen without it",
            not len(evidence.drops) or bool(with_agent(evidence.drops).any()),
        ),
    ]
    return tuple(words for words, known in told if not known)


def _ordinary(drops: int) -> str:
    """Drops may well have come in one incident: what is said is that they do not tell of a fault."""
    if not drops:
        return "no drops"
    many = f"{drops} drop{'' if drops == 1 else 's'}"
    return f"{many}: never most of the agents at once, and none for a reason that tells of a fault"


def _all_well(signs: Signs) -> tuple[str, ...]:
    evidence = signs.evidence
    words = [
        f"{one.count(one.bad):.0f} of {one.count(one.bad | ~one.bad):.0f} {one.kind.name} attempts late or failed, "
        "never many at a time"
        for one in (signs.pings, signs.fetch, signs.stun)
        if len(one)
    ]
    words.append(_ordinary(len(evidence.drops)))
    own = own_doing(signs)
    return (*words, own) if own else tuple(words)
