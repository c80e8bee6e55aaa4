"""What is known of texts that were under way when a process died."""

import pytest

from biome_interpret.distributed.attempts import Attempts, Watch
from tests.distributed.ray_jobs import WITHOUT_RAY


def test_a_text_is_suspected_until_it_ends() -> None:
    attempts = Attempts()
    assert attempts.begin(["a", "b"]) == 0
    attempts.end(["a", "b"])
    assert attempts.begin(["a", "b"]) == 0
    # The process dies. Each is begun alone, and the second one kills the next process too.
    assert attempts.begin(["a", "b"]) == 1
    assert attempts.begin(["a"]) == 1
    attempts.end(["a"])
    assert attempts.begin(["b"]) == 1
    assert attempts.begin(["a", "b"]) == 2
    assert attempts.begin(["a"]) == 0
    attempts.end(["a"])
    assert attempts.begin(["b"]) == 2
    assert attempts.begin(["a", "b"]) == 3


def test_texts_are_given_up_one_after_the_other_until_a_new_one_ends() -> None:
    attempts = Attempts()
    attempts.begin(["a", "b", "c"])
    attempts.begin(["a"])
    attempts.end(["a"])
    assert attempts.give_up("b", "line 2") == ["line 2"]
    # The task is repeated.
    attempts.begin(["a"])
    attempts.end(["a"])
    assert attempts.give_up("b", "line 2") == ["line 2"]
    assert attempts.give_up("c", "line 3") == ["line 2", "line 3"]
    attempts.begin(["d"])
    attempts.end(["d"])
    assert attempts.give_up("e", "line 5") == ["line 5"]


def test_five_texts_end_the_job() -> None:
    ray = pytest.importorskip("ray", reason=WITHOUT_RAY)
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        watch = Watch(ray.remote(num_cpus=0)(Attempts).remote())
        for number in range(4):
            watch.give_up(b"%d" % number, f"a.jsonl line {number}")
        with pytest.raises(RuntimeError, match="each of 5 .* line 0, a.jsonl line 1, "):
            watch.give_up(b"4", "a.jsonl line 4")
    finally:
        ray.shutdown()
