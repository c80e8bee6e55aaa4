"""What a model says of other words."""

from typing import Any, Dict, List

from biome_interpret.models.evidence.other_texts import SaidText, are_named, said_of_other_words
from biome_interpret.models.tensors import to_tensors
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def test_six_other_texts() -> None:
    predictor = build_predictor("lstm")
    model = predictor._model
    instance = predictor._json_to_instance(EXAMPLE_INPUTS["lstm"])
    predictor._dataset_reader.apply_token_indexers(instance)
    texts = [*said_of_other_words(model, instance, to_tensors([instance], model), ["label"])]
    assert len(texts) == len({str(text.outputs["logits"]) for text in texts}) == 6
    for text in texts:
        best = int(text.outputs["logits"].argmax())
        assert text.said["label"] == model.vocab.get_token_from_index(best, "labels")


def test_a_text_with_which_the_model_fails_is_left_out() -> None:
    predictor = build_predictor("lstm")
    model = predictor._model
    instance = predictor._json_to_instance(EXAMPLE_INPUTS["lstm"])
    predictor._dataset_reader.apply_token_indexers(instance)
    tensors = to_tensors([instance], model)
    ids = tensors["tokens"]["tokens"]["tokens"].clone()
    forward = model.forward

    def strict(tokens: Any, **more: Any) -> Dict[str, Any]:
        assert (tokens["tokens"]["tokens"] == ids).all()
        outputs: Dict[str, Any] = forward(tokens, **more)
        return outputs

    model.forward = strict
    assert [*said_of_other_words(model, instance, tensors, ["label"])] == []


def test_names_that_all_texts_agree_with() -> None:
    def text(best: str, *names: str) -> SaidText:
        return SaidText({"best": best}, {"label": [*names]})

    def agree(*texts: SaidText) -> bool:
        names: List[str] = ["a", "b"]
        return are_named(texts, "label", lambda outputs: [outputs["best"]], names)

    assert agree(text("a", "a"), text("b", "b"))
    assert not agree(text("a", "a"), text("b", "a"))
    # What is no label of the vocabulary says nothing.
    assert agree(text("a", "a"), text("b", "unsure"))
    assert not agree(text("b", "unsure"))
