"""
Small models with random weights, built on the fly from `tests/configs` and `tests/data`.

Nothing is trained and nothing is downloaded: the transformers and the spaCy pipeline that some of
them need are written to a temporary folder, once for each process.
"""

import atexit
import json
import math
import shutil
import tempfile
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, List

import spacy
import torch
from allennlp.common import JsonDict, Params
from allennlp.common.params import with_overrides
from allennlp.data import DatasetReader, Instance, Vocabulary
from allennlp.models import Model
from allennlp.modules.seq2vec_encoders import cnn_encoder
from allennlp.modules.token_embedders import Embedding
from allennlp.predictors import Predictor
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoConfig, AutoModel, BertConfig, BertModel, RobertaConfig, RobertaModel
from transformers.modeling_utils import no_init_weights

CONFIGS = Path(__file__).parent / "configs"
DATA = Path(__file__).parent / "data"

_REVIEW = {"sentence": "the film is not boring , but a clever and surprising story !"}
_PAIR = {
    "premise": "two dogs are running in the snow .",
    "hypothesis": "the hungry animals sleep in a garden .",
}
_NEWS = {"sentence": "Mary Smith moved to New York ."}

# An input for each kind of model. The taggers find several spans in theirs.
EXAMPLE_INPUTS: Dict[str, JsonDict] = {
    "linear": _REVIEW,
    "linear_averaged": _REVIEW,
    "lstm": _REVIEW,
    "cnn": _REVIEW,
    "embedding_and_characters": _REVIEW,
    "projected": _REVIEW,
    "esim": _PAIR,
    "decomposable_attention": _PAIR,
    "simple_tagger": _NEWS,
    "crf_tagger": _NEWS,
    "bert": _REVIEW,
    "bert_mismatched": _REVIEW,
    "roberta": _REVIEW,
}

# Where the kinds that AllenNLP itself does not have are registered.
REQUIRED_MODULES: Dict[str, str] = {
    "esim": "allennlp_models.pair_classification",
    "decomposable_attention": "allennlp_models.pair_classification",
    "crf_tagger": "allennlp_models.tagging",
}

_HIDDEN_SIZE = 16
_SPECIAL_PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORD_PIECES = (
    "the a and is not but was in film story acting ending fun bor clev surpris great bad "
    "##ing ##er ##ny ##ed ##s ##ly"
).split()
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def build_predictor(name: str, seed: int = 0, double: bool = False, **overrides: Any) -> Predictor:
    """
    A predictor over a small model with random weights, in eval mode, on the CPU.

    # Parameters

    name : `str`
        A key of `EXAMPLE_INPUTS`.
    seed : `int`, optional (default = `0`)
        The weights are drawn from it, a transformer's too; the global random state is left as it
        was. `simple_tagger` promises spans at 0 only: elsewhere it may predict a "B-" without an
        "L-", on which AllenNLP's `predictions_to_labeled_instances` raises an `IndexError`.
    double : `bool`, optional (default = `False`)
        Whether the parameters are float64, the same numbers otherwise.
    overrides : `Any`
        Put into the config as `allennlp train --overrides` puts them: a plain key replaces what
        is there, a dotted one (`**{"model.dropout": 0.5}`) reaches inside.

    # Returns

    `Predictor`
        Freshly built, sharing no parameters with any other.
    """
    if name in REQUIRED_MODULES:
        import_module(REQUIRED_MODULES[name])
    return build_from_params(load_params(name, **overrides), seed, double)


def build_from_params(params: Params, seed: int = 0, double: bool = False) -> Predictor:
    """
    The same from a training config: `dataset_reader`, `train_data_path` (or `train_inputs`, a list
    of keyword arguments of the reader's `text_to_instance`), `vocabulary`, `model` and `predictor`,
    besides `first_seed` and `gain` for the weights. A config may do without texts to train on:
    `vocabulary` has to come from somewhere else then.
    """
    reader = DatasetReader.from_params(params.pop("dataset_reader"))
    instances = [
        _indexed(reader, reader.text_to_instance(**inputs))
        for inputs in params.pop("train_inputs", [])
    ]
    if "train_data_path" in params:
        instances += reader.read(params.pop("train_data_path"))
    vocab = Vocabulary.from_params(params.pop("vocabulary", {}), instances=instances)
    with torch.random.fork_rng(devices=[]):
        model = Model.from_params(vocab=vocab, params=params.pop("model"))
    randomise(model, int(params.pop("first_seed", 0)) + seed, float(params.pop("gain", 1.5)))
    model.eval()
    if double:
        keep_masks_finite_in_double()
        model.double()
    predictor = Predictor.from_params(params.pop("predictor"), model=model, dataset_reader=reader)
    params.assert_empty("the config")
    return predictor


