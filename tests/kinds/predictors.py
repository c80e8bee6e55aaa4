"""A small model for each kind of predictor: what is explained."""

import json
import math
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict

import spacy
from allennlp.data import Token
from PIL import Image

from tests.kinds.registry import Probe, Registry, from_config, tiny
from tests.tiny_models import (
    DATA,
    EXAMPLE_INPUTS,
    bert_folder,
    scratch_folder,
    spacy_folder,
    transformer_folder,
)

KINDS = Registry(
    "Predictors",
    "What is explained, for each kind of predictor. *Objective* is the registered name of what "
    "reads it from the model's output; `loss` where a model puts out nothing else to "
    "differentiate, of which a note in the result tells.",
    """\
(1) The model scores all spans and goes on with the best of them. Where along the path another span
gets among these, f jumps: a jump has no gradient, and the scores explain what f does between the
jumps only. The result's delta says how much they miss, and a note why. The jump itself is shown
by a test (`tests/models/objectives/test_objectives.py`).""",
)

Config = Dict[str, Any]

# f jumps at the very beginning of a path from 0, where vectors are normalised as they are.
FROM_UNKNOWN = {
    "options": {"baseline": "unknown"},
    "remark": "from the unknown word, since f jumps near 0",
    "probes": [Probe(away_from=1)],
}

REVIEW = EXAMPLE_INPUTS["lstm"]
PAIR = EXAMPLE_INPUTS["esim"]
NEWS = EXAMPLE_INPUTS["simple_tagger"]
PASSAGE = "Mary Smith moved to New York in March . She bought 3 dogs and 4 cats there ."
QUESTION = {"question": "Where did Mary Smith move to ?", "passage": PASSAGE}
PARSED = {"sentence": "the hungry dogs sleep in a garden ."}

WHITESPACE = {"type": "whitespace"}
SINGLE_ID = {"tokens": {"type": "single_id", "lowercase_tokens": True}}
EMBEDDER = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 8}}}


def lstm(input_size: int, hidden_size: int = 4, **rest: Any) -> Config:
    sizes = {"input_size": input_size, "hidden_size": hidden_size}
    return {"type": "lstm", "bidirectional": True, **sizes, **rest}


def feedforward(input_dim: int, hidden_dim: int, activation: str = "tanh") -> Config:
    sizes = {"input_dim": input_dim, "hidden_dims": hidden_dim}
    return {"num_layers": 1, "activations": activation, **sizes}


@lru_cache(maxsize=None)
def parsing_spacy_folder() -> Path:
    """A spaCy pipeline that knows where sentences end, and the parts of speech of a few words."""
    folder = scratch_folder() / "parsing_spacy"
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    ruler = pipeline.add_pipe("attribute_ruler")
    verbs = ["sleep", "bought", "moved", "likes"]
    ruler.add([[{"LOWER": {"NOT_IN": verbs}}]], {"TAG": "NN", "POS": "NOUN"})
    ruler.add([[{"LOWER": {"IN": verbs}}]], {"TAG": "VBD", "POS": "VERB"})
    pipeline.to_disk(folder)
    return folder


def add(name: str, config: Callable[[], Config], inputs: Any, part: str, **rest: Any) -> None:
    """A kind of a part of `allennlp_models`."""

    def fresh() -> Config:
        import_module("tests.kinds.own")
        for package in ("models", "dataset_readers") if part else ():
            import_module(f"allennlp_models.{part}.{package}")
        if part not in ("", "classification", "coref"):
            import_module(f"allennlp_models.{part}.predictors")
        if part == "vision":  # The one predictor that its package leaves out.
            import_module("allennlp_models.vision.predictors.nlvr2")
        # Building from a config takes it apart, and what stands in it twice with it.
        return taken_apart(config())

    build = from_config(fresh, double=rest.pop("double", True))
    KINDS.add(name, build, inputs, **rest)


