"""The record of a model, and the vocabulary, reader and classifier that most models share."""

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Type

import torch
from allennlp.common import JsonDict
from allennlp.data import Instance, TextFieldTensors, Vocabulary
from allennlp.data.dataset_readers import TextClassificationJsonReader
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import Model
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import Embedding
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor, TextClassifierPredictor

from tests.tiny_models import keep_masks_finite_in_double, randomise

Outputs = Dict[str, Any]

WORDS = "a bad cast clever dull film good is long not plot slow story the very with".split()
# The reference gives the second "film" of a text an id of its own: one of these.
SPARES = [f"spare{i}" for i in range(6)]
LABELS = ["neg", "pos", "mixed"]
DIM = 4

# Of different lengths. One has one token, one is a palindrome, three repeat a word.
TEXTS = [
    "film",
    "good film",
    "the plot is very clever",
    "film good film",
    "a dull story with a bad cast",
    "not the film",
    "the film is the film",
]
INPUTS: List[JsonDict] = [{"sentence": text} for text in TEXTS]

# A refusal has to say that the model is the cause.
BLAMES_THE_MODEL = r"(?i)the model|its (rows|output|gradient)|in its predictor|SiteFinder"
BLAMES_THE_TEXT = r"(?i)the text has no|no tokens|does not take this"
UNCLEAR = r"(?i)logits|probabilit|label|loss|objective|class"
MAY_REFUSE = r"(?i)model|get_interpretable_layer|SiteFinder|never calls"


class Said(NamedTuple):
    """
    What the model says on one text, by its own output.

    label : its name; `None` if the model names none.
    probability : of the label; `None` if the model gives none.
    explained : reads f from the output of another run. A larger f speaks for the label.
    """

    label: Optional[str]
    probability: Optional[float]
    explained: Callable[[Outputs], torch.Tensor]


# Of the predictor and its model's readable output for one instance: one for each result.
Says = Callable[[Predictor, Outputs], List[Said]]


def says_best(
    logits: str = "logits", probs: Optional[str] = "probs", label: Optional[str] = "label"
) -> Says:
    """The class with the largest of `logits`, by the model's own name for it."""

    def says(predictor: Predictor, at: Outputs) -> List[Said]:
        best = int(at[logits][0].argmax())
        return [
            Said(
                None if label is None else at[label][0],
                None if probs is None else float(at[probs][0, best]),
                lambda out: out[logits][0, best],
            )
        ]

    return says


def says_log_probability(probs: str = "probs", label: str = "label") -> Says:
    """The same, with the log-probability as f: minus an ordinary loss."""

    def says(predictor: Predictor, at: Outputs) -> List[Said]:
        best = int(at[probs][0].argmax())
        probability = float(at[probs][0, best])
        return [Said(at[label][0], probability, lambda out: out[probs][0, best].log())]

    return says


def words_of(model: Any) -> List[torch.Tensor]:
    """The matrix of the usual text field embedder."""
    return [model.embedder.token_embedder_tokens.weight]


def own_instances(predictor: Predictor, inputs: JsonDict) -> List[Instance]:
    return [predictor._json_to_instance(dict(inputs))]


