"""Scores of repeated runs: spread over seeds, differences, runs needed, luck of the best, stopping rules.

Arrays in, numbers out; no files.
"""

from modescape.metrics.seeds.best import (
    best_of_normal,
    best_of_seen,
    chance_of_better_best,
    chance_seen,
    expected_maximum,
)
from modescape.metrics.seeds.copies import Runs
from modescape.metrics.seeds.differences import Difference, paired_difference, welch_difference
from modescape.metrics.seeds.effects import Effect, effect_size
from modescape.metrics.seeds.judging import Judgement, Looked, Method, Pair, Question, judge
from modescape.metrics.seeds.needed import Needed, Noise, noise_of, power_of, runs_for_power, runs_for_width
from modescape.metrics.seeds.permutations import Permutation, dealt, flipped
from modescape.metrics.seeds.sequential import anytime_p, confidence_sequence, critical_t, e_values
from modescape.metrics.seeds.summary import Summary, bca_interval, spread_interval, summarize

__all__ = [
    "Difference",
    "Effect",
    "Judgement",
    "Looked",
    "Method",
    "Needed",
    "Noise",
    "Pair",
    "Permutation",
    "Question",
    "Runs",
    "Summary",
    "anytime_p",
    "bca_interval",
    "best_of_normal",
    "best_of_seen",
    "chance_of_better_best",
    "chance_seen",
    "confidence_sequence",
    "critical_t",
    "dealt",
    "e_values",
    "effect_size",
    "expected_maximum",
    "flipped",
    "judge",
    "noise_of",
    "paired_difference",
    "power_of",
    "runs_for_power",
    "runs_for_width",
    "spread_interval",
    "summarize",
    "welch_difference",
]
