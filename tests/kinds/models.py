"""
What AllenNLP has no ready example of: models, embedders, indexers and readers as a user may have
written them.
"""

import zlib
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy
import torch
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Token, TokenIndexer, Vocabulary
from allennlp.data.fields import LabelField, ListField, TextField, TransformerTextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import PretrainedTransformerTokenizer, WhitespaceTokenizer
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder
from allennlp.modules.token_embedders import TokenEmbedder
from allennlp.nn.util import get_text_field_mask, masked_mean
from allennlp.predictors import Predictor, TextClassifierPredictor
from transformers import AutoModel

from biome_interpret.models.embedding import EmbeddingSite, SiteFinder

Output = Dict[str, torch.Tensor]


class OwnClassifier(Model):
    """A linear layer over one vector for each text, which a subclass makes."""

    def __init__(self, vocab: Vocabulary, dim: int) -> None:
        super().__init__(vocab)
        self.linear = torch.nn.Linear(dim, max(2, vocab.get_vocab_size("labels")))

    def vector(self, tokens: Any) -> torch.Tensor:
        """Shape: (rows, dim)."""
        raise NotImplementedError

    def forward(self, tokens: Any, label: Optional[torch.Tensor] = None) -> Output:  # type: ignore
        logits = self.linear(self.vector(tokens).tanh().to(self.linear.weight.dtype))
        output = {"logits": logits, "probs": logits.softmax(dim=-1)}
        if label is not None:
            output["loss"] = torch.nn.functional.cross_entropy(logits, label)
        return output


@Model.register("tests_mean_classifier")
class MeanClassifier(OwnClassifier):
    """Over the mean of what a text field embedder makes of the tokens."""

    def __init__(self, vocab: Vocabulary, text_field_embedder: TextFieldEmbedder) -> None:
        super().__init__(vocab, text_field_embedder.get_output_dim())
        self.embedder = text_field_embedder

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        mask = get_text_field_mask(tokens)
        return masked_mean(self.embedder(tokens).tanh(), mask.unsqueeze(-1), dim=1)


@Model.register("tests_counts_classifier")
class CountsClassifier(OwnClassifier):
    """Over one vector that the embedder makes of the whole text."""

    def __init__(self, vocab: Vocabulary, text_field_embedder: TextFieldEmbedder) -> None:
        super().__init__(vocab, text_field_embedder.get_output_dim())
        self.embedder = text_field_embedder

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        return self.embedder(tokens)


@Model.register("tests_document_classifier")
class DocumentClassifier(OwnClassifier):
    """Over the sentences of a document, each embedded apart."""

    def __init__(self, vocab: Vocabulary, text_field_embedder: TextFieldEmbedder) -> None:
        super().__init__(vocab, text_field_embedder.get_output_dim())
        self.embedder = text_field_embedder

    def forward(self, sentences: Any, label: Optional[torch.Tensor] = None) -> Output:  # type: ignore
        return super().forward(sentences, label)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        # Shape: (rows, sentences, tokens)
        mask = get_text_field_mask(tokens, num_wrapping_dims=1)
        embedded = self.embedder(tokens, num_wrapping_dims=1)
        sentences = masked_mean(embedded.tanh(), mask.unsqueeze(-1), dim=2)
        weights = torch.arange(1.0, 1.0 + sentences.size(1)).to(sentences)
        return torch.einsum("s,bsd->bd", weights, sentences * mask.any(-1).unsqueeze(-1))


@DatasetReader.register("tests_documents")
class DocumentReader(DatasetReader):
    """Sentences end where there is a full stop."""

    def __init__(self, tokenizer: Any = None, token_indexers: Dict[str, TokenIndexer] = None):
        super().__init__()
        self._tokenizer = tokenizer or WhitespaceTokenizer()
        self._indexers = token_indexers or {"tokens": SingleIdTokenIndexer()}

    def _read(self, file_path: str) -> Iterable[Instance]:
        for line in Path(file_path).read_text().splitlines():
            yield self.text_to_instance(line, "positive")
            yield self.text_to_instance(line, "negative")

    def text_to_instance(self, text: str, label: Optional[str] = None) -> Instance:  # type: ignore
        parts = [part.strip() + " ." for part in text.split(".") if part.strip()]
        texts = [TextField(self._tokenizer.tokenize(part), self._indexers) for part in parts]
        fields: Dict[str, Any] = {"sentences": ListField(texts)}
        if label is not None:
            fields["label"] = LabelField(label)
        return Instance(fields)


