"""The explained number belongs to the label that the result names, by the model's own word."""

from typing import Any, List, Optional, Type

import pytest
import torch
import torch.nn.functional as F
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors
from allennlp.data.fields import ListField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import Model
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient, InterpretationError, Occlusion
from biome_interpret.interpretation import Interpretation
from tests.kinds.others.models.heads import TWO, ToneByIndexPredictor, TonePredictor, TopicAndTone
from tests.kinds.others.models.labels import (
    MultiLabel,
    MultiLabelReader,
    PlainMultiLabelPredictor,
)
from tests.kinds.others.models.numbers import BINARY, OneLogit, Regression
from tests.kinds.others.models.outputs import Calibrated
from tests.kinds.others.models.refined import MakesProbabilities
from tests.kinds.others.records import INPUTS, Classifier, Outputs, maker

TEXT = {"sentence": "the plot is very clever"}


def interpret(model: Type[Model], vocab: Any = None, **options: Any) -> Interpretation:
    predictor = maker(model, vocab=vocab)()
    [result] = IntegratedGradient(predictor, n_steps=5, **options).interpret_json(TEXT)
    return result


class TestOneLogit:
    def test_speaks_for_the_second_label_and_against_the_first(self) -> None:
        second, first = (interpret(OneLogit, BINARY, target=name) for name in ("pos", "neg"))
        assert second.output == -first.output
        assert second.target.probability == pytest.approx(1 / (1 + 2.718281828**-second.output))
        assert first.target.probability == pytest.approx(1 - second.target.probability)
        assert second.probabilities == pytest.approx(first.probabilities)
        for one, other in zip(*(r.fields["tokens"].scores for r in (first, second))):
            assert one == pytest.approx(-other)

    def test_may_speak_for_the_first_label(self) -> None:
        """The loss says so."""

        class Negative(OneLogit):
            def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
                return super().loss(logits, 1 - label)

            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                return output_dict

        found, usual = interpret(Negative, BINARY), interpret(OneLogit, BINARY)
        assert {found.target.label, usual.target.label} == {"neg", "pos"}
        assert found.output == usual.output > 0

    @pytest.mark.parametrize("mode", ["softmax", "log_softmax"])
    def test_has_a_probability(self, mode: str) -> None:
        result = interpret(OneLogit, BINARY, inference_mode=mode)
        assert result.target.probability is not None
        expected = torch.tensor(result.target.probability)
        found = result.output if mode == "softmax" else torch.tensor(result.output).exp()
        assert float(found) == pytest.approx(float(expected))


class TestValue:
    def test_has_no_label(self) -> None:
        for vocab in (None, BINARY):
            result = interpret(Regression, vocab)
            assert (result.target.label, result.target.index) == (None, None)
            assert (result.target.probability, result.probabilities) == (None, None)

    def test_has_no_probability_no_loss_and_no_target(self) -> None:
        for mode in ("softmax", "log_softmax", "loss"):
            with pytest.raises(InterpretationError, match="is a value.*must be 'logits'"):
                interpret(Regression, inference_mode=mode)
        with pytest.raises(InterpretationError, match="unknown target 'pos'.*is a value"):
            interpret(Regression, target="pos")


def cross_entropy(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, label)


def smoothed(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, label) - 0.1 * logits.log_softmax(dim=-1).mean()


