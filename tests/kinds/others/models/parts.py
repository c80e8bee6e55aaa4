"""Models with parts of other kinds: wrapped, scripted, random, normalised or in low precision."""

from typing import Any, List

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.modules.seq2vec_encoders import CnnEncoder, PytorchSeq2VecWrapper
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor

from tests.kinds.others.records import (
    INPUTS,
    MAY_REFUSE,
    Classifier,
    IdsClassifier,
    Other,
    maker,
    plain_matrix,
)


class BatchNorm(Classifier):
    """With the statistics of the training data, in evaluation mode."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.norm = torch.nn.BatchNorm1d(4)
        self.norm.running_mean.fill_(0.2)
        self.norm.running_var.fill_(0.5)

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        return super().scores(self.norm(vector))


class BatchStatistics(BatchNorm):
    """With the statistics of the batch, so that the rows mix."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.norm = torch.nn.BatchNorm1d(4, track_running_stats=False)

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        if len(vector) == 1:
            return Classifier.scores(self, vector)
        return super().scores(vector)


class CentredOnTheBatch(Classifier):
    """The mean over the rows is taken off, so that the rows mix."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        found = super().vector(tokens)
        return found - 0.5 * found.mean(dim=0)


class MixesRowsIfMany(Classifier):
    """The rows mix only in batches of five and more."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        found = super().vector(tokens)
        return found if len(found) < 5 else found - 0.5 * found.mean(dim=0)


class CountsPadding(Classifier):
    """The mean over all positions, padding too."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.hidden(vectors).tanh().mean(dim=1) * 3


class SeesPadding(Classifier):
    """The last position counts, whatever it is."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(vectors, mask) + vectors[:, -1].tanh()


class SpectralNorm(Classifier):
    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.hidden = torch.nn.utils.spectral_norm(self.hidden)


class WeightNormOnLinear(Classifier):
    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.hidden = torch.nn.utils.weight_norm(self.hidden)


class Wrapped(Classifier):
    """A part for several devices, of which there is none."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.hidden = torch.nn.DataParallel(self.hidden)


class WrappedEmbedder(Classifier):
    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.parallel = torch.nn.DataParallel(self.embedder)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        return self.pooled(self.parallel(tokens), get_text_field_mask(tokens))


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        found = self.linear(vectors)
        if bool(found.sum() > 1e9):
            found = found * 2
        return found.tanh()


class Scripted(Classifier):
    """A compiled part above the embedding."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.hidden = torch.jit.script(Layer())


class ScriptedEmbedding(IdsClassifier):
    """The embedding itself is compiled."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.jit.script(torch.nn.Embedding(size, dim))


class Encoder(torch.nn.Module):
    """An embedding and a layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(size, 4)
        self.layer = Layer()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.layer(self.words(ids))


class ScriptedEncoder(IdsClassifier):
    """The embedding is a part of what is compiled."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.jit.script(Encoder(size))


class TracedLayer(Classifier):
    """A part that was recorded on an example."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.hidden = torch.jit.trace(torch.nn.Linear(4, 4), torch.zeros(1, 1, 4))


class RandomDropout(Classifier):
    """The dropout stays on, since nobody passed `training`."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(torch.nn.functional.dropout(vectors, 0.5), mask)


class DropoutInTraining(Classifier):
    """The same as it is meant."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors = torch.nn.functional.dropout(vectors, 0.5, training=self.training)
        return super().pooled(vectors, mask)


class Noisy(Classifier):
    """Noise on the logits."""

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        found = super().scores(vector)
        return found + torch.randn_like(found)


class ShortNoise(Classifier):
    """Noise from a generator of the model's own."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.generator = torch.Generator()

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        found = super().scores(vector)
        return found + torch.rand(found.shape, generator=self.generator).to(found)


class Counts(Classifier):
    """The output changes with every call."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.calls = 0

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().scores(vector) * (1 + 0.1 * self.calls)