def _indexed(reader: DatasetReader, instance: Instance) -> Instance:
    reader.apply_token_indexers(instance)
    return instance


def load_params(name: str, **overrides: Any) -> Params:
    """The config of a kind of model, complete: the folders that it names exist."""
    return Params(with_overrides(_evaluate_config(name), overrides))


@lru_cache(maxsize=None)
def _evaluate_config(name: str) -> Dict[str, Any]:
    # Kept, since evaluating Jsonnet takes ten times as long as building the model.
    if name not in EXAMPLE_INPUTS:
        raise ValueError(f"no tiny model is called {name!r}, but these are: {[*EXAMPLE_INPUTS]}")
    folders = {
        "data": DATA,
        "bert": bert_folder(),
        "roberta": roberta_folder(),
        "spacy": spacy_folder(),
    }
    ext_vars = {key: str(folder) for key, folder in folders.items()}
    return Params.from_file(CONFIGS / f"{name}.jsonnet", ext_vars=ext_vars).as_dict()


def randomise(model: torch.nn.Module, seed: int, gain: float = 1.5) -> None:
    """
    Draws every parameter anew, wide enough for the outputs to depend clearly on the inputs:
    embeddings from N(0, 1), other matrices from N(0, gain² / fan-in), the weights of layer norms
    from N(1, 0.1²), biases from N(0, 0.1²).
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "_constraint_mask":  # A CRF keeps the transitions it allows as a parameter.
                continue
            if not parameter.numel():  # Of a layer that is never called, over no labels.
                continue
            with torch.no_grad():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
                parameter.copy_(_scale(module, name, noise, gain))


def _scale(module: torch.nn.Module, name: str, noise: torch.Tensor, gain: float) -> torch.Tensor:
    if isinstance(module, (Embedding, torch.nn.Embedding)):
        return noise
    if noise.dim() > 1:
        return gain / math.sqrt(noise[0].numel()) * noise
    if isinstance(module, torch.nn.LayerNorm) and name == "weight":
        return 1.0 + 0.1 * noise
    return 0.1 * noise


def keep_masks_finite_in_double() -> None:
    # AllenNLP's `CnnEncoder` multiplies a boolean mask by the least float64. That product is a
    # float32, so minus infinity and, where the mask is false, NaN. The least float32 serves.
    cnn_encoder.min_value_of_dtype = lambda dtype: torch.finfo(torch.float32).min
    _keep_causal_masks_finite()


@lru_cache(maxsize=None)
def _keep_causal_masks_finite() -> None:
    """Newer versions of transformers put the least float64 into a float32, which fails."""
    if find_spec("transformers.modeling_attn_mask_utils") is None:
        return
    converter: Any = import_module("transformers.modeling_attn_mask_utils").AttentionMaskConverter
    make = converter._make_causal_mask

    def in_float32(shape: Any, dtype: torch.dtype, **others: Any) -> torch.Tensor:
        return make(shape, torch.float32, **others).to(dtype)

    converter._make_causal_mask = staticmethod(in_float32)


@lru_cache(maxsize=None)
def scratch_folder() -> Path:
    """This process's temporary folder, removed when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="tiny_models_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@lru_cache(maxsize=None)
def spacy_folder() -> Path:
    """A spaCy pipeline that splits English into tokens and does nothing else."""
    folder = scratch_folder() / "spacy"
    spacy.blank("en").to_disk(folder)
    return folder


@lru_cache(maxsize=None)
def bert_folder() -> Path:
    """A BERT of two layers over some hundred word pieces, as `from_pretrained` reads it."""
    folder = scratch_folder() / "bert"
    pieces = _save_word_pieces(folder)
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=64, **_sizes())
    _save_transformer(BertModel, config, folder)
    return folder


