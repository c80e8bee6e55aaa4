from math import comb
from typing import Any, List

import numpy
import pytest
import torch

from biome_interpret.evaluation import scores as metrics
from biome_interpret.evaluation.inquiries import Figure, Settings
from tests.evaluation.answering import Function, answered, interacting, linear, without_probability

WEIGHTS = [0.2, -0.1, -0.15, 0.3, 0.05]
F = linear(WEIGHTS, bias=0.4)


def figure(metric: Any, scores: List[float], f: Function, **settings: Any) -> Figure:
    found: Figure = answered(metric(scores, Settings(**settings)), f, len(scores))
    return found


class TestTauLoo:
    def test_on_a_linear_model_the_weights_are_the_changes(self) -> None:
        assert figure(metrics.tau_loo, WEIGHTS, F).value == pytest.approx(1)
        assert figure(metrics.tau_loo, [-w for w in WEIGHTS], F).value == pytest.approx(-1)

    def test_ties_are_corrected(self) -> None:
        # Changes 1, 2, 3 and scores 1, 1, 2: two pairs agree, one is tied in the scores only.
        # τ-b = 2 / sqrt(3 · 2).
        found = figure(metrics.tau_loo, [1.0, 1.0, 2.0], linear([1.0, 2.0, 3.0]))
        assert found.value == pytest.approx(2 / 6**0.5)

    def test_changes_below_rounding_are_tied(self) -> None:
        f = linear([1.0, 1e-7, 3e-7])
        # Pairs: word 0 with both others. τ-b = 2 / sqrt(3 · 2), whatever the order of 1 and 2.
        for scores in ([3.0, 2.0, 1.0], [3.0, 1.0, 2.0]):
            assert figure(metrics.tau_loo, scores, f).value == pytest.approx(2 / 6**0.5)

    @pytest.mark.parametrize(
        ("scores", "f"),
        [
            ([1.0, 1.0], linear([1.0, 2.0])),
            ([1.0, 2.0], linear([0.0, 0.0])),
            ([1.0], linear([1.0])),
        ],
    )
    def test_there_is_no_value_where_all_are_tied(self, scores: List[float], f: Function) -> None:
        assert figure(metrics.tau_loo, scores, f) == Figure(None, note="all words are tied")


class TestSignViolations:
    def test_it_is_the_share_of_words_against_their_sign(self) -> None:
        # The first and the third of four words.
        f = linear([1.0, -2.0, 3.0, 0.5])
        assert figure(metrics.sign_violations, [-1.0, -1.0, -1.0, 1.0], f).value == 0.5
        assert figure(metrics.sign_violations, [1.0, -1.0, 1.0, 1.0], f).value == 0

    def test_scores_of_zero_and_changes_below_rounding_are_no_violations(self) -> None:
        f = linear([1.0, -2.0, 1e-7, 1e-7], bias=3.0)
        # The first word has score 0, the second one is a violation, the others change nothing.
        assert figure(metrics.sign_violations, [0.0, 1.0, -5.0, 5.0], f).value == 0.25

    def test_unsigned_scores_violate_wherever_a_word_speaks_against_the_target(self) -> None:
        unsigned = [abs(weight) for weight in WEIGHTS]
        assert figure(metrics.sign_violations, unsigned, F).value == pytest.approx(2 / 5)


