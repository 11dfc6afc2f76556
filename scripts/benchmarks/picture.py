"""The ratios of a run as one picture: a panel for each result, a bar for each goal.

Draws without a screen; knows results only, nothing of how they were measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from scripts.benchmarks.figures import Result, Spread, Verdict
from scripts.benchmarks.report import bound

# Of the palette by Okabe and Ito, which is told apart with any kind of colour vision.
MET, MISSED, SHOWN = "#56B4E9", "#D55E00", "#BBBBBB"
# In inches; what is not rows are titles, axes and the legend.
WIDTH, ROW_HEIGHT, PANEL_HEIGHT, EDGE_HEIGHT = 9.0, 0.28, 0.6, 0.6
DOTS_PER_INCH = 150
LEGEND = (
    Patch(color=MET, label="goal met"),
    Patch(color=MISSED, label="goal not met"),
    Patch(color=SHOWN, label="no goal"),
    Line2D([], [], color="black", linewidth=2, label="goal"),
    Line2D([], [], color="0.35", marker="|", linewidth=1, label="lowest to highest round"),
)

Bar = tuple[Verdict, Spread]


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture as a PNG file; without any ratio there is none."""
    panels = [(result, bars) for result in results if (bars := bars_of(result))]
    if not panels:
        return
    rows = [len(bars) for _, bars in panels]
    height = EDGE_HEIGHT + PANEL_HEIGHT * len(rows) + ROW_HEIGHT * sum(rows)
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)  # needs no screen, whatever the environment asks for
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=rows)
    for one, (result, bars) in zip(axes[:, 0], panels, strict=True):
        _draw_panel(one, result, bars)
    figure.suptitle("One figure divided by the other: medians over the rounds", fontsize=11)
    figure.legend(handles=LEGEND, loc="outside lower center", ncols=len(LEGEND), fontsize=7, frameon=False)
    figure.savefig(path, format="png")


def bars_of(result: Result) -> list[Bar]:
    """Return the verdicts that have a ratio, with it."""
    return [(verdict, verdict.ratio) for verdict in result.verdicts() if verdict.ratio is not None]


def colour_of(verdict: Verdict) -> str:
    """Return the colour that says whether the goal is met."""
    if not bound(verdict.goal):
        return SHOWN
    return MET if verdict.met else MISSED


def labels_of(verdicts: Sequence[Verdict]) -> tuple[str, list[str]]:
    """Return what the panel says once, and what each bar says: a figure that all share is said once."""
    figures = {verdict.goal.figure for verdict in verdicts}
    if len(figures) > 1:
        return "", [verdict.goal.name for verdict in verdicts]
    return figures.pop(), [f"{verdict.goal.subject} to {verdict.goal.against}" for verdict in verdicts]


def _draw_panel(axes: Axes, result: Result, bars: Sequence[Bar]) -> None:
    figure, labels = labels_of([verdict for verdict, _ in bars])
    for place, (verdict, ratio) in enumerate(bars):
        _draw_bar(axes, place, verdict, ratio)
    axes.set_yticks(range(len(bars)), labels, fontsize=8)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.margins(x=0.16)  # leaves room for the text behind the longest bar
    axes.set_xlim(left=0)
    axes.axvline(1, color="0.8", linewidth=0.8, zorder=0)
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title(
        f"{result.name}: {figure}" if figure else result.name, loc="left", fontsize=9, weight="bold"
    )


def _draw_bar(axes: Axes, place: int, verdict: Verdict, ratio: Spread) -> None:
    below, above = ratio.median - ratio.low, ratio.high - ratio.median
    whiskers = {"ecolor": "0.35", "elinewidth": 1, "capsize": 2}
    axes.barh(place, ratio.median, 0.62, xerr=([below], [above]), color=colour_of(verdict), error_kw=whiskers)
    for goal in (verdict.goal.at_least, verdict.goal.at_most):
        if goal is not None:
            axes.vlines(goal, place - 0.42, place + 0.42, color="black", linewidth=2)
    wanted = bound(verdict.goal)
    text = f"{ratio.median:.2f}" + (f"  (goal {wanted})" if wanted else "")
    end = max(ratio.high, verdict.goal.at_least or 0.0, verdict.goal.at_most or 0.0)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.annotate(
        text, (end, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7, bbox=behind
    )
