"""A small model for each kind of embedder: where a text turns into vectors."""

from typing import Any, Callable, Dict, Optional, Tuple

from allennlp.predictors import Predictor

from tests.kinds.folders import bare_bert_folder, elmo_folder, language_model_archive
from tests.kinds.registry import STACK, TODAYS, Probe, Registry, from_config, tiny
from tests.tiny_models import DATA, EXAMPLE_INPUTS, bert_folder, load_params, transformer_folder

KINDS = Registry(
    "Embedders",
    "Where a text turns from numbers of words into vectors, for each kind of embedder.",
    """\
(1) These architectures normalise the word embeddings alone, with no positions added. Their output
depends on the direction of an embedding and hardly on its length, so that all of f between 0 and
the text changes within a tiny stretch next to 0, which no quadrature sees. A baseline other than a
constant (`"unknown"`, `"padding"`, `"mask"`, a background) keeps away from it; from 0 a result says
that its error is larger than the tolerance.

(2) What a stateful encoder gives depends on the texts before. Every pass of an interpretation
starts from the state in which the encoder was when it began, so that what is explained is what the
model would predict next; the state itself is left alone. AllenNLP's own goes on from one step of
its path to the next, so that its numbers differ.

(3) ELMo's layers go on from the first text of a pass to the second, so that what the model says of
a hypothesis hangs together with the premise in this way too. The scores say so.""",
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
# Today's Longformer has no finite gradient in float64, with this package or without it.
LONGFORMER: Dict[str, Any] = {
    **({"step": 1e-3, "tolerance": 3e-2, "double": False} if STACK == TODAYS else IN_FLOAT32),
    "remark": "on today's stack in float32, since its gradient in float64 is not finite there",
}
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
    "longformer": ({"attention_window": 8}, LONGFORMER),
    "big_bird": ({}, {}),
    "mpnet": ({}, {}),
    "funnel": (
        {
            "architectures": ["FunnelModel"],
            "block_sizes": [1, 1],
            "num_decoder_layers": 1,
            # As in published ones. With one, newer versions of transformers fail to load it.
            "pad_token_id": None,
        },
        {**FROM_UNKNOWN, **IN_FLOAT32},
    ),
    "mobilebert": ({}, {}),
    "convbert": ({}, {}),
    "rembert": ({"input_embedding_size": 8}, {}),
    "roformer": ({}, {}),
    "nystromformer": ({}, {}),
    "squeezebert": ({"embedding_size": 16}, {}),
    "layoutlm": ({}, {}),
    "flaubert": ({}, {"probes": [Probe(module=XLM)], **IN_FLOAT32}),
    "gpt_neo": ({"attention_types": [[["global", "local"], 1]]}, IN_FLOAT32),
    "opt": ({"word_embed_proj_dim": 16, "ffn_dim": 32}, {}),
    "gpt_neox": ({}, {**FROM_UNKNOWN, **IN_FLOAT32}),
}
# Not in the transformers of AllenNLP's stack.
NEWER: Dict[str, Dict[str, Any]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {},
    "gemma": {},
    # PyTorch has no gradient of a model that keeps its states.
    "mamba": {"use_cache": False},
}
for model_type, settings in NEWER.items():
    needs = (f"transformers.models.{model_type}",)
    ARCHITECTURES[model_type] = (settings, {**FROM_UNKNOWN, **IN_FLOAT32, "needs": needs})
for model_type, (settings, rest) in ARCHITECTURES.items():
    others = {key: value for key, value in rest.items() if key != "double"}
    KINDS.add(
        f"`pretrained_transformer`, {model_type}",
        from_config(
            lambda t=model_type, s=settings: transformer(t, **s), double=rest.get("double", True)
        ),
        REVIEW,
        **others,
    )
for model_type in ("t5", "mt5", "bart", "mbart", "pegasus"):
    KINDS.add(
        f"`pretrained_transformer`, encoder of {model_type}",
        from_config(lambda t=model_type: transformer(t, {"sub_module": "encoder"})),
        REVIEW,
        **({**FROM_UNKNOWN, **IN_FLOAT32} if "t5" in model_type else {}),
    )