class LongFilters(Classifier):
    """Filters of five tokens: AllenNLP's encoder needs texts that are as long."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.cnn = CnnEncoder(4, 3, ngram_filter_sizes=(2, 5), output_dim=4)

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.cnn(vectors, mask)


class PaddedFilters(Classifier):
    """Filters of five tokens over texts that are padded to five."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.cnn = torch.nn.Conv1d(4, 4, 5)

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        masked = (vectors * mask.unsqueeze(-1)).transpose(1, 2)
        masked = torch.nn.functional.pad(masked, (0, max(0, 5 - masked.size(2))))
        return self.cnn(masked).tanh().sum(dim=2)


class Recurrent(Classifier):
    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.rnn = PytorchSeq2VecWrapper(torch.nn.LSTM(4, 4, batch_first=True))

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.rnn(vectors, mask)


class Attends(Classifier):
    """One layer of PyTorch's transformer."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, activation="gelu")

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(self.layer(vectors, src_key_padding_mask=~mask), mask)


class HalfPrecision(Classifier):
    """Its logits come back in float32, since losses want it."""

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        return super().scores(vector).float()


def in_half_precision() -> Predictor:
    predictor = maker(HalfPrecision, seed=5)()
    predictor._model.bfloat16()
    return predictor


def rounded_to_half_precision() -> Predictor:
    predictor = in_half_precision()
    predictor._model.double()
    return predictor


def quantised() -> Predictor:
    predictor = maker(Classifier)()
    model = predictor._model.float()
    predictor._model = torch.quantization.quantize_dynamic(model, {torch.nn.Linear})
    return predictor


def inner(model: Any) -> List[torch.Tensor]:
    return [model.words.words.weight]


RANDOM = r"(?i)random|differ|same (text|input|numbers)|twice|again|changes"

KINDS = [
    Other("batch norm", maker(BatchNorm)),
    Other("batch norm with statistics of the batch", maker(BatchStatistics)),
    Other("centred on the batch", maker(CentredOnTheBatch)),
    Other("mixes rows if many", maker(MixesRowsIfMany)),
    Other("counts padding", maker(CountsPadding), noted="padding"),
    Other("sees padding", maker(SeesPadding), noted="padding"),
    Other("spectral norm", maker(SpectralNorm)),
    Other("weight norm on a linear layer", maker(WeightNormOnLinear)),
    Other("part for several devices", maker(Wrapped)),
    Other("embedder for several devices", maker(WrappedEmbedder)),
    Other("scripted part", maker(Scripted)),
    Other(
        "scripted embedding", maker(ScriptedEmbedding), matrices=plain_matrix, refused=MAY_REFUSE
    ),
    Other("scripted encoder", maker(ScriptedEncoder), matrices=inner, refused=MAY_REFUSE),
    Other("traced part", maker(TracedLayer)),
    Other("dropout by mistake", maker(RandomDropout, dim=16), right=None, refused=RANDOM),
    Other("dropout", maker(DropoutInTraining)),
    Other("noise on the logits", maker(Noisy), right=None, refused=RANDOM),
    Other("noise of its own", maker(ShortNoise), right=None, refused=RANDOM),
    Other("counts its calls", maker(Counts), right=None, refused=RANDOM),
    Other(
        "long filters",
        maker(LongFilters),
        inputs=[{"sentence": "a dull story with a bad cast"}, {"sentence": "the film is not good"}],
    ),
    # A text of fewer tokens fails alone. In one of these, two windows have the same words.
    Other(
        "filters longer than the text",
        maker(LongFilters),
        inputs=INPUTS[:-1],
        refused=r"(?i)kernel|filter|padding",
    ),
    Other("padded filters", maker(PaddedFilters)),
    Other("recurrent", maker(Recurrent)),
    Other("attends", maker(Attends)),
    Other(
        "half precision",
        in_half_precision,
        twin=rounded_to_half_precision,
        tolerance=0.1,
        refused=r"(?i)precision|bfloat16|dtype",
    ),
    Other("quantised", quantised, right=None, refused=r"(?i)gradient|quant"),
]