class TestInfidelity:
    def test_it_is_zero_for_the_weights_of_a_linear_model(self) -> None:
        assert figure(metrics.infidelity, WEIGHTS, F).value == pytest.approx(0, abs=1e-12)
        scaled = [-7 * weight for weight in WEIGHTS]
        assert figure(metrics.infidelity_scaled, scaled, F).value == pytest.approx(0, abs=1e-12)

    def test_of_scores_of_zero_it_is_the_mean_squared_change(self) -> None:
        # One word: its only subset is removed each time.
        assert figure(metrics.infidelity, [0.0], linear([3.0])).value == pytest.approx(9)
        assert figure(metrics.infidelity_scaled, [0.0], linear([3.0])).value == pytest.approx(9)

    def test_subsets_are_uniform_in_size_and_never_empty(self) -> None:
        drawn = metrics.random_subsets(4, Settings(num_subsets=8000))
        sizes = [len(subset) for subset in drawn]
        assert [sizes.count(size) / 8000 for size in range(5)] == pytest.approx(
            [0, 0.25, 0.25, 0.25, 0.25], abs=0.02
        )
        for size in (1, 2, 3, 4):
            of_size = [subset for subset in drawn if len(subset) == size]
            shares = [of_size.count(subset) / len(of_size) for subset in {*of_size}]
            assert shares == pytest.approx([1 / comb(4, size)] * comb(4, size), abs=0.05)

    def test_all_methods_ask_for_the_same_subsets(self) -> None:
        asked: List[List[Any]] = []
        for scores in ([1.0, 2.0, 3.0], [0.0, -1.0, 0.5]):
            answered(metrics.infidelity(scores, Settings()), linear([1.0] * 3), 3, asked)
        assert asked[0] == asked[1]

    @pytest.mark.parametrize("metric", [metrics.infidelity, metrics.infidelity_scaled])
    def test_it_is_that_of_captum(self, metric: Any) -> None:
        captum = pytest.importorskip("captum.metrics", reason="Captum is not installed")
        scores, num_words = [0.5, -0.3, 0.1, 0.4], 4
        embedded = torch.tensor([0.7, -1.2, 0.4, 2.0], dtype=torch.double)
        couplings = torch.arange(16, dtype=torch.double).reshape(4, 4).sin()

        def model(rows: torch.Tensor) -> torch.Tensor:
            # Shape: (rows,)
            return torch.tanh(torch.einsum("ri,ij,rj->r", rows, couplings, rows))

        def f(left: Any) -> float:
            kept = torch.tensor([float(word in left) for word in range(num_words)])
            return float(model((embedded * kept)[None]))

        settings = Settings(num_subsets=30)
        subsets = metrics.random_subsets(num_words, settings)
        removed = torch.tensor(
            [[float(word in subset) for word in range(num_words)] for subset in subsets]
        ).double()
        expected = captum.infidelity(
            model,
            lambda inputs: (removed, inputs * (1 - removed)),
            embedded[None],
            torch.tensor([scores], dtype=torch.double),
            n_perturb_samples=len(subsets),
            normalize=metric is metrics.infidelity_scaled,
        )
        found = answered(metric(scores, settings), f, num_words)
        assert found.value == pytest.approx(float(expected), rel=1e-6)
        assert found.value > 0.01


class TestSoft:
    @pytest.mark.parametrize("retention", metrics.RETENTIONS)
    @pytest.mark.parametrize(
        "scores",
        [[1.0, 2.0, 3.0], [0.0, 0.0, 1000.0, -3.0], [5.0, 5.0], [-2.0], [0.0] * 40 + [1.0]],
    )
    def test_the_expected_share_of_chosen_words_is_as_wanted(
        self, scores: List[float], retention: float
    ) -> None:
        found = metrics.retention_probabilities(scores, retention)
        assert found.mean() == pytest.approx(retention, abs=1e-9)
        # A larger score has a larger probability.
        for i, score in enumerate(scores):
            for j, other in enumerate(scores):
                assert (score > other) == (found[i] > found[j] + 1e-12)

    def test_size_and_offset_of_scores_do_not_matter(self) -> None:
        scores = [0.3, -0.2, 0.9, 0.1]
        other = [100 * score + 7 for score in scores]
        found = metrics.retention_probabilities(other, 0.4)
        assert found == pytest.approx(metrics.retention_probabilities(scores, 0.4), abs=1e-9)
        asked: List[Any] = []
        for given in (scores, other):
            answered(metrics.soft_sufficiency(given, Settings()), F, 4, asked)
        assert asked[0] == asked[1]

    def test_on_a_linear_model_it_is_the_expected_weight_of_the_chosen_words(self) -> None:
        probabilities = [
            metrics.retention_probabilities(WEIGHTS, retention) for retention in metrics.RETENTIONS
        ]
        chosen = float(numpy.mean(probabilities, axis=0) @ WEIGHTS)
        settings = {"num_draws": 5000}
        removed = figure(metrics.soft_comprehensiveness, WEIGHTS, F, **settings).value
        assert removed == pytest.approx(chosen, abs=0.01)
        kept = figure(metrics.soft_sufficiency, WEIGHTS, F, **settings).value
        assert kept == pytest.approx(sum(WEIGHTS) - chosen, abs=0.01)
        # Scores that rank the words the other way are worse on both sides.
        reverse = [-weight for weight in WEIGHTS]
        assert figure(metrics.soft_comprehensiveness, reverse, F, **settings).value < removed
        assert figure(metrics.soft_sufficiency, reverse, F, **settings).value > kept

    def test_constant_scores_choose_by_chance(self) -> None:
        found = figure(metrics.soft_comprehensiveness, [3.0] * 5, F, num_draws=5000)
        assert found.value == pytest.approx(0.5 * sum(WEIGHTS), abs=0.01)

    @pytest.mark.parametrize("metric", [metrics.soft_comprehensiveness, metrics.soft_sufficiency])
    def test_a_model_without_probabilities_has_no_figure(self, metric: Any) -> None:
        found = without_probability(metric([1.0, 2.0], Settings()))
        assert found == Figure(None, note="the model gives no finite probability")


