"""`biome-interpret evaluate`, with the shipped model."""

import json
import math
import re
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.predictors import Predictor

from biome_interpret import Occlusion
from biome_interpret.commands.evaluating.arguments import BUILT_IN, FIGURES
from biome_interpret.commands.evaluating.maker import StudyMaker, written_in
from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.text_files import text_file
from biome_interpret.evaluation import METRICS
from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.methods import OwnRow
from biome_interpret.evaluation.methods.theirs import EVALUATIONS
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.interpreters.perturber import Perturber
from tests.commands.command_line import (
    ARCHIVE,
    REVIEWS,
    CommandLine,
    Done,
    read_lines,
    reviews,
    write_lines,
)

# Quick, and with a figure of each kind.
FEW = ["--figure", "comprehensiveness", "--figure", "tau_loo", "--figure", "deletion"]
ROWS = ["random", "leave-one-out", *EVALUATIONS, "biome-integrated-gradient"]
WITHOUT = ["--leave-out", "captum", "--leave-out", "oracle"]


def evaluate(command: CommandLine, *arguments: Any, **options: Any) -> Done:
    return command("evaluate", ARCHIVE, *arguments, **options)


def without_seconds(path: Path) -> List[Dict[str, Any]]:
    found = read_lines(path)
    for one in found:
        one.get("cost", {}).pop("seconds", None)
    return found


def texts_of(path: Path) -> List[int]:
    return [one["line"] for one in read_lines(path)]


def test_the_table_has_the_rows_and_the_figures(command: CommandLine) -> None:
    done = evaluate(command, REVIEWS, "--limit", 3, *FEW, *WITHOUT)
    assert done.status == 0
    for name in [*ROWS, "comprehensiveness ↑", "deletion AUC ↓", "τ-LOO ↑", "evaluations"]:
        assert name in done.out
    assert "words removed by: delete" in done.out and "words removed by: unknown" in done.out
    assert "Kendall's W" in done.out and "3 texts." in done.out
    assert "sufficiency" not in done.out and "oracle" not in done.out


def test_without_the_search_for_orders_their_figures_are_left_out(
    command: CommandLine, out: Path
) -> None:
    done = evaluate(
        command, REVIEWS, "--limit", 1, "--most-words", 0, *WITHOUT, "--output-file", out
    )
    assert done.status == 0
    expected = [name for name, is_default in FIGURES.items() if is_default and "naopc" not in name]
    for one in read_lines(out):
        for found in one["removals"].values():
            assert sorted(found["figures"]) == sorted(expected)


def test_one_seed_gives_the_same_table_to_the_digit(command: CommandLine) -> None:
    def table(seed: int) -> List[str]:
        done = evaluate(command, REVIEWS, "--limit", 3, *FEW, *WITHOUT, "--seed", seed)
        before_cost, _, _ = done.out.partition("cost of a text")
        return before_cost.splitlines()

    first = table(1)
    assert len(first) > 10 and first == table(1) != table(2)


def test_the_seed_is_that_of_the_methods_too(command: CommandLine, out: Path) -> None:
    def scores(seed: int, *options: Any) -> List[Any]:
        methods = ["biome-gradient-shap", '{"type": "biome-smooth-gradient", "seed": 5}']
        for method in methods:
            options += ("--interpreter", method)
        only = [option for name in BUILT_IN for option in ("--leave-out", name)]
        options += ("--seed", seed, "--output-file", out, "--overwrite")
        evaluate(command, REVIEWS, "--limit", 1, *FEW, *only, *options)
        return [one["scores"] for one in read_lines(out)]

    [shap, smooth], [other_shap, same_smooth] = scores(1), scores(2)
    assert shap != other_shap and smooth == same_smooth


