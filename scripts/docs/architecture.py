"""
Draws docs/images/architecture.svg: the rooms of the package and who imports whom.

A room is a folder of the package, or a module at its top. Each room stands one floor above the
highest room that it imports. An arrow means "imports". An arrow that follows from others is left
out (the transitive reduction), and so are those to `errors.py`, which any room may import.
"""

import ast
import itertools
import random
import sys
from functools import lru_cache
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "biome_interpret"
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

# The question that each room answers.
QUESTIONS = {
    "live": "How does a browser ask, and who may?",
    "live/answers": "What may be asked of a model, and what is answered?",
    "distributed": "How do many processes and machines share a corpus?",
    "commands": "How do people start a job, and what does it say?",
    "commands/jobs": "How does a whole file become records, in order?",
    "predictors": "How does `allennlp predict` get the scores?",
    "visualization": "How is a result shown to people?",
    "visualization/comparison": "How is a comparison of methods shown?",
    "evaluation": "How good is an explanation?",
    "evaluation/methods": "Which scores does each method give the words?",
    "evaluation/studies": "How are methods compared on many texts?",
    "interpreters": "Which points make up the scores of a method?",
    "interpreters/engine": "How do texts become results?",
    "interpreters/engine/rows": "What is computed from f at points of a text?",
    "interpretation.py": "What is in a result?",
    "models/execution": "How are rows run safely, many to a pass?",
    "models/evidence": "Which output of the model holds the logits?",
    "models/labelling": "What does the model say, as labelled instances?",
    "models/baselines": "Where does each path start?",
    "models/embedding": "Where does text become vectors, and in which call?",
    "models/objectives": "Which number of the model is explained?",
    "models/alignment": "Which token does each position belong to?",
    "models/isolation": "How is the model left just as it was?",
    "models/*.py": "What do model rooms share?",
    "attribution": "Which nodes and weights, and how large is the error?",
    "attribution/coalitions": "Which units are removed together, and what follows?",
    "errors.py": "How is a text refused?",
    "stack.py": "What differs between versions of torch and transformers?",
}
# They import from every floor, and stand on none.
_DOORS = {"__init__.py", "__main__.py"}
# Any room may import it: its arrows would say nothing.
_EVERYBODYS = "errors.py"

_FILLS = {
    "commands": "#fdf0dc",
    "distributed": "#fdf0dc",
    "live": "#fdf0dc",
    "predictors": "#fdf0dc",
    "visualization": "#fdf0dc",
    "evaluation": "#e3f1e4",
    "interpreters": "#e3f1e4",
    "interpretation.py": "#e3f1e4",
    "models": "#e2ecf8",
    "attribution": "#efe6f6",
    "errors.py": "#efefef",
    "stack.py": "#efefef",
}

Imports = Dict[str, Set[str]]


class Room(NamedTuple):
    name: str
    num_lines: int
    imports: Set[str]


def rooms() -> Dict[str, Room]:
    """
    The rooms by name.

    # Raises

    `ValueError`
        If rooms import one another in a circle, or if `QUESTIONS` are those of other rooms.
    """
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    lines: Dict[str, int] = {}
    imports: Imports = {}
    for path, source in sources.items():
        room = room_of(path)
        if room in _DOORS:
            continue
        lines[room] = lines.get(room, 0) + source.count("\n")
        found = {room_of(module) for module in _imported(ast.parse(source))}
        imports.setdefault(room, set()).update(found - _DOORS - {room})
    if set(lines) != set(QUESTIONS):
        raise ValueError(f"QUESTIONS must be those of the rooms: {set(lines) ^ set(QUESTIONS)}")
    refuse_circles(imports)
    return {name: Room(name, lines[name], imports[name]) for name in sorted(lines)}


def room_of(path: Path) -> str:
    """The room of a file of the package. Some folders belong to the room around them."""
    parts = path.relative_to(PACKAGE).parts
    if len(parts) == 1:
        return parts[0]
    folders = [folder for folder in parts[:-1] if folder not in ("tasks", "evaluating")]
    return "models/*.py" if folders == ["models"] else "/".join(folders)


