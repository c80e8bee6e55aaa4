"""Which words made a sentiment model say what it said: the shipped model on the shipped reviews."""

import json
import logging
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from allennlp.predictors import Predictor  # noqa: E402

from biome_interpret import IntegratedGradient  # noqa: E402
from biome_interpret.visualization import terminal  # noqa: E402

FIXTURES = Path(__file__).parent.parent / "fixtures"


def main() -> None:
    console = terminal.make_console()
    predictor = Predictor.from_path(FIXTURES / "sst2_bilstm" / "model.tar.gz", import_plugins=False)
    interpreter = IntegratedGradient(predictor, granularity="word")
    reviews = (FIXTURES / "reviews.jsonl").read_text(encoding="utf-8").splitlines()
    console.print(terminal.legend(), "")
    for review in map(json.loads, reviews):
        for interpretation in interpreter.interpret_json(review):
            console.print(terminal.render(interpretation, texts=[*review.values()]), "")


if __name__ == "__main__":
    main()
