"""How fast are the matrices of disagreement and cosine, against the notebooks' double loop?"""

from __future__ import annotations

import numpy as np

from modescape import runtime
from modescape.bench.harness import Options, Result, in_turns, seconds
from modescape.functionspace import cosine_similarity, disagreement


def measure(options: Options) -> Result:
    """Seconds for 1,000 checkpoints, 10,000 examples of 10 classes and 20,000 weights."""
    models, examples, parameters = (20, 500, 400) if options.small else (1000, 10_000, 20_000)
    stream = np.random.default_rng(0)
    truth = stream.integers(10, size=examples)
    guess = stream.integers(10, size=(models, examples))
    predicted = np.where(stream.random((models, examples)) < 0.3, guess, truth)  # [model, example]
    weights = stream.standard_normal((models, parameters), dtype=np.float32)

    def ours() -> None:
        disagreement(predicted)
        cosine_similarity(weights)

    pairs = min(models, 100)  # rows of the double loop that are run; its time is in proportion
    rows = in_turns(
        {
            "double loop": lambda: seconds(lambda: double_loop(predicted, weights, pairs)) * models / pairs,
            "modescape": lambda: seconds(ours),
        },
        options.repeats,
        reference="double loop",
        larger_is_better=False,
        say=options.say,
    )
    few = min(models, 30)
    got, cosine = disagreement(predicted[:few]), cosine_similarity(weights[:few])
    expected, angles = double_loop(predicted[:few], weights[:few], few)
    assert np.allclose(got, expected), "the two disagree on disagreement"
    assert np.allclose(cosine, angles, atol=1e-5), "the two disagree on cosines"
    size = (predicted.nbytes + weights.nbytes) / 1e9
    return Result(
        name="pairwise",
        question="How long do the matrices of disagreement and cosine take?",
        unit="seconds",
        setting=f"{models:,} checkpoints x {examples:,} examples of 10 classes x {parameters:,} weights, in memory; of "
        f"the double loop {pairs} rows were run and multiplied",
        rows=rows,
        reference="double loop",
        notes={"peak memory of the process": f"{runtime.peak_memory() / 1e9:.2f} GB, inputs of {size:.2f} GB included"},
        digits=2,
    )


def double_loop(predicted: np.ndarray, weights: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The notebooks' computation: every pair separately, in both orders, recomputing norms each time."""
    models = len(predicted)
    different, cosine = np.empty((rows, models)), np.empty((rows, models))
    for i in range(rows):
        for j in range(models):
            different[i, j] = 1 - np.sum(predicted[i] == predicted[j]) / predicted.shape[1]
            length = np.linalg.norm(weights[i]) * np.linalg.norm(weights[j])
            cosine[i, j] = np.dot(weights[i], weights[j]) / length
    return different, cosine
