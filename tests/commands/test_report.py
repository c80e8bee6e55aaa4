"""Reports: `biome-interpret report`, and `interpret --html`."""

from pathlib import Path

from tests.commands.command_line import REVIEWS, CommandLine, write_lines


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


def test_a_truncated_line_is_skipped(command: CommandLine, tmp_path: Path) -> None:
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    command.interpret(REVIEWS, "--output-file", out)
    out.write_bytes(out.read_bytes()[:-20])
    assert command("report", out, "--html", page).status == 0
    assert "documentaries" not in page.read_text(encoding="utf-8")


def test_errors_get_one_line(command: CommandLine, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = command("report", tmp_path / "nowhere", "--html", page)
    assert done.status == 2 and "nowhere not found" in done.err
    other = write_lines(tmp_path / "other.jsonl", [{"line": 1, "error": "e"}, {"label": 1}])
    done = command("report", other, "--html", page)
    assert done.status == 2 and "line 2 of" in done.err
    strange = write_lines(tmp_path / "strange.jsonl", [{"line": 1, "interpretations": [3]}])
    done = command("report", strange, "--html", page)
    assert done.status == 2
    assert not page.exists()
    good = write_lines(tmp_path / "good.jsonl", [{"line": 1, "error": "e"}])
    done = command("report", good, "--html", tmp_path / "no" / "page.html")
    assert done.status == 1 and "cannot write" in done.err
    assert "Traceback" not in done.err