def classifier(**overrides: Any) -> Callable[[], Predictor]:
    """A builder of a small text classifier: `lstm`, with overrides that may be made late."""
    made = {key.replace("__", "."): value for key, value in overrides.items()}
    return from_config(
        lambda: load_params(
            "lstm", **{key: value() if callable(value) else value for key, value in made.items()}
        ).as_dict(),
        requires="tests.kinds.models",
    )


def bert_embedder(kind: str = "pretrained_transformer", **rest: Any) -> Callable[[], Any]:
    return lambda: {"type": kind, "model_name": str(bert_folder()), **rest}


BERT_WORDS = f"{TOKENS}.transformer_model.embeddings.word_embeddings"
MATCHED_WORDS = f"{TOKENS}._matched_embedder.transformer_model.embeddings.word_embeddings"
MEAN = {"type": "bag_of_embeddings", "embedding_dim": 16, "averaged": True}

KINDS.add(
    "`pretrained_transformer`, a mix of all layers (`last_layer_only: false`)",
    from_config(lambda: transformer("bert", {"last_layer_only": False})),
    REVIEW,
)
KINDS.add(
    "`pretrained_transformer`, frozen (`train_parameters: false`, `eval_mode: true`)",
    from_config(lambda: transformer("bert", {"train_parameters": False, "eval_mode": True})),
    REVIEW,
)
KINDS.add(
    "`pretrained_transformer`, a text folded into several of `max_length`",
    tiny(
        "bert",
        **{
            "dataset_reader.token_indexers.tokens.max_length": 8,
            "model.text_field_embedder.token_embedders.tokens.max_length": 8,
            "model.seq2vec_encoder": MEAN,
        },
    ),
    # Each part has a beginning and an end of its own: the tenth token stands in the second.
    REVIEW,
    probes=[Probe(token=9, positions=[11], module=BERT_WORDS)],
)
KINDS.add(
    "`pretrained_transformer_mismatched`",
    tiny("bert_mismatched"),
    REVIEW,
    # "boring" is two pieces, after the beginning and "the film is not".
    probes=[Probe(token=4, positions=[5, 6], module=MATCHED_WORDS)],
)
KINDS.add(
    "`pretrained_transformer_mismatched`, folded",
    tiny(
        "bert_mismatched",
        **{
            "dataset_reader.token_indexers.tokens.max_length": 8,
            "model.text_field_embedder.token_embedders.tokens.max_length": 8,
        },
    ),
    REVIEW,
    # "but": the second part begins in the middle of it or right before it.
    probes=[Probe(token=4, positions=[5, 6], module=MATCHED_WORDS)],
)
KINDS.add(
    "`embedding` beside `pretrained_transformer_mismatched`",
    classifier(
        dataset_reader__token_indexers__pieces=bert_embedder("pretrained_transformer_mismatched"),
        model__text_field_embedder__token_embedders__pieces=bert_embedder(
            "pretrained_transformer_mismatched"
        ),
        model__seq2vec_encoder={**MEAN, "embedding_dim": 24},
    ),
    REVIEW,
    probes=[
        Probe(token=4, positions=[4], module=TOKENS),
        Probe(
            token=4,
            positions=[5, 6],
            module=MATCHED_WORDS.replace("embedder_tokens", "embedder_pieces"),
        ),
    ],
)
KINDS.add(
    "`embedding` with start and end tokens, and padding (`token_min_padding_length`)",
    classifier(
        dataset_reader__token_indexers__tokens={
            "type": "single_id",
            "lowercase_tokens": True,
            "start_tokens": ["@start@"],
            "end_tokens": ["@end@"],
            "token_min_padding_length": 20,
        },
    ),
    REVIEW,
    probes=[Probe(token=2, positions=[3])],
)


def mean_classifier(token_embedders: Dict[str, Any]) -> Dict[str, Any]:
    """A model that, unlike `basic_classifier`, needs no word ids."""
    embedder = {"token_embedders": token_embedders}
    return {"type": "tests_mean_classifier", "text_field_embedder": embedder}


