"""
Makes the pictures of the documentation anew, from the shipped model: what each option changes, the
figures, the results behind the example report, and (with `--report`, where there is a Chromium) the
picture of that report and those of the live page.
"""

import argparse
import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from allennlp.predictors import Predictor  # noqa: E402

from biome_interpret import GradientShap, IntegratedGradient  # noqa: E402
from biome_interpret.visualization import figure  # noqa: E402
from biome_interpret.visualization.report import write_report  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
MODEL = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEWS = ROOT / "fixtures" / "reviews.jsonl"

FILM = {"sentence": "The story is thin, but the performances are wonderful."}
TWO = {"sentence": "It isn't funny. The cast is charming though, and the ending works!"}
BACKGROUND = ["It is what it is.", "A film about a town.", "They went there in the morning."]

# What the head of the example report says.
ABOUT = {
    "Archive": "sst2_bilstm/model.tar.gz",
    "Model": "BasicClassifier",
    "Predictor": "TextClassifierPredictor",
    "Texts": "reviews.jsonl",
    "Interpreter": "biome-integrated-gradient (granularity: word)",
    "Explained": "the predicted label",
}

# The name of a picture, and for each of its rows the method, its options and the text.
Row = Tuple[type, Dict[str, Any], Dict[str, str]]
OF_SHIPPED_MODEL: Dict[str, List[Row]] = {
    "default": [(IntegratedGradient, {}, FILM)],
    "tolerance": [
        (IntegratedGradient, {"tolerance": 0.01}, TWO),
        (IntegratedGradient, {"tolerance": 1e-6}, TWO),
    ],
    "n_steps": [
        (IntegratedGradient, {"n_steps": 3, "quadrature": "riemann-left"}, FILM),
        (IntegratedGradient, {"n_steps": 3, "quadrature": "gauss-radau"}, FILM),
    ],
    "n_perturbations": [
        (GradientShap, {"n_perturbations": 2}, FILM),
        (GradientShap, {"n_perturbations": 200}, FILM),
    ],
    "shap_tolerance": [(GradientShap, {"tolerance": 0.02}, FILM)],
    "noise": [
        (GradientShap, {"noise_std": 0.0}, FILM),
        (GradientShap, {"noise_std": 1.0}, FILM),
        (GradientShap, {"noise_std": 1.0, "noise_relative": True}, FILM),
    ],
    "sampling": [
        (GradientShap, {"sampling": "stratified"}, FILM),
        (GradientShap, {"sampling": "independent"}, FILM),
    ],
    "seed": [
        (GradientShap, {"seed": 0, "n_perturbations": 2}, FILM),
        (GradientShap, {"seed": 1, "n_perturbations": 2}, FILM),
    ],
    "baseline": [
        (IntegratedGradient, {"baseline": 0}, FILM),
        (IntegratedGradient, {"baseline": "unknown"}, FILM),
        (IntegratedGradient, {"baseline": "padding"}, FILM),
        (IntegratedGradient, {"baseline": "mean"}, FILM),
    ],
    "background": [(IntegratedGradient, {"background": BACKGROUND}, FILM)],
    "inference_mode": [
        (IntegratedGradient, {"inference_mode": mode}, FILM)
        for mode in ("logits", "log_softmax", "softmax", "loss")
    ],
    "target": [(IntegratedGradient, {"target": label}, FILM) for label in ("positive", "negative")],
    "input_x_gradient": [
        (IntegratedGradient, {}, FILM),
        (IntegratedGradient, {"input_x_gradient": False}, FILM),
    ],
    "reduction": [
        (IntegratedGradient, {"reduction": name}, FILM) for name in ("sum", "l2", "mean_abs")
    ],
    "granularity": [
        (IntegratedGradient, {"granularity": name}, TWO)
        for name in ("all_tokens", "word", "sentence")
    ],
    "aggregation": [
        (
            IntegratedGradient,
            {"granularity": "sentence", "granularity_aggregation_strategy": strategy},
            TWO,
        )
        for strategy in ("mean", "sum", "max", "signed_max")
    ],
    "autocast": [(IntegratedGradient, {"autocast": True}, FILM)],
}
OF_TRANSFORMER: Dict[str, List[Row]] = {
    "special_tokens": [
        (IntegratedGradient, {"granularity": "all_tokens"}, {}),
        (IntegratedGradient, {"hold_special_tokens": True}, {}),
        (IntegratedGradient, {"granularity": "token"}, {}),
        (IntegratedGradient, {"granularity": "word"}, {}),
    ],
}