@pytest.mark.parametrize(
    "metric",
    [
        metrics.sign_violations,
        metrics.infidelity,
        metrics.infidelity_scaled,
        metrics.soft_comprehensiveness,
        metrics.soft_sufficiency,
    ],
)
def test_a_text_without_words_has_no_figure(metric: Any) -> None:
    assert figure(metric, [], linear([])) == Figure(None, note="the text has no words")


class TestMaxSensitivity:
    def test_it_is_that_of_captum(self) -> None:
        captum = pytest.importorskip("captum.metrics", reason="Captum is not installed")
        embedded = torch.tensor([[0.7, -1.2, 0.4, 2.0]], dtype=torch.double)
        moves = torch.arange(20, dtype=torch.double).reshape(5, 4).cos() / 50

        def explain(inputs: Any) -> Any:
            [rows] = inputs if isinstance(inputs, tuple) else (inputs,)
            return (rows**2 + rows.roll(1, dims=1).sin(),)

        expected = captum.sensitivity_max(
            explain, embedded, lambda inputs: inputs + moves, n_perturb_samples=5
        )
        [scores], perturbed = explain(embedded)[0].tolist(), explain(embedded + moves)[0].tolist()
        assert metrics.max_sensitivity(scores, perturbed) == pytest.approx(float(expected))

    def test_it_is_the_largest_relative_distance(self) -> None:
        # ‖φ‖ = 5. The distances are 1 and 2.
        found = metrics.max_sensitivity([3.0, 4.0], [[3.0, 5.0], [1.0, 4.0]])
        assert found == pytest.approx(2 / 5)

    def test_scores_of_zero_do_not_divide(self) -> None:
        assert metrics.max_sensitivity([0.0, 0.0], [[3.0, 4.0]]) == pytest.approx(5)


class TestRankCorrelation:
    def test_ranks_count_with_their_signs(self) -> None:
        assert metrics.rank_correlation([1.0, 2.0, 9.0], [-5.0, 0.0, 0.1]).value == pytest.approx(1)
        # |−5| is the largest size and the lowest rank.
        found = metrics.rank_correlation([1.0, 2.0, 3.0], [3.0, -5.0, 4.0]).value
        assert found == pytest.approx(0.5)

    @pytest.mark.parametrize("others", [[1.0, 1.0], [1.0, 2.0]])
    def test_there_is_no_value_where_all_are_tied(self, others: List[float]) -> None:
        found = metrics.rank_correlation([0.0, 0.0], others)
        assert found == Figure(None, note="all words are tied")


def test_a_model_that_is_not_additive_has_violations_and_infidelity() -> None:
    weights = [0.5, 0.1, 0.4]
    f = interacting(weights)
    # The text has 1 − 1.3 · 0.6 = 0.22. Without a word: 0.5 − 0.13 = 0.37, 0.9, 0.6 − 0.65 = −0.05.
    assert figure(metrics.sign_violations, weights, f).value == pytest.approx(2 / 3)
    assert figure(metrics.infidelity, weights, f).value > 0.01
