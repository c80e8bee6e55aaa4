"""
Archives as they were trained years ago: configs in the manner of AllenNLP 0.9 to 1.x, as far as
2.10 still reads them, over readers, fields and tokens that nothing else here has. Each is written
with random weights, loaded from its file, and the model itself chooses the predictor.
"""

import json
import tarfile
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import torch
from allennlp.common import JsonDict, Params
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model, load_archive
from allennlp.predictors import Predictor

from tests.kinds import predictors as kinds
from tests.kinds.folders import elmo_folder
from tests.kinds.predictors import lstm, parsing_spacy_folder
from tests.tiny_models import (
    DATA,
    keep_masks_finite_in_double,
    randomise,
    scratch_folder,
    spacy_folder,
)

Config = Dict[str, Any]


class Archived(NamedTuple):
    """
    config : as it was trained with.
    packages : of `allennlp_models`, to import first.
    inputs : what the predictor takes.
    arguments : of the predictor, for the spaCy pipeline that it would download.
    double : whether in float64; some decoders compute in float32 whatever their weights are.
    """

    config: Callable[[], Config]
    packages: List[str]
    inputs: JsonDict
    arguments: Dict[str, Any] = {}
    double: bool = True


def load(archived: Archived, file: Optional[Path] = None) -> Predictor:
    """
    From the archive's file, or from one that was written elsewhere: the paths in its config are
    overridden.
    """
    for package in archived.packages:
        import_module(package)
    overrides = "" if file is None else json.dumps(_other_values(archived.config(), file))
    archive = load_archive(file or written_archive(archived), overrides=overrides)
    if archived.double:
        keep_masks_finite_in_double()
        archive.model.double()
    return Predictor.from_archive(archive, extra_args=dict(archived.arguments))


def written_archive(archived: Archived) -> Path:
    return _written(archived.config)


def _other_values(config: Config, file: Path) -> Config:
    """What is another value in the archive's config, by dotted names."""
    with tarfile.open(file) as archive:
        [member] = [one for one in archive if Path(one.name).name == "config.json"]
        stored: Any = archive.extractfile(member)
        before, now = _flat(json.load(stored)), _flat(config)
    return {name: value for name, value in now.items() if before.get(name) != value}


def _flat(config: Any, prefix: str = "") -> Config:
    if not isinstance(config, dict):
        return {prefix[:-1]: config}
    parts = [_flat(value, f"{prefix}{key}.") for key, value in config.items()]
    return {name: value for part in parts for name, value in part.items()}


@lru_cache(maxsize=None)
def _written(config: Callable[[], Config]) -> Path:
    folder = Path(mkdtemp(prefix="archive", dir=scratch_folder()))
    params = Params(json.loads(json.dumps(config())))
    (folder / "config.json").write_text(json.dumps(params.as_dict()))
    reader = DatasetReader.from_params(params.pop("dataset_reader"))
    vocabulary = params.pop("vocabulary", {})
    instances = [reader.text_to_instance(**one) for one in params.pop("train_inputs", [])]
    if "train_data_path" in params:
        instances += reader.read(params.pop("train_data_path"))
    for instance in instances:
        reader.apply_token_indexers(instance)
    vocab = Vocabulary.from_params(vocabulary, instances=instances)
    with torch.random.fork_rng(devices=[]):
        model = Model.from_params(vocab=vocab, params=params.pop("model"))
    randomise(model, seed=1, gain=1.0)
    vocab.save_to_files(str(folder / "vocabulary"))
    torch.save(model.state_dict(), folder / "weights.th")
    archive_model(folder, weights="weights.th")
    return folder / "model.tar.gz"


def written(name: str, text: str) -> str:
    path = scratch_folder() / name
    path.write_text(text, encoding="utf-8")
    return str(path)