def taken_apart(value: Any) -> Any:
    """A copy in which nothing stands in two places."""
    if isinstance(value, dict):
        return {key: taken_apart(item) for key, item in value.items()}
    return [taken_apart(item) for item in value] if isinstance(value, list) else value


# Labels for a text or a pair of texts.

KINDS.add("classifier", tiny("lstm"), REVIEW)
KINDS.add("entailment, ESIM", tiny("esim"), PAIR, nodes=200)
KINDS.add("entailment, decomposable attention", tiny("decomposable_attention"), PAIR, nodes=400)


def bimpm() -> Config:
    def matching(hidden_dim: int, is_forward: Any) -> Config:
        return {"hidden_dim": hidden_dim, "num_perspectives": 2, "is_forward": is_forward}

    word = {**matching(8, None), "with_full_match": False}
    return {
        "dataset_reader": {
            "type": "snli",
            "tokenizer": WHITESPACE,
            "token_indexers": SINGLE_ID,
        },
        "train_data_path": str(DATA / "entailment.jsonl"),
        "model": {
            "type": "bimpm",
            "text_field_embedder": EMBEDDER,
            "matcher_word": word,
            "encoder1": lstm(8),
            "matcher_forward1": matching(4, True),
            "matcher_backward1": matching(4, False),
            "encoder2": lstm(8),
            "matcher_forward2": matching(4, True),
            "matcher_backward2": matching(4, False),
            "aggregator": lstm(72),
            "classifier_feedforward": feedforward(16, 3, "linear"),
        },
        "predictor": {"type": "textual_entailment"},
    }


add(
    "entailment, BiMPM",
    bimpm,
    PAIR,
    "pair_classification",
    **FROM_UNKNOWN,
    nodes=400,
)


def biattentive() -> Config:
    return {
        "dataset_reader": {
            "type": "text_classification_json",
            "tokenizer": WHITESPACE,
            "token_indexers": SINGLE_ID,
        },
        "train_data_path": str(DATA / "reviews.jsonl"),
        "model": {
            "type": "bcn",
            "text_field_embedder": EMBEDDER,
            "embedding_dropout": 0.1,
            "pre_encode_feedforward": feedforward(8, 8),
            "encoder": lstm(8),
            "integrator": lstm(24),
            "integrator_dropout": 0.1,
            "output_layer": feedforward(32, 2, "linear"),
        },
        "predictor": {"type": "text_classifier"},
    }


add("classifier, biattentive", biattentive, REVIEW, "classification", nodes=400)


def several_labels() -> Config:
    return {
        "dataset_reader": {"type": "several_labels"},
        "train_inputs": [
            {"sentence": REVIEW["sentence"], "labels": ["clever", "long"]},
            {"sentence": "a boring film !", "labels": ["short"]},
        ],
        "model": {
            "type": "several_labels",
            "text_field_embedder": EMBEDDER,
            "seq2vec_encoder": lstm(8),
        },
        "predictor": {"type": "text_classifier"},
    }


add("several labels at once", several_labels, REVIEW, "")


def multiple_choice() -> Config:
    folder = str(bert_folder())
    return {
        "dataset_reader": {"type": "piqa", "transformer_model_name": folder},
        "train_inputs": [],
        "vocabulary": {"type": "empty"},
        "model": {"type": "transformer_mc", "transformer_model": folder},
        "predictor": {"type": "transformer_mc"},
    }


CHOICE = {"prefix": "the film is", "alternatives": ["boring .", "a clever story .", "bad"]}
add("multiple choice", multiple_choice, CHOICE, "mc")

# Tags.

KINDS.add("tagger, BIOUL", tiny("simple_tagger"), NEWS)
KINDS.add("tagger, conditional random field", tiny("crf_tagger"), NEWS)


