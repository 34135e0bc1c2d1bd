"""Faults, line 5: untrusted recipes, manifests, states and names: plain errors, bounded memory and time."""

import json
import os
import time

import pytest
import yaml

from modescape import recipe as recipes
from modescape.errors import InputError, WorkError
from modescape.keeping import is_kept, kept_count, kept_epochs
from modescape.plain import COUNTS, read_regular
from modescape.study import Study, layout, summary, verify
from modescape.study.members import read_history

from .hostile import bounded, change_json, copied, modescape, plain_error

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]


@pytest.fixture
def study(tmp_path):
    return copied(tmp_path)


def write_recipe(study, **changes):
    values = yaml.safe_load((study / "study.yaml").read_text())
    values["train"].update(changes.pop("train", {}))
    (study / "study.yaml").write_text(yaml.safe_dump({**values, **changes}))


LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, after in zip("abcdefghi", "bcdefghij", strict=True)
)
ODD_YAML = {
    "aliases": (LAUGHS, "aliases"),
    "tags": ("train: !!python/object/apply:os.system [touch hit]\n", "tags"),
    "own tag": ("name: !x y\n", "tags"),
    "nested lists": ("a: " + "[" * 100_000, "nested too deeply"),
    "nested dashes": ("- " * 100_000, "nested too deeply"),
    "nested maps": ("{a: " * 50_000, "nested too deeply"),
    "long": ("a: 1\n" * 100_000, "262,144"),
    "long value": ("a: " + "1:" * 20_000 + "1\n", "10,000 characters"),
    "control characters": ("a: \x1b[2J\n", "YAML"),
    "endless number": ("a: " + "9" * 9_000 + "\n", ""),
}


@pytest.mark.parametrize("case", ODD_YAML)
def test_yaml_that_grows_or_crashes(study, case):
    text, message = ODD_YAML[case]
    (study / "study.yaml").write_text(text)
    # in a process of its own: PyYAML's C parser crashes on deep nesting
    plain_error(modescape("status", study, gigabytes=0.7, seconds=10), 2, "study.yaml", message)
    with bounded(64, 10), pytest.raises(InputError, match=r"YAML|bytes|nested|more than|expected"):
        recipes.load(study / "study.yaml")


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("value", [1_000_000_000, 10**30, -1, True, 2.5, "4", None, [1]])
def test_absurd_counts(study, key, value):
    write_recipe(study, train={key: value})
    opened = Study.open(study)
    for reading in (lambda: opened.members, lambda: opened.trained, lambda: summary(study), lambda: opened.recipe):
        with bounded(16, 2), pytest.raises(InputError, match=f"train.{key}"):
            reading()


@pytest.mark.parametrize("value", [0, 10**30, True, "4", [1]])
def test_absurd_multiples_of_epochs(study, value):
    write_recipe(study, train={"keep_every": value})
    with pytest.raises(InputError, match=r"train.keep_every"):
        summary(study)


def test_the_largest_study_that_a_recipe_may_ask_for_is_listed_in_seconds(study):
    write_recipe(study, train={"members": 100_000, "epochs": 100_000, "trajectories": 100_000, "keep_last": 100_000})
    begin = time.perf_counter()
    done = modescape("status", study, gigabytes=1)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - begin < 20
    assert "members 2-99999  missing   epoch 0/100000, 0/100001 checkpoints each" in done.stdout
    assert len(done.stdout) < 2_000


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_counting_kept_epochs_is_listing_them(epochs):
    for member in range(3):
        for trajectories in range(4):
            for keep_last in range(1, 8):
                for keep_every in (None, 1, 2, 3, 6):
                    rule = (epochs, trajectories, keep_last, keep_every)
                    listed = kept_epochs(member, *rule)
                    assert kept_count(member, *rule) == len(listed)
                    assert [e for e in range(-1, epochs + 3) if is_kept(member, e, *rule)] == listed


PATHS = ["../../evil", "/etc/passwd", "a/b", "..", ".", "", "a\0b", "-rf", "~", "a b", "x" * 200, "\u202egnp"]