TRAINER = {
    "optimizer": {"type": "adam", "lr": 1e-3},
    "num_epochs": 1,
    "patience": 20,
    "cuda_device": -1,
    "grad_norm": 5.0,
    "validation_metric": "+accuracy",
}
WORDS = {"type": "embedding", "embedding_dim": 6, "trainable": False}
CHARACTERS = {
    "type": "character_encoding",
    "embedding": {"num_embeddings": 262, "embedding_dim": 4},
    "encoder": {
        "type": "cnn",
        "embedding_dim": 4,
        "num_filters": 5,
        "ngram_filter_sizes": [3],
        "conv_layer_activation": "relu",
    },
}
BYTES = {
    "type": "characters",
    "character_tokenizer": {"byte_encoding": "utf-8", "start_tokens": [259], "end_tokens": [260]},
    "min_padding_length": 5,
}
LOWERCASE = {"type": "single_id", "lowercase_tokens": True}


def elmo() -> Config:
    folder = elmo_folder()
    return {
        "type": "elmo_token_embedder",
        "options_file": str(folder / "options.json"),
        "weight_file": str(folder / "weights.hdf5"),
        "do_layer_norm": False,
        "dropout": 0.0,
    }


def spacy_tokenizer(**rest: Any) -> Config:
    return {"type": "spacy", "language": str(spacy_folder()), **rest}


# Entailment.


def entailment(**model: Any) -> Config:
    return {
        "train_data_path": str(DATA / "entailment.jsonl"),
        "validation_data_path": "s3://bucket/snli_1.0_dev.jsonl",
        "data_loader": {"batch_sampler": {"type": "bucket", "batch_size": 64}},
        "trainer": TRAINER,
        **model,
    }


def esim() -> Config:
    return entailment(
        dataset_reader={
            "type": "snli",
            "tokenizer": spacy_tokenizer(),
            "token_indexers": {"elmo": {"type": "elmo_characters"}, "tokens": LOWERCASE},
        },
        model={
            "type": "esim",
            "dropout": 0.5,
            "text_field_embedder": {"token_embedders": {"tokens": WORDS, "elmo": elmo()}},
            "encoder": lstm(18, 4, num_layers=1),
            "matrix_attention": {"type": "linear", "tensor_1_dim": 8, "tensor_2_dim": 8},
            "projection_feedforward": {
                "input_dim": 32,
                "hidden_dims": 6,
                "num_layers": 1,
                "activations": "relu",
            },
            "inference_encoder": lstm(6),
            "output_feedforward": {
                "input_dim": 32,
                "num_layers": 1,
                "hidden_dims": 6,
                "activations": "relu",
                "dropout": 0.5,
            },
            "output_logit": {
                "input_dim": 6,
                "num_layers": 1,
                "hidden_dims": 3,
                "activations": "linear",
            },
            "initializer": {"regexes": [[".*_projection*.weight", {"type": "xavier_uniform"}]]},
        },
    )


def decomposable() -> Config:
    hidden = {"num_layers": 2, "activations": "relu", "dropout": 0.2}
    return entailment(
        dataset_reader={
            "type": "snli",
            "tokenizer": spacy_tokenizer(end_tokens=["@@NULL@@"]),
            "token_indexers": {"tokens": {**LOWERCASE, "namespace": "glove_tokens"}},
        },
        vocabulary={"non_padded_namespaces": ["labels"], "min_count": {"glove_tokens": 1}},
        model={
            "type": "decomposable_attention",
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": {
                        "type": "embedding",
                        "projection_dim": 5,
                        "embedding_dim": 7,
                        "vocab_namespace": "glove_tokens",
                        "trainable": False,
                    }
                }
            },
            "attend_feedforward": {**hidden, "input_dim": 5, "hidden_dims": 5},
            "matrix_attention": {"type": "dot_product"},
            "compare_feedforward": {**hidden, "input_dim": 10, "hidden_dims": 5},
            "aggregate_feedforward": {
                "input_dim": 10,
                "num_layers": 2,
                "hidden_dims": [5, 3],
                "activations": ["relu", "linear"],
                "dropout": [0.2, 0.0],
            },
        },
    )