def tagger(*sentences: str) -> Callable[[], Config]:
    def config() -> Config:
        tagged = [[pair.rsplit("/", 1) for pair in sentence.split()] for sentence in sentences]
        return {
            "dataset_reader": {"type": "sequence_tagging", "token_indexers": SINGLE_ID},
            "train_inputs": [
                {"tokens": [Token(word) for word, _ in one], "tags": [tag for _, tag in one]}
                for one in tagged
            ],
            "model": {
                "type": "simple_tagger",
                "text_field_embedder": EMBEDDER,
                "encoder": lstm(8),
            },
            "predictor": {"type": "sentence_tagger", "language": str(spacy_folder())},
        }

    return config


add(
    "tagger, BIO",
    tagger("Mary/B-PER Smith/I-PER moved/O to/O New/B-LOC York/I-LOC ./O"),
    NEWS,
    "",
)
add("tagger, parts of speech", tagger("Mary/NNP moved/VBD to/IN York/NNP ./."), NEWS, "")


def srl(**predictor: Any) -> Callable[[], Config]:
    def config() -> Config:
        words = [Token(word) for word in PARSED["sentence"].split()]
        tags = ["B-ARG0", "I-ARG0", "I-ARG0", "B-V", "B-ARG1", "I-ARG1", "I-ARG1", "O"]
        verbs = [0, 0, 0, 1, 0, 0, 0, 0]
        return {
            "dataset_reader": {"type": "srl", "token_indexers": SINGLE_ID},
            "train_inputs": [{"tokens": words, "verb_label": verbs, "tags": tags}],
            "model": {
                "type": "srl",
                "text_field_embedder": EMBEDDER,
                "encoder": lstm(10),
                "binary_feature_dim": 2,
            },
            "predictor": {"language": str(parsing_spacy_folder()), **predictor},
        }

    return config


TWO_VERBS = {"sentence": "the dogs sleep in a garden Mary likes ."}
add("semantic roles", srl(type="semantic_role_labeling"), PARSED, "structured_prediction")
add(
    "open information extraction",
    srl(type="open_information_extraction"),
    PARSED,
    "structured_prediction",
)


def srl_bert() -> Config:
    folder = str(bert_folder())
    tags = ["B-ARG0", "I-ARG0", "B-V", "B-ARG1", "I-ARG1"]
    return {
        "dataset_reader": {"type": "srl", "bert_model_name": folder},
        "train_inputs": [
            {
                "tokens": [Token(word) for word in "the dogs sleep in garden".split()],
                "verb_label": [0, 0, 1, 0, 0],
                "tags": tags,
            }
        ],
        "model": {"type": "srl_bert", "bert_model": folder},
        "predictor": {"type": "semantic_role_labeling", "language": str(parsing_spacy_folder())},
    }


add("semantic roles, BERT", srl_bert, PARSED, "structured_prediction")

# Parses.


def dependencies() -> Config:
    words = PARSED["sentence"].split()
    tags = ["det", "amod", "nsubj", "root", "case", "det", "obl", "punct"]
    heads = [3, 3, 4, 0, 7, 7, 4, 4]
    return {
        "dataset_reader": {"type": "universal_dependencies", "token_indexers": SINGLE_ID},
        "train_inputs": [
            {
                "words": words,
                "upos_tags": ["NOUN", "NOUN", "NOUN", "VERB", *["NOUN"] * 4],
                "dependencies": list(zip(tags, heads)),
            }
        ],
        "model": {
            "type": "biaffine_parser",
            "text_field_embedder": EMBEDDER,
            "encoder": lstm(8),
            "tag_representation_dim": 5,
            "arc_representation_dim": 6,
        },
        "predictor": {
            "type": "biaffine_dependency_parser",
            "language": str(parsing_spacy_folder()),
        },
    }


add("dependencies", dependencies, PARSED, "structured_prediction")


