"""Each argument of `interpret` does what it says."""

import bz2
import gzip
import json
import lzma
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.commands import main as allennlp
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient, Interpretation
from tests.commands.command_line import (
    ARCHIVE,
    ROOT,
    CommandLine,
    read_lines,
    reviews,
    write_lines,
)

DULL = {"sentence": "A dull film."}
WARM = {"sentence": "Warm, clever and moving.", "mine": "negative"}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "two.jsonl", [DULL, WARM])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def results(path: Path) -> List[List[Interpretation]]:
    return [
        [Interpretation.from_json(one) for one in record["interpretations"]]
        for record in read_lines(path)
    ]


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

    def test_allennlp_s_own_command_does_the_same(
        self, command: CommandLine, two: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        command.interpret(two, "--output-file", out)
        expected = out.read_bytes()
        arguments = ["interpret", str(ARCHIVE), str(two), "--output-file", str(out), "--silent"]
        arguments += ["--include-package", "biome_interpret.predictors"]
        monkeypatch.setattr(sys, "argv", ["allennlp", *arguments])
        out.unlink()
        allennlp(prog="allennlp")
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

    def test_silent_prints_nothing(self, command: CommandLine, two: Path) -> None:
        done = command.interpret(two, "--silent")
        assert done.status == 0
        assert "no output will be created" in done.out

    def test_a_file_is_overwritten(self, command: CommandLine, two: Path, out: Path) -> None:
        out.write_text("something else\n" * 10_000)
        command.interpret(two, "--output-file", out)
        assert len(read_lines(out)) == 2

    def test_no_texts(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        done = command.interpret(write_lines(tmp_path / "none", ["", "  "]), "--output-file", out)
        assert done.status == 0
        assert out.read_bytes() == b""
        assert "0 texts interpreted, 0 failed" in done.err

    def test_hostile_text_reaches_file_and_terminal_harmless(
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


class TestInput:
    @pytest.mark.parametrize(
        "ending, compress",
        [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)],
        ids=["gz", "bz2", "xz"],
    )
    def test_compressed(
        self,
        command: CommandLine,
        two: Path,
        out: Path,
        ending: str,
        compress: Callable[[bytes], bytes],
    ) -> None:
        packed = two.with_name(f"packed.jsonl.{ending}")
        packed.write_bytes(compress(two.read_bytes()))
        assert command.interpret(packed, "--output-file", out).status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]

    def test_zip(self, command: CommandLine, two: Path, out: Path) -> None:
        packed = two.with_name("packed.zip")
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(two, "two.jsonl")
        assert command.interpret(packed, "--output-file", out).status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]
        with zipfile.ZipFile(packed, "a") as archive:
            archive.write(two, "other.jsonl")
        done = command.interpret(packed, "--output-file", out)
        assert done.status == 2
        assert "holds 2 files" in done.err

    def test_compressed_and_cut_short(self, command: CommandLine, two: Path, out: Path) -> None:
        packed = two.with_name("packed.jsonl.gz")
        packed.write_bytes(gzip.compress(two.read_bytes())[:-12])
        done = command.interpret(packed, "--output-file", out)
        assert done.status == 2
        assert "the input cannot be read" in done.err
        assert "Traceback" not in done.err

    def test_standard_input(self, command: CommandLine, two: Path, out: Path) -> None:
        done = command.interpret("-", "--output-file", out, stdin=two.read_bytes())
        assert done.status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]

    def test_a_pipe(self, command: CommandLine, tmp_path: Path, two: Path, out: Path) -> None:
        read_end, write_end = os.pipe()
        os.write(write_end, two.read_bytes())
        os.close(write_end)
        done = command.interpret(f"/dev/fd/{read_end}", "--output-file", out)
        os.close(read_end)
        assert done.status == 0
        assert len(read_lines(out)) == 2

    def test_lines_that_fail_say_why_and_where(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        lines = [
            "",
            DULL,
            "not json",
            b'{"sentence": "\xff"}',
            '["a", "list"]',
            {"sentence": ""},
            {"text": "the key of another model"},
            " \t\r",
            {"sentence": None},
            '{"sentence": "A fine film.", "n": NaN}',
            "[" * 100_000,
        ]
        source = write_lines(tmp_path / "broken.jsonl", lines)
        done = command.interpret(source, "--output-file", out)
        assert done.status == 1
        assert done.err.endswith("2 texts interpreted, 7 failed (lines 3, 4, 5, 6, 7, ...)\n")
        records = {record["line"]: record for record in read_lines(out)}
        assert [*records] == [2, 3, 4, 5, 6, 7, 9, 10, 11]
        assert records[2]["inputs"] == DULL
        assert records[10]["inputs"] == {"sentence": "A fine film.", "n": None}
        reasons = {
            3: "JSONDecodeError: Expecting value at character 1",
            4: "UnicodeDecodeError",
            5: "no object",
            6: "InterpretationError: field 'tokens' has no tokens",
            7: "which has 'text' (KeyError: 'sentence')",
            9: "TypeError",
            11: "RecursionError",
        }
        for line, reason in reasons.items():
            assert reason in records[line]["error"], line
            assert "interpretations" not in records[line]
            assert ("inputs" in records[line]) == (line in (6, 7, 9))

    @pytest.mark.parametrize("depth", [150, 400, 800, 960])
    def test_a_text_that_is_nested_deeply_does_not_stop_the_others(
        self, command: CommandLine, tmp_path: Path, out: Path, depth: int
    ) -> None:
        nested = '{"sentence": "A dull film.", "n": ' + "[" * depth + "NaN" + "]" * depth + "}"
        source = write_lines(tmp_path / "nested.jsonl", [nested, DULL])
        assert command.interpret(source, "--output-file", out).status in (0, 1)
        assert [record["line"] for record in read_lines(out)] == [1, 2]
        assert "interpretations" in read_lines(out)[1]

    def test_a_byte_order_mark_and_windows_line_ends(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = tmp_path / "windows.jsonl"
        source.write_bytes(b"\xef\xbb\xbf" + json.dumps(DULL).encode() + b"\r\n\r\n")
        assert command.interpret(source, "--output-file", out).status == 0
        assert read_lines(out)[0]["inputs"] == DULL

    def test_a_hint_where_everything_fails(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = write_lines(tmp_path / "texts.jsonl", [{"text": "a"}, {"text": "b"}])
        done = command.interpret(source, "--output-file", out)
        assert "all of the first 2 texts failed; the first: InterpretationError:" in done.err
        assert "input, which has 'text' (KeyError: 'sentence')" in " ".join(done.err.split())

    def test_a_dataset_reader(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        rows = [
            {"text": "A dull film.", "label": "positive"},
            {"text": "Good.", "label": "negative"},
        ]
        source = write_lines(tmp_path / "rows.jsonl", rows)
        arguments = (source, "--use-dataset-reader", "--target", "gold", "--output-file", out)
        done = command.interpret(*arguments)
        assert done.status == 0, done.err
        assert [*read_lines(out)[0]] == ["line", "interpretations"]
        assert [record["line"] for record in read_lines(out)] == [1, 2]
        assert [one.target.label for [one] in results(out)] == ["positive", "negative"]
        assert "line 2  target negative" in command.interpret(*arguments[:-2]).out

    def test_which_dataset_reader(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = write_lines(
            tmp_path / "rows.jsonl", [{"text": "A dull film.", "label": "positive"}]
        )
        reader = {
            "type": "text_classification_json",
            "tokenizer": "character",
            "token_indexers": {"tokens": {"type": "single_id"}},
        }
        overrides = json.dumps({"validation_dataset_reader": reader})
        arguments = [source, "--use-dataset-reader", "-o", overrides, "--output-file", out]
        command.interpret(*arguments)
        assert len(results(out)[0][0].fields["tokens"].tokens) == len("A dull film.")
        command.interpret(*arguments, "--dataset-reader-choice", "train")
        assert results(out)[0][0].fields["tokens"].tokens == ["A", "dull", "film", "."]

    def test_a_reader_that_breaks_off_ends_the_job_in_a_line(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        rows = [{"text": f"text {i}"} for i in range(3)]
        source = write_lines(tmp_path / "rows.jsonl", [*rows, "not json"])
        done = command.interpret(
            *(source, "--use-dataset-reader", "--batch-size", "2", "--output-file", out)
        )
        assert done.status == 1
        assert "the input cannot be read behind line 3: JSONDecodeError" in done.err
        assert len(read_lines(out)) == 2


class TestWhatIsExplained:
    def test_the_interpreter_may_be_named_written_out_or_a_file(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        for given in (
            "biome-gradient-shap",
            "{type: 'biome-gradient-shap', seed: 1}",
            str(ROOT / "configs" / "gradient_shap.jsonnet"),
        ):
            done = command.interpret(two, "--interpreter", given, "--output-file", out)
            assert done.status == 0, done.err
            assert {one.method for [one] in results(out)} == {"biome-gradient-shap"}

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
                "biome-gradient-shap #1",
                "biome-gradient-shap #2",
                "biome-integrated-gradient",
            ]
            assert found[0].fields != found[1].fields
        printed = command.interpret(two, *given).out
        assert "line 1  biome-gradient-shap #2  predicted negative" in printed

    def test_a_text_that_one_of_several_fails_on_names_it(
        self, command: CommandLine, two: Path, out: Path
    ) -> None:
        # Gold, where the texts have no label.
        given = ["--interpreter", '{"type": "biome-integrated-gradient", "target": "gold"}']
        given += ["--interpreter", "biome-integrated-gradient"]
        assert command.interpret(two, *given, "--output-file", out).status == 1
        assert read_lines(out)[0]["error"].endswith("(biome-integrated-gradient #1)")

    def test_targets(self, command: CommandLine, two: Path, out: Path) -> None:
        arguments = ("--target", "negative", "--target-index", "0", "--output-file", out)
        command.interpret(two, *arguments)
        for found in results(out):
            assert [one.target.label for one in found] == ["negative", "positive"]
            assert [one.target.index for one in found] == [1, 0]
        command.interpret(two, "--target", "positive", "--output-file", out)
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
        assert "the text has no 'mine'" in records[7]["error"]

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
        done = command.interpret(two, *arguments, "--output-file", out)
        assert done.status == 2
        assert "unknown target" in done.err and "'negative', 'positive'" in done.err
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
        for tolerance in ("0.5", "0.0000001"):
            command.interpret(two, *both, "--tolerance", tolerance, "--output-file", out)
            needed.append([one.n_evaluations for found in results(out) for one in found])
        assert all(few < many for few, many in zip(*needed))

    def test_batch_size(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = write_lines(tmp_path / "texts.jsonl", reviews(7))
        found = []
        for size in ("1", "3", "1000"):
            assert command.interpret(source, "--batch-size", size, "--output-file", out).status == 0
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
        assert command.interpret(two, "-o", overrides, "--output-file", out).status == 0
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
        assert "--tolerance is given, but my-shap takes none" in done.err
        done = command.interpret(*arguments, "--include-package", "no_such_package")
        assert done.status == 2
        assert "no_such_package" in done.err

    def test_file_friendly_logging(self, command: CommandLine, two: Path, out: Path) -> None:
        plain = command.interpret(two, "--output-file", out).err
        friendly = command.interpret(two, "--output-file", out, "--file-friendly-logging").err
        assert "\r" in plain and "2/2" in plain
        assert "\r" not in friendly and "2/2" in friendly


WRONG: Dict[str, Any] = {
    "no such input": (["{nowhere}"], "cannot be read.*not found"),
    "no such archive": (None, "archive .*nowhere.* cannot be loaded"),
    "no such interpreter": (["{two}", "--interpreter", "nope"], "'biome-gradient-shap'"),
    "shares only": (["{two}", "--interpreter", "simple-gradient"], "gives shares only"),
    "broken JSON": (["{two}", "--interpreter", "{"], "is no JSON"),
    "no type": (["{two}", "--interpreter", "{}"], "'type'"),
    "unknown option": (
        ["{two}", "--interpreter", '{"type": "biome-gradient-shap", "n_stps": 3}'],
        "no option 'n_stps'",
    ),
    "tolerance with steps": (
        ["{two}", "--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 5}']
        + ["--tolerance", "0.1"],
        "exclude each other",
    ),
    "tolerance too large": (["{two}", "--tolerance", "2"], "between 0 and 1"),
    "two kinds of target": (
        ["{two}", "--target", "positive", "--target-field", "label"],
        "leave out --target",
    ),
    "field of no line": (
        ["{two}", "--use-dataset-reader", "--target-field", "label"],
        "--target gold",
    ),
    "reader of standard input": (["-", "--use-dataset-reader"], "standard input"),
    "head without reader": (["{two}", "--multitask-head", "a"], "--use-dataset-reader"),
    "head of no multitask reader": (
        ["{two}", "--use-dataset-reader", "--multitask-head", "a"],
        "only works with a multitask",
    ),
    "resume of nothing": (["{two}", "--resume"], "--output-file"),
    "resume of standard input": (
        ["-", "--resume", "--output-file", "{out}"],
        "cannot be read again",
    ),
    "resume to a pipe": (
        ["{two}", "--resume", "--output-file", "/dev/null"],
        "no ordinary file",
    ),
    "output over input": (["{two}", "--output-file", "{two}"], "is the input"),
    "html over output": (["{two}", "--output-file", "{out}", "--html", "{out}"], "overwrite"),
    "no such folder": (["{two}", "--output-file", "{nowhere}/out"], "there is no folder"),
    "folder": (["{two}", "--output-file", "{folder}"], "is a folder"),
    "html of nothing": (["{two}", "--output-file", "/dev/null", "--html", "{out}"], "--html"),
    "batch size": (["{two}", "--batch-size", "0"], "a whole number from 1 up"),
    "target index": (["{two}", "--target-index", "-1"], "a whole number from 0 up"),
    "granularity": (["{two}", "--granularity", "letter"], "invalid choice"),
    "predictor": (["{two}", "--predictor", "nope"], "predictor cannot be made.*nope"),
    "predictor's arguments": (["{two}", "--predictor-args", "[]"], "must be a JSON object"),
    "overrides": (["{two}", "-o", "{"], "cannot be loaded"),
    "weights": (["{two}", "--weights-file", "{nowhere}"], "cannot be loaded"),
    "device": (["{two}", "--cuda-device", "77"], "cannot be loaded"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_get_one_line_and_status_2(
    command: CommandLine, two: Path, out: Path, tmp_path: Path, wrong: str
) -> None:
    given, said = WRONG[wrong]
    names = {"two": two, "out": out, "nowhere": tmp_path / "nowhere", "folder": tmp_path}
    if given is None:
        done = command("interpret", tmp_path / "nowhere.tar.gz", two)
    else:
        filled = [
            re.sub(r"\{(two|out|nowhere|folder)\}", lambda m: str(names[m.group(1)]), argument)
            for argument in given
        ]
        done = command.interpret(*filled)
    assert done.status == 2
    last = done.err.splitlines()[-1]
    assert re.search(said, last), done.err
    assert last.startswith("biome-interpret interpret: error: ")
    assert "Traceback" not in done.err
    assert not out.exists()
