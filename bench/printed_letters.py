"""Make the checkpoint that the recipe `finetune` starts from: a small CNN trained on printed letters.

    python bench/printed_letters.py FOLDER

Letters A to Z of the font that comes with Pillow are randomly rotated, sheared, scaled and shifted, drawn with strokes
of random width at 32 x 32 pixels, and reduced to 8 x 8 by counting pixels in blocks of 4 x 4, as scikit-learn's
handwritten digits were. One network of the recipe `digits` is trained on them by modescape itself, and its solution
without its last layer is written to FOLDER/printed-letters.safetensors. Other versions of Pillow and torch give other
weights that serve as well.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import load_file, save_file

import modescape as ms

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EACH = 240  # images per letter
SIDE, BLOCK = 32, 4


def letter(character: str, random: np.random.Generator) -> np.ndarray:
    """One image, uint8 [8, 8]: bright strokes on black."""
    font = ImageFont.load_default(size=80)
    canvas = Image.new("L", (160, 160))
    ImageDraw.Draw(canvas).text((80, 80), character, 255, font, anchor="mm", stroke_width=int(random.integers(0, 5)))
    left, top, right, bottom = canvas.getbbox() or (0, 0, 160, 160)
    scale = max(right - left, bottom - top) / (SIDE * random.uniform(0.8, 1.0))
    turn, shear = random.normal(0, math.radians(10)), random.normal(0, 0.15)
    middle = ((left + right) / 2, (top + bottom) / 2)
    shift = random.normal(0, 1.2, 2)
    inverse = scale * np.array([[math.cos(turn), math.sin(turn) + shear], [-math.sin(turn), math.cos(turn)]])
    inverse[0] *= random.uniform(0.9, 1.3)
    offset = np.array(middle) - inverse @ (np.array([SIDE / 2, SIDE / 2]) + shift)
    affine = (*inverse[0], offset[0], *inverse[1], offset[1])
    drawn = np.asarray(canvas.transform((SIDE, SIDE), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))
    blocks = (drawn > 127).reshape(SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK).mean((1, 3))
    return np.round(255 * blocks).astype(np.uint8)


def main(folder: Path) -> None:
    """Write the images, train, write the checkpoint."""
    random = np.random.default_rng(0)
    image = np.stack([letter(character, random) for character in LETTERS for _ in range(EACH)])
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "letters.npz", image=image, label=np.repeat(np.arange(len(LETTERS)), EACH))
    settings = [f"data.source={folder / 'letters.npz'}", "data.test=0.1", "data.validation=0.1", "data.ood=[noise]"]
    settings += [
        "train.members=1",
        "train.epochs=30",
        "train.batch_size=64",
        "train.learning_rate=4e-3",
        "name=letters",
    ]
    study = ms.run("digits", out=folder / "study", overrides=[*settings, "analyses=[training]", "variants.long_runs=0"])
    accuracy = study.member(0).history()["validation_accuracy"][-1]
    solution = load_file(study.path / "members/000/epoch-030.safetensors")
    path = folder / "printed-letters.safetensors"
    save_file({name: tensor for name, tensor in solution.items() if not name.startswith("dense")}, path)
    print(f"validation accuracy {accuracy:.3f}; {path}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