def constituents() -> Config:
    tree = (
        "(S (NP (NN the) (NN hungry) (NN dogs)) (VP (VBD sleep) (PP (NN in) (NP (NN a) "
        "(NN garden)))) (NN .))"
    )
    return {
        "dataset_reader": {"type": "bracketed_trees", "token_indexers": SINGLE_ID},
        "train_inputs": [
            {
                "tokens": PARSED["sentence"].split(),
                "pos_tags": ["NN", "NN", "NN", "VBD", *["NN"] * 4],
                "gold_tree": tree,
            }
        ],
        "model": {
            "type": "constituency_parser",
            "text_field_embedder": EMBEDDER,
            "encoder": lstm(8),
            "span_extractor": {"type": "endpoint", "input_dim": 8},
            "evalb_directory_path": None,
        },
        "predictor": {"type": "constituency_parser", "language": str(parsing_spacy_folder())},
    }


add("constituents", constituents, PARSED, "structured_prediction")

# Answers to questions.


def reader_of(kind: str) -> Config:
    tokenizer = {"type": "spacy", "language": str(spacy_folder())}
    return {"type": kind, "tokenizer": tokenizer, "token_indexers": SINGLE_ID}


ASKED = [{"question_text": QUESTION["question"], "passage_text": PASSAGE}]


def bidaf() -> Config:
    return {
        "dataset_reader": reader_of("squad1"),
        "train_inputs": ASKED,
        "model": {
            "type": "bidaf",
            "text_field_embedder": EMBEDDER,
            "num_highway_layers": 1,
            "phrase_layer": lstm(8),
            "matrix_attention": {"type": "dot_product"},
            "modeling_layer": lstm(32),
            "span_end_encoder": lstm(56),
        },
        "predictor": {"type": "reading_comprehension"},
    }


add("span of a passage, BiDAF", bidaf, QUESTION, "rc")


def qanet_encoder(input_dim: int) -> Config:
    return {
        "type": "qanet_encoder",
        "input_dim": input_dim,
        "hidden_dim": 8,
        "attention_projection_dim": 8,
        "feedforward_hidden_dim": 8,
        "num_blocks": 1,
        "num_convs_per_block": 1,
        "conv_kernel_size": 3,
        "num_attention_heads": 2,
    }


def qanet(reader: str, **model: Any) -> Callable[[], Config]:
    def config() -> Config:
        return {
            "dataset_reader": reader_of(reader),
            "train_inputs": ASKED,
            "model": {
                "text_field_embedder": EMBEDDER,
                "num_highway_layers": 1,
                "phrase_layer": qanet_encoder(8),
                "matrix_attention_layer": {"type": "dot_product"},
                "modeling_layer": qanet_encoder(8),
                **model,
            },
            "predictor": {"type": "reading_comprehension"},
            "gain": 0.5,
        }

    return config


ABILITIES = {
    "passage span": "passage_span_extraction",
    "question span": "question_span_extraction",
    "sum": "addition_subtraction",
    "count": "counting",
}
add("span of a passage, QANet", qanet("squad1", type="qanet"), QUESTION, "rc")
for answer, ability in ABILITIES.items():
    add(
        f"NAQANet, {answer}",
        qanet("drop", type="naqanet", answering_abilities=[ability]),
        QUESTION,
        "rc",
        nodes=200,
    )
add("NAQANet, any answer", qanet("drop", type="naqanet"), QUESTION, "rc", nodes=200)


def transformer_qa(length_limit: int = 64) -> Callable[[], Config]:
    def config() -> Config:
        folder = str(bert_folder())
        return {
            "dataset_reader": {
                "type": "transformer_squad",
                "transformer_model_name": folder,
                "length_limit": length_limit,
                "stride": 4,
            },
            "vocabulary": {"type": "empty"},
            "model": {"type": "transformer_qa", "transformer_model_name": folder},
            "predictor": {"type": "transformer_qa"},
        }

    return config


FILM = {"question": "was the film bad ?", "context": "the story is clever and the acting great ."}
add("span of a context, TransformerQA", transformer_qa(), FILM, "rc")
LONG_FILM = {**FILM, "context": f"the bad film is boring and the ending bad . {FILM['context']}"}
add("the same, of the best of several windows", transformer_qa(24), LONG_FILM, "rc")