@pytest.mark.parametrize("name", PATHS)
def test_names_do_not_leave_the_study(study, name):
    opened = Study.open(study)
    for reach in (
        lambda: opened.result(name),
        lambda: opened.has_result(name),
        lambda: opened.write_result(name, opened.result("confusion")),
        lambda: opened.figure_path(name, "png"),
        lambda: opened.figure_path("x", f"png/../{name}"),
        lambda: opened.auxiliary(name),
        lambda: opened.figure(name),
    ):
        with pytest.raises(InputError, match=r"letters, digits and \._-"):
            reach()
    for changes in ({"name": name}, {"analyses": [name]}):
        write_recipe(study, **changes)
        with pytest.raises(InputError):
            summary(study)
        with pytest.raises(InputError):
            _ = Study.open(study).recipe
        write_recipe(study, name="digits", analyses=["confusion"])


@pytest.mark.parametrize("values", [{"name": 3}, {"analyses": "tsne"}, {"analyses": {"a": 1}}, {"analyses": [["a"]]}])
def test_names_of_another_type(study, values):
    write_recipe(study, **values)
    with pytest.raises(InputError, match="plain"):
        summary(study)


def test_folders_of_members_and_files_with_odd_names(study):
    for name in ("99999999999999999999", "1000000", "0001", "٣٣٣", "-01", "..."):
        (study / "members" / name).mkdir()
    for name in ("epoch-99999999999999999.safetensors", "epoch-0001.safetensors", "epoch-٣٣٣.safetensors"):
        (study / "members" / "000" / name).write_text("")
    (study / "results" / "a b.nc").write_text("")
    (study / "variants").mkdir()
    (study / "variants" / "loop").symlink_to(study)
    assert layout.member_numbers(study) == [0, 1]
    assert Study.open(study).kept(0) == [0, 1, 2]
    assert summary(study).complete
    assert summary(study).variants == ()
    assert verify(study) == []  # and terminates, although the study links to itself


HUGE = int("9" * 4_000)
MANIFESTS = {
    "version": [3, None, "x" * 20_000],
    "recipe_hash": [3, ["a"], None],
    "fingerprint": [3],
    "seed": [-1, 1 << 63, HUGE, 1.5, "1", True],
    "image_shape": [[1, 8], "abc", [1, 0, 8], [1, 8.0, 8], [10**9] * 3, [HUGE] * 3, [-1, -1, 8]],
    "inputs": [[], *({"word": word} for word in ("{{ cycler }}", "<b>", "s", "", 7, ["rows"], "r" * 41))],
    "num_classes": [0, 10**9, HUGE, "10", True],
    "class_names": ["abc", ["a"], [1] * 10, {"a": 1}, [["a"]] * 10, ["x" * 20_000] * 10],
    "examples": [[], {"train": 1}, {"train": -1, "validation": 1, "test": 1}, {"train": HUGE}, 7],
    "plan": [[], "cpu", {"device": "tpu"}, {"device": ["cpu"]}],
    "model": [[], "x", {}, {"parameters": {}}],
    "model__parameters": [
        {"w": [-1]},
        {"w": [HUGE]},
        {"w": [10**9, 10**9]},
        {"w": 3},
        {"w": ["a"]},
        ["w"],
        {"w": [1] * 99},
    ],
    "model__buffers": [{"w": [1.5]}, None, ["w"], {"w": [1] * 99}],
    "model__normalization": ["abc", [1]],
    "format": [0, -1, True, "1", 10**30],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in MANIFESTS.items() for value in values])
def test_a_manifest_with_a_wrong_value(study, key, value):
    change_json(study / "manifest.json", **{key: value})
    with bounded(16, 2), pytest.raises(InputError) as caught:
        Study.open(study)
    assert key.split("__")[0] in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "text",
    ["[" * 1_000_000, '{"a":' * 100_000, '{"version": NaN}', '{"version": Infinity}', '{"seed": ' + "9" * 5_000 + "}"],
)
def test_json_that_is_none(study, text):
    (study / "manifest.json").write_text(text)
    with bounded(64, 5), pytest.raises(InputError, match="not JSON"):
        Study.open(study)


