"""What `interpret` writes and prints, and what its options change."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Optional

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from tests.commands.command_line import (
    ARCHIVE,
    DULL,
    ROOT,
    WARM,
    CommandLine,
    read_lines,
    results,
    reviews,
    write_lines,
)


class TestOutput:
    def test_a_line_of_json_for_each_text(self, command: CommandLine, two: Path, out: Path) -> None:
        done = command.interpret(two, "--output-file", out)
        assert done.status == 0
        assert done.out == ""
        assert done.err.endswith("2 texts interpreted, 0 failed\n")
        first, second = read_lines(out)
        assert [*first] == ["line", "inputs", "interpretations"]
        assert (first["line"], second["line"]) == (1, 2)
        assert (first["inputs"], second["inputs"]) == (DULL, WARM)
        predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
        [expected] = IntegratedGradient(predictor).interpret_json(DULL)
        [[found], _] = results(out)
        assert found.fields["tokens"].tokens == expected.fields["tokens"].tokens
        assert found.fields["tokens"].scores == pytest.approx(
            expected.fields["tokens"].scores, abs=1e-5
        )
        assert found.method == "biome-integrated-gradient"

    def test_allennlp_itself_writes_the_same(
        self, command: CommandLine, two: Path, out: Path, tmp_path: Path
    ) -> None:
        command.interpret(two, "--output-file", out)
        expected = out.read_bytes()
        out.unlink()
        # As a plugin, which only a process of its own can show.
        (tmp_path / ".allennlp_plugins").write_text("biome_interpret\n")
        arguments = [sys.executable, "-m", "allennlp", "interpret", str(ARCHIVE), str(two)]
        arguments += ["--output-file", str(out), "--silent"]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert out.read_bytes() == expected

    def test_without_a_file_the_texts_are_printed(self, command: CommandLine, two: Path) -> None:
        done = command.interpret(two)
        assert done.status == 0
        assert "line 1  predicted negative" in done.out
        assert "line 2  predicted positive" in done.out
        assert re.search(r"  A\[-\d\.\d\d\] dull\[\+\d\.\d\d\] film", done.out)
        assert "\x1b" not in done.out
        assert "text/s" not in done.err
        assert "2 texts interpreted" in done.err

    def test_a_file_is_overwritten(self, command: CommandLine, two: Path, out: Path) -> None:
        out.write_text("something else\n" * 10_000)
        command.interpret(two, "--output-file", out, "--overwrite")
        assert len(read_lines(out)) == 2

    def test_no_texts(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        done = command.interpret(write_lines(tmp_path / "none", ["", "  "]), "--output-file", out)
        assert done.status == 0
        assert out.read_bytes() == b""
        assert "0 texts interpreted, 0 failed" in done.err

    def test_control_characters_do_not_reach_the_terminal(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        text = "bad\x1b]0;title\x07 \u202egnp.exe \ud800 \u2028 film \x9b31m [red]fine[/red]"
        source = write_lines(tmp_path / "hostile.jsonl", [{"sentence": text}])
        assert command.interpret(source, "--output-file", out).status == 0
        [record] = read_lines(out)
        assert record["inputs"]["sentence"] == text
        done = command.interpret(source)
        assert done.status == 0
        assert not set(done.out) & set("\x1b\x07\x9b\u202e\u2028")


class TestWhatIsExplained:
    def test_the_interpreter_is_a_name_json_or_a_file(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        for given in (
            "biome-gradient-shap",
            "{type: 'biome-gradient-shap', seed: 1}",
            str(ROOT / "configs" / "gradient_shap.jsonnet"),
        ):
            done = command.interpret(
                two, "--interpreter", given, "--output-file", out, "--overwrite"
            )
            assert done.status == 0, done.err
            assert {one.method for [one] in results(out)} == {"biome-gradient-shap"}

    def test_every_method_has_a_row_and_interactions_are_kept(
        self, command: CommandLine, two: Path, out: Path, tmp_path: Path
    ) -> None:
        page = tmp_path / "report.html"
        interactions = {"removal": "delete", "interactions": True, "granularity": "word"}
        given: List[Any] = []
        for method in (
            "biome-smooth-gradient",
            json.dumps({"type": "biome-occlusion", **interactions}),
            "biome-shapley-sampling",
        ):
            given += ["--interpreter", method]
        done = command.interpret(two, *given, "--output-file", out, "--html", page)
        assert done.status == 0, done.err
        for found in results(out):
            assert [str(one.method).split()[0] for one in found] == [
                "biome-smooth-gradient",
                "biome-occlusion",
                "biome-shapley-sampling",
            ]
            assert found[0].interactions is found[2].interactions is None
            number = len(found[1].scores)
            assert [len(row) for row in found[1].interactions.values] == [number] * number
        assert '"pairs":' in page.read_text(encoding="utf-8")
        printed = command.interpret(two, *given).out
        assert printed.count("pairs: ") == 2

    def test_several_interpreters_stand_side_by_side(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        given: List[Any] = []
        for name in ("biome-gradient-shap", '{"type": "biome-gradient-shap", "seed": 1}'):
            given += ["--interpreter", name]
        given += ["--interpreter", "biome-integrated-gradient"]
        command.interpret(two, *given, "--output-file", out)
        for found in results(out):
            assert [one.method for one in found] == [
                "biome-gradient-shap (seed: 0)",
                "biome-gradient-shap (seed: 1)",
                "biome-integrated-gradient",
            ]
            assert found[0].fields != found[1].fields
        printed = command.interpret(two, *given).out
        assert "line 1  biome-gradient-shap (seed: 1)  predicted negative" in printed

    def test_interpreters_are_named_by_the_options_in_which_they_differ(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        given: List[Any] = []
        for options in ({}, {"baseline": "unknown"}, {"baseline": "unknown", "n_steps": 3}):
            config = {"type": "biome-integrated-gradient", "granularity": "word", **options}
            given += ["--interpreter", json.dumps(config)]
        command.interpret(two, *given, "--output-file", out)
        assert [one.method for one in results(out)[0]] == [
            "biome-integrated-gradient (baseline: default, n_steps: default)",
            "biome-integrated-gradient (baseline: unknown, n_steps: default)",
            "biome-integrated-gradient (baseline: unknown, n_steps: 3)",
        ]
        twice = ["--interpreter", "biome-gradient-shap"] * 2
        done = command.interpret(two, *twice)
        assert done.status == 2 and "biome-gradient-shap is given twice" in done.err

    def test_an_error_names_the_interpreter_that_failed(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        # The texts have no label.
        given = ["--interpreter", '{"type": "biome-integrated-gradient", "target": "gold"}']
        given += ["--interpreter", "biome-integrated-gradient"]
        assert command.interpret(two, *given, "--output-file", out).status == 1
        assert read_lines(out)[0]["error"].endswith("(biome-integrated-gradient (target: gold))")

    def test_targets(self, command: CommandLine, two: Path, out: Path) -> None:
        arguments = ("--target", "negative", "--target-index", "0", "--output-file", out)
        command.interpret(two, *arguments)
        for found in results(out):
            assert [one.target.label for one in found] == ["negative", "positive"]
            assert [one.target.index for one in found] == [1, 0]
        command.interpret(two, "--target", "positive", "--output-file", out, "--overwrite")
        assert [one.target.label for [one] in results(out)] == ["positive"] * 2
        printed = command.interpret(two, "--target", "positive").out
        assert "line 1  target positive" in printed
        assert "predicted negative" in printed

    def test_a_target_for_each_text(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        targets: List[Any] = ["negative", 0, ["negative", "positive"], None, "neutral", 1.5, {}]
        lines = [{**WARM, "mine": target} for target in targets]
        source = write_lines(tmp_path / "targets.jsonl", [*lines, DULL])
        done = command.interpret(source, "--target-field", "mine", "--output-file", out)
        assert done.status == 1
        records = read_lines(out)
        found = [
            [one["target"]["label"] for one in record["interpretations"]] for record in records[:4]
        ]
        assert found == [["negative"], ["positive"], ["negative", "positive"], ["positive"]]
        assert "unknown target 'neutral'" in records[4]["error"]
        assert all("target is" in record["error"] for record in records[5:7])
        assert "the text has no key 'mine'" in records[7]["error"]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--target", "neutral"],
            ["--target", "positive", "--target-index", "2"],
            ["--interpreter", '{"type": "biome-integrated-gradient", "target": "neutral"}'],
        ],
    )
    def test_an_unknown_target_is_refused_before_anything_is_written(
        self, command: CommandLine, two: Path, out: Path, arguments: List[str]
    ) -> None:
        out.write_text("of yesterday")
        done = command.interpret(two, *arguments, "--output-file", out, "--overwrite")
        assert done.status == 2
        assert "unknown target" in done.err and "'negative' (1), 'positive' (0)" in done.err
        assert out.read_text() == "of yesterday"

    def test_granularity(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        text = {"sentence": "It isn't good. It's great!"}
        source = write_lines(tmp_path / "text.jsonl", [text])
        command.interpret(source, "--granularity", "sentence", "--output-file", out)
        [[found]] = results(out)
        assert found.fields["tokens"].tokens == ["It isn't good.", "It's great!"]

    def test_tolerance(self, command: CommandLine, two: Path, out: Path) -> None:
        both = [
            "--interpreter",
            "biome-integrated-gradient",
            "--interpreter",
            "biome-gradient-shap",
        ]
        needed = []
        for tolerance in ("0.5", "0.00001"):
            arguments = ["--tolerance", tolerance, "--output-file", out, "--overwrite"]
            command.interpret(two, *both, *arguments)
            needed.append([one.n_evaluations for found in results(out) for one in found])
        assert all(few < many for few, many in zip(*needed))

    def test_batch_size(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = write_lines(tmp_path / "texts.jsonl", reviews(7))
        found = []
        for size in ("1", "3", "1000"):
            arguments = ["--batch-size", size, "--output-file", out, "--overwrite"]
            assert command.interpret(source, *arguments).status == 0
            found.append([one.fields["tokens"].scores for [one] in results(out)])
        for others in zip(*found):
            for other in others[1:]:
                assert other == pytest.approx(others[0], abs=1e-4)


class TestModelAndPredictor:
    def test_weights_file_and_overrides(
        self, command: CommandLine, two: Path, out: Path, tmp_path: Path
    ) -> None:
        predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
        weights = {name: torch.zeros_like(w) for name, w in predictor._model.state_dict().items()}
        torch.save(weights, tmp_path / "weights.th")
        arguments = ["--weights-file", tmp_path / "weights.th", "--output-file", out]
        assert command.interpret(two, *arguments).status == 0
        assert [one.target.probability for [one] in results(out)] == [0.5, 0.5]
        overrides = json.dumps({"dataset_reader.max_sequence_length": 2})
        arguments = ["-o", overrides, "--output-file", out, "--overwrite"]
        assert command.interpret(two, *arguments).status == 0
        assert results(out)[0][0].fields["tokens"].tokens == ["A", "dull"]

    def test_predictor_and_its_arguments(self, command: CommandLine, two: Path, out: Path) -> None:
        arguments = ["--predictor", "saliency", "--predictor-args"]
        done = command.interpret(
            two, *arguments, '{"predictor": "text_classifier"}', "--output-file", out
        )
        assert done.status == 0, done.err
        assert len(results(out)) == 2
        done = command.interpret(two, *arguments, '{"predictor": "sentence_tagger"}')
        assert done.status == 1 or done.status == 2
        assert "2 failed" in done.err or "predictor cannot be made" in done.err

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
    def test_cuda_device(self, command: CommandLine, two: Path, out: Path) -> None:
        used = torch.cuda.max_memory_allocated()
        assert command.interpret(two, "--cuda-device", "0", "--output-file", out).status == 0
        assert torch.cuda.max_memory_allocated() > used

    @pytest.mark.parametrize(
        "given, variable, expected",
        [(["--threads", "2"], None, 2), ([], None, 1), ([], "3", 4), (["--threads", "2"], "3", 2)],
    )
    def test_threads(
        self,
        given: List[str],
        variable: Optional[str],
        expected: int,
        command: CommandLine,
        two: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The shipped model is small. PyTorch reads the variable when it is imported: not here."""
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if variable is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", variable)
        before = torch.get_num_threads()
        torch.set_num_threads(4)
        try:
            assert command.interpret(two, *given).status == 0
            assert torch.get_num_threads() == expected
        finally:
            torch.set_num_threads(before)

    def test_no_threads(self, command: CommandLine, two: Path) -> None:
        done = command.interpret(two, "--threads", "0")
        assert done.status == 2
        assert "'0' must be a positive integer" in done.err

    def test_include_package(
        self, command: CommandLine, two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "my_shap.py").write_text(
            "from biome_interpret import GradientShap\n"
            "from allennlp.interpret.saliency_interpreters import SaliencyInterpreter\n"
            "@SaliencyInterpreter.register('my-shap', exist_ok=True)\n"
            "class MyShap(GradientShap):\n"
            "    def __init__(self, predictor):\n"
            "        super().__init__(predictor)\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        arguments = [two, "--interpreter", "my-shap"]
        assert command.interpret(*arguments).status == 2
        mine = [*arguments, "--include-package", "my_shap"]
        assert command.interpret(*mine).status == 0
        done = command.interpret(*mine, "--tolerance", "0.1")
        assert done.status == 2
        assert "--tolerance is given, but my-shap has no such option" in done.err
        done = command.interpret(*arguments, "--include-package", "no_such_package")
        assert done.status == 2
        assert "no_such_package" in done.err

    def test_file_friendly_logging(self, command: CommandLine, two: Path, out: Path) -> None:
        plain = command.interpret(two, "--output-file", out).err
        again = ["--output-file", out, "--overwrite", "--file-friendly-logging"]
        friendly = command.interpret(two, *again).err
        assert "\r" in plain and "2/2" in plain
        assert "\r" not in friendly and "2/2" in friendly