def pictures() -> Iterator[Tuple[str, str]]:
    """The name of each picture, and its SVG."""
    predictor = shipped_predictor()
    for name, rows in OF_SHIPPED_MODEL.items():
        yield name, picture(predictor, rows)
    from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

    transformer = build_predictor("bert")
    for name, rows in OF_TRANSFORMER.items():
        yield name, picture(transformer, [(m, o, EXAMPLE_INPUTS["bert"]) for m, o, _ in rows])


def picture(predictor: Predictor, rows: List[Row]) -> str:
    from scripts.docs import svg

    return svg.draw(
        [
            (_typed(method, options), one)
            for method, options, text in rows
            for one in method(predictor, **options).interpret_json(text)
        ]
    )


def _typed(method: type, options: Dict[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    if len(given) > 70:
        given = given[:70] + "…"
    return f"{method.__name__}(predictor{', ' + given if given else ''})"


def shipped_predictor() -> Predictor:
    return Predictor.from_path(MODEL, import_plugins=False)


def records(predictor: Predictor) -> List[Dict[str, Any]]:
    """The shipped reviews explained, for the report."""
    interpreter = IntegratedGradient(predictor, granularity="word")
    found = []
    for line, text in enumerate(REVIEWS.read_text(encoding="utf-8").splitlines(), start=1):
        inputs = json.loads(text)
        results = [one.to_json() for one in interpreter.interpret_json(inputs)]
        found.append({"line": line, "inputs": inputs, "interpretations": results})
    return found


def draw_figures(predictor: Predictor) -> None:
    import matplotlib

    # Small files that stay the same from one run to the next.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9})
    settings: Dict[str, Any] = {"metadata": {"Date": None}, "transparent": False}
    [sampled] = GradientShap(predictor).interpret_json(FILM)
    sampled.plot().savefig(ROOT / "docs" / "images" / "bars.svg", **settings)
    [one] = IntegratedGradient(predictor).interpret_json(FILM)
    one.plot().savefig(ROOT / "docs" / "images" / "plot.svg", **settings)
    both = IntegratedGradient(predictor).interpret_json(FILM, target=["positive", "negative"])
    figure.plot(both).savefig(ROOT / "docs" / "images" / "heat_map.svg", **settings)


def photograph(chromium: str, page: Path, picture: Path) -> None:
    from tests.visualization.browser import Browser

    with Browser(chromium) as browser:
        browser.resize(1100, 860)
        browser.prefer(prefers_color_scheme="light")
        browser.open(page)
        browser.run("document.querySelector('#texts .t.f12').focus({preventScroll: true})")
        browser.picture(picture)


def main(arguments: Optional[List[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--report", action="store_true", help="those of the report and live page too"
    )
    with_report = parser.parse_args(arguments).report
    PICTURES.mkdir(exist_ok=True)
    for name, drawn in pictures():
        (PICTURES / f"{name}.svg").write_text(drawn, encoding="utf-8")
    predictor = shipped_predictor()
    found = records(predictor)
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in found]
    (PICTURES / "reviews.jsonl").write_text("".join(lines), encoding="utf-8")
    draw_figures(predictor)
    if with_report:
        page = ROOT / "build" / "example-report.html"
        page.parent.mkdir(exist_ok=True)
        write_report(found, page, "Twelve reviews", ABOUT)
        from scripts.docs.live_pictures import photograph_pages
        from tests.visualization.browser import find_chromium

        chromium = find_chromium()
        if chromium is None:
            sys.exit("the pictures of the report and of the live page need a Chromium on PATH")
        photograph(chromium, page, ROOT / "docs" / "images" / "report.png")
        photograph_pages(chromium, ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