def test_a_line_has_all_raw_values(command: CommandLine, out: Path) -> None:
    done = evaluate(command, REVIEWS, "--limit", 2, *FEW, *WITHOUT, "--output-file", out)
    assert done.status == 0
    lines = read_lines(out)
    assert [one["row"] for one in lines] == 2 * ROWS
    for one in lines:
        [words], [scores] = one["words"].values(), one["scores"].values()
        assert (
            len(words) == len(scores) > 3
            and one["target"] == ["positive", "negative"][one["line"] - 1]
        )
        assert 0 < one["probability"] <= 1 and math.isfinite(one["output"])
        assert list(one["removals"]) == ["delete", "unknown"]
        for found in one["removals"].values():
            assert list(found["figures"]) == ["comprehensiveness", "deletion", "tau_loo"]
            assert len(found["curves"]["deletion"]) == 11
        assert one["cost"]["seconds"] > 0 and one["cost"]["evaluations"] >= 0
    drawn = lines[0]["draws"]
    assert len(drawn) == 5 and drawn[0] == lines[0]["scores"]["tokens"] != drawn[1]
    assert lines[1]["removals"]["delete"]["figures"]["tau_loo"] == pytest.approx(1)
    assert abs(lines[-1]["cost"]["delta"]) < 0.01


def test_comprehensiveness_is_that_of_the_reduced_texts(
    command: CommandLine, tmp_path: Path
) -> None:
    """Recomputed with the plain predictor, which reads the text without the words."""
    text = "a warm and clever film that is never dull and always moving"
    data = write_lines(tmp_path / "data.jsonl", [{"sentence": text}])
    out = tmp_path / "out.jsonl"
    evaluate(command, data, *FEW, *WITHOUT, "--removal", "delete", "--output-file", out)
    [record] = [one for one in read_lines(out) if one["row"] == "biome-integrated-gradient"]
    [words], [scores] = record["words"].values(), record["scores"].values()
    assert words == text.split()
    predictor = Predictor.from_path(str(ARCHIVE), import_plugins=False)

    def probability(kept: List[str]) -> float:
        probabilities = predictor.predict_json({"sentence": " ".join(kept)})["probs"]
        names = predictor._model.vocab.get_index_to_token_vocabulary("labels")
        return probabilities[[*names.values()].index(record["target"])]

    order = sorted(range(len(words)), key=lambda i: -scores[i])
    drops = []
    for percent in (1, 5, 10, 20, 50):
        removed = order[: math.ceil(percent * len(words) / 100)]
        kept = [word for i, word in enumerate(words) if i not in removed]
        drops.append(probability(words) - probability(kept))
    found = record["removals"]["delete"]["figures"]["comprehensiveness"]
    assert found == pytest.approx(sum(drops) / 5, abs=1e-5)
    assert abs(found) > 0.01


class TestResuming:
    def run(self, command: CommandLine, out: Path, *more: Any) -> Done:
        data = write_lines(out.parent / "data.jsonl", reviews(6))
        options = [*FEW, *WITHOUT, "--batch-size", 2, "--output-file", out, *more]
        return evaluate(command, data, *options)

    def test_a_file_that_was_cut_becomes_that_of_an_uninterrupted_run(
        self, command: CommandLine, out: Path
    ) -> None:
        assert self.run(command, out).status == 0
        whole, table = without_seconds(out), out.read_bytes().splitlines(keepends=True)
        # Three texts, and a part of the fourth one's rows; the last line is broken.
        cut = 3 * len(ROWS) + 2
        out.write_bytes(b"".join(table[:cut]) + table[cut][:40])
        done = self.run(command, out, "--resume")
        assert done.status == 0 and "6 texts." in done.out
        assert without_seconds(out) == whole
        kept = 3 * len(ROWS)
        assert out.read_bytes().splitlines(keepends=True)[:kept] == table[:kept]

    def test_a_finished_file_is_shown_again(self, command: CommandLine, out: Path) -> None:
        first = self.run(command, out)
        before = out.read_bytes()
        assert self.run(command, out, "--resume").out == first.out
        assert out.read_bytes() == before

    def test_another_study_is_refused(self, command: CommandLine, out: Path) -> None:
        self.run(command, out)
        done = self.run(command, out, "--resume", "--seed", 3)
        assert done.status == 2 and "--seed was 0 and is 3" in done.err

    def test_a_file_of_something_else_is_refused(self, command: CommandLine, out: Path) -> None:
        self.run(command, out)
        lines = out.read_bytes().splitlines(keepends=True)
        out.write_bytes(lines[1] + lines[0])
        done = self.run(command, out, "--resume")
        assert done.status == 2 and "line 1 of" in done.err

    def test_without_resume_or_overwrite_a_file_is_kept(
        self, command: CommandLine, out: Path
    ) -> None:
        out.write_text("mine\n")
        done = self.run(command, out)
        assert done.status == 2 and "--overwrite" in done.err
        assert out.read_text() == "mine\n"