def elmo() -> Dict[str, Any]:
    folder = elmo_folder()
    files = {"options_file": "options.json", "weight_file": "weights.hdf5"}
    paths = {name: str(folder / file) for name, file in files.items()}
    return {"type": "elmo_token_embedder", "dropout": 0.1, **paths}


ELMO_WORDS = "_text_field_embedder.token_embedder_elmo._elmo._elmo_lstm._token_embedder"
ELMO_INDEXER = {"type": "elmo_characters"}
KINDS.add(
    "`elmo_token_embedder`",
    classifier(
        dataset_reader__token_indexers={"elmo": ELMO_INDEXER},
        model=lambda: mean_classifier({"elmo": elmo()}),
    ),
    REVIEW,
    probes=[
        Probe(
            token=5,
            positions=[6],
            module=ELMO_WORDS.replace("_text_field_embedder", "embedder"),
            output_key="token_embedding",
        )
    ],
)
KINDS.add(
    "`elmo_token_embedder` beside `embedding` and `character_encoding`",
    classifier(
        dataset_reader__token_indexers__elmo=ELMO_INDEXER,
        dataset_reader__token_indexers__characters={"type": "characters", "min_padding_length": 3},
        model__text_field_embedder__token_embedders__elmo=elmo,
        model__text_field_embedder__token_embedders__characters={
            "type": "character_encoding",
            "embedding": {"embedding_dim": 4, "vocab_namespace": "token_characters"},
            "encoder": {"type": "boe", "embedding_dim": 4},
        },
        model__seq2vec_encoder={**MEAN, "embedding_dim": 24},
    ),
    REVIEW,
    probes=[
        Probe(token=1, positions=[1], module=TOKENS),
        Probe(token=1, positions=[2], module=ELMO_WORDS, output_key="token_embedding"),
        Probe(
            token=1,
            positions=range(10, 20),
            module="_text_field_embedder.token_embedder_characters._embedding",
        ),
    ],
)
KINDS.add(
    "`bidirectional_lm_token_embedder`",
    classifier(
        dataset_reader__token_indexers={"lm": ELMO_INDEXER},
        model=lambda: mean_classifier(
            {
                "lm": {
                    "type": "bidirectional_lm_token_embedder",
                    "archive_file": str(language_model_archive()),
                }
            }
        ),
    ),
    REVIEW,
    # Fifty characters each; a beginning stands before them.
    probes=[
        Probe(
            token=1,
            positions=range(100, 150),
            module="embedder.token_embedder_lm._lm._text_field_embedder"
            ".token_embedder_token_characters._embedding",
        )
    ],
    needs=("allennlp_models",),
)
KINDS.add(
    "a stateful encoder over `embedding`",
    classifier(
        model__seq2seq_encoder={
            "type": "lstm",
            "input_size": 8,
            "hidden_size": 6,
            "stateful": True,
        },
        model__seq2vec_encoder={"type": "lstm", "input_size": 6, "hidden_size": 6},
    ),
    REVIEW,
    remark="(2)",
)
KINDS.add(
    "`bag_of_word_counts`",
    classifier(
        model={
            "type": "tests_counts_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": {"type": "bag_of_word_counts"}}},
        },
    ),
    REVIEW,
    probes=[],
    no_probe="the counts are made outside of any module",
    remark="each token is one number, its count",
)
KINDS.add(
    "`pass_through`",
    classifier(
        dataset_reader__token_indexers={"tokens": {"type": "tests_vectors", "dim": 8}},
        model=mean_classifier({"tokens": {"type": "pass_through", "hidden_dim": 8}}),
    ),
    REVIEW,
    probes=[Probe(module="embedder.token_embedder_tokens")],
    remark="at the vectors of the dataset reader",
)
KINDS.add(
    "`empty` beside `embedding`",
    classifier(
        dataset_reader__token_indexers__ignored={"type": "single_id", "namespace": "ignored"},
        model__text_field_embedder__token_embedders__ignored={"type": "empty"},
    ),
    REVIEW,
)

