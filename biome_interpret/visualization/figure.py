"""Draws interpretations with matplotlib (the extra `plot`)."""

import io
import math
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Union,
    cast,
)

from biome_interpret.interpretation import RENDERERS, Interpretation, percent
from biome_interpret.visualization.captions import interacting_most, target_name
from biome_interpret.visualization.characters import is_word, visible, without_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FOR = "#3a7dd2"
_AGAINST = "#d6640a"
_MAX_BARS = 60
_MAX_COLUMNS = 200
# A heat map of more tokens is wrapped.
_COLUMNS_IN_ROW = 32
_LONGEST_TOKEN = 30
_LONGEST_NAME = 50
# The width of a character of a label, in inches.
_CHARACTER = 0.085

# Fonts with scripts that matplotlib's own font lacks. From here on it lacks some.
_FIRST_FOREIGN = "\u0900"
_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans KR",
    "Source Han Sans SC",
    "Source Han Sans",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Heiti SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "SimHei",
    "Yu Gothic",
    "MS Gothic",
    "Malgun Gothic",
    "Nanum Gothic",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Unifont",
)


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
    Several interpretations of one text (targets or interpreters) become rows of a heat map. A long
    text is wrapped over several maps. Scripts that matplotlib's font lacks, such as Chinese, are
    drawn if a font for them is installed: Noto Sans CJK, or one of many others. Before version 3.11
    matplotlib draws Hebrew and Arabic from left to right. The HTML of a result has them right.

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
    drawn = [_bar_chart(several[0], ax)] if len(several) == 1 else _heat_maps(several, ax)
    for one in drawn:
        _use_fonts(one)
    figure: Any = drawn[0].figure
    return cast("Figure", figure)


RENDERERS["figure"] = plot


def plot_interactions(interpretation: Interpretation, ax: Optional["Axes"] = None) -> "Figure":
    """
    Draws the interactions of all pairs of tokens as a heat map.

    # Parameters

    interpretation : `Interpretation`
        With interactions. At most 60 tokens are shown: those that interact most.
    ax : `matplotlib.axes.Axes`, optional
        The axes to draw into. A new figure is made if they are not given.

    # Raises

    `ImportError`
        If matplotlib is not installed.
    `ValueError`
        If the interpretation has no interactions.
    """
    if interpretation.interactions is None:
        raise ValueError(
            "the interpretation has no interactions: explain the text with "
            "Occlusion(predictor, interactions=True), or with ShapleySampling"
        )
    bars = _bars(interpretation)
    shown = interacting_most(interpretation, _MAX_BARS)
    values = interpretation.interactions.values
    rows = [[values[i][j] for j in shown] for i in shown]
    title = f"pairs of words for {_name(interpretation, with_method=False)}"
    if len(shown) < len(bars):
        title += f"\n{len(shown)} of {len(bars)} tokens: those that interact most"
    at_side = max(2.2, 1.4 + _width_of(bars[i].token for i in shown))
    size = max(at_side + 0.34 * len(shown), 1.8 + _width_of([title]))
    ax = ax if ax is not None else _new_axes(size, size)
    largest = max((abs(value) for row in rows for value in row), default=0.0) or 1.0
    image = _heat_map(ax, [bars[i] for i in shown], rows, largest, max(1, len(shown)))
    ax.set_yticks(range(len(shown)), labels=[bars[i].token for i in shown], parse_math=False)
    ax.figure.colorbar(image, ax=ax, label="interaction", fraction=0.05, pad=0.02)
    ax.set_title(title, parse_math=False, fontsize="medium")
    _use_fonts(ax)
    figure: Any = ax.figure
    return cast("Figure", figure)


RENDERERS["interactions"] = plot_interactions


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


