"""Encoders of transformers that look words up in copies of a matrix, or beside positions."""

from typing import Any, List

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from transformers import BartConfig, BartModel, MBartConfig, MBartModel, PegasusConfig, PegasusModel

from tests.kinds.others.records import INPUTS, Classifier, Other, maker

DIM = 8


class Encoder(Classifier):
    """The sum of what the encoder makes of the words."""

    def __init__(self, vocab: Vocabulary, transformer: Any, config: Any, whole: bool) -> None:
        super().__init__(vocab, dim=DIM)
        del self.embedder
        settings = config(
            vocab_size=vocab.get_vocab_size("tokens"),
            d_model=DIM,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            max_position_embeddings=40,
            pad_token_id=0,
            scale_embedding=True,
        )
        made = transformer(settings)
        self.transformer = made if whole else made.get_encoder()
        self.is_whole = whole

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        encoder = self.transformer.get_encoder() if self.is_whole else self.transformer
        return self.pooled(encoder(input_ids=ids, attention_mask=(ids != 0).long())[0], ids != 0)


def encoder_words(model: Any) -> List[torch.Tensor]:
    """The matrix that the encoder looks words up in."""
    transformer = model.transformer
    encoder = transformer.get_encoder() if model.is_whole else transformer
    return [encoder.embed_tokens.weight]


def kind(name: str, transformer: Any, config: Any, whole: bool) -> Other:
    made = maker(Encoder, transformer=transformer, config=config, whole=whole)
    return Other(name, made, matrices=encoder_words, inputs=INPUTS[1:5])


KINDS = [
    # Newer versions give the encoder a copy of the model's embedding, with the same matrix.
    kind("BART", BartModel, BartConfig, whole=True),
    kind("mBART", MBartModel, MBartConfig, whole=True),
    # These encoders do not know their embeddings. mBART's positions are called with the ids.
    kind("encoder of mBART", MBartModel, MBartConfig, whole=False),
    kind("encoder of Pegasus", PegasusModel, PegasusConfig, whole=False),
]
