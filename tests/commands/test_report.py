"""Reports: `biome-interpret report`, and `interpret --html`."""

import copy
import html
import json
import random
import re
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

from tests.commands.command_line import DULL, REVIEWS, WARM, CommandLine, read_lines, write_lines


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


def test_is_made_later_or_by_interpret(command: CommandLine, tmp_path: Path) -> None:
    out, now, later = (tmp_path / name for name in ("out.jsonl", "a.html", "b.html"))
    done = command.interpret(REVIEWS, "--output-file", out, "--html", now)
    assert done.status == 0
    assert f"report: {now}" in done.err
    assert "wonderful" in now.read_text(encoding="utf-8")
    done = command("report", out, "--html", later, "--title", "reviews.jsonl")
    assert done.status == 0
    assert later.read_bytes() == now.read_bytes()


def test_is_made_without_an_output_file(command: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = command.interpret(REVIEWS, "--html", page, "--silent")
    assert (done.status, done.out) == (0, "")
    assert "wonderful" in page.read_text(encoding="utf-8")
    assert "wonderful[" in command.interpret(REVIEWS, "--html", page).out


def test_of_a_resumed_job_is_complete(command: CommandLine, tmp_path: Path) -> None:
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    arguments = (REVIEWS, "--output-file", out, "--html", page)
    command.interpret(*arguments)
    whole = page.read_bytes()
    page.unlink()
    out.write_bytes(out.read_bytes()[:5000])
    command.interpret(*arguments, "--resume")
    assert page.read_bytes() == whole


def test_a_truncated_line_is_skipped_with_a_message(command: CommandLine, tmp_path: Path) -> None:
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    command.interpret(REVIEWS, "--output-file", out)
    out.write_bytes(out.read_bytes()[:-20])
    done = command("report", out, "--html", page)
    assert done.status == 0
    assert done.err == f"the last line of {out} is cut short and is left out\n"
    assert "documentaries" not in page.read_text(encoding="utf-8")


def test_errors_get_one_line(command: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = command("report", tmp_path / "nowhere", "--html", page)
    assert done.status == 2 and "nowhere not found" in done.err
    done = command("report", REVIEWS, "--html", page)
    assert done.status == 2 and "was not written by `interpret --output-file`" in done.err
    strange = write_lines(tmp_path / "strange.jsonl", [{"line": 1, "interpretations": [3]}])
    done = command("report", strange, "--html", page)
    assert done.status == 2
    assert not page.exists()
    good = write_lines(tmp_path / "good.jsonl", [{"line": 1, "error": "e"}])
    done = command("report", good, "--html", tmp_path / "no" / "page.html")
    assert done.status == 1 and "cannot write" in done.err
    assert "Traceback" not in done.err


class TestHead:
    def test_says_what_was_explained_and_how(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        interpreter = {"type": "biome-gradient-shap", "seed": 0, "n_perturbations": 3}
        arguments = [two, "--interpreter", json.dumps(interpreter), "--granularity", "word"]
        done = command.interpret(
            *arguments, "--target", "positive", "--output-file", out, "--html", page
        )
        assert done.status == 0
        shown = head(page)
        version, date = shown.pop("Version"), shown.pop("Date")
        assert shown == {
            "Texts": "2 · two.jsonl",
            "Archive": "sst2_bilstm/model.tar.gz",
            "Model": "BasicClassifier",
            "Predictor": "TextClassifierPredictor",
            # Options that have their default are left out.
            "Interpreter": "biome-gradient-shap (n_perturbations: 3, granularity: word)",
            "Explained": "positive",
            "Output": "logits",
        }
        assert version.startswith("biome_interpret ") and "PyTorch" in version
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", date)

    def test_of_a_page_that_is_made_later_or_of_standard_input(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        arguments = ["-", "--output-file", out, "--html", page]
        assert command.interpret(*arguments, stdin=two.read_bytes()).status == 0
        assert head(page)["Texts"] == "2 · standard input"
        # Without a job file, what the records know is left.
        assert command("report", out, "--html", page).status == 0
        assert head(page) == {
            "Texts": "2",
            "Interpreter": "biome-integrated-gradient",
            "Output": "logits",
        }

    @pytest.mark.parametrize("content", ["[]", "{}", '{"about": 5}', "no JSON", "[" * 100_000])
    def test_a_job_file_of_something_else_is_ignored(
        self, command: CommandLine, out: Path, page: Path, two: Path, content: str
    ) -> None:
        command.interpret(two, "--output-file", out)
        Path(f"{out}.job.json").write_text(content)
        assert command("report", out, "--html", page).status == 0
        assert "Archive" not in head(page)


class TestGold:
    def test_field_of_json_lines(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        source = write_lines(
            two, [{**DULL, "mine": "positive"}, {**WARM, "mine": "positive"}, DULL]
        )
        arguments = [source, "--gold-field", "mine", "--output-file", out, "--html", page]
        assert command.interpret(*arguments).status == 0
        records = read_lines(out)
        assert [record.get("gold") for record in records] == ["positive", "positive", None]
        assert "Accuracy 50.0 %: 1 of 2 texts predicted correctly." in page.read_text("utf-8")
        # It is also what `--target gold` stands for.
        gold = ["--target", "gold", "--overwrite"]
        assert command.interpret(*arguments, *gold).status == 1
        records = read_lines(out)
        targets = [r["interpretations"][0]["target"]["label"] for r in records[:2]]
        assert targets == ["positive", "positive"]
        assert "no key 'mine', which should hold its gold label" in records[2]["error"]

    def test_field_that_no_text_has_is_refused(self, command: CommandLine, two: Path) -> None:
        done = command.interpret(two, "--gold-field", "label")
        assert done.status == 2
        assert (
            "--gold-field label: no text has this key; the keys are 'sentence', 'mine'" in done.err
        )

    def test_labels_that_the_model_does_not_know_are_counted(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        source = write_lines(two, [{**DULL, "mine": 1}, {**DULL, "mine": ["a", {}]}])
        arguments = [source, "--gold-field", "mine", "--output-file", out, "--html", page]
        assert command.interpret(*arguments).status == 0
        # A label of another kind is not kept.
        assert [record.get("gold") for record in read_lines(out)] == [1, None]
        shown = page.read_text("utf-8")
        assert "1 gold label is not among the labels of the model." in shown
        assert "Accuracy" not in shown

    def test_of_a_dataset_reader(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        rows = [{"text": "A dull film.", "label": label} for label in ("positive", "negative")]
        source = write_lines(two, [*rows, {"text": "A dull film."}])
        arguments = [source, "--use-dataset-reader", "--output-file", out, "--html", page]
        assert command.interpret(*arguments).status == 0
        assert "Accuracy 50.0 %: 1 of 2 texts predicted correctly." in page.read_text("utf-8")


def head(page: Path) -> Dict[str, str]:
    """The names and texts in the head of a page."""
    found = re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd></div>", page.read_text(encoding="utf-8"))
    return {name: html.unescape(re.sub("<[^>]*>", "", text)) for name, text in found}


def is_too_deep(text: str) -> bool:
    """How deep JSON may be depends on the Python."""
    try:
        json.loads(text)
    except RecursionError:
        return True
    return False


class TestBadRecords:
    def test_are_named_with_their_line_and_the_others_are_drawn(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        command.interpret(two, "--output-file", out)
        good, last = read_lines(out)
        bad = copy.deepcopy(good)
        bad["interpretations"][0]["fields"]["tokens"]["scores"].append(0.5)
        done = command("report", write_lines(out, [good, bad, "\0", last]), "--html", page)
        assert done.status == 1
        assert f"line 2 of {out} cannot be shown: field 'tokens' has 4 tokens, but 5" in done.err
        assert f"line 3 of {out} cannot be shown: it is not JSON" in done.err
        shown = page.read_text(encoding="utf-8")
        assert "clever" in shown
        assert "This record cannot be shown: field 'tokens' has 4 tokens, but 5 scores" in shown

    @pytest.mark.parametrize(
        "change, reason",
        [
            ({"line": float("nan")}, "it has no 'line', a positive integer"),
            ({"line": True}, "it has no 'line'"),
            ({"interpretations": None}, "it has neither 'interpretations', a list, nor 'error'"),
            ({"error": 5}, "it has neither"),
            ({"interpretations": [3]}, "the result is 3 and must be an object"),
        ],
    )
    def test_say_what_is_wrong(
        self, command: CommandLine, out: Path, page: Path, two: Path, change: Any, reason: str
    ) -> None:
        command.interpret(two, "--output-file", out)
        good, last = read_lines(out)
        done = command("report", write_lines(out, [{**good, **change}, last]), "--html", page)
        assert done.status == 1
        assert f"line 1 of {out} cannot be shown: {reason}" in done.err

    def test_do_not_control_the_terminal(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        command.interpret(two, "--output-file", out)
        good, last = read_lines(out)
        good["interpretations"][0]["\u001b]0;X\u0007\u001b[2J"] = 1
        for records in ([good], [good, last]):
            done = command("report", write_lines(out, records), "--html", page)
            assert "unknown key" in done.err
            assert not set(done.err) & set("\x1b\x07")

    @pytest.mark.parametrize("depth", [60, 495, 900, 5000, 100_000])
    def test_an_input_that_is_nested_deeply_costs_no_other_text(
        self, command: CommandLine, out: Path, page: Path, tmp_path: Path, depth: int
    ) -> None:
        nested = '{"sentence": "Bold.", "a": ' + "[" * depth + '"deep"' + "]" * depth + "}"
        source = write_lines(tmp_path / "texts.jsonl", [nested, DULL])
        done = command.interpret(source, "--output-file", out, "--html", page)
        assert done.status in (0, 1) and "Traceback" not in done.err
        assert "dull" in page.read_text(encoding="utf-8")
        # Written by hand, since `interpret` leaves out inputs that JSON cannot hold.
        _, good = out.read_bytes().splitlines()
        out.write_bytes(b'{"line": 1, "error": "e", "inputs": ' + nested.encode() + b"}\n" + good)
        done = command("report", out, "--html", page)
        assert done.status == (1 if is_too_deep(nested) else 0)
        assert "dull" in page.read_text(encoding="utf-8")
        assert "Traceback" not in done.err

    def test_random_changes_never_end_in_a_traceback(
        self, command: CommandLine, out: Path, page: Path, two: Path
    ) -> None:
        command.interpret(two, "--output-file", out)
        records = [*read_lines(out), {"line": 3, "error": "InterpretationError: no tokens"}]
        last = {"line": 4, "error": "the last record"}
        random_state = random.Random(13)
        changed = [changed_record(random_state.choice(records), random_state) for _ in range(200)]
        statuses = set()
        for record in changed:
            done = command("report", write_lines(out, [record, last]), "--html", page)
            statuses.add(done.status)
            assert "the last record" in page.read_text(encoding="utf-8")
            assert (f"line 1 of {out} cannot be shown" in done.err) == (done.status == 1)
        assert statuses == {0, 1}


ODD = [None, True, -1, 10**400, 1.5, float("nan"), float("-inf"), 1.797693e308, "", "\x1b[2J\ud800"]
ODD += [[], {}, [1], {"a": 1}, [[[]]]]


def changed_record(record: Any, random_state: random.Random) -> str:
    """The record as JSON with something replaced, removed, added or doubled, or cut short."""
    record = copy.deepcopy(record)
    holder, key = random_state.choice([*places(record)])
    odd = copy.deepcopy(random_state.choice(ODD))
    action = random_state.choice(["replace", "remove", "add", "double", "cut"])
    if action == "replace":
        holder[key] = odd
    elif action == "remove":
        del holder[key]
    elif action == "add" and isinstance(holder, dict):
        holder["\x1b[2J"] = odd
    elif action == "add":
        holder.insert(key, odd)
    elif action == "double":
        holder[key] = [holder[key], holder[key]]
    line = json.dumps(record)
    return line[: random_state.randrange(len(line))] if action == "cut" else line


def places(value: Any) -> Iterator[Tuple[Any, Any]]:
    """Each value inside a JSON value, as its container and its key there."""
    for key in [*value] if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])
