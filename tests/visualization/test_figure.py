import subprocess
import sys
import warnings
from pathlib import Path
from typing import Iterator

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from biome_interpret import GradientShap, IntegratedGradient, Occlusion
from biome_interpret.interpretation import PairScores
from biome_interpret.visualization import figure
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.test_report import interpretation


def labels(axis: object) -> list:
    return [label.get_text() for label in axis.get_ticklabels()]  # type: ignore[attr-defined]


def test_one_interpretation_gives_a_bar_for_each_token() -> None:
    [result] = IntegratedGradient(build_predictor("lstm")).interpret_json(EXAMPLE_INPUTS["lstm"])
    drawn = result.plot()
    [ax] = drawn.axes
    field = result.fields["tokens"]
    assert labels(ax.yaxis) == field.tokens
    assert [bar.get_width() for bar in ax.patches] == field.scores
    colours = {bar.get_width() > 0: to_hex(bar.get_facecolor()) for bar in ax.patches}
    assert len(set(colours.values())) == 2
    assert result.target.label is not None and result.target.label in ax.get_title()


def test_standard_errors_are_drawn_if_there_are_any() -> None:
    predictor, inputs = build_predictor("lstm"), EXAMPLE_INPUTS["lstm"]
    [sampled] = GradientShap(predictor).interpret_json(inputs)
    [exact] = IntegratedGradient(predictor).interpret_json(inputs)
    assert sampled.plot().axes[0].collections and not exact.plot().axes[0].collections


def test_several_targets_give_a_heat_map() -> None:
    interpreter = IntegratedGradient(build_predictor("esim"))
    results = interpreter.interpret_json(EXAMPLE_INPUTS["esim"], target=[0, 1, 2])
    ax = figure.plot(results).axes[0]
    [image] = ax.images
    scores = [[s for field in one.fields.values() for s in field.scores] for one in results]
    assert image.get_array().tolist() == scores
    assert image.norm.vmax == -image.norm.vmin == max(abs(s) for row in scores for s in row)
    assert [label.split("  ")[0] for label in labels(ax.yaxis)] == [
        one.target.label for one in results
    ]


def test_a_figure_can_be_saved_and_drawn_into_given_axes(tmp_path: Path) -> None:
    result = interpretation(["cost", "$5", "and", "$6_x", "__", "\\frac"], [1, -2, 0, 1, 0.5, 1])
    mine = Figure()
    left, right = mine.subplots(1, 2)
    assert result.plot(left) is mine
    assert figure.plot([result, result], right) is mine
    mine.savefig(tmp_path / "figure.png")
    result.plot().savefig(tmp_path / "figure.pdf")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert labels(left.yaxis)[1] == "$5"
    # The form that a notebook shows.
    assert result.plot()._repr_png_().startswith(b"\x89PNG")


def test_a_long_text_shows_the_bars_with_the_largest_scores() -> None:
    scores = [0.0] * 500
    scores[400], scores[100] = -3.0, 2.0
    [ax] = interpretation([f"w{i}" for i in range(500)], scores).plot().axes
    assert len(ax.patches) == 60
    assert {"w100", "w400"} <= set(labels(ax.yaxis))
    assert "60 of 500 tokens" in ax.get_title()


def test_a_heat_map_of_a_long_text_is_wrapped() -> None:
    tokens, scores = [f"w{i}" for i in range(100)], [0.01 * i for i in range(100)]
    several = [interpretation(tokens, scores, target) for target in ("a", "b")]
    drawn = figure.plot(several)
    *maps, bar = drawn.axes
    assert [token for one in maps for token in labels(one.xaxis)] == tokens
    assert [len(labels(one.xaxis)) for one in maps] == [25] * 4
    assert [s for one in maps for s in one.images[0].get_array()[0].tolist()] == scores
    # One scale for all, in a picture that a page can hold.
    assert {one.images[0].norm.vmax for one in maps} == {scores[-1]}
    width, height = drawn.get_size_inches()
    assert width < 14 and height < 10
    # The last part is as wide as its columns. Given axes are not wrapped.
    several = [interpretation(tokens[:70], scores[:70], target) for target in ("a", "b")]
    assert {one.get_xlim() for one in figure.plot(several).axes[:-1]} == {(-0.5, 23.5)}
    ax = Figure().add_subplot()
    figure.plot(several, ax)
    assert len(labels(ax.xaxis)) == 70


