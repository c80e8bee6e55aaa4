"""How strongly a score is shaded: from not at all to fully, in equal steps."""

LEVELS = 12


def level(score: float, largest: float) -> int:
    """
    # Parameters

    score : `float`
    largest : `float`
        The absolute value that is shaded fully.

    # Returns

    `int`
        From −`LEVELS` (against the target) to `LEVELS` (for it).
    """
    share = min(abs(score) / largest, 1.0) if largest and score == score else 0.0
    # Halves go up, as JavaScript rounds them.
    shade = int(share * LEVELS + 0.5)
    return shade if score > 0 else -shade
