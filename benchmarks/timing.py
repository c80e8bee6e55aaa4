"""Competitors side by side: each text through all of them in turn, there and back."""

import gc
import time
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import numpy

from benchmarks.progress import following

Competitors = Dict[str, Callable[[Any], Any]]


class Timed(NamedTuple):
    """
    seconds : for each competitor and item, the median over the repeats. Shape of each: (items,).
    results : what it returned last.
    """

    seconds: Dict[str, numpy.ndarray]
    results: Dict[str, List[Any]]


def side_by_side(
    competitors: Competitors,
    items: Sequence[Any],
    repeats: int = 1,
    warm_up: int = 2,
    label: str = "timing",
) -> Timed:
    """
    # Parameters

    competitors : `Competitors`
        Functions of one item.
    items : `Sequence[Any]`
    repeats : `int`
        How often each item goes through all competitors: A B, then B A, then A B, the next item the
        other way round, so that neither a machine that slows down nor a warm cache favours one.
    warm_up : `int`
        So many items go through all of them untimed before.
    """
    for item in items[:warm_up]:
        for function in competitors.values():
            function(item)
    gc.collect()
    seconds: Dict[str, List[float]] = {name: [] for name in competitors}
    results: Dict[str, List[Any]] = {name: [] for name in competitors}
    for number, item in enumerate(following(label, items)):
        taken: Dict[str, List[float]] = {name: [] for name in competitors}
        last: Dict[str, Any] = {}
        for repeat in range(repeats):
            names = list(competitors)
            for name in names if (number + repeat) % 2 == 0 else names[::-1]:
                start = time.perf_counter()
                last[name] = competitors[name](item)
                taken[name].append(time.perf_counter() - start)
        for name in competitors:
            seconds[name].append(float(numpy.median(taken[name])))
            results[name].append(last[name])
    return Timed({name: numpy.array(values) for name, values in seconds.items()}, results)
