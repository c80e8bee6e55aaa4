"""The page on the architecture names what is there, and its picture is drawn from today's code."""

import ast
import re
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Iterator, List, Set, Tuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "biome_interpret"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

# Names that code and tests are being given right now: to be left out once they have them.
AHEAD: Set[str] = {
    "attribution/gaussian_process.py::Posterior",
    "attribution/nodes.py::initial_nodes",
    "attribution/nodes.py::leja_nodes",
    "attribution/refinement.py::AdaptiveQuadrature",
    "attribution/refinement.py::ErrorEstimate",
    "interpreters/pipeline.py::Pipeline",
    "interpreters/points.py::PathPoints",
    "models/alignment/token_alignment.py::owners_of_ids",
    "models/baselines/noise.py::noise_vectors",
    "models/baselines/path_starts.py::PathStarts",
    "models/embedding/call_matching.py::CallMatcher",
    "models/embedding/site_patching.py::patched_sites",
    "models/execution/batching.py::BatchPlanner",
    "models/execution/batching.py::run_in_passes",
    "models/execution/recurrent.py::differentiable_recurrence",
    "models/execution/row_independence.py::RowIndependence",
    "models/execution/row_independence.py::probe_row_independence",
    "models/isolation/encoder_states.py::fixed_encoder_states",
    "models/isolation/isolated.py::isolated",
    "models/isolation/patching.py::patched",
    "models/labelling/texts.py::InputText",
    "models/objectives/loss.py::RowwiseLossObjective",
    "tests/attribution/test_gaussian_process.py::test_weights_add_up_to_one",
    "tests/attribution/test_normalization.py::test_shares_add_up_to_one",
    "tests/attribution/test_refinement.py::test_each_level_keeps_all_nodes_of_the_one_before",
    "tests/attribution/test_refinement.py::test_level_sizes_do_not_exceed_the_maximum",
    "tests/attribution/test_refinement.py::test_the_text_is_a_node_and_the_baseline_has_no_weight",
    "tests/commands/jobs/test_resuming.py::TestRefusal::test_of_another_option",
    "tests/commands/jobs/test_resuming.py::TestResume::test_from_any_byte_gives_the_same_bytes",
    "tests/commands/jobs/test_sources.py::TestJsonLines::test_broken_lines_get_a_reason",
    "tests/commands/jobs/test_stopping.py::TestWriteErrors::test_a_disk_that_fills_up_leaves_whole_lines",  # noqa: E501
    "tests/interpreters/test_batching.py::test_a_text_that_fails_leaves_the_others_as_they_are",
    "tests/interpreters/test_batching.py::test_each_text_has_its_own_target",
    "tests/interpreters/test_batching.py::test_passes_shrink_if_memory_runs_out",
    "tests/interpreters/test_batching.py::test_texts_share_no_pass_if_that_would_change_them",
    "tests/interpreters/test_batching.py::test_the_scores_in_a_batch_are_the_scores_alone",
    "tests/interpreters/test_gradient_shap.py::TestSeed::test_same_numbers_whatever_the_random_state_the_batch_size_and_the_other_texts",  # noqa: E501
    "tests/interpreters/test_integrated_gradient.py::test_the_given_instance_is_not_changed",
    "tests/interpreters/test_options.py::TestParameters::test_a_misspelt_option_is_named",
    "tests/interpreters/test_options.py::TestTarget::test_an_unknown_target_is_answered_with_the_known_labels",  # noqa: E501
    "tests/interpreters/test_options.py::TestTexts::test_an_output_that_is_not_finite_is_refused",
    "tests/interpreters/test_options.py::test_the_loss_is_explained_if_there_are_no_logits",
    "tests/interpreters/test_tolerance.py::test_a_bound_that_is_reached_has_a_note",
    "tests/interpreters/test_tolerance.py::test_the_batch_size_changes_no_number",
    "tests/models/alignment/test_segments.py::TestSentences::test_every_token_that_is_not_special_is_in_one",  # noqa: E501
    "tests/models/alignment/test_segments.py::TestTokens::test_the_delta_includes_tokens_that_are_dropped",  # noqa: E501
    "tests/models/baselines/test_path_starts.py::TestWhatStays::test_padding",
    "tests/models/baselines/test_path_starts.py::TestWhatStays::test_special_tokens_held_get_nothing",  # noqa: E501
    "tests/models/embedding/test_sites.py::TestFields::test_without_a_list_are_numbered_backwards",
    "tests/models/embedding/test_sites.py::TestGradients::test_that_are_cut_off_are_refused",
    "tests/models/embedding/test_sites.py::TestIds::test_of_a_label_are_not_those_of_the_text",
    "tests/models/embedding/test_sites.py::TestJoinedFields::test_are_refused",
    "tests/models/embedding/test_sites.py::TestPrecision::test_of_half_precision",
    "tests/models/embedding/test_sites.py::test_scores_without_a_token_are_reported",
    "tests/models/isolation/test_encoder_states.py::test_a_state_matters_and_stays",
    "tests/models/isolation/test_isolated.py::TestThreads::test_a_prediction_at_the_same_time_is_not_disturbed",  # noqa: E501
    "tests/models/isolation/test_isolated.py::test_nothing_is_left_behind",
    "tests/models/isolation/test_isolated.py::test_nothing_is_left_behind_by_an_exception_in_the_model",  # noqa: E501
    "tests/predictors/test_saliency_predictor.py::TestPython::test_a_text_that_cannot_be_interpreted_gets_its_prediction_and_the_reason",  # noqa: E501
    "tests/visualization/test_report.py::test_a_failed_write_keeps_the_existing_file_and_leaves_no_other",  # noqa: E501
    "tests/visualization/test_terminal.py::test_control_characters_are_shown_and_do_not_control_the_terminal",  # noqa: E501
}

