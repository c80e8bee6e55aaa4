"""What tests do with the live page."""

import json
import time
from pathlib import Path
from typing import Any, Dict, List

from tests.live.servers import LONGEST
from tests.visualization.browser import Browser


class Page:
    """The live page in a window."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.run = browser.run

    def open(self, fragment: str = "") -> None:
        self.browser.visit(self.address + fragment)
        self.browser.wait("document.querySelector('#inputs textarea')")

    def explain(self, *texts: str) -> None:
        """Writes texts into the form and asks."""
        for i, text in enumerate(texts):
            box = f"document.querySelectorAll('#inputs textarea')[{i}]"
            self.run(f"{box}.value = {json.dumps(text)}; {box}.dispatchEvent(new Event('input'))")
        self.browser.click("#explain")
        self.wait_for_answer()

    def wait_for_answer(self) -> None:
        """Until the page waits for nothing any more."""
        self.browser.wait("!document.getElementById('status').textContent.endsWith('…')")

    def choose(self, selector: str, value: str) -> None:
        """Chooses from a list."""
        self.run(
            f"(e => {{ e.value = {value!r}; e.dispatchEvent(new Event('change')); }})"
            f"(document.querySelector({selector!r}))"
        )
        self.wait_for_answer()

    def check(self, key: str, value: str) -> None:
        """Checks a box, or takes its mark away."""
        self.browser.click(f"input[name='{key}'][value='{value}']")
        self.wait_for_answer()

    def option(self, caption: str, value: str) -> None:
        self.run(
            f"[...document.querySelectorAll('#options label, #other-options label')]"
            f".filter(l => l.querySelector('.caption').textContent === {json.dumps(caption)})"
            f".forEach(l => {{ const c = l.querySelector('select, input'); c.value = {value!r};"
            f" c.dispatchEvent(new Event('change')); }})"
        )
        self.wait_for_answer()

    def texts(self, selector: str) -> List[str]:
        found: List[str] = self.run(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)"
        )
        return found

    @staticmethod
    def wait_for_file(path: Path, seconds: float = LONGEST) -> None:
        until = time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < until, path
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return " ".join(self.texts(selector))

    def mark_word(self, word: str, card: int = 0) -> str:
        """A selector for the first such word that can be edited in a card."""
        self.run(
            f"document.querySelectorAll('.item')[{card}].querySelectorAll('.t[role=button]')"
            f".forEach(t => {{ if (t.textContent.trim() === {word!r}) t.id ||= 'word-{word}'; }})"
        )
        return f"[id='word-{word}']"

    def click_word(self, word: str, how: str = "strike") -> None:
        self.browser.click(f"input[name=how][value={how}]")
        self.browser.click(self.mark_word(word))
        self.wait_for_answer()

    def numbers(self) -> Dict[str, List[str]]:
        """The numbers below the first explanation, by their names."""
        rows: Any = self.run(
            "[...document.querySelector('.item .meaning tbody').rows]"
            ".map(r => [...r.cells].map(c => c.textContent))"
        )
        return {name: values[:-1] for name, *values in rows}

    def state(self) -> Dict[str, Any]:
        """What the fragment of the address holds."""
        found: Dict[str, Any] = self.run(
            "JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(location.hash"
            ".slice('#state='.length).replaceAll('-', '+').replaceAll('_', '/')),"
            " c => c.charCodeAt(0))))"
        )
        return found