@Model.register("tests_two_embedders")
class TwoEmbedders(OwnClassifier):
    """Premise and hypothesis each have an embedder of their own."""

    def __init__(
        self,
        vocab: Vocabulary,
        premise_embedder: TextFieldEmbedder,
        hypothesis_embedder: TextFieldEmbedder,
    ) -> None:
        dims = (premise_embedder.get_output_dim(), hypothesis_embedder.get_output_dim())
        super().__init__(vocab, sum(dims))
        self.premise_embedder = premise_embedder
        self.hypothesis_embedder = hypothesis_embedder

    def forward(  # type: ignore
        self, premise: Any, hypothesis: Any, label: Optional[torch.Tensor] = None, **_: Any
    ) -> Output:
        output = super().forward((premise, hypothesis), label)
        return {**output, "label_logits": output["logits"], "label_probs": output["probs"]}

    def vector(self, tokens: Any) -> torch.Tensor:
        embedders = (self.premise_embedder, self.hypothesis_embedder)
        means = [
            masked_mean(embedder(part).tanh(), get_text_field_mask(part).unsqueeze(-1), dim=1)
            for embedder, part in zip(embedders, tokens)
        ]
        return torch.cat(means, dim=-1)


@Model.register("tests_plain_transformer")
class PlainTransformer(OwnClassifier):
    """A Hugging Face model inside an AllenNLP `Model`, without any embedder of AllenNLP's."""

    def __init__(self, vocab: Vocabulary, model_name: str) -> None:
        transformer = AutoModel.from_pretrained(model_name)
        super().__init__(vocab, transformer.config.hidden_size)
        self.transformer = transformer

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids, mask = tokens["tokens"]["token_ids"], tokens["tokens"]["mask"]
        return self.transformer(input_ids=ids, attention_mask=mask)[0].mean(dim=1)


@Model.register("tests_plain_matrix")
class PlainMatrix(OwnClassifier):
    """An embedding matrix of PyTorch's and nothing of AllenNLP's; positions besides."""

    def __init__(self, vocab: Vocabulary, dim: int) -> None:
        super().__init__(vocab, dim)
        self.positions = torch.nn.Embedding(100, dim)
        self.words = torch.nn.Embedding(vocab.get_vocab_size("tokens"), dim)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        positions = self.positions(torch.arange(ids.size(1), device=ids.device))
        mask = (ids != 0).unsqueeze(-1)
        return masked_mean((self.words(ids) + positions).tanh(), mask, dim=1)


@TokenEmbedder.register("tests_masked")
class MaskedEmbedder(TokenEmbedder):
    """
    Takes several arguments, so that AllenNLP gives them by name; so does what it calls itself. It
    is frozen.
    """

    def __init__(self, num_embeddings: int, dim: int) -> None:
        super().__init__()
        self.words = Words(num_embeddings, dim)

    def get_output_dim(self) -> int:
        return self.words.weight.size(1)

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.words(input=token_ids).tanh() * mask.unsqueeze(-1)


class Words(torch.nn.Embedding):
    """Called by name."""


@TokenEmbedder.register("tests_functional")
class FunctionalEmbedder(TokenEmbedder):
    """Looks words up without any module."""

    def __init__(self, num_embeddings: int, dim: int) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.randn(num_embeddings, dim))

    def get_output_dim(self) -> int:
        return self.matrix.size(1)

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(token_ids, self.matrix)


