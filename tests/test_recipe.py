"""Recipes: the built-in ones, refusals, overrides, and what identifies a study."""

import pytest
import yaml

from modescape import recipe as recipes
from modescape.errors import InputError
from modescape.recipe import Recipe, builtin_names, builtin_text, load

PUBLISHED = {  # factory, epochs, batch, scaling, validation, batches, adam's epsilon
    "digits": ("small_cnn", None, 32, "unit", 200, "permutation", 1e-8),
    "cifar10-smallcnn": ("small_cnn", 10, 128, "raw", 500, "replacement", 1e-8),
    "cifar10-mediumcnn": ("medium_cnn", 40, 128, "raw", 500, "replacement", 1e-8),
    "cifar10-resnet20": ("resnet20", 200, 32, "centered", 5000, "permutation", 1e-7),
    "cifar100-resnet20": ("resnet20", 200, 128, "centered", 5000, "permutation", 1e-7),
    "notebook-smallcnn": ("notebook_small_cnn", 40, 128, "unit", 5000, "permutation", 1e-7),
    "notebook-mediumcnn": ("notebook_medium_cnn", 40, 128, "unit", 5000, "permutation", 1e-7),
    "notebook-resnet20": ("notebook_resnet20", 40, 128, "unit", 5000, "permutation", 1e-7),
}
RATES = {  # learning rate of each plateau and its first epoch: the published schedules
    "cifar10-resnet20": {0: 1e-3, 80: 1e-4, 120: 1e-5, 160: 1e-6, 180: 5e-7},
    "cifar100-resnet20": {0: 1e-3, 100: 1e-4, 130: 5e-5, 160: 1e-5, 190: 5e-7},
    "notebook-smallcnn": {0: 1.6e-3, 9: 8e-4, 19: 4e-4, 29: 2e-4},
    "notebook-mediumcnn": {0: 1.6e-3, 9: 8e-4, 19: 4e-4, 29: 2e-4},
    "notebook-resnet20": {0: 1.6e-3, 9: 8e-4, 19: 4e-4, 29: 2e-4},
}


def refused(message, *overrides, start="digits"):
    with pytest.raises(InputError, match=message) as caught:
        load(start, overrides)
    assert "\n" not in str(caught.value)


def from_text(text):
    return recipes.parse(recipes.parse_yaml(text, "the file"), "the file")


