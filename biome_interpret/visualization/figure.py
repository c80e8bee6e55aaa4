"""Draws interpretations with matplotlib (the extra `plot`)."""

import io
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional, Sequence, Union

from biome_interpret.interpretation import RENDERERS, Interpretation, percent
from biome_interpret.visualization.captions import target_name
from biome_interpret.visualization.characters import visible, without_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FOR = "#3a7dd2"
_AGAINST = "#d6640a"
_MAX_BARS = 60
_MAX_COLUMNS = 200
_LONGEST_TOKEN = 30


class _Bar(NamedTuple):
    token: str
    score: float
    error: Optional[float]
    field: str


def plot(
    interpretations: Union[Interpretation, Sequence[Interpretation]], ax: Optional["Axes"] = None
) -> "Figure":
    """
    Draws the scores. One interpretation becomes a bar chart, with standard errors if there are any.
    Several interpretations of one text (targets or interpreters) become rows of a heat map.

    # Parameters

    interpretations : `Union[Interpretation, Sequence[Interpretation]]`
        At least one. The bar chart shows at most 60 tokens: those with the largest absolute scores.
    ax : `matplotlib.axes.Axes`, optional
        The axes to draw into. A new figure of a suitable size is made if they are not given.

    # Returns

    `matplotlib.figure.Figure`
        Save it with its `savefig`. pyplot does not keep it, so it need not be closed.

    # Raises

    `ImportError`
        If matplotlib is not installed.
    `ValueError`
        If there is no interpretation, or if several have different tokens.
    """
    several = (
        [interpretations] if isinstance(interpretations, Interpretation) else list(interpretations)
    )
    if not several:
        raise ValueError("there is no interpretation to plot")
    tokens = [[(name, f.tokens) for name, f in one.fields.items()] for one in several]
    if any(one != tokens[0] for one in tokens):
        raise ValueError("only interpretations of the same tokens can share a heat map")
    drawn: Any = _bar_chart(several[0], ax) if len(several) == 1 else _heat_map(several, ax)
    figure: Figure = drawn.figure
    return figure


RENDERERS["figure"] = plot


def _bar_chart(interpretation: Interpretation, ax: Optional["Axes"]) -> "Axes":
    all_bars = _bars(interpretation)
    # The largest absolute scores, in the order of the text.
    order = sorted(range(len(all_bars)), key=lambda i: -abs(all_bars[i].score))
    bars = [all_bars[i] for i in sorted(order[:_MAX_BARS])]
    ax = ax if ax is not None else _new_axes(7.0, 1.2 + 0.26 * len(bars))
    places = list(range(len(bars)))
    errors = [bar.error or 0.0 for bar in bars] if any(bar.error for bar in bars) else None
    ax.barh(
        places,
        [bar.score for bar in bars],
        xerr=errors,
        color=[_FOR if bar.score > 0 else _AGAINST for bar in bars],
        error_kw={"elinewidth": 1, "ecolor": "#555555"},
    )
    # `parse_math=False`: a dollar sign in a text does not begin a formula.
    ax.set_yticks(places, labels=[bar.token for bar in bars], parse_math=False)
    ax.set_ylim(len(bars) - 0.4, -0.6)  # The first token is at the top.
    if len(interpretation.fields) > 1:
        _name_fields(ax, bars)
    ax.axvline(0, color="#333333", linewidth=0.8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("against   ←   score, in units of the explained output   →   for")
    title = _name(interpretation, with_method=False)
    if len(bars) < len(all_bars):
        title += f"\n{len(bars)} of {len(all_bars)} tokens: the largest scores"
    ax.set_title(title, parse_math=False, fontsize="medium")
    return ax


def _name_fields(ax: "Axes", bars: List[_Bar]) -> None:
    for place, bar in enumerate(bars):
        if place == 0 or bar.field != bars[place - 1].field:
            if place:
                ax.axhline(place - 0.5, color="#999999", linewidth=0.8, linestyle=":")
            across = ax.get_yaxis_transform()
            name = visible(bar.field)
            ax.text(1.0, place - 0.4, name, transform=across, ha="right", va="top", color="#666666")


def _heat_map(several: List[Interpretation], ax: Optional["Axes"]) -> "Axes":
    rows = [[bar.score for bar in _bars(one)][:_MAX_COLUMNS] for one in several]
    all_bars = _bars(several[0])
    bars = all_bars[:_MAX_COLUMNS]
    if ax is None:
        ax = _new_axes(2.5 + 0.34 * len(bars), 1.6 + 0.4 * len(several))
    largest = max((abs(score) for row in rows for score in row), default=0.0) or 1.0
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("against_for", [_AGAINST, "#ffffff", _FOR])
    image = ax.imshow(rows, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    ax.set_xticks(
        range(len(bars)),
        labels=[bar.token for bar in bars],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        parse_math=False,
    )
    with_method = len({one.method for one in several}) > 1
    names = [_name(one, with_method) for one in several]
    ax.set_yticks(range(len(several)), labels=names, parse_math=False)
    for column in range(1, len(bars)):
        if bars[column].field != bars[column - 1].field:
            ax.axvline(column - 0.5, color="#333333", linewidth=1)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.colorbar(image, ax=ax, label="score", fraction=0.05, pad=0.02)
    if len(bars) < len(all_bars):
        ax.set_title(f"the first {len(bars)} of {len(all_bars)} tokens", fontsize="medium")
    return ax


def _bars(interpretation: Interpretation) -> List[_Bar]:
    bars: List[_Bar] = []
    for name, field in interpretation.fields.items():
        errors = (interpretation.standard_error or {}).get(name) or [0.0] * len(field.tokens)
        bars += [
            _Bar(_shortened(token), score, error, name)
            for token, score, error in zip(field.tokens, field.scores, errors)
        ]
    return bars


def _shortened(token: str) -> str:
    text = visible(without_mark(token))
    return text if len(text) <= _LONGEST_TOKEN else text[: _LONGEST_TOKEN - 1] + "…"


def _name(interpretation: Interpretation, with_method: bool) -> str:
    target = interpretation.target
    name = visible(target_name(target))
    if target.probability is not None:
        name += f"  {percent(target.probability)}"
    return f"{name}\n{interpretation.method}" if with_method else name


def _new_axes(width: float, height: float) -> "Axes":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot() needs matplotlib: pip install 'biome-interpret[plot]'") from error

    class Picture(Figure):
        """Notebooks show it without pyplot."""

        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png")
            return stream.getvalue()

    figure = Picture(figsize=(min(width, 40.0), min(height, 40.0)), layout="constrained")
    return figure.add_subplot()