PAIR = {"hypothesis": "Two zebras sleep .", "premise": "Three dogs are running in the snow !"}

# Reading comprehension.

PASSAGE = "Zoë Müller, born in 1901, wrote letters to the Amazonian emperor — in São Paulo."


def squad_file() -> str:
    asked = {
        "id": "1",
        "question": "Who wrote letters?",
        "answers": [{"text": "Zoë Müller", "answer_start": 0}],
    }
    paragraphs = [{"context": PASSAGE, "qas": [asked]}]
    return written("squad.json", json.dumps({"data": [{"paragraphs": paragraphs}]}))


def bidaf(**indexers: Any) -> Config:
    return {
        "dataset_reader": {
            "type": "squad",
            "tokenizer": spacy_tokenizer(),
            # In an order of their own.
            "token_indexers": {"token_characters": BYTES, "tokens": LOWERCASE},
            "passage_length_limit": 400,
            "question_length_limit": 50,
        },
        "train_data_path": squad_file(),
        "model": {
            "type": "bidaf",
            "text_field_embedder": {
                "token_embedders": {"tokens": WORDS, "token_characters": CHARACTERS}
            },
            "num_highway_layers": 2,
            "phrase_layer": lstm(11, 3),
            "matrix_attention": {
                "type": "linear",
                "combination": "x,y,x*y",
                "tensor_1_dim": 6,
                "tensor_2_dim": 6,
            },
            "modeling_layer": lstm(24, 3, num_layers=2, dropout=0.2),
            "span_end_encoder": lstm(42, 3),
            "dropout": 0.2,
        },
        "trainer": TRAINER,
    }


# Taggers.

CONLL = """\
-DOCSTART- -X- -X- O

U.N. NNP I-NP I-ORG
official NN I-NP O
Ekeus NNP I-NP I-PER
heads VBZ I-VP O
for IN I-PP O
Baghdad NNP I-NP I-LOC
. . O O

Peter NNP B-NP I-PER
Blackburn NNP I-NP I-PER
"""


def ner() -> Config:
    return {
        "dataset_reader": {
            "type": "conll2003",
            "tag_label": "ner",
            "convert_to_coding_scheme": "BIOUL",
            "token_indexers": {
                "tokens": {"type": "single_id", "lowercase_tokens": True},
                "token_characters": {"type": "characters", "min_padding_length": 3},
                "elmo": {"type": "elmo_characters"},
            },
        },
        "train_data_path": written("conll.txt", CONLL),
        "model": {
            "type": "crf_tagger",
            "label_encoding": "BIOUL",
            "constrain_crf_decoding": True,
            "calculate_span_f1": True,
            "dropout": 0.5,
            "include_start_end_transitions": False,
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": WORDS,
                    "elmo": elmo(),
                    "token_characters": {
                        **CHARACTERS,
                        "embedding": {"embedding_dim": 4, "vocab_namespace": "token_characters"},
                    },
                }
            },
            "encoder": lstm(23, 5, num_layers=2, dropout=0.5),
            "regularizer": {"regexes": [["scalar_parameters", {"type": "l2", "alpha": 0.1}]]},
        },
        "trainer": {**TRAINER, "validation_metric": "+f1-measure-overall"},
    }


def chunker() -> Config:
    """IOB1 tags, and a tagger without a CRF."""
    return {
        "dataset_reader": {
            "type": "conll2003",
            "tag_label": "chunk",
            "token_indexers": {"tokens": {"type": "single_id", "namespace": "words"}},
        },
        "train_data_path": written("conll.txt", CONLL),
        "model": {
            "type": "simple_tagger",
            "label_namespace": "labels",
            "text_field_embedder": {
                "token_embedders": {"tokens": {**WORDS, "vocab_namespace": "words"}}
            },
            "encoder": {"type": "gru", "input_size": 6, "hidden_size": 5, "bidirectional": True},
        },
        "trainer": TRAINER,
    }


