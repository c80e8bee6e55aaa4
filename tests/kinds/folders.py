"""What some embedders are loaded from: tiny and random, written to the temporary folder."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict

import h5py
import numpy
import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.models.archival import archive_model

from tests.tiny_models import randomise, scratch_folder, transformer_folder

_CHARACTERS, _MAX_CHARACTERS = 262, 50
_CHARACTER_DIM, _FILTERS, _DIM, _CELL = 4, [[1, 4], [2, 4]], 6, 8


@lru_cache(maxsize=None)
def elmo_folder() -> Path:
    """ELMo's `options.json` and `weights.hdf5`: two layers of six numbers in each direction."""
    folder = scratch_folder() / "elmo"
    folder.mkdir()
    options: Dict[str, Any] = {
        "lstm": {
            "use_skip_connections": True,
            "projection_dim": _DIM,
            "dim": _CELL,
            "n_layers": 2,
            "cell_clip": 3,
            "proj_clip": 3,
        },
        "char_cnn": {
            "activation": "relu",
            "embedding": {"dim": _CHARACTER_DIM},
            "filters": _FILTERS,
            "n_characters": _CHARACTERS,
            "max_characters_per_token": _MAX_CHARACTERS,
            "n_highway": 1,
        },
    }
    (folder / "options.json").write_text(json.dumps(options))
    width = sum(number for _, number in _FILTERS)
    shapes = {
        "char_embed": (_CHARACTERS - 1, _CHARACTER_DIM),
        **{f"CNN/W_cnn_{i}": (1, w, _CHARACTER_DIM, n) for i, (w, n) in enumerate(_FILTERS)},
        **{f"CNN/b_cnn_{i}": (n,) for i, (_, n) in enumerate(_FILTERS)},
        **{f"CNN_high_0/W_{gate}": (width, width) for gate in ("carry", "transform")},
        **{f"CNN_high_0/b_{gate}": (width,) for gate in ("carry", "transform")},
        "CNN_proj/W_proj": (width, _DIM),
        "CNN_proj/b_proj": (_DIM,),
    }
    for direction in range(2):
        for layer in range(2):
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            shapes[f"{cell}/W_0"] = (2 * _DIM, 4 * _CELL)
            shapes[f"{cell}/B"] = (4 * _CELL,)
            shapes[f"{cell}/W_P_0"] = (_CELL, _DIM)
    with h5py.File(folder / "weights.hdf5", "w") as file:
        for name, shape in shapes.items():
            file[name] = numpy.zeros(shape, dtype="float32")
    return folder


@lru_cache(maxsize=None)
def language_model_archive() -> Path:
    """The archive of a bidirectional language model over characters, for its embedder."""
    import allennlp_models.lm  # noqa: F401

    folder = scratch_folder() / "language_model"
    folder.mkdir()
    character_cnn = {
        "type": "cnn-highway",
        "activation": "relu",
        "embedding_dim": 4,
        "filters": [[1, 4], [2, 4]],
        "num_highway": 1,
        "projection_dim": 8,
        "projection_location": "after_highway",
    }
    config: Dict[str, Any] = {
        "dataset_reader": {
            "type": "simple_language_modeling",
            "tokenizer": {"type": "whitespace"},
            "token_indexers": {
                "tokens": {"type": "single_id"},
                "token_characters": {"type": "elmo_characters"},
            },
        },
        "model": {
            "type": "language_model",
            "bidirectional": True,
            "text_field_embedder": {
                "token_embedders": {
                    "tokens": {"type": "empty"},
                    "token_characters": {
                        "type": "character_encoding",
                        "embedding": {"num_embeddings": _CHARACTERS, "embedding_dim": 4},
                        "encoder": character_cnn,
                    },
                }
            },
            "contextualizer": {
                "type": "bidirectional_language_model_transformer",
                "input_dim": 8,
                "hidden_dim": 8,
                "num_layers": 2,
                "dropout": 0.1,
            },
        },
    }
    vocab = Vocabulary(tokens_to_add={"tokens": ["the", "film"]})
    with torch.random.fork_rng(devices=[]):
        model = Model.from_params(vocab=vocab, params=Params(config).duplicate().pop("model"))
    randomise(model, seed=0)
    (folder / "config.json").write_text(json.dumps(config))
    vocab.save_to_files(str(folder / "vocabulary"))
    torch.save(model.state_dict(), folder / "weights.th")
    archive_model(folder, weights="weights.th")
    return folder / "model.tar.gz"


@lru_cache(maxsize=None)
def bare_bert_folder() -> Path:
    """A BERT as it was published once, without the buffers that later versions save."""
    folder = transformer_folder("bert", architectures=["BertModel"])
    weights = torch.load(folder / "pytorch_model.bin")
    # Newer versions of transformers do not save it.
    weights.pop("embeddings.position_ids", None)
    torch.save(weights, folder / "pytorch_model.bin")
    return folder