def dialog() -> Config:
    embedders = {
        "tokens": {"type": "embedding", "embedding_dim": 8},
        "token_characters": {
            "type": "character_encoding",
            "embedding": {"embedding_dim": 4, "vocab_namespace": "token_characters"},
            "encoder": {"type": "boe", "embedding_dim": 4, "averaged": True},
        },
    }
    characters = {"type": "characters", "min_padding_length": 1}
    return {
        "dataset_reader": {
            "type": "quac",
            "tokenizer": {"type": "spacy", "language": str(spacy_folder())},
            "token_indexers": {**SINGLE_ID, "token_characters": characters},
            "num_context_answers": 1,
        },
        "train_data_path": str(dialog_file()),
        "model": {
            "type": "dialog_qa",
            "text_field_embedder": {"token_embedders": embedders},
            "num_context_answers": 1,
            "marker_embedding_dim": 2,
            "phrase_layer": lstm(14),
            "residual_encoder": lstm(8),
            "span_start_encoder": lstm(8),
            "span_end_encoder": lstm(16),
        },
        "predictor": {"type": "dialog_qa", "language": str(spacy_folder())},
    }


def dialog_file() -> Path:
    path = scratch_folder() / "dialog.json"
    path.write_text(json.dumps({"data": [DIALOG]}), encoding="utf-8")
    return path


def turn(number: int, question: str, answer: str, yesno: str, followup: str) -> Config:
    text = "Mary Smith moved to New York. CANNOTANSWER"
    return {
        "id": f"turn_{number}",
        "question": question,
        "answers": [{"text": answer, "answer_start": text.index(answer)}],
        "yesno": yesno,
        "followup": followup,
    }


DIALOG = {
    "paragraphs": [
        {
            "context": "Mary Smith moved to New York. CANNOTANSWER",
            "qas": [
                turn(0, "Where did she move?", "New York", "x", "y"),
                turn(1, "Did she sleep there?", "CANNOTANSWER", "n", "n"),
                turn(2, "Did she move?", "Mary Smith moved", "y", "m"),
            ],
        }
    ]
}
add(
    "answers in a dialogue",
    dialog,
    DIALOG,
    "rc",
    nodes=400,
    # The third word of the first question, of five characters at most.
    probes=[
        Probe(module="_text_field_embedder.token_embedder_tokens"),
        Probe(
            module="_text_field_embedder.token_embedder_token_characters._embedding._module",
            positions=range(10, 15),
        ),
    ],
)

# Language models.


def masked_language_model() -> Config:
    folder = str(bert_folder())
    return {
        "dataset_reader": {
            "type": "masked_language_modeling",
            "tokenizer": {"type": "pretrained_transformer", "model_name": folder},
            "token_indexers": {"tokens": {"type": "pretrained_transformer", "model_name": folder}},
        },
        "vocabulary": {"type": "from_pretrained_transformer", "model_name": folder},
        "model": {
            "type": "masked_language_model",
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": {"type": "pretrained_transformer", "model_name": folder}
                }
            },
            "language_model_head": {"type": "linear", "input_dim": 16, "vocab_namespace": "tokens"},
            "target_namespace": "tokens",
        },
        "predictor": {"type": "masked_language_model"},
    }


MASKED = {"sentence": "the film is not [MASK] but a [MASK] story"}


add("masked words", masked_language_model, MASKED, "lm")