def test_json_that_is_nested_or_long(study):
    nested: object = 1
    for _ in range(300):
        nested = {"a": [nested]}
    change_json(study / "manifest.json", platform=nested)
    with bounded(), pytest.raises(InputError, match="nested more than 20 deep"):
        Study.open(study)
    with (study / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)  # a sparse file of a terabyte
    with bounded(), pytest.raises(InputError, match="1,099,511,627,776 bytes"):
        Study.open(study)


STATES = {
    "status": ["fine", 3, ["trained"], None, {}],
    "epochs_done": [-1, 10**30, 2.5, True, "2", None],
    "message": [3, ["a"], None, {}],
    "checksums": [[], {"a": 1}, {"../../x": "ab"}, {"/etc/passwd": "ab"}, {"epoch-001.safetensors": ["ab"]}, None],
    "timings": [[], {"a": "x"}, None],
    "group": [3, [1], [1, 2, 3], ["a", "b"], [0, 10**9], [-1, 2], [0, 0], {"a": 1}, "ab", [True, 2]],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in STATES.items() for value in values])
def test_a_state_with_a_wrong_value(study, key, value):
    change_json(study / "members/001/state.json", **{key: value})
    with bounded(16, 2), pytest.raises(WorkError, match=f"wrong {key}"):
        Study.open(study).member(1)
    assert [member.status for member in summary(study).members] == ["trained", "damaged"]
    assert any(f"wrong {key}" in problem for problem in verify(study))


@pytest.mark.parametrize(
    "row",
    [
        "1",
        "x,1,1,1,1,1,1",
        "-1,1,1,1,1,1,1",
        f"{10**30},1,1,1,1,1,1",
        "9" * 5_000 + ",1,1,1,1,1,1",
        '"' + "x" * 200_000,
        "\0,,",
    ],
)
def test_a_history_with_a_wrong_row(study, row):
    path = study / "members/000/history.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n" + row)
    with bounded(16, 2), pytest.raises(WorkError, match="damaged") as caught:
        read_history(path)
    assert len(str(caught.value)) < 600


def test_terminals_see_no_control_characters(study):
    message = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp\r\nmember 9 trained\ud800" + "x" * 5_000
    change_json(study / "members/001/state.json", status="failed", message=message)
    done = modescape("status", study)
    assert done.returncode == 0
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\ud800"} & set(done.stdout)
    assert "[U+001B][2J" in done.stdout
    line = next(line for line in done.stdout.splitlines() if "gnp" in line)
    assert "member 9 trained" in line  # no line was injected
    assert len(line) < 500
    change_json(study / "manifest.json", format=99, version="\x1b[2J")
    done = modescape("status", study)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_in_the_place_of_files(study, kind):
    def spoil(name):
        (study / name).unlink()
        if kind == "pipe":
            os.mkfifo(study / name)
        else:
            (study / name).symlink_to("/dev/zero")

    names = ["members/000/state.json", "members/001/history.csv", "members/001/epoch-001.safetensors"]
    names += ["results/confusion.nc", "members/000/resume.safetensors"]
    for name in names:
        spoil(name)
    done = modescape("status", "--verify", study, gigabytes=4, seconds=30)
    assert done.returncode == 1, done.stderr
    assert all(name in done.stdout for name in names)
    for name in ("study.yaml", "manifest.json"):
        spoil(name)
        plain_error(modescape("status", study, gigabytes=1), 2, name, "not an ordinary file")


def test_a_symbolic_link_is_read_as_the_file_it_leads_to(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"abc"
    with pytest.raises(OSError, match="at most 2"):
        read_regular(tmp_path / "link", 2)
    with pytest.raises(OSError, match="ordinary"):
        read_regular(tmp_path)


def test_a_link_is_replaced_and_what_it_led_to_stays(study, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (study / "report.html").unlink()
    (study / "report.html").symlink_to(outside)
    assert modescape("report", study, gigabytes=16).returncode == 0
    assert outside.read_text() == "mine"
    assert not (study / "report.html").is_symlink()


def test_what_is_read_here_is_what_a_recipe_says(study):
    assert layout.read_recipe_values(study) == json.loads(Study.open(study).recipe.model_dump_json())