def _imported(tree: ast.AST) -> Iterator[Path]:
    """The modules of the package that a module imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == PACKAGE.name:
                yield _file_of(parts)


def _file_of(parts: Sequence[str]) -> Path:
    """What is imported may be a module, or a name in a module or in a package's `__init__`."""
    for count in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:count])
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if path.is_dir():
            return path / "__init__.py"
    return PACKAGE / "__init__.py"


def refuse_circles(imports: Imports) -> None:
    left = dict(imports)
    while left:
        free = [room for room, needed in left.items() if not needed & set(left)]
        if not free:
            raise ValueError(f"rooms import one another in a circle: {sorted(left)}")
        left = {room: needed for room, needed in left.items() if room not in free}


def floors(imports: Imports) -> Dict[str, int]:
    """The floor of each room; 0 is the ground floor."""

    @lru_cache(maxsize=None)
    def floor(room: str) -> int:
        return max((1 + floor(other) for other in imports[room]), default=0)

    return {room: floor(room) for room in imports}


def arrows(imports: Imports) -> List[Tuple[str, str]]:
    """The imports that follow from no other imports."""

    @lru_cache(maxsize=None)
    def below(room: str) -> Set[str]:
        return set().union(*({other} | below(other) for other in imports[room]))

    return [
        (room, other)
        for room in sorted(imports)
        for other in sorted(imports[room] - {_EVERYBODYS})
        if not any(other in below(between) for between in imports[room] - {other})
    ]


# All in pixels.
_WIDTH, _MARGIN = 960, 28
_BOX_WIDTH, _BOX_HEIGHT = 196, 82
_TOP, _FLOOR_GAP = 92, 56
_LANE = 22  # The width of a gap that an arrow takes between two boxes.
_MAX_GAP = 30  # Between spots of one floor.
_PORT = 22  # Between the ends of two arrows at one box.

_BEGINNINGS = 30


class Spot(NamedTuple):
    """A room, or a lane between rooms through which an arrow passes a floor."""

    name: str
    is_room: bool

    @property
    def width(self) -> int:
        return _BOX_WIDTH if self.is_room else _LANE