def next_word(**model: Any) -> Callable[[], Config]:
    def config() -> Config:
        folder = str(transformer_folder("gpt2"))
        transformer = {"type": "pretrained_transformer", "model_name": folder}
        return {
            "dataset_reader": {
                "type": "next_token_lm",
                "tokenizer": {**transformer, "add_special_tokens": False},
                "token_indexers": {"tokens": transformer},
            },
            "vocabulary": {"type": "from_pretrained_transformer", "model_name": folder},
            "model": {
                "type": "next_token_lm",
                "text_field_embedder": {"token_embedders": {"tokens": transformer}},
                "language_model_head": {
                    "type": "linear",
                    "input_dim": 16,
                    "vocab_namespace": "tokens",
                },
                "target_namespace": "tokens",
                **model,
            },
            "predictor": {"type": "next_token_lm"},
            # With which the best word is of several letters: AllenNLP labels with the first.
            "first_seed": 5,
        }

    return config


add("next word", next_word(), REVIEW, "lm")


def own_text(**model: Any) -> Callable[[], Config]:
    def config() -> Config:
        return {
            "dataset_reader": {
                "type": "simple_language_modeling",
                "tokenizer": WHITESPACE,
                "token_indexers": {"tokens": {"type": "single_id"}},
            },
            "train_inputs": [REVIEW],
            "model": {"text_field_embedder": EMBEDDER, **model},
            "predictor": {"type": "sentence"},
        }

    return config


add(
    "language model, of its own text",
    own_text(
        type="language_model", contextualizer={"type": "lstm", "input_size": 8, "hidden_size": 6}
    ),
    REVIEW,
    "lm",
)

# Sequences.

IN_FLOAT32 = {
    "double": False,
    "remark": "in float32, which its decoder computes in",
    "step": 1e-2,
    "tolerance": 2e-2,
}

TRANSLATED = [
    {"source_string": "the dogs sleep", "target_string": "les chiens dorment"},
    {"source_string": "a garden", "target_string": "un jardin"},
]
SOURCE = {"source": "the dogs sleep in a garden"}


def sequence_reader() -> Config:
    return {
        "type": "seq2seq",
        "source_tokenizer": WHITESPACE,
        "source_token_indexers": {"tokens": {"type": "single_id"}},
        "target_token_indexers": {"tokens": {"type": "single_id", "namespace": "target_tokens"}},
    }


def simple_seq2seq() -> Config:
    return {
        "dataset_reader": sequence_reader(),
        "train_inputs": TRANSLATED,
        "model": {
            "type": "simple_seq2seq",
            "source_embedder": EMBEDDER,
            "encoder": lstm(8),
            "attention": {"type": "dot_product"},
            "target_namespace": "target_tokens",
            "beam_search": {"beam_size": 3, "max_steps": 6},
        },
        "predictor": {"type": "seq2seq"},
    }


add("sequence, attention", simple_seq2seq, SOURCE, "generation", **IN_FLOAT32)


def composed_seq2seq(decoder_net: Config, width: int = 8) -> Callable[[], Config]:
    def config() -> Config:
        return {
            "dataset_reader": sequence_reader(),
            "train_inputs": TRANSLATED,
            "model": {
                "type": "composed_seq2seq",
                "source_text_embedder": EMBEDDER,
                "encoder": lstm(8),
                "decoder": {
                    "type": "auto_regressive_seq_decoder",
                    "decoder_net": decoder_net,
                    "target_embedder": {
                        "embedding_dim": width,
                        "vocab_namespace": "target_tokens",
                    },
                    "target_namespace": "target_tokens",
                    "beam_search": {"beam_size": 3, "max_steps": 6},
                },
            },
            "predictor": {"type": "seq2seq"},
        }

    return config


LSTM_NET = {
    "type": "lstm_cell",
    "decoding_dim": 8,
    "target_embedding_dim": 8,
    "attention": {"type": "dot_product"},
}
SELF_ATTENTION_NET = {
    "type": "stacked_self_attention",
    "decoding_dim": 8,
    "target_embedding_dim": 8,
    "feedforward_hidden_dim": 8,
    "num_layers": 1,
    "num_attention_heads": 2,
}
add("sequence, composed, LSTM", composed_seq2seq(LSTM_NET), SOURCE, "generation", **IN_FLOAT32)
add("sequence, composed, attention", composed_seq2seq(SELF_ATTENTION_NET), SOURCE, "generation")


