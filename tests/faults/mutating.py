"""Mutated inputs: texts, bytes and JSON values changed at random, each reproducible by its number."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from modescape.recipe import Recipe, builtin_names, builtin_text

TOKENS = [
    *(": ", ":", "- ", "? ", "| ", "|\n", "> ", "&a ", "*a", "!!int ", "!!binary ", "!x ", "<<: ", "{", "}", "[", "]"),
    *(",", "#", " #", "%YAML 1.1\n", "---\n", "...\n", "\t", "\n", "\n  ", "\n    ", "\r", "\0", "\x1b", "\x85"),
    *("\ufeff", "\u2028", "\u202e", "\U0001f600", "\ud800", "'", '"', "\\", "@", "`", "=", ".", "..", "/", "[" * 40),
]
VALUES = [
    *("null", "~", "yes", "no", "on", "true", "True", "off", "''", '""', ".inf", "-.inf", ".nan", ".NaN", "1e400"),
    *("-1e400", "1e-400", "5e-324", "1e308", "-0.0", "0", "-1", "1", "2", "3", "1.0", "0.5", "1.5", "0x10", "0o7"),
    *("010", "0b11", "1:30", "190:20:30", "1:30.5", "1_000", "_1", "+1", "1e5", "1e-3", "1.e-3", ".5", "2020-99-99"),
    *("2020-01-01", "2001-12-14t21:59:43.10-05:00", "9" * 20, "9" * 400, "9" * 5_000, "0x" + "f" * 5_000),
    *(
        "1:" * 30 + "1",
        "=",
        "<<",
        "[]",
        "{}",
        "[[[]]]",
        "{a: {b: c}}",
        "[1, two, 3.0]",
        "[null]",
        "{1: 2}",
        "{null: 1}",
    ),
    *("{true: 1}", "{1: a, '1': b}", "{[1]: 2}", "{? {a: b} : c}", "? a", '"\\ud800"', '"\\x00"', '"\\u202e"'),
    *(
        "!!binary aGk=",
        "!!python/none x",
        "&a [1]",
        "x" * 200,
        "../../x",
        "/dev/zero",
        "a b",
        "-rf",
        "\u0130",
        "\u00bd",
    ),
    *("{kind: step, epochs: [1], factors: [0.5]}", "{kind: step, epochs: [2, 1], factors: [1]}", "{kind: cosine}"),
    *("{kind: cyclic, cycles: 2}", "{kind: cyclic, temperature: -1}", "{kind: halving, every: 0}", "{kind: nothing}"),
    *("[tsne]", "[tsne, tsne]", "[training, ensemble_size]", "{tsne: {examples: 512}}", "{variant: paper}"),
    *("adam", "sgd", "shared", "swept", "official", "bf16", "cuda", "nearest", "raw", "replacement", "kernels"),
]
SEEDS = [0, 1, -1, 2, 255, 10**6, 2**31, 2**40, 2**63, 10**30, 0.5, -0.0, 1e308, 5e-324, True, False, None, "", "x"]
SEEDS += ["\0", "\ud800", "\u202e", "x" * 300, "x" * 11_000, "../../x", "cpu", "cuda", "big", "little", "float64"]
SEEDS += [
    "int64",
    "int32",
    "zstd",
    "sharding_indexed",
    "https://x",
    [],
    {},
    [[]],
    [None],
    {"": 0},
    [1, 2, 3],
    {"a": {}},
]


def keys_of(section: Any = Recipe, above: str = "") -> list[str]:
    """Dotted keys of a recipe."""
    found = []
    for name, field in section.model_fields.items():
        found.append(above + name)
        if hasattr(field.annotation, "model_fields"):
            found += keys_of(field.annotation, f"{above}{name}.")
    return found


KEYS = keys_of() + [f"train.schedule.{name}" for name in ("kind", "every", "epochs", "factors", "cycles", "noisy")]
KEYS += [
    "cosine",
    "train.step",
    "int",
    "constrained",
    "settings.tsne.examples",
    "model.arguments.a.b",
    ".".join("a" * 2000),
]
TEXTS = [builtin_text(name) for name in builtin_names()] + [Recipe().to_yaml()]
SECTIONS = [part for text in TEXTS for part in re.split(r"\n(?=\S)", text)]


class Mutator:
    """Random changes of an input, determined by a number."""

    def __init__(self, number: int) -> None:
        self.draw = random.Random(number)

    def recipe(self) -> str:
        """A built-in recipe, or a few sections of several, with some changes."""
        text = self.draw.choice(TEXTS)
        if self.draw.random() < 0.8:  # short ones are parsed faster
            text = "\n".join(self.draw.sample(SECTIONS, self.draw.randint(1, 4)))
        for _ in range(self.draw.choice((0, 1, 1, 2, 3, 6))):
            text = self.draw.choice(self._text_changes())(text)
        return text.encode("utf-8", "replace").decode("utf-8", "replace")

    def settings(self) -> list[str]:
        """Overrides, most of a plausible form."""
        return [self._setting() for _ in range(self.draw.choice((0, 0, 1, 2)))]

    def _setting(self) -> str:
        setting = f"{self.draw.choice(KEYS)}={self.draw.choice(VALUES)}"
        for _ in range(self.draw.choice((0, 0, 1, 2))):
            setting = self.draw.choice(self._text_changes())(setting)
        return setting

    def _text_changes(self) -> list[Callable[[str], str]]:
        return [self._value, self._value, self._value, self._key, self._token, self._token, self._lines, self._flipped]

    def _value(self, text: str) -> str:
        """Replace the value after one of the colons."""
        found = list(re.finditer(r"(?<=: )[^\n#{}]+|(?<==).*", text))
        if not found:
            return text + self.draw.choice(VALUES)
        match = self.draw.choice(found)
        return text[: match.start()] + self.draw.choice(VALUES) + text[match.end() :]

    def _key(self, text: str) -> str:
        found = list(re.finditer(r"[a-z_]+(?=[:=])", text))
        if not found:
            return text
        match = self.draw.choice(found)
        return text[: match.start()] + self.draw.choice(KEYS).rpartition(".")[2] + text[match.end() :]

    def _token(self, text: str) -> str:
        place = self.draw.randint(0, len(text))
        return text[:place] + self.draw.choice(self.draw.choice((TOKENS, VALUES, KEYS))) + text[place:]

    def _lines(self, text: str) -> str:
        """Duplicate, delete, move or indent a line, or truncate the text."""
        lines = text.split("\n")
        here, there = self.draw.randrange(len(lines)), self.draw.randrange(len(lines))
        match self.draw.randrange(5):
            case 0:
                lines.insert(there, lines[here])
            case 1:
                del lines[here]
            case 2:
                lines[here], lines[there] = lines[there], lines[here]
            case 3:
                lines[here] = " " * self.draw.randint(1, 5) + lines[here]
            case _:
                return text[: self.draw.randint(0, len(text))]
        return "\n".join(lines)

    def _flipped(self, text: str) -> str:
        return self.bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogateescape")

    def bytes(self, data: bytes, start: int = 0, end: int | None = None) -> bytes:
        """Change, duplicate or delete a few bits, bytes or ranges between two places."""
        head, held, tail = data[:start], bytearray(data[start:end]), b"" if end is None else data[end:]
        for _ in range(self.draw.choice((1, 1, 1, 2, 4, 16))):
            place = self.draw.randint(0, len(held))
            length = self.draw.choice((1, 1, 2, 4, 8, 100))
            match self.draw.randrange(8):
                case 0 | 1 | 2 if place < len(held):
                    held[place] ^= 1 << self.draw.randrange(8)
                case 3:
                    held[place : place + 1] = self.draw.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"9", b'"'))
                case 4:
                    del held[place : place + length]
                case 5:
                    held[place:place] = held[place : place + length]
                case 6:
                    held[place : place + length] = self.draw.randbytes(length)
                case _:
                    if self.draw.random() < 0.2:
                        del held[place:]
        return head + bytes(held) + tail

    def values(self, values: Any) -> Any:
        """Replace a few parts of a JSON value, at any depth."""
        for _ in range(self.draw.choice((1, 1, 2, 4))):
            values = self._one_value(values)
        return values

    def _one_value(self, values: Any) -> Any:
        inside = isinstance(values, dict | list) and values and self.draw.random() < 0.85
        if not inside:
            return self._other(values)
        places = list(values) if isinstance(values, dict) else list(range(len(values)))
        place = self.draw.choice(places)
        copy: Any = values.copy()
        match self.draw.randrange(12):
            case 0:
                del copy[place]
            case 1 if isinstance(copy, dict):
                copy[self.draw.choice(("x", "", "sha256", "\ud800", str(place) + "x"))] = copy.pop(place)
            case 1:
                copy.append(copy[place])
            case 2:
                other = self.draw.choice(places)
                copy[place], copy[other] = copy[other], copy[place]
            case _:
                copy[place] = self._one_value(copy[place])
        return copy

    def _other(self, value: Any) -> Any:
        if isinstance(value, int) and self.draw.random() < 0.5:
            return value + self.draw.choice((-1, 1, 2, 10, -(10**3), 10**9))
        if isinstance(value, str) and value and self.draw.random() < 0.5:
            return self._flipped(value)
        return self.draw.choice(SEEDS)
