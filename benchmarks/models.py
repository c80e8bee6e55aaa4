"""The models: trained when first needed, kept under the cache, and loaded as predictors."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import spacy
import torch
from allennlp.common import JsonDict, Params, cached_transformers
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model
from allennlp.predictors import Predictor

from benchmarks import data, minilm
from benchmarks.cache import CACHE, ROOT, digest
from benchmarks.progress import say
from benchmarks.training import train


@dataclass(frozen=True)
class BenchModel:
    """
    # Parameters

    name : `str`
        As on the command line.
    title : `str`
        As in the tables.
    config : `str`
        A file of `benchmarks/configs/`, without suffix.
    predictor : `str`
        AllenNLP's registered name.
    inputs : `Callable[[], List[JsonDict]]`
        The dev texts.
    has_kinks : `bool`
        Whether max pooling or ReLU make its gradient jump, so that every rule converges slowly.
    is_transformer : `bool`
    module : `str`, optional
        What registers it, where AllenNLP itself does not.
    """

    name: str
    title: str
    config: str
    predictor: str
    inputs: Callable[[], List[JsonDict]]
    has_kinks: bool = False
    is_transformer: bool = False
    module: Optional[str] = None

    @property
    def digest(self) -> str:
        """Of all that the trained model depends on, so that a change trains it anew."""
        config = Params.from_file(self._config, ext_vars={"BIOME_INTERPRET_DATA": "", "MINILM": ""})
        code = ["training.py", "minilm.py"] if self.is_transformer else ["training.py"]
        sources = [(ROOT / "benchmarks" / name).read_text(encoding="utf-8") for name in code]
        return digest(config.as_dict(quiet=True), *sources)

    @property
    def _config(self) -> Path:
        return ROOT / "benchmarks" / "configs" / f"{self.config}.jsonnet"

    @property
    def archive(self) -> Path:
        return CACHE / "models" / f"{self.name}-{self.digest}" / "model.tar.gz"

    @property
    def fingerprint(self) -> str:
        """Of the trained model itself: what is computed from it is kept under this."""
        return _sha(self.archive)

    def train(self) -> None:
        """Does nothing where the trained model is there."""
        if not self.archive.exists():
            say(f"training {self.title}")
            train(self._config, self.archive)

    def load(self) -> Predictor:
        """A predictor of its own, sharing nothing with another."""
        if self.module is not None:
            import_module(self.module)
        return Predictor.from_path(
            self.archive,
            self.predictor,
            import_plugins=False,
            overrides=_transformer_overrides() if self.is_transformer else "",
            **({"language": str(spacy_folder())} if self.predictor == "sentence_tagger" else {}),
        )

    def command_line(self) -> List[str]:
        """The archive, trained if need be, and the options with which a command loads it."""
        self.train()
        found = [str(self.archive), "--predictor", self.predictor]
        if self.module is not None:
            found += ["--include-package", self.module]
        if self.predictor == "sentence_tagger":
            found += ["--predictor-args", json.dumps({"language": str(spacy_folder())})]
        if self.is_transformer:
            found += ["--overrides", json.dumps(_transformer_overrides())]
        return found

    def metrics(self) -> Dict[str, Any]:
        """The dev metrics of the trained model."""
        metrics = json.loads((self.archive.parent / "metrics.json").read_text(encoding="utf-8"))
        wanted = ("best_validation_accuracy", "best_validation_f1-measure-overall")
        return {name: metrics[name] for name in wanted if name in metrics}


class UntrainedModel(BenchModel):
    """One with random weights, made from its config whenever it is loaded: for its size only."""

    @property
    def fingerprint(self) -> str:
        return self.digest

    def train(self) -> None:
        minilm.folder()

    def load(self) -> Predictor:
        settings = {"BIOME_INTERPRET_DATA": "", "MINILM": str(minilm.folder())}
        config = Params.from_file(self._config, ext_vars=settings)
        torch.manual_seed(13)
        # They are kept by name, whatever their size.
        cached_transformers._clear_caches()
        reader = DatasetReader.from_params(config["dataset_reader"])
        vocabulary = Vocabulary.empty()
        for label in ("negative", "positive"):
            vocabulary.add_token_to_namespace(label, "labels")
        model = Model.from_params(config["model"], vocab=vocabulary)
        return Predictor.by_name(self.predictor)(model.eval(), reader)

    def metrics(self) -> Dict[str, Any]:
        return {}


MODELS = {
    model.name: model
    for model in (
        BenchModel("lstm", "biLSTM", "sst2_bilstm", "text_classifier", data.sentences),
        BenchModel("cnn", "CNN", "sst2_cnn", "text_classifier", data.sentences, has_kinks=True),
        BenchModel(
            "esim",
            "ESIM",
            "nli_esim",
            "textual_entailment",
            data.pairs,
            has_kinks=True,
            module="allennlp_models.pair_classification",
        ),
        BenchModel(
            "tagger",
            "biLSTM-CRF tagger",
            "wnut_tagger",
            "sentence_tagger",
            data.tweets,
            module="allennlp_models.tagging",
        ),
        BenchModel(
            "minilm",
            "MiniLM",
            "sst2_minilm",
            "text_classifier",
            data.sentences,
            is_transformer=True,
        ),
        UntrainedModel(
            "bert",
            "BERT-base, random weights",
            "sst2_bert",
            "text_classifier",
            data.sentences,
            is_transformer=True,
        ),
    )
}


@lru_cache(maxsize=None)
def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=None)
def spacy_folder() -> Path:
    """A spaCy pipeline that splits English into tokens and does nothing else."""
    folder = CACHE / "spacy"
    if not folder.exists():
        spacy.blank("en").to_disk(folder)
    return folder


def _transformer_overrides() -> Dict[str, Any]:
    # Where the pretrained folder is now, which may not be where it was at training.
    folder = str(minilm.folder())
    return {
        "dataset_reader.tokenizer.model_name": folder,
        "dataset_reader.token_indexers.tokens.model_name": folder,
        "model.text_field_embedder.token_embedders.tokens.model_name": folder,
        # The archive has the fine-tuned ones.
        "model.text_field_embedder.token_embedders.tokens.load_weights": False,
    }
