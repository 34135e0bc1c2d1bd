"""Make the pictures of the README and of docs/gallery.md from real studies, and write docs/gallery.md.

Usage: python tools/gallery.py --data path/to/data [--work build/gallery] [--only digits page ...]

The folder of data contains cifar10/ (in the hub's layout of uoft-cs/cifar10), checkpoints/ani/ and
predictions/cifar10/. Studies are made in WORK unless they are there already. Takes about twenty minutes on two cores,
one minute with existing studies. Needs Playwright and a Chromium, which render figures. `--only` remakes some pictures.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs/gallery"
MOST, MOST_TOGETHER = 150_000, 1_000_000  # largest size of one picture and of all, bytes
SOME = "analyses=[training, trajectory_similarity, solution_similarity, tsne, ensemble_size, calibration]"


@dataclass(frozen=True)
class Source:
    """A study of the gallery."""

    title: str
    about: str  # data, networks and their number
    command: tuple[str, ...]  # {data} is the folder of data
    figures: dict[str, str]  # analysis, or panels such as "tsne-a tsne-b" -> caption


SOURCES = {
    "digits": Source(
        "Handwritten digits",
        "1,797 images of 8x8 pixels from scikit-learn, 1,297 of them for testing; ten SmallCNN, 40 epochs.",
        ("run", "digits"),
        {
            "radial": "The plane through the origin and two solutions: accuracy, and similarity to either solution.",
            "diversity_plane": "Diversity against accuracy: independent solutions, and samples around one of them.",
            "connectivity-a connectivity-g": "Alignment lowers barriers between solutions; curved paths avoid them.",
            "surface-a surface-b": "Training loss around one solution, and on the plane through three of them.",
        },
    ),
    "cifar10": Source(
        "CIFAR-10 with a small network",
        "CIFAR-10 (JPEG copy), 49,500 training and 10,000 test images; five SmallCNN, 10 epochs as in the paper.",
        ("run", "cifar10-smallcnn", "--set", "data.source={data}/cifar10", "--set", "train.members=5", "--set", SOME),
        {
            "tsne": "Predictions along three runs. t-SNE draws three arms; principal components end close together.",
            "ensemble_size": "Scores against the number of networks averaged: independent, or snapshots of one run.",
        },
    ),
    "diabetes": Source(
        "A regression on a table",
        "442 patients from scikit-learn, 200 of them for testing; ten MLPs that predict mean and variance.",
        ("run", "diabetes"),
        {"ensemble_size": "Scores of the predicted means and variances against the number of networks averaged."},
    ),
    "imported": Source(
        "Networks trained by others: weights only",
        "Sixteen networks of the ANI model zoo (MIT): eight trained independently, and one fine-tuned from each.",
        ("import", "auto", "{data}/checkpoints/ani/*.safetensors"),
        {"kinship-a kinship-d": "Which networks descend from one another: cosine of the weights, and the tree."},
    ),
    "published": Source(
        "Networks trained by others: predictions only",
        "Classes that 30 published networks predict for CIFAR-10's 10,000 test images (modestyachts/CIFAR-10.1, MIT).",
        (
            "compare",
            "{data}/predictions/cifar10/*_predictions.json",
            "--labels",
            "{data}/predictions/cifar10/labels.npy",
        ),
        {"subset_choice": "How many networks to average, and which; each choice is scored on other images."},
    ),
}
MADE = "Seed 0; two cores of an AMD EPYC with AVX-512, modescape 0.2.0, 30 November 2026."  # keep current
OVERVIEW = ("tsne-a", "radial-a", "ensemble_size-a")  # figures of digits in the README
PAGE = "The first screen of a study's page."


def made(name: str, data: Path, work: Path) -> Path:
    """The folder of a study; one that is complete is left as it is."""
    source, folder = SOURCES[name], work / name
    if (folder / "report.html").is_file():
        return folder
    words = [word.format(data=data) for word in source.command]
    paths = [sorted(map(str, Path("/").glob(word.lstrip("/")))) if "*" in word else [word] for word in words]
    command = [word for some in paths for word in some] + ["--out", str(folder), "--quiet"]
    subprocess.run([sys.executable, "-m", "modescape", *command], check=True, stdout=subprocess.DEVNULL)
    return folder


def drawings(name: str, folder: Path, scratch: Path) -> Path:
    """A folder with the figures of a study as SVG, whole and panel by panel; for a comparison, those by its page."""
    if not (folder / "study.yaml").is_file():
        return folder / "figures"
    command = ["figures", str(folder), "--style", "page", "--out", str(scratch / name), "--quiet"]
    subprocess.run([sys.executable, "-m", "modescape", *command], check=True, stdout=subprocess.DEVNULL)
    return scratch / name


def kept(name: str, pixels: bytes) -> None:
    """Write a picture with a reduced palette, which is enough for figures.

    Raises:
        SystemExit: if it is too large for the repository.
    """
    picture = Image.open(BytesIO(pixels), formats=["PNG"]).convert("RGB")
    path = OUT / f"{name}.png"
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MOST:
        sys.exit(f"{path} has {path.stat().st_size} bytes, expected at most {MOST}")
    print(f"{path.relative_to(ROOT)}: {picture.size[0]} x {picture.size[1]}, {path.stat().st_size / 1e3:.0f} kB")


def photographed(tab: Any, files: list[Path], width: int) -> bytes:
    """Render drawings side by side on white, at this width in pixels."""
    shown = "".join(f'<img src="{file.as_uri()}" style="flex:1;min-width:0;object-fit:contain">' for file in files)
    with tempfile.NamedTemporaryFile("w", suffix=".html") as page:
        row = "display:flex;align-items:end;gap:12px;padding:8px"
        page.write(f'<body style="margin:0;background:#fff"><div style="{row}">{shown}</div>')
        page.flush()
        tab.set_viewport_size({"width": width, "height": 200})
        tab.goto(Path(page.name).as_uri())
        return tab.locator("div").screenshot()


def pages(chromium: Any, folder: Path) -> None:
    """Pictures of the first screen of the page of digits, light and dark."""
    subprocess.run([sys.executable, "-m", "modescape", "report", str(folder)], check=True, stdout=subprocess.DEVNULL)
    for scheme in ("light", "dark"):
        tab = chromium.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme)
        tab.goto((folder / "report.html").as_uri(), wait_until="load")
        tab.wait_for_timeout(1500)  # until scripts have drawn the figures
        kept(f"page-{scheme}", tab.screenshot())
        tab.close()


def picture(study: str, figure: str) -> str:
    """The file name of a picture."""
    return f"{study}-{figure.replace(' ', '-')}"


def text(data_word: str = "path/to/data") -> str:
    """The text of docs/gallery.md."""
    lines = [
        "# Gallery",
        "",
        "Figures of real studies; `python tools/gallery.py --data path/to/data` makes them all.",
        MADE,
        "",
    ]
    for name, source in SOURCES.items():
        command = " ".join(f"'{word}'" if " " in word else word for word in source.command).format(data=data_word)
        lines += [f"## {source.title}", "", source.about, "", "```sh", f"modescape {command}", "```", ""]
        for figure, caption in source.figures.items():
            lines += [f"![{caption}](gallery/{picture(name, figure)}.png)", "", f"*{caption}*", ""]
        if name == "digits":
            lines += [f"![{PAGE}](gallery/page-light.png)", "", f"*{PAGE} It also has a dark mode.*", ""]
    return "\n".join(lines)


def main() -> None:
    """Make the requested pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of data")
    parser.add_argument("--work", type=Path, default=ROOT / "build/gallery", help="where the studies are made")
    parser.add_argument(
        "--only", nargs="*", default=["overview", "page", *SOURCES], help="names of studies, page, overview"
    )
    said = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    (ROOT / "docs/gallery.md").write_text(text(), encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as started, tempfile.TemporaryDirectory() as scratch:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(device_scale_factor=1.5)
        for name, source in SOURCES.items():
            wanted = {name, "page", "overview"} if name == "digits" else {name}
            if not wanted & set(said.only):
                continue
            folder = made(name, said.data.resolve(), said.work.resolve())
            drawn = drawings(name, folder, Path(scratch))
            for figure in source.figures if name in said.only else ():
                files = [drawn / f"{part}.svg" for part in figure.split()]
                kept(picture(name, figure), photographed(tab, files, 760))
            if name == "digits" and "overview" in said.only:
                kept("overview", photographed(tab, [drawn / f"{panel}.svg" for panel in OVERVIEW], 1000))
            if name == "digits" and "page" in said.only:
                pages(chromium, folder)
        chromium.close()
    together = sum(path.stat().st_size for path in OUT.glob("*.png"))
    if together > MOST_TOGETHER:
        sys.exit(f"all pictures have {together} bytes, expected at most {MOST_TOGETHER}")


if __name__ == "__main__":
    main()