class Plan:
    """
    Where everything stands.

    # Parameters

    imports : `Dict[str, Set[str]]`
        For each room the rooms that it imports.
    """

    def __init__(self, imports: Imports) -> None:
        self.floors = floors(imports)
        self.height = 1 + max(self.floors.values())
        self.chains = [self._chain(*arrow) for arrow in arrows(imports)]
        self._links = sorted({pair for chain in self.chains for pair in zip(chain, chain[1:])})
        # Those that may cross.
        self._pairs = [
            pair
            for pair in itertools.combinations(self._links, 2)
            if self._floor(pair[0][0]) == self._floor(pair[1][0])
        ]
        spots = {Spot(room, True) for room in imports} | {s for c in self.chains for s in c}
        # The spots of each floor from left to right.
        self.rows = [
            sorted(spot for spot in spots if self._floor(spot) == floor)
            for floor in range(self.height)
        ]
        self._arrange()
        self.centres = self._centres()

    def _chain(self, upper: str, lower: str) -> List[Spot]:
        """The spots that an arrow goes through, from above."""
        between = range(self.floors[upper] - 1, self.floors[lower], -1)
        lanes = [Spot(f"{floor}|{upper}|{lower}", False) for floor in between]
        return [Spot(upper, True), *lanes, Spot(lower, True)]

    def _floor(self, spot: Spot) -> int:
        return self.floors[spot.name] if spot.is_room else int(spot.name.split("|")[0])

    def _arrange(self) -> None:
        """
        Orders each floor so that few arrows cross, and those go straight: from several shuffled
        beginnings swaps two spots as long as that helps.
        """
        shuffler = random.Random(0)
        found = []
        for _ in range(_BEGINNINGS):
            for row in self.rows:
                shuffler.shuffle(row)
            found.append((self._swap_while_it_helps(), [[*row] for row in self.rows]))
        _, self.rows = min(found)

    def _swap_while_it_helps(self) -> Tuple[int, float]:
        best, helps = self._cost(), True
        while helps:
            helps = False
            for row in self.rows:
                for i, j in itertools.combinations(range(len(row)), 2):
                    row[i], row[j] = row[j], row[i]
                    # The lengths take long to work out, and matter only where as few arrows cross.
                    cost = self._cost() if self._num_crossings() <= best[0] else best
                    if cost < best:
                        best, helps = cost, True
                    else:
                        row[i], row[j] = row[j], row[i]
        return best

    def _cost(self) -> Tuple[int, float]:
        """How many arrows cross, and how far they go sideways."""
        centres = self._centres(rounds=4)
        sideways = sum(abs(centres[a] - centres[b]) for a, b in self._links)
        return self._num_crossings(), round(sideways, 3)

    def _num_crossings(self) -> int:
        places = {spot: place for row in self.rows for place, spot in enumerate(row)}
        return sum(
            (places[a] - places[c]) * (places[b] - places[d]) < 0 for (a, b), (c, d) in self._pairs
        )

    def _centres(self, rounds: int = 40) -> Dict[Spot, float]:
        """Each spot near the middle of those that it is linked with, and no two in one place."""
        centres = {}
        for row in self.rows:
            free = _WIDTH - 2 * _MARGIN - sum(spot.width for spot in row)
            x = _MARGIN + free / (len(row) + 1)
            for spot in row:
                centres[spot] = x + spot.width / 2
                x += spot.width + free / (len(row) + 1)
        linked: Dict[Spot, List[Spot]] = {spot: [] for spot in centres}
        for a, b in self._links:
            linked[a].append(b)
            linked[b].append(a)
        for _ in range(rounds):
            for row in self.rows:
                wanted = [
                    sum(centres[other] for other in linked[spot]) / len(linked[spot])
                    if linked[spot]
                    else centres[spot]
                    for spot in row
                ]
                centres.update(zip(row, _apart(row, wanted)))
        # As much space on the left as on the right.
        left = min(centre - spot.width / 2 for spot, centre in centres.items())
        right = max(centre + spot.width / 2 for spot, centre in centres.items())
        shift = (_WIDTH - left - right) / 2
        return {spot: centre + shift for spot, centre in centres.items()}

    def bottom(self, spot: Spot) -> float:
        return self.top(spot) + _BOX_HEIGHT

    def top(self, spot: Spot) -> float:
        above = self.height - 1 - self._floor(spot)
        return _TOP + above * (_BOX_HEIGHT + _FLOOR_GAP)

    def ends(self) -> List[List[Tuple[float, float]]]:
        """For each chain the x of its links, at their upper and their lower ends."""
        leaving = self._ports([(chain[0], chain[1]) for chain in self.chains])
        arriving = self._ports([(chain[-1], chain[-2]) for chain in self.chains])
        found = []
        for chain in self.chains:
            xs = [self.centres[spot] for spot in chain]
            xs[0], xs[-1] = leaving[chain[0], chain[1]], arriving[chain[-1], chain[-2]]
            found.append(list(zip(xs, xs[1:])))
        return found

    def _ports(self, ends: Sequence[Tuple[Spot, Spot]]) -> Dict[Tuple[Spot, Spot], float]:
        """The x of each end of an arrow at its room: side by side, in the order of their others."""
        ports = {}
        for room in {room for room, _ in ends}:
            others = sorted({b for a, b in ends if a == room}, key=lambda spot: self.centres[spot])
            for place, other in enumerate(others):
                shift = _PORT * (place - (len(others) - 1) / 2)
                ports[room, other] = self.centres[room] + shift
        return ports