NEWS = {"sentence": "Ekeus heads for Ouagadougou 🙂 ."}

# Parsers.

CONLLU = """\
1	Zebras	zebra	NOUN	NNS	_	2	nsubj	_	_
2	sleep	sleep	VERB	VBP	_	0	root	_	_
3	.	.	PUNCT	.	_	2	punct	_	_

"""


def dependencies() -> Config:
    return {
        "dataset_reader": {
            "type": "universal_dependencies",
            "token_indexers": {"elmo": {"type": "elmo_characters"}, "tokens": LOWERCASE},
            "use_language_specific_pos": False,
        },
        "train_data_path": written("zebras.conllu", CONLLU),
        "model": {
            "type": "biaffine_parser",
            "text_field_embedder": {"token_embedders": {"elmo": elmo(), "tokens": WORDS}},
            "pos_tag_embedding": {"embedding_dim": 3, "vocab_namespace": "pos", "sparse": False},
            "encoder": {
                "type": "stacked_bidirectional_lstm",
                "input_size": 21,
                "hidden_size": 4,
                "num_layers": 2,
                "recurrent_dropout_probability": 0.3,
                "use_highway": True,
            },
            "use_mst_decoding_for_validation": False,
            "arc_representation_dim": 5,
            "tag_representation_dim": 4,
            "dropout": 0.3,
            "input_dropout": 0.3,
        },
        "trainer": TRAINER,
    }


TREE = {
    "tokens": ["Zebras", "sleep", "in", "snow", "."],
    "pos_tags": ["NNS", "VBP", "IN", "NN", "."],
    "gold_tree": "(S (NP (NNS Zebras)) (VP (VBP sleep) (PP (IN in) (NP (NN snow)))) (. .))",
}


def constituents() -> Config:
    return {
        "dataset_reader": {
            "type": "bracketed_trees",
            "use_pos_tags": True,
            "token_indexers": {"tokens": {"type": "single_id"}},
        },
        "train_inputs": [TREE],
        "model": {
            "type": "constituency_parser",
            "text_field_embedder": {"token_embedders": {"tokens": WORDS}},
            "pos_tag_embedding": {"embedding_dim": 3, "vocab_namespace": "pos"},
            "encoder": lstm(9),
            "span_extractor": {
                "type": "bidirectional_endpoint",
                "input_dim": 8,
                "forward_combination": "y-x",
                "backward_combination": "x-y",
            },
            "feedforward": {
                "input_dim": 8,
                "num_layers": 1,
                "hidden_dims": 6,
                "activations": "relu",
                "dropout": 0.1,
            },
            "evalb_directory_path": None,
        },
        "trainer": TRAINER,
    }


# Sequences.

PHRASES = "zebras sleep\tzèbres dorment\nthe snow\tla neige\n"


def translation(**model: Any) -> Config:
    return {
        "dataset_reader": {
            "type": "seq2seq",
            "source_tokenizer": {"type": "just_spaces"},
            "target_tokenizer": {"type": "whitespace"},
            "source_token_indexers": {
                "source_characters": {**BYTES, "min_padding_length": 4},
                "tokens": {"type": "single_id", "namespace": "source_tokens"},
            },
            "target_token_indexers": {
                "tokens": {"type": "single_id", "namespace": "target_tokens"}
            },
        },
        "train_data_path": written("phrases.tsv", PHRASES),
        "model": {
            "type": "simple_seq2seq",
            "source_embedder": {
                "token_embedders": {
                    "tokens": {**WORDS, "vocab_namespace": "source_tokens"},
                    "source_characters": CHARACTERS,
                }
            },
            "encoder": {"type": "lstm", "input_size": 11, "hidden_size": 6, "num_layers": 1},
            "max_decoding_steps": 6,
            "target_embedding_dim": 5,
            "target_namespace": "target_tokens",
            "attention": {"type": "bilinear", "vector_dim": 6, "matrix_dim": 6},
            "scheduled_sampling_ratio": 0.2,
            "beam_size": 3,
        },
        "trainer": TRAINER,
    }


