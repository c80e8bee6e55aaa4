"""What is expected of the integrands of a kind of model, before any of them has been looked at."""

from typing import NamedTuple

from biome_interpret.attribution.pace import Pace


class Expectation(NamedTuple):
    """
    # Parameters

    size : `int`
        Evaluations of each path to begin with, its two ends among them.
    pace : `Pace`
        Where on the path these stand.
    growth : `float`
        How many times as many there may be at the next level, until more is known.
    stride : `int`
        How many come to them at the least.
    jumps : `float`
        How likely a rough integrand is, in units of how likely a smooth one is.
    """

    size: int
    pace: Pace
    growth: float
    stride: int
    jumps: float


# The numbers were set on trained LSTM, CNN, pair and transformer classifiers and on a tagger. All
# of these need more nodes near the baseline, zero, than near the text.
USUAL = Expectation(size=9, pace=Pace(0.2, 0.35), growth=2.0, stride=4, jumps=1.0)

# Of pretrained transformers. Layer normalisation takes out the length of its input: a text's
# embedding has its say as soon as it is about as long as what is added to it. The gradient changes
# there, smoothly and within a short stretch of the path, for which nine evaluations are hardly ever
# enough. (They are for transformers that were trained on one small data set alone.)
OF_TRANSFORMERS = Expectation(size=17, pace=Pace(0.2, 0.2), growth=1.3, stride=2, jumps=0.01)