@TokenIndexer.register("tests_masked")
class MaskedIndexer(SingleIdTokenIndexer):
    """Hands over a mask beside the ids, as the indexers of transformers do."""

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> Dict[str, Any]:
        ids = super().tokens_to_indices(tokens, vocabulary)["tokens"]
        return {"mask": [True] * len(ids), "token_ids": ids}

    def as_padded_tensor_dict(self, tokens: Any, padding_lengths: Any) -> Dict[str, torch.Tensor]:
        padded = super().as_padded_tensor_dict(tokens, padding_lengths)
        return {**padded, "mask": padded["mask"].bool()}

    def get_empty_token_list(self) -> Dict[str, Any]:
        return {"token_ids": [], "mask": []}


@TokenIndexer.register("tests_vectors")
class VectorIndexer(TokenIndexer):
    """A vector for each token, made before the model sees it, as spaCy's are."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self._dim = dim

    def count_vocab_items(self, token: Token, counter: Dict[str, Dict[str, int]]) -> None:
        pass

    def tokens_to_indices(self, tokens: List[Token], vocabulary: Vocabulary) -> Dict[str, Any]:
        seeds = [zlib.crc32(str(token.text).encode()) for token in tokens]
        vectors = [numpy.random.RandomState(seed).randn(self._dim) for seed in seeds]
        return {"tokens": vectors}

    def as_padded_tensor_dict(self, tokens: Any, padding_lengths: Any) -> Dict[str, torch.Tensor]:
        result = torch.zeros(padding_lengths["tokens"], self._dim, dtype=torch.float64)
        for position, vector in enumerate(tokens["tokens"]):
            result[position] = torch.from_numpy(vector)
        return {"tokens": result}


class Gate(torch.nn.Module):
    """An embedding that no finder knows: a matrix, and a gate for each word."""

    def __init__(self, num_embeddings: int, dim: int) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.randn(num_embeddings, dim))
        self.gates = torch.nn.Parameter(torch.randn(num_embeddings, 1))

    def forward(self, ids: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        functional = torch.nn.functional.embedding
        return functional(ids, self.matrix), functional(ids, self.gates).sigmoid()


@Model.register("tests_gated")
class GatedClassifier(OwnClassifier):
    def __init__(self, vocab: Vocabulary, dim: int) -> None:
        super().__init__(vocab, dim)
        self.words = Gate(vocab.get_vocab_size("tokens"), dim)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        embedded, gates = self.words(ids)
        return masked_mean((gates * embedded).tanh(), (ids != 0).unsqueeze(-1), dim=1)


@Model.register("tests_gated_and_found")
class FoundClassifier(GatedClassifier):
    """The same, with a finder of its own."""


@SiteFinder.register("tests_gated_and_found")
class FoundFinder(SiteFinder):
    finds = (FoundClassifier,)

    def sites(self, name: str, module: Any) -> Iterator[EmbeddingSite]:
        yield EmbeddingSite("words", module.words, output=0)


@Predictor.register("tests_named_layer")
class NamedLayerPredictor(TextClassifierPredictor):
    """Names the layer itself, as AllenNLP's documentation describes."""

    def get_interpretable_layer(self) -> torch.nn.Module:
        return self._model.words


@DatasetReader.register("tests_transformer_text")
class TransformerTextReader(DatasetReader):
    """Texts as `TransformerTextField`s, which hold ids alone."""

    def __init__(self, model_name: str) -> None:
        super().__init__()
        self._tokenizer = PretrainedTransformerTokenizer(model_name)

    def _read(self, file_path: str) -> Iterable[Instance]:
        yield self.text_to_instance("the film is fun", "positive")
        yield self.text_to_instance("the film is boring", "negative")

    def text_to_instance(self, text: str, label: Optional[str] = None) -> Instance:  # type: ignore
        ids = [token.text_id for token in self._tokenizer.tokenize(text)]
        fields: Dict[str, Any] = {"text": TransformerTextField(ids)}
        if label is not None:
            fields["label"] = LabelField(label)
        return Instance(fields)


@Predictor.register("tests_transformer_text")
class TransformerTextPredictor(TextClassifierPredictor):
    """For a model that puts out logits alone."""

    def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Instance]:
        return super().predictions_to_labeled_instances(instance, {"probs": outputs["logits"]})
