"""Fuzzing: whatever a recipe or a file of a study contains, reading it gives a value or a plain error.

Every input has a number, which a failure prints: ``Mutator(number)`` makes it again (of a study whose files contain
the same durations). The full run of 200,000 inputs takes ten minutes: pytest tests/faults/test_fuzz.py -m long -s
"""

import gc
import hashlib
import json
import time
from collections import Counter
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from modescape import recipe as recipes
from modescape.errors import InputError, ModescapeError
from modescape.report.page import PageContent, _facts, _provenance
from modescape.study import Study, layout, read_resume, summary
from modescape.study.members import read_history
from modescape.study.results import _tail
from modescape.study.sealed import SEAL, sealed_text

from .hostile import copied
from .mutating import Mutator
from .test_properties import check_plain

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

SECONDS = 2.0  # processor seconds allowed for one input
MEGABYTES = 100.0  # allowed growth of memory after the first tenth of the inputs


def hunt(read, first, count, refusals=ModescapeError):
    """Read ``count`` inputs; returns how many were accepted and refused, the slowest, and the growth of memory.

    Args:
        read: number of an input -> its description for messages, and a function that reads it and checks the value.
        first: number of the first input.
        count: number of inputs.
        refusals: exceptions that may be raised.
    """
    tally, slowest, before = Counter(), (0.0, -1), 0.0
    for number in range(first, first + count):
        if number == first + count // 10:
            before = megabytes()
        shown, reading = read(number)
        begin = time.process_time()
        try:
            tally[reading() or "accepted"] += 1
        except refusals as error:
            tally["refused"] += 1
            check_plain(error, 5_000)
        except BaseException as error:
            raise AssertionError(f"input {number}: {shown!r:.3000}: {error!r:.500}") from error
        slowest = max(slowest, (time.process_time() - begin, number))
    grown = megabytes() - before
    shares = ", ".join(f"{name} {times / count:.1%}" for name, times in tally.most_common())
    print(f"\n{count:,} inputs from {first:,}: {shares}; slowest {slowest[0]:.3f} s, memory {grown:+.1f} MB")
    assert slowest[0] < SECONDS, slowest
    assert grown < MEGABYTES, grown
    return tally


