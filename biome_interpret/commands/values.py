"""
Reads the values of arguments, and takes over whole arguments. Each message says what the argument
takes.
"""

import argparse
from typing import Optional, Tuple


def renaming(text: str) -> Tuple[str, Optional[str]]:
    key, _, column = text.partition("=")
    if not key or (not column and "=" in text):
        raise argparse.ArgumentTypeError(f"{text!r} must be KEY or KEY=NAME")
    return key, column or None


def share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a number between 0 and 1, such as 0.01"
        ) from None


def device(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be the index of a GPU, such as 0, or -1 for the CPU"
        ) from None


def positive(text: str) -> int:
    return _whole_number(text, 1, "a positive")


def non_negative(text: str) -> int:
    return _whole_number(text, 0, "a non-negative")


def _whole_number(text: str, at_least: int, kind: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = at_least - 1
    if value < at_least:
        raise argparse.ArgumentTypeError(f"{text!r} must be {kind} integer")
    return value


def take(source: argparse.ArgumentParser, group: argparse._ArgumentGroup, *flags: str) -> None:
    """Adds options of another parser as they are, as `parents` does with all of them."""
    for flag in flags:
        group._add_action(source._option_string_actions[flag])