def _apart(row: Sequence[Spot], wanted: Sequence[float]) -> List[float]:
    """The centres nearest to those wanted at which no two spots touch, in their order."""
    free = _WIDTH - 2 * _MARGIN - sum(spot.width for spot in row)
    gap = min(_MAX_GAP, free / max(1, len(row) - 1))
    # Distances between neighbours, as if each spot had no width.
    offsets = [0.0]
    for left, right in zip(row, row[1:]):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    # Isotonic regression: spots that would overlap share the mean of what they want.
    blocks: List[Tuple[float, int]] = []
    for want, offset in zip(wanted, offsets):
        total, size = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before, count = blocks.pop()
            total, size = total + before, size + count
        blocks.append((total, size))
    starts = [total / size for total, size in blocks for _ in range(size)]
    low = _MARGIN + row[0].width / 2
    high = _WIDTH - _MARGIN - row[-1].width / 2 - offsets[-1]
    return [min(max(start, low), high) + offset for start, offset in zip(starts, offsets)]


def draw() -> str:
    """The picture, as SVG."""
    found = rooms()
    plan = Plan({room.name: room.imports for room in found.values()})
    height = _TOP + plan.height * _BOX_HEIGHT + (plan.height - 1) * _FLOOR_GAP + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" '
        f'font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif">',
        "<title>The rooms of biome_interpret, and who imports whom</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#fcfcfb"/>',
        f'<text x="{_MARGIN}" y="42" font-size="19" font-weight="bold" fill="#222">'
        f"The rooms of biome_interpret</text>",
        f'<text x="{_MARGIN}" y="65" font-size="12.5" fill="#555">An arrow means "imports". '
        f"It only goes down. Left out: arrows that follow from others, and those to errors.py."
        f"</text>",
    ]
    for chain, ends in zip(plan.chains, plan.ends()):
        parts.append(_arrow(plan, chain, ends))
    for row in reversed(plan.rows):
        for spot in row:
            if spot.is_room:
                parts.append(_box(plan, spot, found[spot.name]))
    return "\n".join([*parts, "</svg>", ""])


def _arrow(plan: Plan, chain: Sequence[Spot], ends: Sequence[Tuple[float, float]]) -> str:
    path = [f"M{ends[0][0]:.1f} {plan.bottom(chain[0]):.1f}"]
    tip = plan.top(chain[-1]) - 1
    for upper, lower, (x1, x2) in zip(chain, chain[1:], ends):
        y1 = plan.bottom(upper)
        y2 = tip - 7 if lower.is_room else plan.top(lower)
        bend = (y2 - y1) * 0.55
        path.append(f"C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}")
        if not lower.is_room:
            path.append(f"V{plan.bottom(lower):.1f}")
    x = ends[-1][1]
    head = f"M{x - 4.5:.1f} {tip - 9:.1f}L{x:.1f} {tip:.1f}L{x + 4.5:.1f} {tip - 9:.1f}Z"
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="#77808c" stroke-width="1.5"/>'
        f'<path d="{head}" fill="#77808c"/>'
    )


def _box(plan: Plan, spot: Spot, room: Room) -> str:
    x, y = plan.centres[spot] - _BOX_WIDTH / 2, plan.top(spot)
    fill = _FILLS[room.name.split("/")[0]]
    parts = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="7" '
        f'fill="{fill}" stroke="#9aa3ad"/>',
        f'<text x="{x + 11:.1f}" y="{y + 22:.1f}" font-size="13.5" font-weight="bold" '
        f'fill="#1d2733">{escape(room.name)}</text>',
        f'<text x="{x + _BOX_WIDTH - 9:.1f}" y="{y + _BOX_HEIGHT - 8:.1f}" font-size="10" '
        f'text-anchor="end" fill="#66707c">{max(10, round(room.num_lines, -1)):,} lines</text>',
    ]
    for number, line in enumerate(wrap(QUESTIONS[room.name].replace("`", ""), 27)):
        parts.append(
            f'<text x="{x + 11:.1f}" y="{y + 42 + 15.5 * number:.1f}" font-size="11.5" '
            f'fill="#333d48">{escape(line)}</text>'
        )
    return "".join(parts)


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}", file=sys.stderr)