DOCUMENT = {
    "sentence": "the film is dull . a wonderful story . the acting is great but the end boring ."
}
DOCUMENT_READER = {"type": "tests_documents", "token_indexers": {"tokens": {"type": "single_id"}}}


def documents(**overrides: Any) -> Callable[[], Predictor]:
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 8}}}
    defaults = {
        "dataset_reader": DOCUMENT_READER,
        "train_data_path": str(DATA / "documents.txt"),
        "model": {"type": "tests_document_classifier", "text_field_embedder": embedder},
    }
    return classifier(**{**defaults, **overrides})


KINDS.add(
    "`embedding` of the sentences of a `ListField`",
    documents(),
    DOCUMENT,
    # The second word of the second sentence; all are filled up to nine.
    probes=[Probe(field="sentences[1]", token=1, positions=[10])],
)
KINDS.add(
    "`embedding` beside `character_encoding` in a `ListField`",
    documents(
        dataset_reader={
            "type": "tests_documents",
            "token_indexers": {
                "tokens": {"type": "single_id"},
                "characters": {"type": "characters", "min_padding_length": 9},
            },
        },
        model={
            "type": "tests_document_classifier",
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": {"type": "embedding", "embedding_dim": 8},
                    "characters": {
                        "type": "character_encoding",
                        "embedding": {"embedding_dim": 4, "vocab_namespace": "token_characters"},
                        "encoder": {"type": "boe", "embedding_dim": 4},
                    },
                }
            },
        },
    ),
    DOCUMENT,
    probes=[
        Probe(
            field="sentences[1]", token=1, positions=[10], module="embedder.token_embedder_tokens"
        ),
        Probe(
            field="sentences[1]",
            token=1,
            positions=range(90, 99),
            module="embedder.token_embedder_characters._embedding",
        ),
    ],
)
KINDS.add(
    "`elmo_token_embedder` in a `ListField`",
    documents(
        dataset_reader={"type": "tests_documents", "token_indexers": {"elmo": ELMO_INDEXER}},
        model=lambda: {
            "type": "tests_document_classifier",
            "text_field_embedder": {"token_embedders": {"elmo": elmo()}},
        },
    ),
    DOCUMENT,
    probes=[
        Probe(
            field="sentences[1]",
            token=1,
            positions=[13],
            module=ELMO_WORDS.replace("_text_field_embedder", "embedder"),
            output_key="token_embedding",
        )
    ],
)
KINDS.add(
    "`pretrained_transformer_mismatched` in a `ListField`",
    documents(
        dataset_reader=lambda: {
            "type": "tests_documents",
            "token_indexers": {
                "tokens": bert_embedder("pretrained_transformer_mismatched")(),
            },
        },
        model=lambda: {
            "type": "tests_document_classifier",
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": bert_embedder("pretrained_transformer_mismatched")(),
                },
            },
        },
    ),
    {"sentence": "the film is fun . a great story ."},
    # "a", after five tokens between a beginning and an end.
    probes=[
        Probe(
            field="sentences[1]",
            token=0,
            positions=[8],
            module=MATCHED_WORDS.replace("_text_field_embedder", "embedder"),
        )
    ],
)


def folded() -> Dict[str, Any]:
    return bert_embedder("pretrained_transformer_mismatched", max_length=8)()


KINDS.add(
    "`pretrained_transformer_mismatched` in a `ListField`, folded",
    documents(
        dataset_reader=lambda: {
            "type": "tests_documents",
            "token_indexers": {"tokens": folded()},
        },
        model=lambda: {
            "type": "tests_document_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": folded()}},
        },
    ),
    {"sentence": "the film is not boring but clever . a great story ."},
    # "a", after a beginning that comes after the two parts of the first sentence.
    probes=[
        Probe(
            field="sentences[1]",
            token=0,
            positions=[17],
            module=MATCHED_WORDS.replace("_text_field_embedder", "embedder"),
        )
    ],
)