_COUNT = re.compile(r"([\d,]+) lines")


@lru_cache(maxsize=None)
def script() -> Any:
    spec = spec_from_file_location("architecture", ROOT / "scripts" / "docs" / "architecture.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(title: str) -> str:
    [found] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return found


def line_counts(picture: str) -> List[int]:
    return [int(count.replace(",", "")) for count in _COUNT.findall(picture)]


def test_the_picture_is_the_one_that_the_script_draws() -> None:
    kept, drawn = script().PICTURE.read_text(encoding="utf-8"), script().draw()
    assert _COUNT.sub("", kept) == _COUNT.sub("", drawn), "`make pictures` draws it again"
    # A picture need not be drawn again for each line that is written.
    assert line_counts(kept) == pytest.approx(line_counts(drawn), rel=0.15, abs=30)


def test_the_picture_shows_every_room_and_arrows_go_down_only() -> None:
    rooms = script().rooms()
    picture = script().draw()
    for room in rooms:
        assert f">{room}</text>" in picture
    floors = script().floors({name: room.imports for name, room in rooms.items()})
    for name, room in rooms.items():
        for other in room.imports:
            assert floors[name] > floors[other]


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    imports = {"roof": {"floor", "cellar"}, "floor": {"cellar"}, "cellar": set()}
    assert script().arrows(imports) == [("floor", "cellar"), ("roof", "floor")]
    imports["cellar"] = {"roof"}
    with pytest.raises(ValueError, match="circle"):
        script().refuse_circles(imports)


def test_the_page_has_a_row_for_each_room_with_its_question() -> None:
    table = section("The rooms").replace("\\*", "*")
    rows = dict(re.findall(r"^\| ([\w/.*]+) \| ([^|]+) \|", table, re.MULTILINE))
    assert rows.pop("room") == "question"
    assert rows == {name: script().QUESTIONS[name] for name in script().rooms()}


def places() -> List[Tuple[str, str]]:
    return re.findall(r"`([\w/]+\.py)::([\w.:]+)`", PAGE)


def test_every_place_and_test_that_the_page_names_is_there() -> None:
    missing = {f"{file}::{name}" for file, name in places() if not is_there(file, name)}
    assert missing <= AHEAD


def test_every_invariant_has_a_place_and_a_test() -> None:
    invariants = re.findall(r"^- \*\*(\d+)\.\*\*", section("The invariants"), re.MULTILINE)
    assert [int(number) for number in invariants] == [*range(1, len(invariants) + 1)]
    entry = r"- \*\*\d+\.\*\* [^`]*(?:`[^`:]+`[^`]*)*\n    - `(?!tests/)\S+`\n    - `tests/\S+`\n"
    assert len(re.findall(entry, section("The invariants"))) == len(invariants)


def test_the_glossary_is_in_order() -> None:
    terms = re.findall(r"^- \*\*(.+?)\*\*:", section("Glossary"), re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)


def is_there(file: str, name: str) -> bool:
    path = (ROOT if file.startswith("tests/") else PACKAGE) / file
    return path.is_file() and name.replace("::", ".") in names_in(path)


@lru_cache(maxsize=None)
def names_in(path: Path) -> Set[str]:
    """Functions, classes, constants, and the members of classes as `Class.member`."""
    return set(_defined(ast.parse(path.read_text(encoding="utf-8")), ""))


def _defined(node: Any, prefix: str) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _defined(child, f"{prefix}{child.name}.")
        targets = child.targets if isinstance(child, ast.Assign) else []
        if isinstance(child, ast.AnnAssign):
            targets = [child.target]
        yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
