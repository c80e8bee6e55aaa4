"""A small model for each kind of embedder: where a text turns into vectors."""

from typing import Any, Dict, Optional, Tuple

from tests.kinds.registry import Probe, Registry, from_config, tiny
from tests.tiny_models import EXAMPLE_INPUTS, load_params, transformer_folder

KINDS = Registry(
    "Embedders",
    "Where a text turns from numbers of words into vectors, for each kind of embedder.",
    """\
(1) These architectures normalise the word embeddings alone, with no positions added. Their output
depends on the direction of an embedding and hardly on its length, so that all of f between 0 and
the text changes within a tiny stretch next to 0, which no quadrature sees. A baseline other than a
constant (`"unknown"`, `"padding"`, `"mask"`, a background) keeps away from it; from 0 a result says
that its error is larger than the tolerance.""",
)

REVIEW = EXAMPLE_INPUTS["lstm"]
TOKENS = "_text_field_embedder.token_embedder_tokens"


def transformer(
    model_type: str, embedder: Optional[Dict[str, Any]] = None, **settings: Any
) -> Dict[str, Any]:
    """The config of a classifier over the mean of a tiny transformer's pieces."""
    folder = str(transformer_folder(model_type, **settings))
    model_name = {"model_name": folder}
    return load_params(
        "bert",
        **{
            "dataset_reader.tokenizer": {"type": "pretrained_transformer", **model_name},
            "dataset_reader.token_indexers.tokens": {
                "type": "pretrained_transformer",
                **model_name,
            },
            "model.text_field_embedder.token_embedders.tokens": {
                "type": "pretrained_transformer",
                **model_name,
                **(embedder or {}),
            },
            "model.seq2vec_encoder": {
                "type": "bag_of_embeddings",
                "embedding_dim": 16,
                "averaged": True,
            },
        },
    ).as_dict()


KINDS.add("`embedding`", tiny("lstm"), REVIEW)
KINDS.add(
    "`embedding` with a projection, frozen",
    tiny("projected"),
    REVIEW,
    probes=[Probe(module=f"{TOKENS}._projection", at_input=True)],
)
KINDS.add(
    "`embedding` beside `character_encoding`",
    tiny("embedding_and_characters"),
    REVIEW,
    # Padded to five characters a word: "film" is the second word.
    probes=[
        Probe(token=1, positions=[1], module=TOKENS),
        Probe(
            token=1,
            positions=range(10, 20),
            module="_text_field_embedder.token_embedder_characters._embedding",
        ),
    ],
)

XLM = f"{TOKENS}.transformer_model.embeddings"

# What an architecture wants beside its sizes, and how its row differs.
IN_FLOAT32 = {"step": 1e-3, "tolerance": 2e-2}
# f jumps at the very beginning of a path from 0, where embeddings are normalised as they are.
FROM_UNKNOWN = {
    "options": {"baseline": "unknown"},
    "remark": "from the unknown word, since f jumps near 0 (1)",
    "probes": [Probe(away_from=1)],
}
ARCHITECTURES: Dict[str, Tuple[Dict[str, Any], Dict[str, Any]]] = {
    "bert": ({}, {}),
    "roberta": ({}, {}),
    "albert": ({}, {}),
    "distilbert": ({}, {}),
    "electra": ({}, {}),
    "deberta": ({}, IN_FLOAT32),
    "deberta-v2": ({}, {}),
    "xlm-roberta": ({}, {}),
    "camembert": ({}, {}),
    "xlnet": ({}, FROM_UNKNOWN),
    "gpt2": ({}, {}),
    "openai-gpt": ({}, {}),
    "xlm": ({}, {"probes": [Probe(module=XLM)], **IN_FLOAT32}),
    "longformer": ({"attention_window": 8}, IN_FLOAT32),
    "big_bird": ({}, {}),
    "mpnet": ({}, {}),
    "funnel": (
        {"architectures": ["FunnelModel"], "block_sizes": [1, 1], "num_decoder_layers": 1},
        {**FROM_UNKNOWN, **IN_FLOAT32},
    ),
    "mobilebert": ({}, {}),
    "convbert": ({}, {}),
}
for model_type, (settings, rest) in ARCHITECTURES.items():
    KINDS.add(
        f"`pretrained_transformer`, {model_type}",
        from_config(lambda t=model_type, s=settings: transformer(t, **s)),
        REVIEW,
        **rest,
    )
for model_type in ("t5", "bart"):
    KINDS.add(
        f"`pretrained_transformer`, encoder of {model_type}",
        from_config(lambda t=model_type: transformer(t, {"sub_module": "encoder"})),
        REVIEW,
        **({**FROM_UNKNOWN, **IN_FLOAT32} if model_type == "t5" else {}),
    )