def test_texts_that_fail_lose_nothing_else(command: CommandLine, tmp_path: Path) -> None:
    lines = [{"sentence": "A warm film."}, "{broken", {"text": "no key"}, {"sentence": "Dull."}]
    data, out = write_lines(tmp_path / "data.jsonl", lines), tmp_path / "out.jsonl"
    done = evaluate(command, data, *FEW, *WITHOUT, "--output-file", out)
    assert done.status == 1
    assert "2 texts failed, the first in line 2" in done.out
    records = read_lines(out)
    assert texts_of(out) == [line for line in (1, 2, 3, 4) for _ in ROWS]
    failed = {one["line"] for one in records if "error" in one}
    assert failed == {2, 3} and all("'sentence'" in o["error"] for o in records if o["line"] == 3)
    assert all("removals" in one for one in records if one["line"] in (1, 4))


def test_a_text_on_which_all_methods_fail_is_a_failure(tmp_path: Path) -> None:
    """The rows of the best and the worst order do not fail."""
    data = write_lines(tmp_path / "data.jsonl", [{"sentence": "A warm film."}])
    predictor = Predictor.from_path(str(ARCHIVE))
    study = Study(
        rows=[OwnRow("ours", Occlusion(predictor, granularity="word", baseline="mask"))],
        removals={"0": Perturber(predictor, 0.0)},
        settings=Settings(),
        metrics={},
        most_words=8,
    )
    source = text_file(predictor, str(data), None)
    maker = StudyMaker(source, study, None, [], RecordMaker(source, [], []))
    [record] = maker.records([*source.readable_lines()])
    assert record.error is not None and "mask token" in record.error
    path = tmp_path / "out.jsonl"
    path.write_bytes(record.json)
    assert written_in(path, study.names).failed == 1


