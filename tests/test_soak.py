"""The soak of `make soak`, with few inputs."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "soak.py"


def test_each_of_many_odd_inputs_gets_a_result_or_an_error_in_words() -> None:
    command = [sys.executable, str(SCRIPT), "--inputs", "60", "--seed", "1", "--compared", "6"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "6 outcomes were compared" in ran.stdout