# Classifiers.


def classifier() -> Config:
    return {
        "dataset_reader": {
            "type": "text_classification_json",
            "tokenizer": spacy_tokenizer(start_tokens=["@start@"], end_tokens=["@end@"]),
            "token_indexers": {
                "tokens": {
                    "type": "single_id",
                    "token_min_padding_length": 9,
                    "end_tokens": ["</s>"],
                },
            },
            "max_sequence_length": 400,
        },
        "train_data_path": str(DATA / "reviews.jsonl"),
        "model": {
            "type": "basic_classifier",
            "text_field_embedder": {"token_embedders": {"tokens": WORDS}},
            "seq2seq_encoder": {
                "type": "gated-cnn-encoder",
                "input_dim": 6,
                "layers": [[[2, 6]], [[3, 6]]],
            },
            "seq2vec_encoder": {"type": "bag_of_embeddings", "embedding_dim": 12, "averaged": True},
            "feedforward": {
                "input_dim": 12,
                "num_layers": 1,
                "hidden_dims": 5,
                "activations": "tanh",
            },
        },
        "trainer": TRAINER,
    }


def without_predictor(config: Callable[[], Config]) -> Callable[[], Config]:
    """The config of one of `tests.kinds.predictors`, which leaves the predictor to the model."""

    def trained() -> Config:
        rest = ("predictor", "first_seed", "gain")
        return {key: value for key, value in config().items() if key not in rest}

    return trained


PAIRS = ["allennlp_models.pair_classification"]
PARSERS = ["allennlp_models.structured_prediction", "tests.kinds.own"]
LANGUAGE = {"language": str(parsing_spacy_folder())}
ARCHIVES: Dict[str, Archived] = {
    "ESIM over ELMo and words": Archived(esim, PAIRS, PAIR),
    "decomposable attention with an end of its own": Archived(decomposable, PAIRS, PAIR),
    "BiDAF over bytes and words": Archived(
        bidaf, ["allennlp_models.rc"], {"passage": PASSAGE, "question": "Whom did Zoë write to?"}
    ),
    "NER over words, characters and ELMo": Archived(
        ner, ["allennlp_models.tagging"], NEWS, LANGUAGE
    ),
    "chunks in IOB1": Archived(chunker, ["allennlp_models.tagging"], NEWS, LANGUAGE),
    "dependencies over ELMo and parts of speech": Archived(
        dependencies, PARSERS, {"sentence": "Zebras sleep in snow ."}, LANGUAGE
    ),
    "constituents over parts of speech": Archived(
        constituents, PARSERS, {"sentence": "Zebras sleep in Ouagadougou ."}, LANGUAGE
    ),
    "translation over bytes and words": Archived(
        translation, ["allennlp_models.generation"], {"source": "the zebras sleep"}, double=False
    ),
    "classifier with beginnings and ends": Archived(
        classifier, ["allennlp_models.classification"], {"sentence": "Ça alors , a naïve film 🙂 !"}
    ),
    "masked language model": Archived(
        without_predictor(kinds.masked_language_model),
        ["allennlp_models.lm"],
        {"sentence": "Ouagadougou is a [MASK] film 🙂"},
    ),
    "next word of a language model": Archived(
        without_predictor(kinds.next_word()), ["allennlp_models.lm"], {"sentence": "a naïve 🙂"}
    ),
    "TransformerQA": Archived(
        without_predictor(kinds.transformer_qa()),
        ["allennlp_models.rc"],
        {"context": "Ouagadougou is great 🙂 .", "question": "where ?"},
    ),
    "multiple choice": Archived(
        without_predictor(kinds.multiple_choice),
        [f"allennlp_models.mc.{part}" for part in ("dataset_readers", "models", "predictors")],
        {"alternatives": ["naïve", "🙂", "a film"], "prefix": "it is"},
    ),
}