def copynet() -> Config:
    return {
        "dataset_reader": {
            "type": "copynet_seq2seq",
            "target_namespace": "target_tokens",
            "source_tokenizer": WHITESPACE,
            "source_token_indexers": {"tokens": {"type": "single_id"}},
        },
        "train_inputs": TRANSLATED,
        "model": {
            "type": "copynet_seq2seq",
            "source_embedder": EMBEDDER,
            "encoder": lstm(8),
            "attention": {"type": "bilinear", "vector_dim": 8, "matrix_dim": 8},
            "target_embedding_dim": 6,
            "target_namespace": "target_tokens",
            "beam_search": {"beam_size": 3, "max_steps": 5},
        },
        "predictor": {"type": "seq2seq"},
    }


add("sequence, CopyNet", copynet, SOURCE, "generation", **IN_FLOAT32)


def pretrained_seq2seq(model: Config, architecture: str) -> Callable[[], Config]:
    def config() -> Config:
        folder = str(transformer_folder(architecture, decoder_start_token_id=0, eos_token_id=1))
        transformer = {"type": "pretrained_transformer", "model_name": folder}
        return {
            "dataset_reader": {
                "type": "seq2seq",
                "source_tokenizer": transformer,
                "source_token_indexers": {"tokens": {**transformer, "namespace": "tokens"}},
                "source_add_start_token": False,
                "source_add_end_token": False,
                "target_add_start_token": False,
                "target_add_end_token": False,
            },
            "vocabulary": {"type": "from_pretrained_transformer", "model_name": folder},
            "model": {
                "model_name": folder,
                "beam_search": {"beam_size": 2, "max_steps": 5},
                **model,
            },
            "predictor": {"type": "seq2seq"},
        }

    return config


FILM_SOURCE = {"source": "the film is great"}
PRETRAINED: Dict[str, Config] = {
    # It takes its means in float32.
    "t5": {**FROM_UNKNOWN, "nodes": 400, "step": 1e-3, "tolerance": 2e-2},
    # Its encoder and its decoder share their words.
    "bart": {
        "probes": [Probe(module="bart.model.encoder.embed_tokens", counted_in="bart.model.encoder")]
    },
}
for architecture, rest in PRETRAINED.items():
    add(
        f"sequence, {architecture}",
        pretrained_seq2seq({"type": architecture}, architecture),
        FILM_SOURCE,
        "generation",
        **rest,
    )

# Other structures.


def coreference() -> Config:
    sentences = [["Mary", "bought", "a", "dog", "."], ["She", "likes", "the", "dog", "."]]
    return {
        "dataset_reader": {"type": "coref", "max_span_width": 2, "token_indexers": SINGLE_ID},
        "train_inputs": [
            {"sentences": sentences, "gold_clusters": [[(0, 0), (5, 5)], [(2, 3), (7, 8)]]}
        ],
        "model": {
            "type": "coref",
            "text_field_embedder": EMBEDDER,
            "context_layer": lstm(8),
            "mention_feedforward": feedforward(8 * 2 + 8 + 3, 6),
            "antecedent_feedforward": feedforward(3 * 27 + 3, 6),
            "feature_size": 3,
            "max_span_width": 2,
            "spans_per_word": 0.4,
            "max_antecedents": 4,
        },
        "predictor": {
            "type": "coreference_resolution",
            "language": str(parsing_spacy_folder()),
        },
    }


COREFERENT = {"document": "Mary bought a dog . She likes the dog ."}
add(
    "coreference",
    coreference,
    COREFERENT,
    "coref",
    max_delta=math.inf,
    remark="scores do not add up, since f jumps (1)",
)