@pytest.fixture
def chinese_font(tmp_path: Path) -> Iterator[None]:
    """A font of two characters, installed as Noto Sans CJK SC."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", "a", "b"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("电"): "a", ord("影"): "b"})
    pen = TTGlyphPen(None)
    for point in ((0, 0), (0, 700), (700, 700)):
        (pen.lineTo if point != (0, 0) else pen.moveTo)(point)
    pen.closePath()
    glyph = pen.glyph()
    builder.setupGlyf({name: glyph for name in names})
    builder.setupHorizontalMetrics({name: (800, 0) for name in names})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans CJK SC", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "font.ttf")
    before = list(fontManager.ttflist)
    fontManager.addfont(str(tmp_path / "font.ttf"))
    yield
    fontManager.ttflist = before


def test_chinese_is_drawn_with_a_font_that_has_it(chinese_font: None, tmp_path: Path) -> None:
    result = interpretation(["电影", "good"], [1.0, -0.5], target="影")
    for drawn in (result.plot(), figure.plot([result, result])):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # A missing character is a warning.
            drawn.savefig(tmp_path / "figure.png")
    # Other texts have the font that they would have had.
    [label, *_] = interpretation(["fine", "é"], [1.0, 0.5]).plot().axes[0].get_yticklabels()
    assert "Noto Sans CJK SC" not in label.get_fontfamily()


def test_long_names_and_tokens_leave_room_for_the_map() -> None:
    name = "a label with a long name, in words, and words, and words, and words"
    few = interpretation(["incomprehensibilities-of-a-film", "\u202eis"], [1, -1], name)
    both = figure.plot([few, few])
    pairs = figure.plot_interactions(
        interpretation(few.tokens, few.scores, name, interactions=PairScores([[0, 1], [1, 0]]))
    )
    for drawn in (both, pairs):
        drawn.draw_without_rendering()
        ax = drawn.axes[0]
        width, height = ax.get_window_extent().size / drawn.dpi
        assert width > 0.5 and height > 0.5
        for text in [ax.title, *ax.get_xticklabels(), *ax.get_yticklabels()]:
            place = text.get_window_extent()
            assert place.x0 > -2 and place.x1 < drawn.bbox.x1 + 2, text
        assert labels(ax.xaxis) == ["incomprehensibilities-of-a-fi…", "⟨RLO⟩is"]


def test_different_tokens_cannot_share_a_heat_map() -> None:
    one, other = interpretation(["a"], [1.0]), interpretation(["b"], [1.0])
    with pytest.raises(ValueError, match="same tokens"):
        figure.plot([one, other])
    with pytest.raises(ValueError, match="no interpretation"):
        figure.plot([])


def test_a_missing_library_is_named_with_its_extra() -> None:
    code = (
        "from biome_interpret import FieldScores, Interpretation, Target\n"
        "import sys\n"
        "for name in list(sys.modules):\n"
        "    if name.split('.')[0] in ('matplotlib', 'pandas'):\n"
        "        del sys.modules[name]\n"
        "sys.modules['matplotlib'] = sys.modules['pandas'] = None\n"
        "one = Interpretation({'tokens': FieldScores(['a'], [1.0], 'g_1')}, Target('x'), 1.0)\n"
        "one._repr_html_()\n"
        "for call in (one.plot, one.to_pandas):\n"
        "    try:\n"
        "        call()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "plot() needs matplotlib: pip install 'biome-interpret[plot]'",
        "to_pandas() needs pandas: pip install 'biome-interpret[pandas]'",
    ], done.stderr


class TestInteractions:
    def test_each_pair_has_its_cell(self) -> None:
        interpreter = Occlusion(build_predictor("esim"), interactions=True)
        [result] = interpreter.interpret_json(EXAMPLE_INPUTS["esim"])
        ax = result.plot_interactions().axes[0]
        [image] = ax.images
        assert image.get_array().tolist() == result.interactions.values
        tokens = [token for field in result.fields.values() for token in field.tokens]
        assert labels(ax.xaxis) == labels(ax.yaxis) == tokens
        assert image.norm.vmax == -image.norm.vmin > 0
        assert result.target.label in ax.get_title()

    def test_of_many_tokens_those_that_interact_most_are_shown(self) -> None:
        number = 70
        values = [[0.0] * number for _ in range(number)]
        for i in range(0, 10, 2):
            values[i][i + 60] = values[i + 60][i] = 1.0 + i
        tokens = [f"w{i}" for i in range(number)]
        result = interpretation(tokens, [1.0] * number, interactions=PairScores(values))
        ax = result.plot_interactions().axes[0]
        shown = labels(ax.yaxis)
        assert len(shown) == 60 and {"w0", "w60", "w8", "w68"} <= {*shown}
        assert "60 of 70 tokens" in ax.get_title()

    def test_of_one_token(self) -> None:
        result = interpretation(["$x$"], [1.0], interactions=PairScores([[0.0]]))
        assert labels(result.plot_interactions().axes[0].xaxis) == ["$x$"]

    def test_that_are_not_there_are_refused_with_what_to_do(self) -> None:
        with pytest.raises(ValueError, match="no interactions.*interactions=True"):
            interpretation(["a"], [1.0]).plot_interactions()