def token_ids(tensors: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    return {"tokens": tensors["tokens"]["tokens"]["tokens"]}


def nothing(model: Any) -> None:
    pass


def spare_ids(predictor: Predictor) -> List[int]:
    return [predictor._model.vocab.get_token_index(word) for word in SPARES]


@dataclass(frozen=True, eq=False)
class Other:
    """
    One model of other people.

    # Parameters

    name : `str`
    build : `Callable[[], Predictor]`
    right : `Says`, optional
        What a right result has. `None` if the model must be refused, or `noted_as` holds.
    noted : `str`, optional
        A right result must have a note that matches this.
    noted_as : `Says`, optional
        A result with this f is accepted too, if a note matches `noted_as_note`.
    refused : `str`, optional
        Without `right` and `noted_as`: the model must be refused in words that match this. With
        them: such a refusal is accepted too.
    noted_only : `str`, optional
        The numbers may be anything if a note of the result matches this.
    shows_in_many_samples : `bool`
        Whether a few random samples do not show what is wrong.
    matrices : `Callable[[Model], List[torch.Tensor]]`
        The parameters with a row for each word. The reference scales these rows.
    row_of : `Callable[[int], int]`
        The row of an id.
    shared_rows : `bool`
        Whether words share rows. Scores are then compared by row, not by token.
    instances : `Callable[[Predictor, JsonDict], List[Instance]]`
        What the predictor makes of an input.
    ids : `Callable[[Dict[str, Any]], Dict[str, torch.Tensor]]`
        The ids of each text field among the tensors of an instance. Shape: (1, tokens).
    spares : `Callable[[Predictor], List[int]]`
        Ids that no text has.
    options : `JsonDict`
        Of both methods.
    rows_besides : `Sequence[int]`
        Rows of words that the model adds to the text itself. They are scaled with it.
    reset : `Callable[[Model], None]`
        Makes the model forget what it keeps from the run before.
    twin : `Callable[[], Predictor]`, optional
        The same weights in float64, for the reference of a model in low precision.
    tolerance : `float`
        Relative to the largest score.
    """

    name: str
    build: Callable[[], Predictor]
    right: Optional[Says] = field(default_factory=says_best)
    noted: Optional[str] = None
    noted_as: Optional[Says] = None
    noted_as_note: str = "loss"
    refused: Optional[str] = None
    noted_only: Optional[str] = None
    shows_in_many_samples: bool = False
    matrices: Callable[[Any], List[torch.Tensor]] = words_of
    row_of: Callable[[int], int] = int
    shared_rows: bool = False
    rows_besides: Sequence[int] = ()
    inputs: Sequence[JsonDict] = tuple(INPUTS)
    instances: Callable[[Predictor, JsonDict], List[Instance]] = own_instances
    ids: Callable[[Dict[str, Any]], Dict[str, torch.Tensor]] = token_ids
    spares: Callable[[Predictor], List[int]] = spare_ids
    options: JsonDict = field(default_factory=dict)
    reset: Callable[[Any], None] = nothing
    twin: Optional[Callable[[], Predictor]] = None
    tolerance: float = 1e-5


def vocabulary(**namespaces: Sequence[str]) -> Vocabulary:
    """With the words of the texts, and the labels unless `namespaces` has others."""
    vocab = Vocabulary()
    for namespace, names in {"tokens": [*WORDS, *SPARES], "labels": LABELS, **namespaces}.items():
        for name in names:
            vocab.add_token_to_namespace(name, namespace)
    return vocab


def text_reader() -> TextClassificationJsonReader:
    return TextClassificationJsonReader(
        token_indexers={"tokens": SingleIdTokenIndexer()}, tokenizer=WhitespaceTokenizer()
    )


def predictor_of(
    model: Model,
    predictor: Type[Predictor] = TextClassifierPredictor,
    seed: int = 1,
    gain: float = 1.5,
    reader: Any = None,
) -> Predictor:
    """With random weights, in float64."""
    randomise(model, seed, gain)
    keep_masks_finite_in_double()
    return predictor(model.double().eval(), reader or text_reader())


def maker(
    model: Callable[..., Model],
    predictor: Type[Predictor] = TextClassifierPredictor,
    vocab: Optional[Dict[str, Sequence[str]]] = None,
    seed: int = 1,
    reader: Optional[Callable[[], Any]] = None,
    **arguments: Any,
) -> Callable[[], Predictor]:
    def build() -> Predictor:
        made = model(vocabulary(**(vocab or {})), **arguments)
        return predictor_of(made, predictor, seed, reader=reader and reader())

    return build


def in_order(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The sum, with less weight for later tokens. (rows, tokens, dim) -> (rows, dim)."""
    weights = 1 / torch.arange(1, vectors.size(1) + 1).to(vectors)
    # Shape: (rows, tokens, 1)
    weights = (weights * mask).unsqueeze(-1)
    return (vectors.tanh() * weights).sum(dim=1)


class Classifier(Model):
    """A linear layer over one vector for each text. A subclass changes what it does in its way."""

    namespace = "labels"

    def __init__(self, vocab: Vocabulary, dim: int = DIM, num_labels: int = 0) -> None:
        super().__init__(vocab)
        size = vocab.get_vocab_size("tokens")
        self.embedder = BasicTextFieldEmbedder(
            {"tokens": Embedding(num_embeddings=size, embedding_dim=dim)}
        )
        self.hidden = torch.nn.Linear(dim, dim)
        self.linear = torch.nn.Linear(dim, num_labels or vocab.get_vocab_size(self.namespace))

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        """Shape: (rows, dim)."""
        return self.pooled(self.embedder(tokens), get_text_field_mask(tokens))

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return in_order(self.hidden(vectors), mask)

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.linear(vector.tanh())
        return scores

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": logits.softmax(dim=-1)}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, label)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        label: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        logits = self.scores(self.vector(tokens))
        output = self.outputs(logits)
        if label is not None:
            output["loss"] = self.loss(logits, label)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["probs"].argmax(dim=-1).tolist()
        names = self.vocab.get_index_to_token_vocabulary(self.namespace)
        output_dict["label"] = [names.get(index, str(index)) for index in best]
        return output_dict


class IdsClassifier(Classifier):
    """The same over a plain matrix of PyTorch's: a subclass says how it looks ids up."""

    def __init__(self, vocab: Vocabulary, dim: int = DIM, **arguments: Any) -> None:
        super().__init__(vocab, dim, **arguments)
        del self.embedder
        self.words = self.lookup(vocab.get_vocab_size("tokens"), dim)

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Embedding(size, dim)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        """(rows, tokens) -> (rows, tokens, dim)."""
        embedded: torch.Tensor = self.words(ids)
        return embedded

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        return self.pooled(self.embedded(ids), ids != 0)


def plain_matrix(model: Any) -> List[torch.Tensor]:
    return [model.words.weight]