def test_advice_names_only_options_of_the_command(command: CommandLine, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("review,label\nA warm film.,positive\n", encoding="utf-8")
    done = evaluate(command, data, *FEW)
    assert "--field sentence=NAME" in done.err and "--use-dataset-reader" not in done.err
    done = evaluate(command, REVIEWS, "--resume")
    assert "--output-file" in done.err and "--output-dir" not in done.err


@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_first_texts_are_the_same_for_every_batch_size(
    command: CommandLine, tmp_path: Path, batch_size: int
) -> None:
    lines = [{"sentence": "A dull film."}, {"sentence": "A warm film.", "why": [0, 1, 0]}]
    data = write_lines(tmp_path / "data.jsonl", lines)
    options = ["--batch-size", batch_size, "--rationales", "why"]
    assert evaluate(command, data, *options, *FEW, *WITHOUT).status == 0


class TestRationales:
    def test_marks_of_words_are_compared_with_scores(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        lines = [
            # The model's tokenizer parts the full stop from the word.
            {"sentence": "A wonderful film.", "why": [0, 1, 0]},
            {"sentence": "An awful film.", "why": [0, 0, 0]},
            {"sentence": "An awful film.", "why": [0, 1]},
            {
                "sentence": "An awful film.",
                "words": ["An", "awful", "film", "."],
                "why": [0, 1, 0, 0],
            },
        ]
        data, out = write_lines(tmp_path / "data.jsonl", lines), tmp_path / "out.jsonl"
        options = ["--rationales", "why", "--output-file", out, *FEW, *WITHOUT]
        done = evaluate(command, data, *options)
        assert done.status == 0 and "agreement with why" in done.out
        found = [
            one["agreement"]["why"] for one in read_lines(out) if one["row"] == "leave-one-out"
        ]
        perfect = {"average_precision": 1.0, "f1": 1.0, "iou": 1.0}
        assert found[0] == pytest.approx(perfect) and found[3] == pytest.approx(perfect)
        assert found[1]["f1"] is None and "no word is marked" in found[1]["note"]
        assert "2 marks" in found[2]["error"]
        # It is an error of the agreement alone.
        assert not any("error" in one for one in read_lines(out))

    def test_a_key_that_is_nowhere_is_refused(self, command: CommandLine) -> None:
        done = evaluate(command, REVIEWS, "--rationales", "why")
        assert done.status == 2 and "--rationales why" in done.err and "'sentence'" in done.err

    def test_an_unknown_text_field_is_refused(self, command: CommandLine, two: Path) -> None:
        data = write_lines(two, [{"sentence": "A film.", "why": [0, 1]}])
        done = evaluate(command, data, "--rationales", "why=premise")
        assert done.status == 2 and "'tokens'" in done.err


class TestRows:
    def test_each_baseline_is_a_row(self, command: CommandLine, out: Path) -> None:
        options = [
            "--baseline",
            "unknown",
            "--interpreter",
            "biome-occlusion",
            "--output-file",
            out,
        ]
        options += ["--interpreter", '{"type": "biome-gradient-shap", "n_perturbations": 3}']
        evaluate(command, REVIEWS, "--limit", 1, *FEW, *WITHOUT, *options)
        names = [one["row"] for one in read_lines(out)][len(ROWS) - 1 :]
        assert names == [
            f"{name} (baseline: {baseline})"
            for name in ("biome-occlusion", "biome-gradient-shap")
            for baseline in ("default", "unknown")
        ]

    def test_a_row_that_the_model_does_not_allow_is_left_out(self, command: CommandLine) -> None:
        done = evaluate(command, REVIEWS, "--limit", 2, *FEW, *WITHOUT, "--baseline", "mask")
        assert done.status == 1 and "needs a mask token" in done.out
        assert "left out: biome-integrated-gradient (baseline: mask)" in done.err

    def test_a_removal_that_the_model_cannot_do_is_left_out(self, command: CommandLine) -> None:
        options = ["--removal", "mask", "--removal", "0"]
        done = evaluate(command, REVIEWS, "--limit", 2, *FEW, *WITHOUT, *options)
        assert done.status == 1 and "left out: mask" in done.err
        assert "words removed by: 0" in done.out and "removed by: mask" not in done.out

    def test_the_oracles_bound_every_row(self, command: CommandLine, tmp_path: Path) -> None:
        lines = [{"sentence": "A warm, clever film."}, {"sentence": " ".join(["fine"] * 20)}]
        data, out = write_lines(tmp_path / "data.jsonl", lines), tmp_path / "out.jsonl"
        options = ["--figure", "naopc_comprehensiveness", "--removal", "delete"]
        done = evaluate(command, data, *options, "--output-file", out, "--leave-out", "captum")
        assert done.status == 0
        first = {one["row"]: one for one in read_lines(out) if one["line"] == 1}
        second = {one["row"]: one for one in read_lines(out) if one["line"] == 2}
        found = {
            row: one["removals"]["delete"]["figures"]["naopc_comprehensiveness"]
            for row, one in first.items()
        }
        assert found["oracle-best"] == pytest.approx(1) and found["oracle-worst"] == pytest.approx(
            0
        )
        assert all(-1e-6 < value < 1 + 1e-6 for value in found.values())
        assert "more than 8 words" in second["oracle-best"]["skipped"]
        assert "error" not in second["oracle-best"]

    def test_another_target_is_explained(self, command: CommandLine, out: Path) -> None:
        options = ["--target", "negative", "--output-file", out, "--leave-out", "oracle"]
        done = evaluate(command, REVIEWS, "--limit", 2, *FEW, *options)
        # AllenNLP's own explain the prediction only.
        assert done.status == 0 and "explains the predicted label only" in done.out
        assert {one["target"] for one in read_lines(out)} == {"negative"}
        assert read_lines(out)[0]["probability"] < 0.1


def test_models_with_other_weights_are_explained_too(command: CommandLine, out: Path) -> None:
    options = ["--limit", 2, "--randomization", 2, "--sensitivity", 1, "--output-file", out]
    done = evaluate(command, REVIEWS, *FEW, *WITHOUT, *options)
    assert done.status == 0 and "a model with other weights" in done.out
    for one in read_lines(out):
        if one["row"] == "random":  # Its scores would stay as they are.
            assert "stability" not in one
        else:
            assert len(one["stability"]["randomization"]) == 2
            assert one["stability"]["max_sensitivity"] > 0


@pytest.mark.parametrize(
    "options, message",
    [
        (["--removal", "nonsense"], "--removal nonsense is neither delete nor a baseline: "),
        (["--target", "positive", "--target", "negative"], "--target: give one label"),
        (["--target", "nonsense"], "the labels are 'negative' (1), 'positive' (0)"),
        (["--figure", "nonsense"], "comprehensiveness"),
        (["--leave-out", "nonsense"], "leave-one-out"),
        (["--limit", "0"], "positive integer"),
        (["--figure", "naopc_sufficiency", "--most-words", "0"], "set it to 1 or more"),
        (["--rationales", "="], "KEY or KEY=NAME"),
        (["--resume"], "--resume requires an output to continue"),
        (["--summary-file", "."], "--summary-file . is a folder"),
        (["--summary-file", "nowhere/summary.json"], "the folder nowhere does not exist"),
        (["--interpreter", "simple-gradient"], "no signed scores"),
        (
            ["--interpreter", '{"type": "biome-occlusion", "granularity": "token"}'],
            "leave out 'granularity'",
        ),
        (
            [
                "--interpreter",
                '{"type": "biome-occlusion", "removal": "delete"}',
                "--baseline",
                "0",
            ],
            "no --interpreter takes a baseline",
        ),
    ],
)
def test_wrong_options_are_refused(command: CommandLine, options: List[str], message: str) -> None:
    done = evaluate(command, REVIEWS, *options)
    assert done.status == 2 and message in done.err and "Traceback" not in done.err


def test_a_baseline_that_the_interpreter_has_already_is_one_row(
    command: CommandLine, out: Path
) -> None:
    given = '{"type": "biome-integrated-gradient", "baseline": 0}'
    options = ["--limit", 2, "--interpreter", given, "--baseline", "0", *FEW, *WITHOUT]
    done = evaluate(command, REVIEWS, *options, "--output-file", out)
    assert done.status == 0, done.err
    rows = {row["row"] for row in read_lines(out)}
    assert len([row for row in rows if row.startswith("biome-")]) == 1


def test_a_file_without_texts_is_refused(command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    done = evaluate(command, tmp_path / "empty.jsonl", *FEW)
    assert done.status == 2 and "empty.jsonl has no texts" in done.err


def test_standard_input_is_refused(command: CommandLine) -> None:
    done = evaluate(command, "-", stdin=b"{}")
    assert done.status == 2 and "DATA must be a file" in done.err


def test_the_page_is_written(command: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = evaluate(command, REVIEWS, "--limit", 3, *FEW, *WITHOUT, "--html", page)
    assert done.status == 0
    text = page.read_text(encoding="utf-8")
    assert (
        "biome-integrated-gradient" in text and "<svg" in text and "Where methods disagree" in text
    )


def test_the_summary_is_written_as_json(command: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    options = ["--limit", 3, *FEW, *WITHOUT, "--summary-file", path]
    assert evaluate(command, REVIEWS, *options).status == 0
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert summary["num_texts"] == 3 and list(summary["rows"]) == ROWS
    assert {one["removal"] for one in summary["tables"]} == {"delete", "unknown", ""}
    assert summary["about"]["Seed"] == "0"
    refused = evaluate(command, REVIEWS, "--summary-file", REVIEWS)
    assert refused.status == 2 and "would overwrite the input" in refused.err


def test_the_help_names_all_rows_and_figures(command: CommandLine) -> None:
    done = command("evaluate", "--help")
    assert done.status == 0
    words = re.findall(r"[\w-]+", done.out)
    for name in [*BUILT_IN[:-1], *FIGURES, "oracle-best"]:
        assert name in words
    assert list(FIGURES) == list(METRICS)
    assert {*EVALUATIONS} < {*BUILT_IN}


def test_the_output_of_a_study_is_no_output_of_interpret(
    command: CommandLine, out: Path, tmp_path: Path
) -> None:
    evaluate(command, REVIEWS, "--limit", 1, *FEW, *WITHOUT, "--output-file", out)
    done = command("report", out, "--html", tmp_path / "page.html")
    assert done.status == 2 and "was not written by `interpret" in done.err
    assert json.loads(out.read_bytes().splitlines()[0])["row"] == "random"
