"""An experiment's plan as values: which arms are compared, on what, and which block gets which arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monitor.config.rules import Duration, OneOf, Text, Whole
from monitor.config.values import Identifier, Name, Timezone
from monitor.publish.flow.flow import PublishSpec
from monitor.publish.flow.requests import WRITES
from monitor.publish.plan.blocks import NONE
from monitor.publish.strategy.strategies import Strategy, strategy

VIRTUAL, LIVE, REAL = "virtual", "live", "real"
MODES = (VIRTUAL, LIVE, REAL)
SIMULATED = "simulated"
MOST_BLOCKS = 2000
LARGEST_SEED = 10**9
NUMBER = (int, float)
JOB_FIGURES = {"batch_size": (int,), "pause_s": NUMBER}  # of the job; the others are the strategy's own
FIGURES: Mapping[str, tuple[type, ...]] = {
    **JOB_FIGURES,
    "in_flight": (int,),
    "rate_per_s": NUMBER,
    "headroom": NUMBER,
    "window": (str,),
    "tz": (str,),
    "retry_limit": (int,),
    "retry_factor": NUMBER,
    "retry_first_s": NUMBER,
    "jitter": (bool,),
}
DEFAULT_RETRY = "retry_after"

ArmName = Annotated[
    str,
    BeforeValidator(
        Text("an arm's name of letters, digits and . _ + : = , / - is", r"[A-Za-z0-9][A-Za-z0-9._+:=,/-]{0,79}")
    ),
]
Seed = Annotated[int, BeforeValidator(Whole(0, LARGEST_SEED))]
PlatformSeed = Annotated[int, BeforeValidator(Whole(0, 10**13))]
Number = Annotated[int, BeforeValidator(Whole(1, MOST_BLOCKS))]
Write = Annotated[str, BeforeValidator(OneOf(WRITES))]
Span = Annotated[float, BeforeValidator(Duration("1s", "24h"))]
Sentence = Annotated[str, BeforeValidator(Text("one line of text is", r"[^\x00-\x1f]{0,500}"))]
Figure = int | float | str | bool


class _Part(BaseModel):
    """Strict and frozen: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)


class Arm(_Part):
    """One way of publishing, or `none` for publishing nothing. figures: the strategy's own, by their names."""

    name: ArmName
    pacing: str = ""
    retry: str = ""
    figures: Mapping[str, Figure] = {}

    @property
    def publishes(self) -> bool:
        """False for the arm `none`."""
        return self.name != NONE

    def strategy(self) -> Strategy:
        """The strategy of an arm that publishes. Raises ValueError, one line, for one that does not exist."""
        self._refuse_unknown_figures()
        figures: dict[str, Any] = {name: value for name, value in self.figures.items() if name not in JOB_FIGURES}
        return strategy(self.pacing, self.retry, **figures)

    def job(self, business_unit: str, week: str, schedule: str, writes: tuple[str, ...]) -> PublishSpec:
        """What this arm publishes there. Raises ValueError, one line, for sizes that make no sense."""
        self._refuse_unknown_figures()
        sizes: dict[str, Any] = {name: value for name, value in self.figures.items() if name in JOB_FIGURES}
        return PublishSpec(business_unit, week, schedule, writes=writes, **sizes)

    def _refuse_unknown_figures(self) -> None:
        for name, value in self.figures.items():
            if name not in FIGURES:
                raise ValueError(f"figures: {name}: one of {', '.join(FIGURES)} is needed")
            if type(value) not in FIGURES[name]:
                allowed = " or ".join(kind.__name__ for kind in FIGURES[name])
                raise ValueError(f"figures: {name}: {value!r}: {allowed} is needed")


class Step(_Part):
    """One block. replicate: the blocks of one mode and replicate are compared with each other.

    seed: of the simulated platform, the same for every block of a replicate. when: local time, such as
    `tue 2026-03-03 10:00`. week: first day of the schedule's week; schedule: its id, empty for the only draft of the
    week.
    """

    block: Number
    replicate: Number
    mode: Annotated[str, BeforeValidator(OneOf(MODES))]
    arm: ArmName
    seed: PlatformSeed | None = None
    when: str | None = None
    week: str | None = None
    schedule: str = ""


class Publish(_Part):
    """What every arm publishes. writes: made for each agent beside the schedule, in this order."""

    writes: tuple[Write, ...] = WRITES
    job: Name = "experiment"
    business_unit: Identifier | None = None
    by: Annotated[str, BeforeValidator(OneOf(("driver", "hand")))] = "driver"


class Plan(_Part):
    """A whole experiment.

    tail_s: what happens so long after a publish still counts as its effect. settle_s: how long agents may take to be
    connected again before a virtual block ends. none_s: how long a block of the arm `none` lasts, its tail not counted.
    """

    plan: Literal[1]
    name: Name
    about: Sentence = ""
    platform: Literal["simulated", "real"]
    scenario: str | None = None
    timezone: Timezone | None = None
    seed: Seed
    reference: ArmName
    publish: Publish = Publish()
    tail_s: Span = Field(60.0, validation_alias="tail")
    settle_s: Span = Field(600.0, validation_alias="settle")
    none_s: Span = Field(60.0, validation_alias="none_for")
    arms: tuple[Arm, ...]
    blocks: tuple[Step, ...]

    @property
    def simulated(self) -> bool:
        """Whether the platform is the built-in simulator."""
        return self.platform == SIMULATED

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of every `when`."""
        return ZoneInfo(self.timezone or "UTC")

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises KeyError."""
        return {arm.name: arm for arm in self.arms}[name]

    def arm_names(self) -> tuple[str, ...]:
        """Every arm in the plan's order."""
        return tuple(arm.name for arm in self.arms)


def read_arm(text: str) -> Arm:
    """The arm that `none`, `batch`, `burst+backoff` or `batch+none:batch_size=25,pause_s=1` names.

    Without a retry policy it is retry_after. Raises ValueError, one line, for anything else.
    """
    if text == NONE:
        return Arm(name=NONE)
    names, _, figures = text.partition(":")
    pacing, _, retry = names.partition("+")
    try:
        pairs = [pair.partition("=")[::2] for pair in figures.split(",")] if figures else []
        arm = Arm(
            name=text,
            pacing=pacing,
            retry=retry or DEFAULT_RETRY,
            figures={name: _figure(name, value) for name, value in pairs},
        )
        arm.strategy()
        arm.job("any", "2026-01-05", "any", WRITES)
    except ValidationError:
        raise ValueError(f"arm {text!r}: such as batch or burst+backoff:retry_limit=5 is needed") from None
    except ValueError as error:
        raise ValueError(f"arm {text!r}: {error}") from None
    return arm


def _figure(name: str, text: str) -> Figure:
    """The figure as its kind; what cannot be read as such stays text, and is refused as that."""
    kinds = FIGURES.get(name, (str,))
    if bool in kinds:
        return {"true": True, "false": False}.get(text, text)
    for kind in kinds:
        try:
            return text if kind is str else int(text) if kind is int else float(text)
        except ValueError:
            continue
    return text
