"""What a result says of an error that is above the tolerance."""


def above_tolerance(error: float, tolerance: float) -> str:
    """The end of a note on an estimated error. Both are shares of the scores."""
    return (
        f"the estimated error is still {_percent(error)} of the scores, more than the tolerance "
        f"of {_percent(tolerance)}"
    )


def _percent(share: float) -> str:
    """With one decimal, 5.0%, or with one digit where that would be 0.0%."""
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.1g}%"
