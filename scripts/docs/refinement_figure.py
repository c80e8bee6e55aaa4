"""Draws docs/images/refinement.svg: the levels of one synthetic integrand, and their posteriors."""

import sys
from pathlib import Path
from typing import Any, List, Tuple

import numpy
import torch

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from biome_interpret.attribution.gaussian_process import (  # noqa: E402
    GaussianProcessQuadrature,
    covariances,
    mixtures,
)
from biome_interpret.attribution.priors import GENERAL, NUGGET  # noqa: E402
from biome_interpret.attribution.refinement import AdaptiveQuadrature, Level  # noqa: E402
from biome_interpret.attribution.warping import PathWarp  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "refinement.svg"
TOLERANCE = 0.01
# The element that is drawn.
ELEMENT = 3


def integrand(positions: numpy.ndarray) -> numpy.ndarray:
    """Of eight synthetic words. As in a transformer, each changes within a short stretch."""
    generator = numpy.random.default_rng(7)
    centres, widths = generator.uniform(0.08, 0.2, 8), generator.uniform(0.04, 0.09, 8)
    heights, slopes = generator.normal(size=8), generator.normal(size=8) / 4
    scaled = (positions[:, None] - centres) / widths
    return heights / numpy.cosh(scaled) ** 2 + slopes * numpy.tanh(scaled) * (
        1.5 - positions[:, None]
    )


def levels() -> List[Level]:
    measure: Any = AdaptiveQuadrature([None], TOLERANCE, 257, GENERAL)
    level, found = measure.initial, []
    while level is not None:
        values = torch.from_numpy(integrand(numpy.array([0.0, *level.positions])))
        level, error = measure.estimate_errors([level], [values])[0]
        found.append(level)
        if error <= TOLERANCE * float(level.estimate.integral.abs().sum()):
            break
        level = measure.refined([level])[0]
    return found


def posterior(level: Level, positions: numpy.ndarray) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """The mean and the standard deviation of the drawn element."""
    assert level.estimate is not None
    nodes, values = numpy.array(level.positions), level.estimate.values
    fitted = GaussianProcessQuadrature(level.positions, level.warps, GENERAL.rough_odds)
    found = fitted.posteriors([values])[0]
    means, variances = [], []
    for warp in level.warps:
        for k in mixtures(covariances(warp.warp(numpy.array([*nodes, *positions])))).numpy():
            mean, variance = _conditional(k, len(nodes), values[:, ELEMENT].numpy())
            means.append(mean)
            variances.append(variance * float(found.scales[len(variances), ELEMENT]))
    probabilities = found.probabilities.numpy()
    mean = probabilities @ numpy.array(means)
    variance = probabilities @ (numpy.array(variances) + (numpy.array(means) - mean) ** 2)
    return mean, numpy.sqrt(variance)


def _conditional(
    k: numpy.ndarray, size: int, values: numpy.ndarray
) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """By one hypothesis: as the integral in `refinement`, with k(u, u_i) in place of z."""
    inverse = numpy.linalg.inv(k[:size, :size] + NUGGET * numpy.eye(size))
    ones, z = numpy.ones(size), k[:size, size:]
    missing = (1 - ones @ inverse @ z) / (ones @ inverse @ ones)
    mean = z.T @ inverse @ values + missing * (ones @ inverse @ values)
    reduction = (z * (inverse @ z)).sum(axis=0) - missing**2 * (ones @ inverse @ ones)
    return mean, numpy.clip(numpy.diag(k)[size:] - reduction, 0, None)


def draw(path: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    # A small file that stays the same from one run to the next.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9})
    first, *_, last = levels()
    [warp] = last.warps
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharey=True)
    grid = numpy.linspace(0, 1, 121)
    fine = numpy.unique([*grid, *warp.unwarp(grid)])
    _draw_level(above, first, fine, fine, "C1", f"after {first.size} evaluations")
    _draw_level(above, last, fine, fine, "C0", f"after {last.size} evaluations")
    _draw_level(below, last, fine, warp.warp(fine), "C0", f"after {last.size} evaluations")
    _draw_nodes(above, first, last, PathWarp(0.5, 1e3))
    _draw_nodes(below, first, last, warp)
    above.set_xlabel("position α on the path (0: baseline, 1: text)")
    below.set_xlabel(f"u = φ(α), centre {warp.centre}, width {warp.width}")
    for axes in (above, below):
        axes.set_ylabel("integrand")
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _draw_level(
    axes: Any, level: Level, fine: numpy.ndarray, places: numpy.ndarray, color: str, name: str
) -> None:
    mean, deviation = posterior(level, fine)
    axes.fill_between(
        places, mean - 2 * deviation, mean + 2 * deviation, color=color, alpha=0.25, linewidth=0
    )
    axes.plot(places, mean, color=color, linewidth=1, label=f"mean ± 2 s.d. {name}")


def _draw_nodes(axes: Any, first: Level, last: Level, warp: PathWarp) -> None:
    fine = numpy.unique([*numpy.linspace(0, 0.3, 121), *numpy.linspace(0.3, 1, 41)])
    axes.plot(warp.warp(fine), integrand(fine)[:, ELEMENT], "k:", linewidth=1, label="integrand")
    for nodes, style, label in (
        (first.positions, "ko", "initial nodes (Radau)"),
        (last.positions[len(first.positions) :], "wD", "added nodes (Leja)"),
    ):
        positions = numpy.array(nodes)
        axes.plot(
            warp.warp(positions),
            integrand(positions)[:, ELEMENT],
            style,
            markeredgecolor="black",
            markersize=4.5,
            label=label,
        )


if __name__ == "__main__":
    draw(PICTURE)