PAIR = EXAMPLE_INPUTS["esim"]
KINDS.add(
    "one embedder for two fields",
    tiny("decomposable_attention"),
    PAIR,
    probes=[Probe(field="hypothesis", call=1)],
    nodes=400,
    needs=("allennlp_models",),
)
KINDS.add(
    "`elmo_token_embedder` for two fields; (3)",
    from_config(
        lambda: load_params(
            "esim",
            **{
                "dataset_reader.token_indexers": {"elmo": ELMO_INDEXER},
                "model.text_field_embedder": {"token_embedders": {"elmo": elmo()}},
                "model.encoder.input_size": 12,
            },
        ).as_dict(),
        requires="allennlp_models.pair_classification",
    ),
    PAIR,
    # Of the premise, in the first of the encoder's calls.
    probes=[Probe(field="premise", positions=[3], module=ELMO_WORDS, output_key="token_embedding")],
    nodes=200,
    needs=("allennlp_models",),
)
KINDS.add(
    "two embedders",
    from_config(
        lambda: load_params(
            "esim",
            **{
                "model": {
                    "type": "tests_two_embedders",
                    "premise_embedder": {
                        "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 8}}
                    },
                    "hypothesis_embedder": {
                        "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
                    },
                }
            },
        ).as_dict(),
        requires="tests.kinds.models allennlp_models.pair_classification",
    ),
    PAIR,
    probes=[Probe(field="hypothesis", module="hypothesis_embedder.token_embedder_tokens")],
    needs=("allennlp_models",),
)


def transformer_text() -> Dict[str, Any]:
    folder = str(bare_bert_folder())
    return {
        "dataset_reader": {"type": "tests_transformer_text", "model_name": folder},
        "train_data_path": "",
        "model": {"type": "transformer_classification_tt", "transformer_model": folder},
        "predictor": {"type": "tests_transformer_text"},
    }


KINDS.add(
    "AllenNLP's own `TransformerEmbeddings`, from a `TransformerTextField`",
    from_config(transformer_text, requires="tests.kinds.models allennlp_models.classification"),
    REVIEW,
    probes=[Probe(module="embeddings.embeddings.word_embeddings")],
    needs=("allennlp_models",),
)
KINDS.add(
    "a Hugging Face model inside a `Model`",
    from_config(
        lambda: load_params(
            "bert",
            **{"model": {"type": "tests_plain_transformer", "model_name": str(bert_folder())}},
        ).as_dict(),
        requires="tests.kinds.models",
    ),
    REVIEW,
    probes=[Probe(module="transformer.embeddings.word_embeddings")],
)
KINDS.add(
    "an embedding matrix of PyTorch's inside a `Model`",
    classifier(model={"type": "tests_plain_matrix", "dim": 8}),
    REVIEW,
    probes=[Probe(module="words")],
)
OWN_INDEXER = {"type": "tests_masked", "lowercase_tokens": True}
KINDS.add(
    "a token embedder of the user's, called by name and frozen (`torch.no_grad`)",
    classifier(
        dataset_reader__token_indexers={"tokens": OWN_INDEXER},
        model__text_field_embedder__token_embedders={
            "tokens": {"type": "tests_masked", "num_embeddings": 60, "dim": 8}
        },
    ),
    REVIEW,
    probes=[],
    no_probe="PyTorch's hooks do not see what is called by name",
)
KINDS.add(
    "a token embedder of the user's without a module that looks words up",
    classifier(
        dataset_reader__token_indexers={"tokens": OWN_INDEXER},
        model__text_field_embedder__token_embedders={
            "tokens": {"type": "tests_functional", "num_embeddings": 60, "dim": 8}
        },
    ),
    REVIEW,
    probes=[Probe(module=TOKENS)],
)
KINDS.add(
    "a module of the user's, with a `SiteFinder`",
    classifier(model={"type": "tests_gated_and_found", "dim": 8}),
    REVIEW,
    probes=[Probe(module="words", output_key=0)],
)
KINDS.add(
    "a module of the user's, named by `get_interpretable_layer`",
    classifier(model={"type": "tests_gated", "dim": 8}, predictor={"type": "tests_named_layer"}),
    REVIEW,
    probes=[Probe(module="words", output_key=0)],
)