def test_the_built_in_recipes_are_these():
    assert builtin_names() == sorted([*PUBLISHED, "diabetes", "finetune", "images", "table", "text"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_built_in_recipes_hold_the_published_settings(name):
    recipe = load(name)
    train, (factory, epochs, *rest) = recipe.train, PUBLISHED[name]
    assert recipe.name == name
    assert recipe.model.factory == factory
    assert epochs in (None, train.epochs)
    assert [train.batch_size, recipe.data.scaling, recipe.data.validation, train.batches, train.epsilon] == rest
    assert (train.optimizer, train.members, train.trajectories) == ("adam", 10, 3)
    decay = (2e-4, "kernels") if factory == "resnet20" else (0.0, "all")
    assert (train.weight_decay, train.decay) == decay


@pytest.mark.parametrize("name", PUBLISHED)
def test_built_in_schedules_are_the_published_ones(name):
    train = load(name).train
    if name in RATES:
        plateaus = zip([0, *train.schedule.epochs], [1.0, *train.schedule.factors], strict=True)
        assert {start: factor * train.learning_rate for start, factor in plateaus} == pytest.approx(RATES[name])
    elif name == "digits":  # our own, chosen on validation images: docs/log.md
        assert (train.learning_rate, train.schedule.kind) == (1e-2, "cosine")
    else:
        assert (train.learning_rate, train.schedule.kind, train.schedule.every) == (1.6e-3, "halving", 10)


def test_built_in_augmentation_is_the_published_one():
    plain = {"crop_padding": 0, "crop_fill": "zeros", "horizontal_flip": False, "brightness": 0.0}
    keras = {"crop_padding": 3, "crop_fill": "nearest", "horizontal_flip": True, "brightness": 0.0}
    expected = {"notebook-resnet20": plain | {"crop_padding": 4, "brightness": 0.5}}
    expected |= {"cifar10-resnet20": keras, "cifar100-resnet20": keras}
    for name in PUBLISHED:
        assert load(name).data.augmentation.model_dump() == expected.get(name, plain)


@pytest.mark.parametrize(
    "setting", ["size=0", "size=true", "size=[1, 2, 3]", "size=[8, 0]", "size=big", "size=[[1], 2]"]
)
def test_sizes_that_are_none(setting):
    with pytest.raises(InputError, match=r"data\.size is .*: .*one number of pixels from 1, two as \[height, width\]"):
        load("images", [f"data.{setting}"])


@pytest.mark.parametrize("setting", ["background=#ffffff", "background=1.5", "background=true", "background=[1]"])
def test_grounds_that_are_none(setting):
    with pytest.raises(InputError, match=r"data\.background is .*quotation marks"):
        load("images", [f"data.{setting}"])
    assert load("images", ['data.background="#ffffff"']).data.background == "#ffffff"


def test_the_recipe_for_own_pictures_takes_any_and_cuts_shares():
    recipe = load("images", ["data.source=my/folder"])
    assert (recipe.data.source, recipe.data.size) == ("my/folder", 64)
    assert [type(share) for share in (recipe.data.test, recipe.data.validation)] == [float, float]
    assert recipe.model.factory == "small_cnn"
    assert load("images", ["data.size=[48, 64]"]).data.size == [48, 64]


def test_built_in_sources():
    sources = {name: load(name).data.source for name in PUBLISHED}
    assert sources.pop("digits") == "digits"
    assert sources.pop("cifar100-resnet20") == "uoft-cs/cifar100"
    assert set(sources.values()) == {"uoft-cs/cifar10"}
    assert load("cifar100-resnet20").data.label == "fine_label"
    assert load("digits").data.test == 1297


@pytest.mark.parametrize("name", [*PUBLISHED, "images"])
def test_recipes_open_with_one_line_of_comment(name):
    first = builtin_text(name).splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")
    assert len(first) <= 120


@pytest.mark.parametrize("name", PUBLISHED)
def test_yaml_round_trip(name, tmp_path):
    recipe = load(name)
    path = tmp_path / "study.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    assert load(path) == recipe
    assert load(recipe) == recipe
    assert load(path).content_hash("data") == recipe.content_hash("data")
    assert yaml.safe_load(recipe.to_yaml()).keys() == Recipe.model_fields.keys()  # every default is spelled out


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trian.epochs=3", "unknown key 'trian'; did you mean 'train'"),
        ("train.epoch=3", "unknown key 'train.epoch'; did you mean 'epochs'"),
        ("data.augmentation.brightnes=1", "unknown key 'data.augmentation.brightnes'; did you mean 'brightness'"),
        ("train.schedule={kind: halving, evry: 1}", "unknown key 'train.schedule.evry'; did you mean 'every'"),
        ("zzz=1", "unknown key 'zzz'; known: name, seed, data"),
    ],
)
def test_unknown_keys_name_the_nearest(override, message):
    refused(message, override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.members=four", "train.members is 'four'"),
        ("train.members=0", "train.members is 0"),
        ("train.members=2.5", "train.members is 2.5"),
        ("train=5", "train is 5"),
        ("train.learning_rate=.inf", "train.learning_rate is inf"),
        ("train.momentum=1", "train.momentum is 1"),
        ("train.optimizer=adan", "train.optimizer is 'adan': .*'adam', 'adamw' or 'sgd'"),
        ("train.schedule.kind=cosin", "train.schedule is .*'cosin'.*'cosine'"),
        ("train.schedule={kind: step, epochs: [3, 2], factors: [.1, .2]}", "must increase"),
        ("train.schedule={kind: step, epochs: [3], factors: [.1, .2]}", "1 epochs and 2 factors"),
        ("data.validation=0", "data.validation is 0: expected a number of images from 1, or a share between 0 and 1"),
        ("data.validation=1.0", "data.validation is 1.0: expected a number of images from 1, or a share"),
        ("data.size=[0, 5]", r"data.size is \[0, 5\]: expected one number of pixels"),
        ("data.validation=true", "data.validation is True"),
        ("data.source=", "data.source is None"),
        (
            "data={shift: official, frost: pictures}",
            "data is .*data.frost is for our own corruptions.*one of them to null",
        ),
        ("streams.order=share", "streams.order is 'share': .*'separate' or 'shared'"),
        ("seed=-1", "seed is -1"),
        ("name=a/b", "name is 'a/b'"),
        ("analyses=[tsne, tsne]", "named twice"),
        ("model.arguments.x=.nan", "model.arguments is .*finite numbers"),
        ("model.arguments.x=2020-01-01", "model.arguments is .*only text"),
        ("settings.tsne.x=.inf", "settings.tsne is .*finite numbers"),
    ],
)
def test_wrong_values_are_refused_by_name(override, message):
    refused(message, override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.members", "not of the form key.path=value"),
        ("=3", "not of the form key.path=value"),
        ("name=[", r"--set name: '\[' is not a YAML value"),
        ("name=2020-99-99", "--set name: '2020-99-99' is not a YAML value"),
    ],
)
def test_settings_that_cannot_be_read(override, message):
    refused(message, override)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not valid YAML"),
        ("- 1", "holds list"),
        ("a: &x 1\nb: *x", r"^the file: YAML aliases \(\*name\) are not supported"),
        ("train: {1: 2}", "train.1"),
        ("a: 2020-99-99", "not valid YAML"),
        ("a: !!python/object:x 1", r"YAML tags \(.*python/object:x\) are not supported"),
    ],
)
def test_files_that_are_no_recipe(text, message):
    with pytest.raises(InputError, match=message):
        from_text(text)