def multitask() -> Config:
    folder = str(bert_folder())
    transformer = {"type": "pretrained_transformer", "model_name": folder}
    reader = {
        "type": "text_classification_json",
        "tokenizer": transformer,
        "token_indexers": {"tokens": transformer},
    }
    head = {
        "type": "text_classifier",
        "seq2vec_encoder": {"type": "boe", "embedding_dim": 16, "averaged": True},
    }
    return {
        "dataset_reader": {
            "type": "multitask",
            "readers": {"sentiment": reader, "length": reader},
        },
        "vocabulary": {"type": "empty"},
        "model": {
            "type": "multitask",
            "backbone": {"type": "pretrained_transformer", "model_name": folder},
            "arg_name_mapping": {"backbone": {"tokens": "text"}},
            "heads": {
                "sentiment": {**head, "num_labels": 2, "label_namespace": "sentiment_labels"},
                "length": {**head, "num_labels": 3, "label_namespace": "length_labels"},
            },
        },
        "predictor": {"type": "multitask"},
    }


add("head of several", multitask, {**REVIEW, "task": "length"}, "")


# Questions about images, explained by their text.

IMAGE_WORDS = "backbone.text_embeddings.embeddings.word_embeddings"


@lru_cache(maxsize=None)
def image_file() -> str:
    path = scratch_folder() / "image.png"
    Image.new("RGB", (8, 8), (200, 30, 60)).save(path)
    return str(path)


def vision(model: str, reader: str, predictor: str, train_inputs: Any) -> Callable[[], Config]:
    def config() -> Config:
        folder = str(bert_folder())
        transformer = {"type": "pretrained_transformer", "model_name": folder}
        text, image = {"hidden_size1": 16}, {"hidden_size2": 16}
        return {
            "dataset_reader": {
                "type": reader,
                "image_dir": str(scratch_folder()),
                "image_loader": {"type": "torch"},
                "image_featurizer": {"type": "null"},
                "region_detector": {"type": "two_regions"},
                "tokenizer": transformer,
                "token_indexers": {"tokens": transformer},
            },
            "train_inputs": train_inputs,
            "model": {
                "type": model,
                "text_embeddings": {"vocab_size": 100, "embedding_size": 16},
                "image_embeddings": {"feature_size": 10, "embedding_size": 16},
                "encoder": {
                    **{f"num_hidden_layers{i}": 2 for i in (1, 2)},
                    **{f"intermediate_size{i}": 16 for i in (1, 2)},
                    **{f"num_attention_heads{i}": 2 for i in (1, 2)},
                    **text,
                    **image,
                    "combined_hidden_size": 16,
                    "combined_num_attention_heads": 2,
                },
                "pooled_output_dim": 16,
                "fusion_method": "mul",
            },
            "predictor": {"type": predictor},
        }

    return config


IMAGES: Config = {"nodes": 1000, "probes": [Probe(module=IMAGE_WORDS)]}
add(
    "question about an image",
    vision(
        "vqa_vilbert",
        "vqav2",
        "vilbert_vqa",
        [{"question": "is it great ?", "image": None, "answer_counts": {"yes": 3, "no": 2}}],
    ),
    {"question": "is the film great ?", "image": image_file()},
    "vision",
    **IMAGES,
)
add(
    "statement about an image",
    vision(
        "ve_vilbert",
        "visual-entailment",
        "vilbert_ve",
        [
            {"image": None, "hypothesis": "it is great", "label": label}
            for label in ("entailment", "neutral", "contradiction")
        ],
    ),
    {"hypothesis": "the film is great", "image": image_file()},
    "vision",
    **IMAGES,
)
add(
    "statement about two images",
    vision("nlvr2", "nlvr2", "nlvr2", []),
    {"hypothesis": "the film is great", "image1": image_file(), "image2": image_file()},
    "vision",
    # The text goes with each of the images: its third piece is the eighth of the second.
    **{**IMAGES, "probes": [Probe(module=IMAGE_WORDS, field="hypothesis[1]", positions=[8])]},
)
