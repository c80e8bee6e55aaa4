"""
A client of AllenNLP's as it is on PyPI: `relations_classifier` of `allennlp-datalawyer`. It
classifies the relation between two marked entities of a sentence.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from allennlp.common import JsonDict, Params
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.predictors import Predictor
from transformers import BertConfig, BertModel

from tests.kinds.others.checks import check, each_alone, in_a_batch
from tests.kinds.others.records import Other, Outputs, Said
from tests.tiny_models import randomise, scratch_folder

WHY = "needs allennlp-datalawyer: pip install --no-deps -r tests/clients.txt"
for module in (
    "models.relations_classifier",
    "data.dataset_readers.cp_relations_reader",
    "predictors.cp_relations_predictor",
    "predictors.relations_predictor",
):
    pytest.importorskip(f"allennlp_datalawyer.{module}", reason=WHY)

MARKS = [f"[unused{i}]" for i in range(1, 5)]
SPARES = [f"spare{i}" for i in range(8)]
RELATIONS = ["DECISAO", "VALOR_PEDIDO", "ATRIBUICAO"]
# The head of the relation, its tail, and the sentence around them.
SENTENCES = [
    ("pedido", "negado", "pedido negado"),
    ("dano moral", "procedente", "o dano moral foi julgado procedente"),
    ("hora extra", "dez", "pedido de hora extra no valor de dez mil"),
    ("multa", "mil", "a multa foi de mil e o valor da multa foi pago"),
]
WORDS = sorted({word for _, _, sentence in SENTENCES for word in sentence.split()})


@lru_cache(maxsize=None)
def bert() -> str:
    """A small BERT with the words of the sentences, and marks for the entities."""
    folder: Path = scratch_folder() / "datalawyer"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *MARKS, *WORDS, *SPARES]
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    settings = {"tokenizer_class": "BertTokenizer", "additional_special_tokens": MARKS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return str(folder)


def built(reader: str, predictor: str, bce_loss: bool) -> Predictor:
    indexers = {"tokens": {"type": "pretrained_transformer", "model_name": bert()}}
    extra = {"mark_entities": True, "model_name": bert()} if reader == "relations_reader" else {}
    made_reader = DatasetReader.from_params(
        Params({"type": reader, "token_indexers": indexers, **extra})
    )
    vocab = Vocabulary()
    for relation in RELATIONS:
        vocab.add_token_to_namespace(relation, "labels")
    embedders = {"tokens": {"type": "pretrained_transformer", "model_name": bert()}}
    params: Dict[str, Any] = {
        "type": "relations_classifier",
        "embedder": {"token_embedders": embedders},
        "dropout": 0.1,
    }
    if not bce_loss:  # The default is that it is.
        params["bce_loss"] = False
    model = Model.from_params(Params(params), vocab=vocab)
    randomise(model, seed=2)
    return Predictor.by_name(predictor)(model.double().eval(), made_reader)


def inputs_of(reader: str) -> List[JsonDict]:
    return [
        sentence_of(k, head.split(), tail.split(), sentence.split(), reader)
        for k, (head, tail, sentence) in enumerate(SENTENCES)
    ]


def sentence_of(
    number: int, head: List[str], tail: List[str], tokens: List[str], reader: str
) -> JsonDict:
    entities = []
    for index, (words, kind) in enumerate([(head, "PEDIDO"), (tail, "DECISAO")]):
        start = tokens.index(words[0])
        end = start + len(words)
        entities.append({"id": index, "idx": index, "type": kind, "start": start, "end": end})
        entities[-1]["text"] = words
    relation = {"head": 0, "tail": 1}
    found = {"orig_id": str(number), "tokens": tokens, "entities": entities}
    if reader == "relations_reader":
        return {**found, "relations": [relation]}
    return {**found, "relation": relation}


def says(predictor: Predictor, at: Outputs) -> List[Said]:
    """The model's own name of the relation, its own probability, and the logit."""
    best = int(at["logits"].flatten().argmax())
    return [
        Said(
            at["labels"][0],
            at["probabilities"][0],
            lambda out: out["logits"].flatten()[best],
        )
    ]


def ids(tensors: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    return {"context": tensors["context"]["tokens"]["token_ids"]}


def matrix(model: Any) -> List[torch.Tensor]:
    transformer = model._embedder.token_embedder_tokens.transformer_model
    return [transformer.embeddings.word_embeddings.weight]


def spares(predictor: Any) -> List[int]:
    tokenizer = predictor._dataset_reader._token_indexers["tokens"]._tokenizer
    return tokenizer.convert_tokens_to_ids(SPARES)


KINDS = {
    f"{predictor}, {loss}": Other(
        f"{predictor}, {loss}",
        build=lambda r=reader, p=predictor, bce=loss == "bce": built(r, p, bce),  # type: ignore
        right=says,
        matrices=matrix,
        inputs=inputs_of(reader),
        ids=ids,
        spares=spares,
    )
    for reader, predictor in (
        ("relations_reader", "relations_predictor"),
        ("cp_relations_reader", "cp_relations_predictor"),
    )
    for loss in ("bce", "cross entropy")
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_each_text_alone(kind: Other) -> None:
    check(kind, each_alone(kind))


@each_kind
def test_all_texts_in_a_batch(kind: Other) -> None:
    check(kind, in_a_batch(kind))


@each_kind
def test_gradient_shap(kind: Other) -> None:
    check(kind, in_a_batch(kind, "shap"), "shap")