def test_recipes_that_are_not_there(tmp_path):
    refused("no recipe 'digit'; did you mean 'digits'", start="digit")
    refused("cannot read the recipe file '.*nope.yaml': No such file", start=tmp_path / "nope.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    refused("not UTF-8", start=tmp_path / "binary.yaml")


def test_a_file_without_a_name_is_named_after_itself(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {epochs: 2}\n")
    assert load(tmp_path / "mine.yaml").name == "mine"
    assert load(tmp_path / "mine.yaml", ["name=other"]).name == "other"


def test_overrides_reach_every_depth():
    settings = [
        "train.members=4",
        "train.learning_rate=1e-3",
        "data.augmentation.horizontal_flip=true",
        "analyses=[tsne, ensemble_size]",
        "model.arguments.channels=[8, 8]",
        "settings.tsne.examples=512",
        "data.source=../shared/data/cifar10",
        "train.schedule={kind: cosine}",
        "compute.workers=null",
    ]
    recipe = load("digits", settings)
    assert (recipe.train.members, recipe.train.learning_rate) == (4, 1e-3)
    assert recipe.data.augmentation.horizontal_flip is True
    assert recipe.analyses == ["tsne", "ensemble_size"]
    assert (recipe.model.arguments, recipe.settings) == ({"channels": [8, 8]}, {"tsne": {"examples": 512}})
    assert recipe.data.source == "../shared/data/cifar10"
    assert recipe.train.schedule.kind == "cosine"
    assert load("digits").train.members == 10  # the built-in recipe is unchanged
    assert load("digits", ["train.members=3", "train.members=5"]).train.members == 5  # the last one counts


SAME = [  # settings that do not identify a study: the networks are the same
    "name=other",
    "train.members=3",
    "data.source=elsewhere",
    "data.image=img",
    "data.inputs=image",
    "data.target=y",
    "data.text=words",
    "data.tokenizer=tokens.txt",
    "data.leave_out=[a]",
    "data.label=y",
    "data.config=plain",
    "data.shift=folder",
    "task.unit=mm",
    "data.shift_column=age",
    "data.frost=pictures",
    "data.ood=[noise]",
    "subspace.variant=paper",
    "subspace.samples=7",
    "subspace.last=4",
    "subspace.rank=2",
    "subspace.acceptance=0.5",
    "subspace.batch_norm=stored",
    "subspace.runs=2",
    "subspace.choosing=8",
    "subspace.distance=0.3",
    "variants.members=3",
    "variants.epochs=4",
    "variants.train=50",
    "variants.cycles=2",
    "variants.long_runs=2",
    "model.init=some/file.safetensors",
    "analyses=[tsne]",
    "settings.tsne.examples=10",
    "compute.engine=here",
    "compute.device=cpu",
    "compute.workers=2",
    "compute.address=auto",
    "compute.track=[wandb]",
    "compute.determinism=strict",
    "compute.stored_predictions=100",
    "compute.worker_memory=900",
    "quick={members: 10, epochs: 40, analyses: [tsne]}",
    "data.private=true",
]
OTHER = [  # settings that change the networks
    "seed=1",
    "task.kind=regression",
    "task.class_weights=balanced",
    "task.ignore=-1",
    "task.variance=false",
    "data.train=100",
    "data.validation=100",
    "data.test=0.3",
    "data.size=32",
    "data.resample=box",
    "data.crop=pad",
    "data.background=black",
    "data.skip_broken=true",
    "data.scaling=raw",
    "data.categories=codes",
    "data.group=patient",
    "data.length=64",
    "data.truncate=true",
    "data.augmentation.crop_padding=1",
    "data.augmentation.crop_fill=nearest",
    "data.augmentation.horizontal_flip=true",
    "data.augmentation.brightness=0.1",
    "model.factory=medium_cnn",
    "model.arguments.dropout=0.2",
    "model.output=logits",
    f"model.init_digest={'ab' * 32}",
    "model.freeze=[conv1.*]",
    "model.output_kind=probabilities",
    "train.epochs=3",
    "train.keep_every=2",
    "train.batch_size=64",
    "train.batches=replacement",
    "train.last_batch_of_one=drop",
    "train.optimizer=sgd",
    "train.learning_rate=0.1",
    "train.momentum=0.5",
    "train.epsilon=1e-7",
    "train.weight_decay=1e-4",
    "train.decay=kernels",
    "train.schedule={kind: halving, every: 5}",
    "train.warmup=0.1",
    "train.clip=1.0",
    "train.label_smoothing=0.1",
    "train.mixup=0.2",
    "train.early_stopping={patience: 3}",
    "train.trajectories=2",
    "train.keep_last=5",
    "train.arithmetic=bf16",
    "streams.initialisation=shared",
    "streams.order=shared",
    "streams.augmentation=shared",
    "streams.dropout=shared",
    "streams.mixup=shared",
    "streams.last_bit=true",
    "streams={initialisation: shared, branches: [1]}",
    "data.mean=[.5]",
    "data.deviation=[.2]",
    f"imported={{digest: {64 * 'a'}, epochs: [1]}}",
]


def leaves(values, prefix=""):
    for key, value in values.items():
        path = prefix + key
        free = path in ("model.arguments", "train.schedule", "settings")
        yield from leaves(value, f"{path}.") if isinstance(value, dict) and not free else [path]


def test_every_key_is_on_one_of_the_lists():
    listed = {setting.partition("=")[0] for setting in [*SAME, *OTHER]} | {"streams.branches"}  # needs a shared start
    for path in leaves(load("digits").model_dump()):
        assert any(key == path or key.startswith(f"{path}.") for key in listed), path


@pytest.mark.parametrize("setting", SAME)
def test_what_does_not_identify_a_study(setting):
    assert load("digits", [setting]) != load("digits")
    assert load("digits", [setting]).content_hash("data") == load("digits").content_hash("data")


@pytest.mark.parametrize("setting", OTHER)
def test_what_identifies_a_study(setting):
    assert load("digits", [setting]).content_hash("data") != load("digits").content_hash("data")


def test_the_content_of_the_data_identifies_a_study():
    assert load("digits").content_hash("data") != load("digits").content_hash("other data")


def test_the_order_of_keys_does_not_matter():
    a = from_text("seed: 1\nmodel: {arguments: {a: 1, b: 2}}\ntrain: {epochs: 2, members: 3}")
    b = from_text("train: {members: 3, epochs: 2}\nmodel: {arguments: {b: 2, a: 1}}\nseed: 1")
    assert a.content_hash("data") == b.content_hash("data")


def test_kept_epochs():
    recipe = load("digits", ["train.epochs=5", "train.trajectories=2", "train.keep_last=2"])
    assert recipe.kept_epochs(1) == [0, 1, 2, 3, 4, 5]
    assert recipe.kept_epochs(2) == [0, 4, 5]
    recipe = load("digits", ["train.epochs=7", "train.trajectories=0", "train.keep_last=2", "train.keep_every=3"])
    assert recipe.kept_epochs(0) == [0, 3, 6, 7]


def test_shared_streams():
    assert load("digits").shared_streams() == frozenset()
    assert load("digits", ["streams.order=shared"]).shared_streams() == {"order"}


def test_a_published_variant_brings_its_settings_unless_they_are_given():
    official = load("digits", ["subspace.variant=official"]).subspace
    assert (official.samples, official.rank, official.acceptance) == (30, 5, 0.92)
    assert load("digits", ["subspace.variant=paper", "subspace.rank=3"]).subspace.rank == 3
    assert load("digits", ["subspace.variant=paper"]).subspace.samples == 10


def test_the_neighbourhood_of_a_solution_are_the_last_quarter_of_its_training():
    assert load("digits").epochs_around() == 10  # of 40
    assert load("digits", ["train.epochs=10"]).epochs_around() == 5  # as many as samples
    assert load("digits", ["subspace.last=3"]).epochs_around() == 3


ODD_TEXTS = [
    "a\x85b",
    "\u2028",
    "a \u2029",
    "\ufeffa",
    "1e5",
    "1e-400",
    ".5e3",
    "+1E3",
    "~",
    "null",
    "01:30",
    "=",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_text_is_the_same_after_writing(text):
    recipe = recipes.parse({"data": {"config": text}, "model": {"arguments": {text: [text]}}}, "it")
    assert recipes.parse(recipes.parse_yaml(recipe.to_yaml(), "it"), "it") == recipe


@pytest.mark.parametrize("number", ["0x" + "f" * 5_000, "1:" * 3_000 + "1", "9" * 400])
def test_endless_numbers_are_refused(number):
    for text in (f"seed: {number}", f"model: {{arguments: {{x: {number}}}}}"):
        with pytest.raises(InputError, match=r"1,024 bits"):
            recipes.parse_yaml(text, "it")
    with pytest.raises(InputError, match="not a YAML value"):
        recipes.override({}, [f"seed={number}"])


@pytest.mark.parametrize("value", [[None], {}, 3, None])
def test_a_variant_that_is_no_text(value):
    with pytest.raises(InputError, match=r"subspace\.variant"):
        recipes.parse({"subspace": {"variant": value}}, "it")


@pytest.mark.parametrize("key", ["step", "cosine", "int", "float", "constrained"])
def test_unknown_keys_that_are_called_like_an_alternative(key):
    with pytest.raises(InputError, match=f"unknown key '{key}'"):
        recipes.parse({key: 1}, "it")
    with pytest.raises(InputError, match=rf"unknown key 'train\.schedule\.{key}'"):
        recipes.parse({"train": {"schedule": {"kind": "cosine", key: 1}}}, "it")


def test_overrides_of_absurd_depth_and_length():
    with pytest.raises(InputError, match="3,000 keys are nested"):
        recipes.override({}, [".".join("a" * 3_000) + "=1"])
    for settings in (["x" * 9_000], ["x" * 9_000 + "=["], ["train.schedule.kind=" + "x" * 9_000], ["x" * 9_000 + "=1"]):
        with pytest.raises(InputError) as caught:
            recipes.parse(recipes.override({}, settings), "it")
        assert len(str(caught.value)) < 1_500


@pytest.mark.parametrize(
    "values", [{"data": {"source": "\udcff"}}, {"data": {"ood": ["\ud800"]}}, {"model": {"arguments": {"\ud800": 1}}}]
)
def test_text_that_no_file_can_hold(values):
    with pytest.raises(InputError, match="it is not Unicode text"):
        recipes.parse(values, "it")


@pytest.mark.parametrize("inner", ["{true: 1}", "{1: 2}", "{1: a, '1': b}", "{null: 1}", "{1.5: x}"])
def test_free_settings_have_keys_of_text(inner):
    """JSON turns other keys into text, so that a resumed study would differ from the original one."""
    with pytest.raises(InputError, match="nested text keys"):
        recipes.parse(recipes.override({}, [f"model.arguments.a={inner}"]), "it")
