"""How the package is imported, and how the command `biome-interpret` starts."""

import configparser
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import List, Optional

import pytest

import biome_interpret

ROOT = Path(__file__).parent.parent
# As in an installed script: `sys.argv[0]` is its path.
SCRIPT = "import sys; sys.argv[0] = '/usr/bin/biome-interpret';"


class TestImport:
    def test_every_public_name_has_a_module(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert set(biome_interpret._MODULES) == set(biome_interpret.__all__)
        before = {name: getattr(biome_interpret, name) for name in biome_interpret.__all__}
        for name in biome_interpret.__all__:
            monkeypatch.delattr(biome_interpret, name)
            assert name in dir(biome_interpret)
        biome_interpret.import_all()
        assert {name: vars(biome_interpret)[name] for name in before} == before

    def test_an_unknown_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'IntegratedGradients'"):
            biome_interpret.IntegratedGradients  # noqa: B018

    def test_the_command_imports_no_allennlp_first(self) -> None:
        code = SCRIPT + (
            "import biome_interpret.__main__;"
            "heavy = {'allennlp', 'torch', 'numpy'} & {*sys.modules}; assert not heavy, heavy"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

    @pytest.mark.parametrize(
        "argv",
        [["--help"], ["interpret", "--help"], ["report", "-h"], ["plugin", "-h"], ["serve", "-h"]]
        + [["--version"]],
    )
    def test_help_imports_no_allennlp(self, argv: List[str]) -> None:
        # It takes seconds. Without it, the help is there in a tenth of a second.
        code = SCRIPT + (
            f"sys.argv[1:] = {argv!r}; from biome_interpret.__main__ import main\n"
            "try: main()\n"
            "except SystemExit as exit: assert not exit.code, exit.code\n"
            "heavy = {'allennlp', 'torch', 'numpy', 'rich', 'jinja2'} & {*sys.modules}\n"
            "assert not heavy, heavy"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "biome-interpret" in done.stdout

    def test_a_wrong_argument_is_refused_before_allennlp_is_imported(self) -> None:
        code = SCRIPT + (
            "sys.argv[1:] = ['interpret', 'a', 'b', '--batch-size', '0']\n"
            "from biome_interpret.__main__ import main\n"
            "try: main()\n"
            "except SystemExit as exit: assert exit.code == 2\n"
            "assert 'allennlp' not in sys.modules"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

    @pytest.mark.parametrize(
        "argv, is_the_command",
        [
            (["/usr/bin/biome-interpret", "report"], True),
            (["biome-interpret.exe"], True),
            (["biome-interpret-reviews.py"], False),
            (["/usr/bin/allennlp", "interpret"], False),
            (["-m"], False),
            (["-c"], False),
            ([""], False),
            ([], False),
            (None, False),
        ],
    )
    def test_only_the_command_is_lazy(
        self,
        argv: Optional[List[str]],
        is_the_command: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delattr(sys, "argv")
        if argv is not None:
            monkeypatch.setattr(sys, "argv", argv, raising=False)
        assert biome_interpret._is_the_command() == is_the_command

    @pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.orig_argv")
    @pytest.mark.parametrize(
        "module, is_the_command", [("biome_interpret", True), ("some.other", False)]
    )
    def test_the_module_is_lazy_too(
        self, module: str, is_the_command: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = ["report", "biome_interpret"]
        monkeypatch.setattr(sys, "argv", ["-m", *given])
        monkeypatch.setattr(sys, "orig_argv", ["python", "-W", "ignore", "-m", module, *given])
        assert biome_interpret._is_the_command() == is_the_command

    @pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.orig_argv")
    def test_the_help_of_the_module_imports_no_allennlp(self) -> None:
        command = [sys.executable, "-X", "importtime", "-m", "biome_interpret", "--help"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and "interpret" in done.stdout
        assert "allennlp" not in done.stderr and "torch" not in done.stderr

    def test_a_process_that_the_command_spawns_is_not_lazy(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["biome-interpret"])
        monkeypatch.setitem(sys.modules, "__mp_main__", ModuleType("__mp_main__"))
        assert not biome_interpret._is_the_command()


class TestWithoutAllenNLP:
    """`import allennlp` fails in these processes as it does where AllenNLP is not installed."""

    LINE = (
        "AllenNLP is not installed. Type: pip install "
        + ("--no-deps " if sys.version_info >= (3, 11) else "")
        + "allennlp==2.10.1\n"
    )

    @staticmethod
    def run(code: str) -> "subprocess.CompletedProcess[str]":
        code = f"import sys; sys.modules['allennlp'] = None; {code}"
        return subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )

    @pytest.mark.parametrize("module", ["biome_interpret", "biome_interpret.attribution"])
    def test_the_import_says_what_to_type(self, module: str) -> None:
        done = self.run(f"import {module}")
        assert done.returncode == 1
        assert done.stderr.endswith(f"\nModuleNotFoundError: {self.LINE}")

    @pytest.mark.parametrize("argv", [["--version"], ["report", "a.jsonl"], ["interpret"], []])
    def test_each_command_says_what_to_type(self, argv: List[str]) -> None:
        call = f"sys.argv = ['/usr/bin/biome-interpret', *{argv}];"
        done = self.run(f"{call} from biome_interpret.__main__ import main; main()")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"biome-interpret: {self.LINE}"


class TestConsoleScript:
    @pytest.fixture
    def entry_point(self) -> List[str]:
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg")
        script = config["options.entry_points"]["console_scripts"].strip()
        name, _, place = script.partition(" = ")
        assert name == "biome-interpret"
        return place.split(":")

    def test_setup_cfg_names_a_function(self, entry_point: List[str]) -> None:
        module, function = entry_point
        assert callable(getattr(import_module(module), function))

    def test_starts_without_messages_of_libraries(self, entry_point: List[str]) -> None:
        module, function = entry_point
        call = f"sys.argv[1:] = ['--version']; from {module} import {function}; {function}()"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT + call], cwd=ROOT, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"biome-interpret {biome_interpret.__version__}\n"

    def test_starts_with_closed_standard_streams(self, tmp_path: Path) -> None:
        records, page = tmp_path / "records.jsonl", tmp_path / "page.html"
        records.write_text('{"line": 1, "error": "no tokens"}\n')
        call = f"sys.argv[1:] = ['report', {str(records)!r}, '--html', {str(page)!r}];"
        call += "from biome_interpret.__main__ import main; main()"
        arguments = [sys.executable, "-c", SCRIPT + call]
        shell = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *arguments]
        assert subprocess.run(shell, cwd=ROOT).returncode == 0
        assert "no tokens" in page.read_text(encoding="utf-8")

    def test_ctrl_c_while_it_starts_ends_it_quietly(self) -> None:
        # A shell's background jobs ignore SIGINT, and so do their children.
        start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        start += "sys.argv[1:] = ['report', 'no.jsonl', '--html', 'no.html'];"
        ready = "from biome_interpret.__main__ import main; print('ready', flush=True); main()"
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT + start + ready],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)  # The import of AllenNLP takes longer on any machine.
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert errors == b""
        assert process.returncode == -signal.SIGINT
