"""Project limits: length of files and functions, no import cycles, documented public names."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "modescape"

LINES = 300  # largest number per file
BODY = 50  # largest number per function, without its docstring
KERNELS = {  # Triton: a kernel is one program whose tile stays in registers throughout
    "kernels/gpu/convolution.py": {"_convolve", "_weigh"},
    "kernels/gpu/pointwise.py": {"_pool_forward"},
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules():
    return sorted(file.relative_to(SOURCE).as_posix() for file in SOURCE.rglob("*.py"))


def text_of(path):
    return (SOURCE / path).read_text(encoding="utf-8")


def long_functions(text, limit=BODY):
    """Functions with more lines than the limit, from ``def`` to the end, not counting the docstring."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            first = node.body[0]
            documented = ast.get_docstring(node, clean=False) is not None
            apart = first.end_lineno - first.lineno + 1 if documented else 0
            found[node.name] = node.end_lineno - node.lineno + 1 - apart
    return {name for name, lines in found.items() if lines > limit}


def undocumented(text):
    """Public names without a docstring: the module, and classes, functions and methods outside functions."""
    tree = ast.parse(text)
    found = [] if ast.get_docstring(tree) else ["the module"]

    def visit(node, prefix):
        for child in node.body:
            if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
                if not ast.get_docstring(child):
                    found.append(prefix + child.name)
                if isinstance(child, ast.ClassDef):
                    visit(child, f"{prefix}{child.name}.")

    visit(tree, "")
    return found


def name_of(path):
    """``modescape.study.layout`` of ``study/layout.py``; a package is named after its folder."""
    return ".".join(["modescape", *Path(path).with_suffix("").parts]).removesuffix(".__init__")


def outside_functions(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda):
            yield child
            yield from outside_functions(child)


def imported(text, path, known):
    """Modules imported with this one, at run time or for type checking; imports in functions are left out.

    Args:
        text: source of the module.
        path: of its file, relative to the package.
        known: names of all modules.
    """
    own = name_of(path)
    package = (own if path.endswith("__init__.py") else own.rpartition(".")[0]).split(".")
    found = set()
    for node in outside_functions(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [inner if (inner := f"{module}.{alias.name}") in known else module for alias in node.names]
        else:
            continue
        found.update(names)
        for name in names:  # importing a module runs its packages first; our own are running already
            parts = name.split(".")
            packages = {".".join(parts[:length]) for length in range(1, len(parts))}
            found |= {one for one in packages if not f"{own}.".startswith(f"{one}.")}
    return (found & known) - {own}


def circles(graph):
    """Import cycles: groups of modules that import each other, directly or indirectly."""
    reached = {}
    for start in graph:
        seen, left = set(), [start]
        while left:
            new = graph[left.pop()] - seen
            seen |= new
            left += new
        reached[start] = seen
    around = [one for one in graph if one in reached[one]]
    return sorted(map(sorted, {frozenset(other for other in reached[one] if one in reached[other]) for one in around}))


@pytest.mark.parametrize("path", modules())
def test_a_file_holds_one_thought(path):
    text = text_of(path)
    assert len(text.splitlines()) <= LINES
    assert undocumented(text) == []
    assert long_functions(text) == KERNELS.get(path, set())


def test_imports_have_an_order():
    known = {name_of(path) for path in modules()}
    assert circles({name_of(path): imported(text_of(path), path, known) for path in modules()}) == []


def test_what_is_a_long_function():
    lines = "\n".join("    pass" for _ in range(BODY - 1))
    assert long_functions(f"def fits():\n{lines}\n") == set()
    assert long_functions(f"def fits():\n    '''Text.\n\n    More.\n    '''\n{lines}\n") == set()
    assert long_functions(f"class C:\n def outer(self):\n  async def inner():\n{lines}\n    pass") == {"inner", "outer"}


def test_what_is_undocumented():
    text = "class A:\n  def f(self): ...\n  def _g(self): ...\n  def __call__(self): ...\ndef h():\n  def i(): ...\n"
    assert undocumented(text) == ["the module", "A", "A.f", "h"]
    assert undocumented("'''Text.'''\nclass _B:\n    def f(self): ...\n") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from modescape.study import layout", {"modescape.study.layout", "modescape.study"}),
        ("from modescape.study import Study", {"modescape.study"}),
        ("import modescape.study.layout", {"modescape.study.layout", "modescape.study"}),
        ("from ..study import layout", {"modescape.study.layout", "modescape.study"}),
        ("if TYPE_CHECKING:\n    from modescape.study import Study", {"modescape.study"}),
        ("try:\n    from modescape.study import Study\nexcept ImportError:\n    pass", {"modescape.study"}),
        ("class C:\n    from modescape.study import Study", {"modescape.study"}),
        ("from modescape.metrics import scores", {"modescape.metrics.scores"}),  # its own package is already running
        ("from modescape.metrics import SCORES", {"modescape.metrics"}),
        ("from . import scores", {"modescape.metrics.scores"}),
        ("def f():\n    from modescape.study import Study", set()),
        ("import numpy", set()),
    ],
)
def test_what_counts_as_an_import(text, found):
    known = {"modescape", "modescape.study", "modescape.study.layout", "modescape.metrics", "modescape.metrics.scores"}
    assert imported(text, "metrics/curves.py", known) == found


def test_what_is_a_circle():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]
