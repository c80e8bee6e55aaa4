"""Ids that a model made from those of the text are followed, or the model is refused."""

from typing import Any, Callable, List

import pytest
import torch

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.models.embedding.other_words import OtherWords
from tests.kinds.others.records import IdsClassifier, maker

# One of them reads the same from both ends.
TEXTS = ["film", "good film", "film good film", "not the film", "the plot is very clever"]


def results(change: Callable[[Any, torch.Tensor], torch.Tensor]) -> List[Any]:
    """Of each text: the scores, or the error. `change` makes vectors of the model and the ids."""

    class Changing(IdsClassifier):
        def embedded(self, ids: torch.Tensor) -> torch.Tensor:
            return change(self, ids)

    interpreter = IntegratedGradient(maker(Changing)(), n_steps=20)
    found = interpreter.interpret_each([{"sentence": text} for text in TEXTS])
    return [one if isinstance(one, Exception) else one[0].fields["tokens"].scores for one in found]


def put_back(model: Any, ordered: Any) -> torch.Tensor:
    """The vectors of sorted ids, in the order of the text."""
    places = ordered.indices.argsort(dim=1).unsqueeze(-1)
    vectors = model.words(ordered.values)
    return vectors.gather(1, places.expand_as(vectors))


PLAIN = results(lambda model, ids: model.words(ids))


@pytest.mark.parametrize(
    "change",
    [
        lambda model, ids: model.words(ids.clone()),
        lambda model, ids: model.words(ids.int()),
        lambda model, ids: model.words(ids.t()).transpose(0, 1),
        lambda model, ids: model.words(ids.reshape(-1)).reshape(*ids.shape, -1),
    ],
)
def test_ids_in_another_form_are_followed(change: Any) -> None:
    for found, expected in zip(results(change), PLAIN):
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, ids: model.words(ids.flip(1)).flip(1),
        lambda model, ids: model.words(ids.sort(dim=1).values),
        lambda model, ids: put_back(model, ids.sort(dim=1, descending=True)),
        lambda model, ids: model.words(ids) + 0.5 * model.words(ids.flip(1)).flip(1),
        lambda model, ids: model.words(ids) + 0.5 * model.words((ids + ids.roll(1, 1)) % 7),
    ],
)
def test_ids_that_are_rearranged_or_mixed_are_refused(change: Any) -> None:
    """By the model, and not by the luck of the text: also the text that is the same reversed."""
    for found in results(change)[1:]:
        assert isinstance(found, InterpretationError)
        assert "ids that it made from those of the text" in str(found)


def test_ids_that_do_not_come_from_the_text_are_left_alone() -> None:
    def change(model: Any, ids: torch.Tensor) -> torch.Tensor:
        # Equal to the ids of a text of these words, and of the same shape.
        places = torch.arange(2, 2 + ids.size(1)).expand_as(ids)
        return model.words(ids) + 0.0 * model.words(places)

    for found, expected in zip(results(change), PLAIN):
        assert found == pytest.approx(expected, abs=1e-9)


class TestOtherWords:
    IDS = torch.tensor([[2, 3, 4, 5], [9, 9, 0, 0]])

    def words(self, **changed: Any) -> OtherWords:
        found = OtherWords.of(self.IDS, **{**dict(kept={4}, size=50, shift=1, offset=0), **changed})
        assert found is not None
        return found

    def test_special_ids_and_padding_stay(self) -> None:
        found = self.words()
        for new in (found.first, found.second):
            assert (new == self.IDS).tolist() == [
                [False, False, True, False],
                [False, False, True, True],
            ]

    def test_the_second_are_the_first_moved(self) -> None:
        found = self.words(shift=2)
        assert found.second[0, 1] == found.first[0, 3]

    def test_no_two_neighbours_are_in_order(self) -> None:
        """A model that sorts ids would move them."""
        first = self.words(kept=set()).first[0]
        assert not torch.equal(first, first.sort().values)
        assert not torch.equal(first, first.sort(descending=True).values)

    def test_two_fields_get_different_words(self) -> None:
        assert not torch.equal(self.words().first, self.words(offset=9).first)

    def test_of_a_vocabulary_without_words_are_none(self) -> None:
        assert OtherWords.of(self.IDS, set(), size=3, shift=1, offset=0) is None


class NearestTopic(IdsClassifier):
    """Compares the text with three texts of its own, which it embeds before."""

    topics = torch.tensor([[3, 5, 9, 4], [8, 6, 3, 10], [12, 7, 4, 2]])

    def vector(self, tokens: Any) -> torch.Tensor:
        topics = self.pooled(self.words(self.topics), self.topics != 0)
        # Shape: (rows, topics)
        found: torch.Tensor = super().vector(tokens) @ topics.t()
        return torch.nn.functional.pad(found, (0, 1))


def test_texts_of_the_model_s_own_are_told_from_those_of_a_pass() -> None:
    """As many rows of as many tokens stand in some passes, and each pass runs once."""
    inputs = [
        {"sentence": text} for text in ("the plot is clever", "a good film", "not the film a")
    ]
    for found, expected in zip(
        IntegratedGradient(maker(NearestTopic)(), n_steps=20).interpret_batch_json(inputs),
        IntegratedGradient(maker(NearestTopic)(), n_steps=20, batch_size=1).interpret_batch_json(
            inputs
        ),
    ):
        assert found[0].notes == []
        assert found[0].scores == pytest.approx(expected[0].scores)
