"""The shade of a score, from none to full in equal steps."""

LEVELS = 12


def level(score: float, largest: float) -> int:
    """From −`LEVELS` (against the target) to `LEVELS` (for it). `largest` gets the full shade."""
    share = min(abs(score) / largest, 1.0) if largest and score == score else 0.0
    # Round half up, as words.js does.
    shade = int(share * LEVELS + 0.5)
    return shade if score > 0 else -shade
