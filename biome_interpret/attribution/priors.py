"""
Every constant of the refinement: what it means, and what changing it does. The model is described
in `refinement`.

They were set on trained LSTM, CNN, pair and transformer classifiers and on a tagger, and checked on
other texts (docs/accuracy.md). What doubling does was measured on synthetic texts, with `GENERAL`:
20 texts each of 20 exponentials, tanh steps, Lorentz peaks, sums of kinks or sums of jumps. With
the constants below these take 9, 11, 15, 14 and 42 evaluations at a tolerance of 1 %, and 15, 17,
19, 24 and 182 at 0.1 %. The largest error is 0.64 and 0.76 of the tolerance. "No effect" means that
these numbers do not change. Notes are for 1 % if they do not say otherwise.

Tests fail if a constant is doubled or halved, except NUGGET, UNIFORM, SMOOTH_ROUGHNESS and the
smaller ROUGHNESSES, which matter little.
"""

from typing import NamedTuple

from biome_interpret.attribution.warping import PathWarp


class PriorSettings(NamedTuple):
    """
    What depends on the kind of model.

    # Parameters

    size : `int`
        Evaluations of the first level, the baseline and the text included. Doubled: steps, peaks
        and kinks take one level, but exponentials take 17 evaluations instead of 9.
    warp : `PathWarp`
        Places the initial nodes. Twice the width: errors of peaks at 1 % reach 0.77 of the
        tolerance instead of 0.05, those of kinks at 0.1 % 1.65 of it.
    growth : `float`
        The largest ratio of evaluations from one level to the next, until the integrand is known to
        be smooth. Doubled: peaks take 19 evaluations instead of 15, jumps 45 in 3.1 levels instead
        of 42 in 4.0.
    stride : `int`
        The smallest step between levels. Doubled: 1 to 3 evaluations more.
    rough_odds : `float`
        The prior probability of a rough hypothesis, in units of that of a smooth one. Doubled: 1
        evaluation more for steps, peaks and kinks. At 0.01: peaks take 12 instead of 15, but errors
        of jumps reach 1.9 of the tolerance.
    """

    size: int
    warp: PathWarp
    growth: float
    stride: int
    rough_odds: float


# All trained classifiers needed more nodes near the baseline than near the text.
GENERAL = PriorSettings(9, PathWarp(0.2, 0.35), growth=2.0, stride=4, rough_odds=1.0)

# Layer normalisation takes out the length of its input: an embedding takes effect as soon as it is
# about as long as what is added to it. There the gradient changes, smoothly and within a short
# stretch, and nine evaluations are hardly ever enough. (They are for transformers that were trained
# on one small data set alone.)
PRETRAINED_TRANSFORMER = PriorSettings(
    17, PathWarp(0.2, 0.2), growth=1.3, stride=2, rough_odds=0.01
)

# φ of the hypotheses. Without all but the uniform one, steps take 16 evaluations instead of 11 and
# peaks 23 instead of 15. Twice the widths: peaks take 17.
UNIFORM = PathWarp(0.5, 8.0)
WARPS = (UNIFORM, *(PathWarp(c, w) for c in (0.0, 0.2, 0.4) for w in (0.12, 0.25, 0.5)))

# ρ of the hypotheses. 0.5 alone: exponentials take 13 evaluations instead of 9, peaks 18 instead of
# 15. (0.5, 0.7, 0.85): 14 and 18.
DECAYS = (0.25, 0.5, 0.75)

# r of the hypotheses. Without 1e-3, kinks take 23 evaluations instead of 14, at 0.1 % 78 instead of
# 24. 0.2 in place of 0.1, or both small ones doubled: within 2 evaluations.
ROUGHNESSES = (1e-7, 1e-3, 0.1, 1.0)

# Hypotheses up to this roughness count as smooth. It separates 1e-3 from 0.1.
SMOOTH_ROUGHNESS = 0.05

# With less posterior probability of all smooth hypotheses the integrand is taken for rough. At 0.9:
# kinks take 15 evaluations instead of 14.
SMOOTH_PROBABILITY = 0.5

# With more nodes than this an integrand that looked rough stays rough. With fewer it may still turn
# out smooth. Doubled: no effect. Halved: peaks at 0.1 % take 30 instead of 19.
SETTLED_SIZE = 32

# Added to the variance of values, in units of s², for rounding. Any from 1e-14 to 1e-8: no change
# of the evaluations.
NUGGET = 1e-12

# Gauss-Legendre nodes for the integrals of covariances. Doubled: within 0.4 evaluations.
MOMENT_NODES = 64

# Hypotheses less probable than this share of the most probable one are dropped. Otherwise an
# improbable one with a large variance could dominate the error. Doubled or halved: within 0.4
# evaluations.
MIN_PROBABILITY_RATIO = 1e-3

# If there are more elements, every second, third, ... nonzero one is sampled. This only saves time:
# 300 elements at 32 nodes take a few milliseconds.
MAX_ELEMENTS = 512

# The estimate is the expected error times this. Doubled: jumps take 71 evaluations instead of 42,
# steps, peaks and kinks 2 or 3 more, and errors nearly halve. Halved: errors reach 1.2 of the
# tolerance.
SAFETY_FACTOR = 2.0

# The calibration of a smooth integrand's error (see `refinement`). Doubled: no effect at 1 %; kinks
# at 0.1 % take 35 evaluations instead of 24. Halved: their errors reach 1.26 of the tolerance.
CALIBRATION_MARGIN = 1.2
# Doubled: at 0.1 % kinks take 0.4 evaluations more. Halved: no effect.
MIN_CALIBRATION = 0.2

# Replaces `growth` if the integrand is known to be smooth: the next few nodes add most information.
# At 1.6, kinks at 0.1 % take 31 evaluations instead of 24.
SMOOTH_GROWTH = 1.3