def _heat_maps(several: List[Interpretation], ax: Optional["Axes"]) -> List["Axes"]:
    """One in the given axes. Without them, as many as the text needs."""
    rows = [[bar.score for bar in _bars(one)][:_MAX_COLUMNS] for one in several]
    all_bars = _bars(several[0])
    bars = all_bars[:_MAX_COLUMNS]
    num_maps = 1 if ax is not None else max(1, math.ceil(len(bars) / _COLUMNS_IN_ROW))
    width = math.ceil(len(bars) / num_maps)
    with_method = len({one.method for one in several}) > 1
    names = [_name(one, with_method) for one in several]
    maps = [ax] if ax is not None else _new_maps(num_maps, width, names, bars)
    largest = max((abs(score) for row in rows for score in row), default=0.0) or 1.0
    for i, one in enumerate(maps):
        part = slice(i * width, (i + 1) * width)
        image = _heat_map(one, bars[part], [row[part] for row in rows], largest, width)
        one.set_yticks(range(len(several)), labels=names, parse_math=False)
    maps[0].figure.colorbar(image, ax=maps, label="score", fraction=0.05, pad=0.02)
    if len(bars) < len(all_bars):
        title = f"the first {len(bars)} of {len(all_bars)} tokens"
        maps[0].set_title(title, fontsize="medium")
    return maps


def _heat_map(
    ax: "Axes", bars: List[_Bar], rows: List[List[float]], largest: float, width: int
) -> Any:
    """Draws a part of the text. It may be shorter than the others, which have the `width`."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("against_for", [_AGAINST, "#ffffff", _FOR])
    image = ax.imshow(rows, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_xticks(
        range(len(bars)),
        labels=[bar.token for bar in bars],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        parse_math=False,
    )
    for column in range(1, len(bars)):
        if bars[column].field != bars[column - 1].field:
            ax.axvline(column - 0.5, color="#333333", linewidth=1)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


def _use_fonts(ax: "Axes") -> None:
    """Adds fonts for the scripts of the texts, as far as they are installed."""
    from matplotlib.font_manager import fontManager
    from matplotlib.text import Text

    labels = [*ax.get_xticklabels(), *ax.get_yticklabels()]  # They are made when asked for.
    texts: Set[Any] = {*labels, *ax.findobj(Text)}
    characters = {character for text in texts for character in text.get_text()}
    if any(character >= _FIRST_FOREIGN and is_word(character) for character in characters):
        installed = {*fontManager.get_font_names()}
        fonts = [name for name in _FONTS if name in installed]
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), *fonts])


def _bars(interpretation: Interpretation) -> List[_Bar]:
    bars: List[_Bar] = []
    for name, field in interpretation.fields.items():
        errors = (interpretation.standard_error or {}).get(name) or [0.0] * len(field.tokens)
        bars += [
            _Bar(_shortened(token), score, error, name)
            for token, score, error in zip(field.tokens, field.scores, errors)
        ]
    return bars


def _shortened(text: str, longest: int = _LONGEST_TOKEN) -> str:
    # matplotlib has no isolates: it would draw a box for each.
    text = visible(without_mark(text)).replace("\u2066", "").replace("\u2069", "")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _name(interpretation: Interpretation, with_method: bool) -> str:
    target = interpretation.target
    name = _shortened(target_name(target), _LONGEST_NAME)
    if target.probability is not None:
        name += f"  {percent(target.probability)}"
    return f"{name}\n{interpretation.method}" if with_method else name


def _width_of(labels: Iterable[str]) -> float:
    lines = (line for label in labels for line in label.split("\n"))
    return _CHARACTER * max(map(len, lines), default=0)


def _new_axes(width: float, height: float) -> "Axes":
    return _new_figure(width, height).add_subplot()


def _new_maps(number: int, width: int, names: List[str], bars: List[_Bar]) -> List["Axes"]:
    """With room for the names at the side and the slanted tokens below."""
    at_side = max(2.5, 1.1 + _width_of(names))
    below = max(1.2, 0.2 + 0.87 * _width_of(bar.token for bar in bars))
    height = number * (below + 0.4 * len(names)) + 0.4
    figure = _new_figure(at_side + 0.34 * width, height)
    return [*figure.subplots(number, 1, squeeze=False)[:, 0]]


def _new_figure(width: float, height: float) -> "Figure":
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

    return Picture(figsize=(width, min(height, 40.0)), layout="constrained")
