"""`interpret_dataset`, in Python."""

import subprocess
import sys
from typing import Any, Iterator

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient, interpret_dataset
from biome_interpret.distributed.dataset import number_of_actors
from tests.commands.command_line import ARCHIVE, ROOT, reviews
from tests.distributed.ray_jobs import WITHOUT_RAY


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray with three CPUs, in this process."""
    ray = pytest.importorskip("ray", reason=WITHOUT_RAY)
    ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


def test_explains_the_rows_of_any_dataset(ray: Any) -> None:
    texts = [{"id": i, "mine": "negative", **text} for i, text in enumerate(reviews(20))]
    renamed = [{"id": i, "mine": "negative", "a": text["sentence"]} for i, text in enumerate(texts)]
    methods = ["biome-integrated-gradient", {"type": "biome-gradient-shap", "seed": 3}]
    dataset = interpret_dataset(
        ray.data.from_items(renamed),
        str(ARCHIVE),
        methods,
        target_field="mine",
        gold_field="mine",
        fields={"sentence": "a"},
        actors=2,
    )
    rows = sorted(dataset.take_all(), key=lambda row: (row["id"], row["result"]))
    assert [(row["id"], row["result"]) for row in rows] == [
        (i, r) for i in range(20) for r in (1, 2)
    ]
    predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
    for position, interpreter in enumerate(
        (IntegratedGradient(predictor), GradientShap(predictor, seed=3))
    ):
        expected = interpreter.interpret_batch_json(texts, "negative")
        for row, [one] in zip(rows[position::2], expected):
            assert row["scores"] == pytest.approx(one.fields["tokens"].scores, abs=1e-5)
            assert (row["method"], row["target"]) == (one.method, "negative")
            assert row["gold"] == "negative"
            assert (row["file"], row["line"], row["error"]) == (None, None, None)


class TestRefusal:
    def test_of_more_actors_than_cpus_with_one_left(self, ray: Any) -> None:
        assert number_of_actors(None) == 2
        assert number_of_actors(1) == 1
        with pytest.raises(ConfigurationError, match="3 CPUs now.*take at most 2 actors"):
            number_of_actors(3)
        with pytest.raises(ConfigurationError, match="0 GPUs now; 1 actors need.*0.5 GPUs each"):
            number_of_actors(None, 0.5)

    def test_of_an_option_that_does_not_exist(self, ray: Any) -> None:
        with pytest.raises(ConfigurationError, match="no option 'weights'.*weights_file, over"):
            interpret_dataset(ray.data.range(1), str(ARCHIVE), weights="best.th")
        with pytest.raises(ConfigurationError, match="saliency"):
            interpret_dataset(ray.data.range(1), str(ARCHIVE), "simple-gradient")
        with pytest.raises(ConfigurationError, match="leave out target"):
            interpret_dataset(ray.data.range(1), str(ARCHIVE), target=1, target_field="mine")


class TestWithoutRay:
    def test_the_package_does_not_import_it(self) -> None:
        script = "import sys, biome_interpret; print('ray' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert done.stdout.splitlines()[-1] == b"False"

    @pytest.mark.parametrize("missing", ["ray", "pyarrow"])
    def test_an_error_says_what_to_install(
        self, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(ConfigurationError, match=r"pip install 'biome-interpret\[ray\]'"):
            interpret_dataset(None, str(ARCHIVE))
