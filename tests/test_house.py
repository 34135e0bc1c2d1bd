"""Project rules beyond the linter's: no code from files is run, no ``hash()``, seeding in one place only."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "modescape"

PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
PIPES = {"engines/packing.py", "engines/processes.py"}  # messages between a process and its workers, never files
RUNNING = {"eval", "exec", "builtins.eval", "builtins.exec", "os.system", "os.popen", "subprocess.getoutput"}
RUNNING |= {"yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}
UNSAFE_LOADERS = {f"yaml.{name}" for name in ("Loader", "CLoader", "UnsafeLoader", "CUnsafeLoader", "FullLoader")}
UNSAFE_LOADERS |= {"Loader", "CLoader", "UnsafeLoader", "yaml.CFullLoader", "FullLoader"}
SEEDS = {"rng.py"}  # the only module that seeds
SEEDING = {
    "torch.manual_seed",
    "torch.seed",
    "torch.random.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "np.random.seed",
    "numpy.random.seed",
    "random.seed",
}


def dotted(node):
    """``a.b.c`` of an expression, or "" if it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def constant(call, keyword):
    return next((getattr(word.value, "value", ...) for word in call.keywords if word.arg == keyword), None)


def complaints(text, path):
    """Violations of the rules in a module, one line each."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call):
            found += [f"{path}:{node.lineno}: {rule}" for rule in broken_by(node, path)]
        if path not in PIPES and any(name.split(".")[0] in PICKLES for name in names):
            found.append(f"{path}:{node.lineno}: imports a pickle module")
        if path not in SEEDS and SEEDING.intersection(names):
            found.append(f"{path}:{node.lineno}: imports a global seed")
    return found


def broken_by(call, path):
    name = dotted(call.func)
    if name == "hash":
        yield "hash() differs from process to process; use hashlib or rng.key"
    if name == "torch.load" and constant(call, "weights_only") is not True:
        yield "torch.load without weights_only=True runs what the file says"
    if constant(call, "allow_pickle") not in (None, False):
        yield f"{name} with allow_pickle runs what the file says"
    if name in RUNNING:
        yield f"{name} runs text"
    if name in ("yaml.load", "yaml.load_all"):
        loader = next((word.value for word in call.keywords if word.arg == "Loader"), None)
        if loader is None or dotted(loader) in UNSAFE_LOADERS:
            yield f"{name} without a safe loader runs what the file says"
    if name == "Image.open" and not any(word.arg == "formats" for word in call.keywords):
        yield "Image.open of any format starts other programs (PostScript); name the formats"
    if name in SEEDING and path not in SEEDS:
        yield f"{name} changes the state of everybody; use a named stream of rng"


def modules():
    return sorted(file.relative_to(SOURCE).as_posix() for file in SOURCE.rglob("*.py"))


def test_there_are_modules():
    assert {"rng.py", "engines/processes.py"} <= set(modules())


@pytest.mark.parametrize("path", modules())
def test_the_rules_of_the_house(path):
    assert complaints((SOURCE / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import dump",
        "def f():\n    import dill",
        "hash('name')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "eval('1')",
        "exec(text)",
        "os.system('ls')",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.UnsafeLoader)",
        "yaml.load(text, Loader=yaml.CLoader)",
        "yaml.unsafe_load(text)",
        "Image.open(file)",
        "torch.manual_seed(0)",
        "np.random.seed(0)",
        "random.seed(0)",
        "from torch import manual_seed",
    ],
)
def test_what_is_complained_about(text):
    assert len(complaints(text, "report/page.py")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "hashlib.sha256(b'')",
        "_hash('name')",
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "module.eval()",
        "yaml.load(text, Loader=yaml.CSafeLoader)",
        "Image.open(file, formats=('PNG',))",
        "torch.Generator().manual_seed(0)",
        "np.random.default_rng(0)",
    ],
)
def test_what_is_fine(text):
    assert complaints(text, "report/page.py") == []