def _save_word_pieces(folder: Path) -> List[str]:
    """The files of a BERT tokenizer, and its vocabulary."""
    letters = [*_LETTERS, *(f"##{letter}" for letter in _LETTERS), *".,!?'-"]
    # "a" is a letter and a word.
    pieces = list(dict.fromkeys([*_SPECIAL_PIECES, *_WORD_PIECES, *letters]))
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    _save_tokenizer_config(folder, tokenizer_class="BertTokenizer", do_lower_case=True)
    return pieces


@lru_cache(maxsize=None)
def roberta_folder() -> Path:
    """A RoBERTa of two layers over bytes and their most frequent pairs in `tests/data`."""
    folder = scratch_folder() / "roberta"
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train(
        [str(DATA / "reviews.jsonl")],
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    # RoBERTa counts positions from the padding's index on: 64 of them take two more rows.
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, **_sizes()
    )
    _save_transformer(RobertaModel, config, folder)
    tokenizer.save_model(str(folder))
    _save_tokenizer_config(folder, tokenizer_class="RobertaTokenizer", add_prefix_space=True)
    return folder


def transformer_folder(model_type: str, **settings: Any) -> Path:
    """
    A tiny random transformer of any architecture that `transformers` knows, over BERT's word
    pieces.

    # Parameters

    model_type : `str`
        As its `config.json` names it.
    settings : `Any`
        What its configuration wants beside the sizes. Its own names of the sizes are tried; one
        that it does not have is left out.
    """
    return _transformer_folder(model_type, json.dumps(settings))


@lru_cache(maxsize=None)
def _transformer_folder(model_type: str, json_settings: str) -> Path:
    settings = json.loads(json_settings)
    folder = Path(tempfile.mkdtemp(prefix=model_type, dir=scratch_folder()))
    pieces = _save_word_pieces(folder)
    sizes = {"vocab_size": len(pieces), "pad_token_id": 0, **_SIZES, **_sizes(), **settings}
    config = AutoConfig.for_model(model_type)
    known = {key: value for key, value in sizes.items() if _takes(config, key, value)}
    config = AutoConfig.for_model(model_type, **known)
    _save_transformer(AutoModel.from_config, config, folder)
    return folder


def _takes(config: Any, key: str, value: Any) -> bool:
    """Whether a configuration has a setting, under that name and not as an alias."""
    if not hasattr(config, key) or key in config.attribute_map:
        return False
    try:
        setattr(config, key, value)
    except (AttributeError, NotImplementedError):
        return False
    return True


# The sizes of a transformer by the names that others than BERT have for them.
_SIZES: Dict[str, Any] = {
    "max_position_embeddings": 64,
    "embedding_size": 8,
    "d_embed": _HIDDEN_SIZE,
    "d_model": _HIDDEN_SIZE,
    "dim": _HIDDEN_SIZE,
    "emb_dim": _HIDDEN_SIZE,
    "n_embd": _HIDDEN_SIZE,
    "d_kv": _HIDDEN_SIZE // 2,
    "d_head": _HIDDEN_SIZE // 2,
    "d_ff": 2 * _HIDDEN_SIZE,
    "d_inner": 2 * _HIDDEN_SIZE,
    "hidden_dim": 2 * _HIDDEN_SIZE,
    "n_inner": 2 * _HIDDEN_SIZE,
    "encoder_ffn_dim": 2 * _HIDDEN_SIZE,
    "decoder_ffn_dim": 2 * _HIDDEN_SIZE,
    "num_layers": 2,
    "n_layers": 2,
    "n_layer": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "n_heads": 2,
    "n_head": 2,
    "num_heads": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}


def _sizes() -> Dict[str, Any]:
    return {
        "hidden_size": _HIDDEN_SIZE,
        "intermediate_size": 2 * _HIDDEN_SIZE,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }


def _save_transformer(transformer_class: Any, config: Any, folder: Path) -> None:
    with torch.random.fork_rng(devices=[]), no_init_weights():
        transformer = transformer_class(config)
    randomise(transformer, seed=0)
    # AllenNLP's own transformers read this format only.
    transformer.save_pretrained(folder, safe_serialization=False)


def _save_tokenizer_config(folder: Path, **settings: Any) -> None:
    text = json.dumps({"model_max_length": 64, **settings})
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
