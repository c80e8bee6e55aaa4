"""Error against evaluations and against time, as a picture."""

from pathlib import Path
from typing import Any, Dict, List

from benchmarks.models import MODELS

# Marker and width of each curve; Captum's and ours with the same nodes lie on one another.
_STYLES = (("s", 1.5), ("o", 4), ("^", 1.2), ("D", 1.5))
_AXES = (("evaluations", "evaluations (mean)", 1), ("seconds", "time of one text (ms)", 1000))


def draw(curves: Dict[str, List[Dict[str, Any]]], path: Path) -> None:
    """
    # Parameters

    curves : `Dict[str, List[Dict[str, Any]]]`
        By model; each with a name, and lists under "evaluations", "seconds" and "errors".
    path : `Path`
        A PNG.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, grid = pyplot.subplots(
        len(curves), 2, figsize=(9, 2.9 * len(curves) + 0.6), squeeze=False, sharey="row"
    )
    for row, (model, found) in zip(grid, curves.items()):
        for axes, (key, title, scale) in zip(row, _AXES):
            for one, (marker, width) in zip(found, _STYLES):
                # Below a millionth there is only rounding.
                errors = [max(100 * error, 1e-4) for error in one["errors"]]
                values = [scale * value for value in one[key]]
                axes.plot(
                    values, errors, marker=marker, markersize=4, linewidth=width, label=one["name"]
                )
            axes.axhline(1, color="0.6", linewidth=0.8, linestyle="--")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel(title)
            axes.grid(alpha=0.25)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        row[0].set_ylabel("error (%, median)")
        row[0].set_title(MODELS[model].title, loc="left", fontsize=10)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=2, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.6 / figure.get_figheight(), 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
