"""What can a gate or a symptom answer, and with what does it back the answer?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from connector.core.facts import Window
from connector.core.figures import Ratio


class Verdict(StrEnum):
    """A gate's answer. Missing data is `INSUFFICIENT`, never `FAIL`."""

    PASS = "Pass"  # noqa: S105
    FAIL = "Fail"
    INSUFFICIENT = "Insufficient Evidence"
    NOT_APPLICABLE = "Not Applicable"
    OVERRIDDEN = "Overridden"  # shown in place of the computed verdict, which is kept


class Presence(StrEnum):
    """A symptom's answer."""

    PRESENT = "Present"
    ABSENT = "Absent"
    INSUFFICIENT = "Insufficient Evidence"
    NOT_APPLICABLE = "Not Applicable"


class Confidence(StrEnum):
    """How firmly the numbers carry the answer."""

    HIGH = "High"
    LOW = "Low"
    NONE = "None"


class Gate(StrEnum):
    """The three gates, in the essay's order."""

    VELOCITY = "velocity"
    MARKET_FIT = "market_fit"
    TRACK_RECORD = "track_record"


class Symptom(StrEnum):
    """The three symptoms, and the two answers that name none."""

    NONE = "None"
    CONFIDENCE = "Confidence Gap"
    STRATEGIC = "Strategic Gap"
    AWARENESS = "Awareness Gap"
    INSUFFICIENT = "Insufficient Evidence"


class Lever(StrEnum):
    """What to do about the symptom."""

    STOP = "Stop Campaigns + Technical Shadowing"
    THOUGHT_LEADERSHIP = "With-Partner Thought Leadership"
    RE_RECRUIT = "Re-recruit"
    SUSTAIN = "Sustain"
    ONBOARD = "Onboard"
    REVIEW = "Review"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate's answer with all that it rests on. `explain.sentence` puts it into words.

    `verdict` is the computed answer after the dead band, `raw` before it; `shown` is what a record displays.
    """

    gate: Gate
    verdict: Verdict
    code: str
    policy_key: str
    raw: Verdict | None = None  # only when the dead band or the dwell held another verdict
    overridden: bool = False
    value: Ratio | None = None  # quote-to-close rate, or pipeline to spend
    threshold: Decimal | None = None
    clears_at: Decimal | None = None  # the value at which a failed gate passes again
    n: int = 0  # quotes, won deals or campaigns counted
    needed: int = 0  # how many it takes to judge
    met: int | None = None  # campaigns that reach the ratio by themselves
    window: Window | None = None
    confidence: Confidence = Confidence.NONE
    evidence: tuple[str, ...] = ()
    matched: tuple[str, ...] = ()  # goal codes that the footprint meets
    wanted: tuple[str, ...] = ()  # goal codes in force
    unmapped: tuple[str, ...] = ()  # words of the footprint that the taxonomy lacks
    left_out: tuple[tuple[str, str], ...] = ()  # (campaign id, reason code)
    missing: str = ""  # the thing that an admin would have to supply
    proxy: bool = False  # stage history stood in for quotes

    @property
    def shown(self) -> Verdict:
        """The verdict as a record displays it."""
        return Verdict.OVERRIDDEN if self.overridden else self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SymptomResult:
    """One symptom's answer with all that it rests on."""

    symptom: Symptom
    presence: Presence
    code: str
    policy_key: str
    n: int = 0  # meetings, won deals, or days without a sign of life
    needed: int = 0
    quoted: int = 0  # opportunities with an issued quote beside the meetings
    value: Ratio | None = None  # median won deal to the benchmark's
    threshold: Decimal | None = None
    window: Window | None = None
    confidence: Confidence = Confidence.NONE
    evidence: tuple[str, ...] = ()
    missing: str = ""
