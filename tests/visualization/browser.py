"""Drives a real Chromium without a window through its DevTools protocol."""

import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Type

import websocket

_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
_SECONDS = 60
_CODES = {
    **{"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32, "End": 35, "Home": 36},
    **{"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Delete": 46},
}


def find_chromium() -> Optional[str]:
    """The path of Chromium, or `None` if it is not on PATH."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """One window with one page. The end of the `with` block closes it."""

    def __init__(self, path: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="chromium_")
        arguments = [
            "--headless=new",
            "--no-sandbox",  # The sandbox does not work for root in a container.
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            "--remote-allow-origins=*",
            f"--user-data-dir={self._folder}",
            "about:blank",
        ]
        self._process = subprocess.Popen(
            [path, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._ids = itertools.count(1)
        self._own = ""
        self.events: List[Dict[str, Any]] = []
        try:
            address = self._address()
            self._socket = websocket.create_connection(address, timeout=_SECONDS)
            targets = self._send("Target.getTargets", {}, None)["targetInfos"]
            target = next(t["targetId"] for t in targets if t["type"] == "page")
            attached = self._send(
                "Target.attachToTarget", {"targetId": target, "flatten": True}, None
            )
            self._session: str = attached["sessionId"]
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        cls: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, method: str, **parameters: Any) -> Dict[str, Any]:
        """Sends a command of the protocol and returns its result."""
        return self._send(method, parameters, self._session)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, **features: str) -> None:
        """Sets media features, such as `prefers_color_scheme="dark"`."""
        listed = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=listed)

    def open(self, path: Path, fragment: str = "") -> None:
        """Opens a page and waits until it has loaded and its script has run."""
        self.events.clear()
        self._own = ""
        self.call("Page.navigate", url=path.as_uri() + fragment)
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def visit(self, address: str) -> None:
        """Opens a page of a server anew. Its requests to this server are no complaints."""
        self.call("Page.navigate", url="about:blank")
        self.wait("document.readyState === 'complete' && location.protocol === 'about:'")
        self.complaints()
        self.events.clear()
        self._own = address.split("#")[0]
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.protocol !== 'about:'")

    def run(self, script: str) -> Any:
        """The value of an expression, or of its promise. `RuntimeError` if it throws."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        until = time.monotonic() + _SECONDS
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > until:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def press(self, key: str, modifiers: int = 0) -> None:
        """Presses a key. The modifiers are 1 for Alt, 2 for Control and 8 for Shift."""
        typed = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else "")
        code = _CODES.get(key, ord(key.upper()[0]))
        for event in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=event,
                key=typed if key == "Space" else key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
                **({"text": typed} if typed and event == "keyDown" and not modifiers else {}),
            )

    def type(self, text: str) -> None:
        """Types into the element that has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Clicks with the mouse in the middle of an element."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y = self._middle(selector)
        for event in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def hover(self, selector: str) -> None:
        x, y = self._middle(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def _middle(self, selector: str) -> List[float]:
        place = f"document.querySelector({json.dumps(selector)}).getClientRects()[0]"
        middle: List[float] = self.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({place})")
        return middle

    def picture(self, path: Path, full: bool = False) -> None:
        image = self.call("Page.captureScreenshot", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(image["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])

    def complaints(self) -> List[str]:
        """The page's exceptions, blocked resources and network requests."""
        self.run("0")  # All earlier events have arrived when this returns.
        found = []
        for event in self.events:
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                found.append(parameters["entry"]["text"])
            elif event["method"] == "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                is_page = url.startswith("file:") and parameters.get("type") == "Document"
                if not is_page and not (self._own and url.startswith(self._own)):
                    found.append(url)
        return found

    def _send(self, method: str, parameters: Any, session: Optional[str]) -> Dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps({**message, "sessionId": session} if session else message))
        while True:
            answer = json.loads(self._socket.recv())
            if "method" in answer:
                self.events.append(answer)
            elif answer["id"] == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _address(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(rb"ws://\S+", line)
            if found:
                return found.group().decode()
        raise RuntimeError("Chromium ended before it gave its address")