def of_log_probabilities(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.nll_loss(logits, label)


def one_against_all(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, F.one_hot(label, logits.size(-1)).to(logits))


def multi_margin(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return F.multi_margin_loss(logits, label)


def hinge(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    own = logits.gather(1, label.unsqueeze(-1))
    return (0.3 + logits - own).relu().sum(dim=-1).mean()


def focal(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    own = -F.cross_entropy(logits, label, reduction="none")
    return ((1 - own.exp()) ** 2 * -own).mean()


def logits_only(loss_of: Any) -> Type[Model]:
    """A classifier that gives no probabilities, with this loss."""

    class LogitsOnly(Classifier):
        def outputs(self, logits: torch.Tensor) -> Outputs:
            is_log = loss_of is of_log_probabilities
            return {"logits": logits.log_softmax(dim=-1) if is_log else logits}

        def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
            return loss_of(self.outputs(logits)["logits"], label)

        def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
            return output_dict

    return LogitsOnly


class TestProbabilities:
    def test_of_a_calibrated_model_are_its_own(self) -> None:
        predictor = maker(Calibrated)()
        own = max(predictor.predict_json(TEXT)["probs"])
        assert interpret(Calibrated).target.probability == pytest.approx(own)
        assert interpret(Calibrated, inference_mode="softmax").output == pytest.approx(own)

    def test_made_with_the_readable_output_are_its_own(self) -> None:
        own = max(maker(MakesProbabilities)().predict_json(TEXT)["probs"])
        for mode in ("logits", "softmax"):
            result = interpret(MakesProbabilities, inference_mode=mode)
            assert result.target.probability == pytest.approx(own)
            assert max((result.probabilities or {}).values()) == pytest.approx(own)
        assert result.output == pytest.approx(own)

    def test_made_of_one_logit_and_of_several_labels_are_its_own(self) -> None:
        class Halved(MultiLabel):
            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                output_dict["probs"] = (output_dict["logits"] / 2).sigmoid()
                return super().make_output_human_readable(output_dict)

        class HalvedOne(OneLogit):
            def outputs(self, logits: torch.Tensor) -> Outputs:
                return {"logits": logits}

            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                output_dict["probs"] = (output_dict["logits"] / 2).sigmoid()
                return super().make_output_human_readable(output_dict)

        several = maker(Halved, PlainMultiLabelPredictor, reader=MultiLabelReader)()
        one = maker(HalvedOne, vocab=BINARY)()
        for predictor in (several, one):
            own = max(predictor.predict_json(TEXT)["probs"])
            result = IntegratedGradient(predictor, n_steps=5).interpret_json(TEXT)[0]
            found = result.target.probability or 0.0
            assert found == pytest.approx(own if found > 0.5 else 1 - own)

    @pytest.mark.parametrize("as_array", [False, True])
    def test_that_are_listed_from_the_best_on_are_not_those_of_labels(self, as_array: bool) -> None:
        class Lists(Classifier):
            def outputs(self, logits: torch.Tensor) -> Outputs:
                return {"logits": logits}

            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                probs = output_dict["probs"] = output_dict["logits"].softmax(dim=-1)
                super().make_output_human_readable(output_dict)
                best = probs.sort(descending=True).values
                output_dict["probs"] = best.numpy() if as_array else best
                return output_dict

        predictor, usual = maker(Lists)(), maker(Classifier)()
        for inputs in INPUTS:
            [found], [expected] = (
                IntegratedGradient(one, n_steps=5).interpret_json(inputs)
                for one in (predictor, usual)
            )
            assert found.target == expected.target
            assert (found.probabilities, found.notes) == (expected.probabilities, expected.notes)

    @pytest.mark.parametrize("loss", [cross_entropy, smoothed, focal, of_log_probabilities])
    def test_are_those_of_a_softmax_if_the_loss_is(self, loss: Any) -> None:
        result = interpret(logits_only(loss))
        [logits] = [maker(Classifier)().predict_json(TEXT)["logits"]]
        expected = torch.tensor(logits, dtype=torch.float64).softmax(dim=0)
        assert result.target.probability == pytest.approx(float(expected.max()))
        assert not any("softmax" in note for note in result.notes)

    @pytest.mark.parametrize("loss", [one_against_all, multi_margin, hinge])
    def test_are_left_out_if_the_loss_is_that_of_no_softmax(self, loss: Any) -> None:
        for mode, vocab in [("logits", None), ("softmax", None), ("logits", BINARY)]:
            result = interpret(logits_only(loss), vocab, inference_mode=mode)
            assert result.target.probability is None and result.probabilities is None
            assert any("not that of a softmax of 'logits'" in note for note in result.notes)
            assert result.output_name == ("logits" if mode == "logits" else "loss")

    def test_of_several_labels_may_be_called_logits(self) -> None:
        class Sigmoids(MultiLabel):
            def outputs(self, logits: torch.Tensor) -> Outputs:
                return {"logits": logits.sigmoid(), "scores": logits}

            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                output_dict["probs"] = output_dict["logits"]
                super().make_output_human_readable(output_dict)
                del output_dict["probs"]
                return output_dict

        predictor = maker(Sigmoids, PlainMultiLabelPredictor, reader=MultiLabelReader)()
        found = max(predictor.predict_json(TEXT)["logits"])
        result = IntegratedGradient(predictor, output="logits").interpret_json(TEXT)[0]
        assert result.output == result.target.probability == pytest.approx(found)


class Detached(Classifier):
    """The logits that it puts out have no gradient. Its loss has one."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits.detach(), "probs": logits.softmax(dim=-1).detach()}


class TestDetachedLogits:
    def test_the_loss_is_explained_by_gradients(self) -> None:
        result = interpret(Detached)
        assert result.output_name == "loss" and "the loss is explained instead" in result.notes[0]
        expected = interpret(Classifier, inference_mode="log_softmax")
        assert result.target.label == expected.target.label
        assert result.scores == pytest.approx(expected.scores)

    def test_the_logits_are_explained_without_gradients(self) -> None:
        [result], [expected] = (
            Occlusion(maker(one)()).interpret_json(TEXT) for one in (Detached, Classifier)
        )
        assert result.output_name == "logits" and result.scores == expected.scores


class TestOutput:
    def results(self, **options: Any) -> Interpretation:
        predictor = maker(TopicAndTone, TonePredictor, vocab=TWO)()
        [result] = IntegratedGradient(predictor, n_steps=5, **options).interpret_json(TEXT)
        return result

    def test_is_that_of_the_label(self) -> None:
        assert self.results() == self.results(output="tone_logits")
        tone = maker(TopicAndTone, TonePredictor, vocab=TWO)().predict_json(TEXT)["tone_logits"]
        assert self.results().output == pytest.approx(max(tone))

    def test_names_are_those_of_the_namespace_that_agrees(self) -> None:
        """The predictor labels by number, and three namespaces hold names."""
        predictor = maker(TopicAndTone, ToneByIndexPredictor, vocab=TWO)()
        [result] = IntegratedGradient(predictor, n_steps=5).interpret_json(TEXT)
        assert {*(result.probabilities or {})} == {"warm", "cold"}

    def test_may_be_named(self) -> None:
        with pytest.raises(InterpretationError, match="output is 'tone'.*'tone_logits'"):
            self.results(output="tone")

    def test_that_is_not_certain_is_refused(self) -> None:
        class TwoAlike(Classifier):
            """No loss, no probabilities and no label."""

            def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Any:  # type: ignore
                vector = self.vector(tokens)
                return {"a_logits": self.scores(vector), "b_logits": self.scores(-vector)}

            def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
                return output_dict

        with pytest.raises(InterpretationError, match="'a_logits', 'b_logits' fit alike"):
            interpret(TwoAlike)
        outputs = maker(TwoAlike)().predict_json(TEXT)
        for name in ("a_logits", "b_logits"):
            assert interpret(TwoAlike, output=name).output == pytest.approx(max(outputs[name]))


class ChoiceReader(DatasetReader):
    def text_to_instance(self, query: str, answers: List[str]) -> Instance:  # type: ignore[override]
        def field(text: str) -> TextField:
            tokens = WhitespaceTokenizer().tokenize(text)
            return TextField(tokens, {"tokens": SingleIdTokenIndexer()})

        answer_fields = ListField([field(answer) for answer in answers])
        return Instance({"query": field(query), "answers": answer_fields})


class ChoicePredictor(Predictor):
    """Labels nothing."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(**json_dict)


class Choice(Classifier):
    """One logit for each answer of a text. Those of padding are not masked."""

    def forward(  # type: ignore[override]
        self,
        query: TextFieldTensors,
        answers: TextFieldTensors,
        label: Optional[torch.Tensor] = None,
    ) -> Outputs:
        vectors = self.embedder(answers, num_wrapping_dims=1)
        mask = get_text_field_mask(answers, num_wrapping_dims=1)
        # Shape: (rows, answers, dim)
        found = (vectors * mask.unsqueeze(-1)).sum(dim=2)
        output = {"logits": (found * self.vector(query).unsqueeze(1)).sum(dim=-1)}
        if label is not None:
            output["loss"] = self.loss(output["logits"], label)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class TestAnswers:
    """The vocabulary has three labels. Some of the texts have three answers."""

    answers = (
        ["dull", "good cast", "the film"],
        ["bad", "clever", "dull story", "film"],
        ["slow", "good"],
        ["clever", "dull story", "film", "a plot"],
    )
    inputs = [{"query": "good film", "answers": one} for one in answers]

    def test_have_no_names_of_labels(self) -> None:
        predictor = maker(Choice, ChoicePredictor, reader=ChoiceReader)()
        together = IntegratedGradient(predictor).interpret_batch_json(self.inputs)
        for inputs, [result] in zip(self.inputs, together):
            [alone] = IntegratedGradient(predictor).interpret_json(inputs)
            logits = torch.tensor(predictor.predict_json(inputs)["logits"])
            best = int(logits.argmax())
            for one in (alone, result):
                assert one.target.label == str(best) and one.output_name == "logits"
                assert one.output == pytest.approx(float(logits[best]))
                # A text with more answers in the same pass would add some of padding.
                assert one.target.probability == pytest.approx(float(logits.softmax(0)[best]))
