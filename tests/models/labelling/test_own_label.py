"""Notes on a label's name that may be wrong."""

from typing import Any, List

import pytest
import torch
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import IntegratedGradient
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from tests.kinds.others.models.labels import MultiLabel
from tests.kinds.others.models.lookalikes import Hinge, Unnamed, Voting
from tests.kinds.others.models.outputs import MeanOfTokens
from tests.kinds.others.records import INPUTS, LABELS, Classifier, Outputs, maker


class Unsure(Classifier):
    """It says so if no label is probable."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output = super().make_output_human_readable(output_dict)
        largest = output["probs"].max(dim=-1).values.tolist()
        names = zip(output["label"], largest)
        output["label"] = [name if number > 0.45 else "unsure" for name, number in names]
        return output


class OwnOrder(MultiLabel):
    """Its names are in another order than the vocabulary's."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["labels"] = [
            [name for name, number in zip(["mixed", "neg", "pos"], row) if number > 0.5]
            for row in output_dict["probs"].tolist()
        ]
        return output_dict


class TwoNames(Classifier):
    """It never predicts a label without a name, whatever the logit."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["probs"][:, :2].argmax(dim=-1).tolist()
        output_dict["label"] = [["neg", "pos"][index] for index in best]
        return output_dict


def results(predictor: Predictor, **options: Any) -> List[List[Interpretation]]:
    interpreter = IntegratedGradient(predictor, n_steps=20, **options)
    return [interpreter.interpret_json(one) for one in INPUTS]


def test_a_name_that_the_vocabulary_does_not_have() -> None:
    predictor = maker(Unsure)()
    is_unsure = []
    for inputs, [result] in zip(INPUTS, results(predictor)):
        is_unsure.append(predictor.predict_json(inputs)["label"] == "unsure")
        notes = [note for note in result.notes if "'unsure', which its vocabulary" in note]
        assert len(notes) == is_unsure[-1]
        assert not notes or notes[0].endswith(f"its 'logits' is that of {result.target.label!r}")
    assert {*is_unsure} == {True, False}


def test_a_label_without_a_name_is_called_by_its_number() -> None:
    wide = {"vocab": {"labels": ["neg", "pos"]}, "num_labels": 3, "seed": 5}
    found = results(maker(Classifier, **wide)())
    assert "2" in {result.target.label for [result] in found}
    assert not any("which its vocabulary" in str(result.notes) for [result] in found)
    with pytest.raises(InterpretationError, match="the largest of its 'logits' is that of '2'"):
        results(maker(TwoNames, **wide)())


def test_a_label_that_a_model_of_several_leaves_out() -> None:
    predictor = maker(OwnOrder)()
    notes = []
    for inputs, found in zip(INPUTS, results(predictor)):
        said = predictor.predict_json(inputs)["labels"]
        for result in found:
            notes += [note for note in result.notes if said and "and leaves out" in note]
    assert notes
    assert not any("leaves out" in str(found) for found in results(maker(MultiLabel)()))


@pytest.mark.parametrize(
    "namespaces, is_noted", [(["topics"], True), (["pairs"], False), ([], False)]
)
def test_namespaces_with_as_many_names(namespaces: List[str], is_noted: bool) -> None:
    model = maker(Unnamed)()._model
    names = {"topics": ["art", "film", "food"], "pairs": ["yes", "no"]}
    vocab = model.vocab
    vocab._index_to_token._non_padded_namespaces |= {*namespaces}
    vocab._token_to_index._non_padded_namespaces |= {*namespaces}
    for namespace in namespaces:
        for name in names[namespace]:
            vocab.add_token_to_namespace(name, namespace)
    predictor = maker(Unnamed)()
    predictor._model.vocab = vocab
    note = (
        "the model does not name its label: the names are those of the vocabulary's namespace "
        "'labels', but there are as many in 'topics'"
    )
    for [result] in results(predictor):
        assert result.target.label in LABELS
        assert (note in result.notes) == is_noted
        assert is_noted or not any("does not name" in one for one in result.notes)


def test_heads_that_vote() -> None:
    """Which one is explained is said, or none is."""
    outcomes = []
    for inputs in INPUTS:
        interpreter = IntegratedGradient(maker(Voting)(), n_steps=2)
        try:
            [result] = interpreter.interpret_json(inputs)
        except InterpretationError as error:
            assert "'a_logits', 'b_logits'" in str(error) or "fit alike" in str(error)
            outcomes.append("refused")
        else:
            assert f"'{result.output_name}' is explained, but the loss" in str(result.notes)
            outcomes.append("noted")
    assert len(outcomes) == len(INPUTS)
    [result] = IntegratedGradient(maker(Voting)(), output="c_logits").interpret_json(INPUTS[2])
    assert result.output_name == "c_logits" and "as well" not in str(result.notes)


def test_a_score_that_is_no_logit_has_no_probability() -> None:
    for [result] in results(maker(Hinge, vocab={"labels": ["neg", "pos"]})()):
        assert result.output_name == "score"
        assert result.target.label in ("neg", "pos")
        assert result.target.probability is None and result.probabilities is None
        assert abs(result.output) == pytest.approx(result.output)


def test_the_loss_stands_for_a_probability_that_a_score_does_not_have() -> None:
    predictor = maker(Hinge, vocab={"labels": ["neg", "pos"]})()
    for [result] in results(predictor, inference_mode="softmax"):
        assert result.output_name == "loss" and result.target.probability is None
        assert any("the loss is explained instead" in note for note in result.notes)


class Named(Classifier):
    """Its readable probabilities are a dict for each text."""

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output = super().make_output_human_readable(output_dict)
        output["probs"] = [dict(zip(LABELS, row)) for row in output["probs"].tolist()]
        return output


def test_probabilities_that_are_made_readable() -> None:
    for inputs, [result] in zip(INPUTS, results(maker(Named)())):
        said = maker(Named)().predict_json(inputs)
        assert result.target.label == said["label"]
        assert result.probabilities == pytest.approx(said["probs"])


def test_the_name_of_the_explained_output() -> None:
    predictor = maker(Classifier)()
    [result] = IntegratedGradient(predictor).interpret_json(INPUTS[1])
    assert result.output_name == "logits"
    [result] = IntegratedGradient(predictor, inference_mode="loss").interpret_json(INPUTS[1])
    assert result.output_name == "loss"
    assert torch.tensor(result.output).isfinite()


class SaysOnlyTheLabel(MeanOfTokens):
    """Its probabilities are not among its outputs."""

    def forward(self, *arguments: Any, **options: Any) -> Outputs:
        output = super().forward(*arguments, **options)
        del output["probs"]
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["logits"].argmax(dim=-1).tolist()
        output_dict["label"] = [LABELS[index] for index in best]
        return output_dict


class LabelsAsItReads(TextClassifierPredictor):
    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        label = self.predict_json(inputs)["label"]
        return [self._dataset_reader.text_to_instance(inputs["sentence"], label)]


@pytest.mark.parametrize("predictor_class", [TextClassifierPredictor, LabelsAsItReads])
def test_what_is_read_from_a_text_of_one_part_is_not_kept_for_others(predictor_class: Any) -> None:
    predictor = maker(SaysOnlyTheLabel, predictor_class)()
    interpreter = IntegratedGradient(predictor, n_steps=5)
    assert len(INPUTS[0]["sentence"].split()) == 1
    for inputs, [result] in zip(INPUTS[1:], interpreter.interpret_batch_json(INPUTS)[1:]):
        assert (result.output_name, result.notes) == ("logits", [])
        assert result.output == pytest.approx(max(predictor.predict_json(inputs)["logits"]))