def megabytes():
    """Resident memory of this process, in megabytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


SHORT, LONG = 600, 140_000
RECIPES = [pytest.param(0, SHORT), *(pytest.param(n, 20_000, marks=pytest.mark.long) for n in range(0, LONG, 20_000))]


@pytest.mark.parametrize(("first", "count"), RECIPES)
def test_recipes(tmp_path, first, count):
    def read(number):
        mutator = Mutator(number)
        text, settings = mutator.recipe(), mutator.settings()

        def reading():
            recipe = recipes.parse(recipes.override(recipes.parse_yaml(text, "it"), settings), "it")
            written = recipe.to_yaml()
            again = recipes.parse(recipes.parse_yaml(written, "it"), "it")
            assert again == recipe
            assert again.content_hash("x") == recipe.content_hash("x")
            if number % 20 == 0:  # the light reader that `status` uses
                (tmp_path / layout.RECIPE).write_text(written, encoding="utf-8")
                assert layout.read_recipe_values(tmp_path) == recipe.model_dump(mode="json")

        return (text, settings), reading

    tally = hunt(read, first, count, InputError)
    assert min(tally["accepted"], tally["refused"]) > count / 10


class Files:
    """A finished study, one file of which is changed at a time; ``read`` makes input ``number``."""

    def __init__(self, path):
        self.path, self.study = path, Study.open(path)
        self.values = json.loads((path / layout.MANIFEST).read_text())
        self.values.pop(SEAL)
        self.member = path / "members/000"
        self.state = json.loads((self.member / layout.STATE).read_text())
        self.state.pop(SEAL)
        self.data = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        self.expected = {split: self._predicted(split) for split in layout.SPLITS}
        self.weights = self._weights()
        self.resume = read_resume(self.study, 0)
        self.rows = read_history(self.member / layout.HISTORY)
        self.stores = sorted(
            file for file in self.data if layout.PREDICTIONS in file.parts and file.name == "zarr.json"
        )
        self.chunks = sorted(file for file in self.data if layout.PREDICTIONS in file.parts and "c" in file.parts)
        self.kinds = [
            *([self.manifest, self.member_state, self.history, self.recipe] * 3),
            *([self.store, self.chunk, self.checkpoint, self.resume_file] * 2),
            self.result,
        ]

    def read(self, number):
        mutator = Mutator(number)
        kind = mutator.draw.choice(self.kinds)
        sealed = mutator.draw.random() < 0.6  # as an attacker would: any checksum is made to match
        file, reading = kind(mutator, sealed)

        def restored():
            try:
                reading()
            finally:
                for path in (file, self.member / layout.STATE):
                    path.write_bytes(self.data[path])
            return f"{kind.__name__} {'sealed' if sealed else 'as it came'}"

        return (kind.__name__, sealed, file.read_bytes()[:2000]), restored

    def _json(self, mutator, path, values, sealed):
        """Write a changed JSON file: changed values with a matching checksum, or changed bytes."""
        if sealed:
            changed = mutator.values(values)
            if isinstance(changed, dict):
                plain = {str(key): value for key, value in changed.items() if key != SEAL}
                changed = {**plain, SEAL: json.loads(sealed_text(plain))[SEAL]}
            path.write_text(json.dumps(changed))
        else:
            path.write_bytes(mutator.bytes(self.data[path]))
        return path

    def manifest(self, mutator, sealed):
        def reading():
            study = Study.open(self.path)
            assert sealed or study.manifest == self.values
            study.provenance(examples=1, members=1, repeats=1)
            content = PageContent(name="x", recipe_yaml="", manifest=study.manifest, results={}, members=[(0, "x", "")])
            assert all(isinstance(text, str) for text in [*_facts(content), *sum(_provenance(content), ())])
            if sealed and mutator.draw.random() < 0.2:
                study.state(0, 1)

        return self._json(mutator, self.path / layout.MANIFEST, self.values, sealed), reading

    def member_state(self, mutator, sealed):
        def reading():
            if mutator.draw.random() < 0.2:
                summary(self.path)
            member = self.study.member(0)
            assert sealed or member.checksums == self.state["checksums"]
            assert member.status in layout.STATUSES
            member.history()
            if sealed:
                self.study.state(0, 1)

        return self._json(mutator, self.member / layout.STATE, self.state, sealed), reading

    def history(self, mutator, sealed):
        path = self.member / layout.HISTORY
        path.write_bytes(mutator.bytes(self.data[path]))

        def reading():
            rows = read_history(path, None if sealed else self.state["history_checksum"])
            assert sealed or rows == self.rows
            assert all(isinstance(row["epoch"], int) for row in rows)

        return path, reading

    def recipe(self, mutator, sealed):
        path = self.path / layout.RECIPE
        text = self.data[path].decode()
        for _ in range(mutator.draw.choice((1, 1, 2))):
            text = mutator.draw.choice(mutator._text_changes())(text)
        path.write_bytes(text.encode("utf-8", "surrogatepass" if sealed else "replace"))

        def reading():
            study = Study(self.path, self.study.manifest)
            assert study.recipe.content_hash(study.manifest["fingerprint"]) == study.recipe_hash
            assert layout.read_recipe_values(self.path)["train"]["epochs"] == study.recipe.train.epochs

        return path, reading

    def _predicted(self, split):
        predictions = self.study.predictions(split)
        pairs = zip(predictions.members.tolist(), predictions.epochs.tolist(), strict=True)
        rows = {pair: predictions.log_prob(row).tobytes() for row, pair in enumerate(pairs)}
        return predictions.label.tolist(), rows

    def store(self, mutator, sealed):
        """Descriptions have no checksum: whatever they say, no number may be read differently."""
        path = mutator.draw.choice(self.stores)
        split = next((split for split in layout.SPLITS if split in path.parts), "test")
        if sealed:
            path.write_text(json.dumps(mutator.values(json.loads(self.data[path]))))
        else:
            path.write_bytes(mutator.bytes(self.data[path]))

        def reading():
            label, rows = self._predicted(split)
            assert label == self.expected[split][0]
            assert rows.items() <= self.expected[split][1].items()

        return path, reading

    def chunk(self, mutator, sealed):
        path = mutator.draw.choice(self.chunks)
        split = next(split for split in layout.SPLITS if split in path.parts)
        data = self.data[path]
        if sealed:
            data = mutator.bytes(data[:200] if mutator.draw.random() < 0.1 else data[:-4])
            path.write_bytes(data + np.uint32(google_crc32c.value(data)).tobytes())
        else:
            path.write_bytes(mutator.bytes(data))

        def reading():
            label, rows = self._predicted(split)
            assert sealed or (label == self.expected[split][0] and rows.items() <= self.expected[split][1].items())

        return path, reading

    def _weights(self):
        state = self.study.state(0, 1)
        return {name: tensor.numpy().tobytes() for part in state for name, tensor in part.items()}

    def _tensors(self, mutator, data):
        """Mostly the header is changed: after it come numbers, any of which is valid."""
        end = 8 + int.from_bytes(data[:8], "little")
        match mutator.draw.randrange(4):
            case 0:
                return mutator.bytes(data)
            case 1:
                return mutator.bytes(data, 0, end)
            case _:
                header = json.dumps(mutator.values(json.loads(data[8:end]))).encode()
                return len(header).to_bytes(8, "little") + header + data[end:]

    def checkpoint(self, mutator, sealed):
        path = self.member / layout.checkpoint_name(1)
        data = self._tensors(mutator, self.data[path])
        path.write_bytes(data)
        if sealed:
            sums = {**self.state["checksums"], path.name: hashlib.sha256(data).hexdigest()}
            (self.member / layout.STATE).write_text(sealed_text({**self.state, "checksums": sums}))

        def reading():
            weights = self._weights()
            assert sealed or weights == self.weights

        return path, reading

    def resume_file(self, mutator, sealed):
        path = self.member / layout.RESUME
        path.write_bytes(self._tensors(mutator, self.data[path]))

        def reading():
            found = read_resume(self.study, 0)
            assert found is not None and self.resume is not None  # noqa: PT018
            assert found.epoch == self.resume.epoch
            assert found.record == self.resume.record
            assert all(tensor.equal(self.resume.tensors[name]) for name, tensor in found.tensors.items())

        return path, reading

    def result(self, mutator, sealed):
        path = self.path / "results/confusion.nc"
        data = self.data[path]
        if sealed:
            data = mutator.bytes(data[: len(data) - len(_tail(b""))])
            path.write_bytes(data + _tail(data))
        else:
            path.write_bytes(mutator.bytes(data))

        def reading():
            dataset = self.study.result("confusion")
            assert sealed or (data == path.read_bytes())
            assert dataset.attrs

        return path, reading


STUDIES = [pytest.param(0, 300), *(pytest.param(n, 10_000, marks=pytest.mark.long) for n in range(0, 60_000, 10_000))]


@pytest.mark.parametrize(("first", "count"), STUDIES)
def test_files_of_a_study(tmp_path, first, count):
    tally = hunt(Files(copied(tmp_path)).read, first, count)
    assert tally["refused"] > count / 4
    assert count - tally["refused"] > count / 50
