"""The one sentence above a finished comparison, drawn from the same findings as the charts so that
they agree."""

import re
from collections.abc import Mapping, Sequence

from sdplay.compare.evidence.answers import Convergence, Point, Trade
from sdplay.compare.evidence.findings import At, Between, Findings, dearest
from sdplay.compare.evidence.measures import Measure
from sdplay.compare.results import Result
from sdplay.wording import listed, many

FEWEST_SETTINGS = 3
"""With fewer beside the reference nothing is recommended."""
MOST_MEASURED = 200
"""More pictures than this are not laid against one of them only for a sentence."""


def headline(findings: Findings, results: Mapping[At, Result], between: Between) -> str:
    """What these pictures show, with the reason, and how many are missing; empty while there are
    none."""
    sentence = _of_those_made(findings, results, between)
    missing = sum(result.state in ("failed", "cancelled") for result in results.values())
    if not sentence or not missing or findings.parities:
        return sentence
    verb = "is" if missing == 1 else "are"
    return f"{sentence} {many(missing, 'picture')} {verb} missing, which may change this."


def _of_those_made(findings: Findings, results: Mapping[At, Result], between: Between) -> str:
    done = [result for result in results.values() if result.done]
    if len(done) < 2:
        return "One picture: there is nothing to compare yet." if done else ""
    if findings.explored:
        return findings.explored[0]
    if len({result.pixels for result in done}) == 1:
        return f"All {len(done)} pictures are the same, pixel for pixel: nothing here changes them."
    return (
        _worth(findings)
        or _settling(findings)
        or (findings.amounts.headline if findings.amounts else "")
        or (findings.test.sentence if findings.test else "")
        or _apart(findings.measure, done, between)
    )


def _worth(findings: Findings) -> str:
    """The sentence about the cheapest setting that is good enough."""
    trade = findings.trade
    if trade is None or len(trade.points) < FEWEST_SETTINGS:
        return ""
    goal, winners = setting_words(trade.reference.name), trade.winners
    winners = tuple(point for point in winners if _more_steps(findings, point)) or winners
    if not winners:
        more = "" if trade.reference.chosen else ": it still changes; try more steps"
        return f"Nothing comes close to {goal}{more}."
    names = [setting_words(point.label) for point in winners]
    if len(winners) > 1:
        them = "both" if len(names) == 2 else "all"
        return f"Tie: {listed(names)} cost the same, and {them} come close to {goal}."
    verb = "are" if names[0].endswith("steps") and " at " not in names[0] else "is"
    more = _more_steps(findings, winners[0])
    if not more:
        return f"{names[0]} {verb} the cheapest that comes close to {goal}{_share(trade)}."
    alone = len({curve.scheduler for curve in findings.curves}) == 1
    cheapest = "" if alone else f", and nothing cheaper comes close to {goal}"
    return f"{names[0]} {verb} enough here: more steps change {more}{cheapest}."


def _share(trade: Trade) -> str:
    """How much of the reference's work the winner needs, where one figure can say it."""
    goal, cost = trade.reference, trade.winners[0].cost
    if goal.up_to > goal.cost or not 0 < cost < goal.cost:
        return ""
    return f", for {100 * cost / goal.cost:.0f} % of its work"


def _more_steps(findings: Findings, winner: Point) -> str:
    """How little further steps change; empty when they still change something, or when no curve
    shows it."""
    curves = _same_scheduler(findings.curves, winner)
    settled = [curve.knee for curve in curves if curve.settles == "yes" and curve.knee]
    if findings.trade is None or findings.trade.reference.chosen or len(settled) < len(curves):
        return ""
    if not curves or max(knee.steps for knee in settled) > winner.steps:
        return ""
    later = (p.distance for curve in curves for p in curve.points if p.steps >= winner.steps)
    return "less than the eye sees" if max(later) <= findings.measure.unseen else "little"


def _same_scheduler(curves: Sequence[Convergence], winner: Point) -> list[Convergence]:
    own = [curve for curve in curves if any(point.at == winner.at for point in curve.points)]
    return [curve for curve in curves if own and curve.scheduler == own[0].scheduler]


def _settling(findings: Findings) -> str:
    """What the first curve says, when there are too few settings to choose from."""
    clear = [sentence for sentence in findings.settling if "enough" in sentence]
    return next(iter((*clear, *findings.settling)), "")


def _apart(measure: Measure, done: Sequence[Result], between: Between) -> str:
    """For pictures on no scale: which one is most like the reference, and which least."""
    goal = dearest(done)
    if goal is None or len(done) > MOST_MEASURED:
        return ""
    measured = [(between(goal, result), result) for result in done if result is not goal]
    distances = sorted(
        (
            (difference.by(measure), result.cell.at, result.cell.name)
            for difference, result in measured
            if difference
        ),
    )
    if not distances:
        return ""
    (low, _, near), (high, _, far) = distances[0], distances[-1]
    if high <= measure.unseen:
        return (
            f"They all look the same: none is farther from {goal.cell.name} than the eye sees "
            f"({measure.label} at most {high:.3f})."
        )
    if len(distances) == 1:
        return f"{far} differs from {goal.cell.name} by {high:.2f} ({measure.label})."
    return (
        f"Measured against {goal.cell.name}, {near} is closest ({measure.label} {low:.2f}) and "
        f"{far} is farthest ({high:.2f})."
    )


def setting_words(label: str) -> str:
    """A setting inside a sentence: `Euler · 20 steps` is Euler at 20 steps."""
    return re.sub(r" · (\d+ steps?)\b", r" at \1", label, count=1)
