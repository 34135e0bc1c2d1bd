"""Pages and figures of studies of rows and sentences say so, and never "image" or "picture"."""

import re

import pytest
from charted import texts
from stand_ins import no_figures

from modescape import pipeline
from modescape.analyses import ANALYSES, figures
from modescape.study import Study

SMALL = [
    *("train.members=3", "train.epochs=2", "train.trajectories=2", "subspace.samples=2", "subspace.choosing=4"),
    *("subspace.runs=2", "compute.engine=here", "data.test=60", "data.validation=40"),
    "analyses=[training, confusion, trajectory_similarity, solution_similarity, tsne, ensemble_size, subspace_scales]",
]
OF_IMAGES = re.compile(r"\b(images?|pictures?)\b", re.IGNORECASE)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("recipe", "word", "more"),
    [("table", "rows", []), pytest.param("text", "sentences", ["data.train=200"], marks=pytest.mark.long)],
)
def test_pages_and_figures_speak_of_their_examples(tmp_path, recipe, word, more):
    with no_figures():
        pipeline.train(recipe, tmp_path, overrides=[*SMALL, *more])
        pipeline.analyse(tmp_path)
    page = pipeline.report(tmp_path).read_text(encoding="utf-8")
    shown = re.sub(r"<script[^>]*>.*?</script>|<pre.*?</pre>", " ", page[page.index("<body") :], flags=re.S)
    said = re.sub(r"<[^>]*>", " ", shown) + " ".join(re.findall(r'(?:alt|title|aria-label)="([^"]*)"', shown))
    assert [found[0] for found in re.finditer(r".{0,50}\b(images?|pictures?)\b.{0,50}", said, re.IGNORECASE)] == []
    assert word.removesuffix("s") in said
    study, seen = Study.open(tmp_path), 0
    for name in ANALYSES:
        if not study.has_result(name) or "not_enough" in (dataset := study.result(name)).attrs:
            continue
        said = [*texts(figures.interactive(name, dataset)), figures.caption(name, dataset)]
        assert not [text for text in said if OF_IMAGES.search(text)], name
        seen += 1
    assert seen >= 5
