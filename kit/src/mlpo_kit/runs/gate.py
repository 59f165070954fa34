"""The gate in front of the registry: decide whether a candidate is registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Verdict:
    """The gate's decision on a candidate. `reason` is a sentence if it was refused, else None."""

    metric: str
    direction: Direction
    value: float
    bound: float
    champion: float | None  # the champion's value; None without a champion
    reason: str | None = None

    @property
    def is_passed(self) -> bool:
        """Whether the candidate may be registered."""
        return self.reason is None


@dataclass(frozen=True)
class Gate:
    """The metric that decides on registration, and the settings that bound it.

        Gate("evaluate.metrics.accuracy", bound="register.min_accuracy",
             margin="register.max_regression")

    `metric` is an output of a stage. `bound` is the setting that holds the value it must reach.
    `margin` is the setting that says by how much a candidate may be worse than the champion.
    `direction` says whether higher or lower values are better.
    """

    metric: str
    bound: str
    margin: str | None = None
    direction: Direction = "higher"

    @property
    def stage(self) -> str:
        """The stage that measures the metric."""
        return self.metric.partition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the metric's name, such as `accuracy`."""
        return self.metric.rpartition(".")[2]

    def judge(
        self, value: float, bound: float, champion: float | None = None, margin: float = 0.0
    ) -> Verdict:
        """Judge a candidate by its value of the metric. A refusal is an outcome, not an error."""
        verdict = Verdict(self.name, self.direction, value, bound, champion)
        return Verdict(**{**vars(verdict), "reason": self._find_reason(verdict, margin)})

    def _find_reason(self, verdict: Verdict, margin: float) -> str | None:
        sign = 1 if self.direction == "higher" else -1
        value, bound, champion = verdict.value, verdict.bound, verdict.champion
        words = f"{self.name} {value:.4f}"
        if not sign * value >= sign * bound:  # also true if the value is NaN
            side = "below" if self.direction == "higher" else "above"
            stays = "" if champion is None else "; the champion stays"
            return f"{words} is {side} {self.bound} ({bound:g}): not registered{stays}"
        if champion is not None and sign * value < sign * champion - margin:
            return (
                f"{words} is worse than the champion's {champion:.4f} by more than "
                f"{self.margin or 'nothing'} ({margin:g}): not registered; the champion stays"
            )
        return None
