"""Moments of the 19 corruptions by a slow reference implementation; tests/data/test_corruptions.py checks ours.

Image by image with NumPy, SciPy, Pillow and matplotlib's colour spaces, with the published constants and as the
published generator applies them; nothing of modescape is imported. The images are 32x32 colour, made here from a
formula.

Usage: python bench/corruptions_reference.py [--images 200] [--draws 8]
It writes tests/data/corruptions_reference.json; 3 minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
from pathlib import Path

import matplotlib
import numpy as np
import PIL
import scipy
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy import ndimage

TARGET = Path(__file__).parents[1] / "tests" / "data" / "corruptions_reference.json"
SIZE = 32


def images(count: int) -> np.ndarray:
    """Coloured waves with a disk and a rectangle, every fourth rectangle grey: uint8 [example, height, width, 3]."""
    out = []
    down, across = np.mgrid[:SIZE, :SIZE] / SIZE
    for number in range(count):
        stream = np.random.default_rng(number)
        wave, phase, centre, corner = (stream.random(shape) for shape in ((3, 2), 3, 3, 4))
        disk_colour, box_colour = stream.random((2, 3))
        slope = (wave * 4 - 2)[:, 0, None, None] * down + (wave * 4 - 2)[:, 1, None, None] * across
        image = 0.5 + 0.45 * np.sin(2 * np.pi * (slope + phase[:, None, None]))
        disk = np.hypot(down - centre[0], across - centre[1]) < 0.1 + 0.25 * centre[2]
        box = (np.abs(down - corner[0]) < 0.3 * corner[2]) & (np.abs(across - corner[1]) < 0.3 * corner[3])
        image[:, disk] = disk_colour[:, None]
        image[:, box] = box_colour[0] if number % 4 == 0 else box_colour[:, None]
        out.append(np.uint8(image * 255).transpose(1, 2, 0))
    return np.stack(out)


# ---- helpers ----


def levels(unit: np.ndarray) -> np.ndarray:
    """Truncate to whole levels; 1e-6 makes up for rounding errors just below an integer."""
    return np.uint8(np.clip(unit * 255 + 1e-6, 0, 255))


def blur(image: np.ndarray, deviation: float) -> np.ndarray:
    sigma = (deviation, deviation, 0) if image.ndim == 3 else deviation
    return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=4.0)


def clipped_zoom(image: np.ndarray, factor: float) -> np.ndarray:
    crop = math.ceil(SIZE / factor)
    top = (SIZE - crop) // 2
    factors = (factor, factor, 1) if image.ndim == 3 else factor
    zoomed = ndimage.zoom(image[top : top + crop, top : top + crop], factors, order=1)
    trim = (len(zoomed) - SIZE) // 2
    return zoomed[trim : trim + SIZE, trim : trim + SIZE]


def imagemagick_motion(image: np.ndarray, radius: int, deviation: float, degrees: float) -> np.ndarray:
    """Levels in, levels out: rounded to 16 bits, then truncated to 8."""
    width = 2 * radius + 1
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * deviation**2))
    kernel /= kernel.sum()
    angle = math.radians(degrees)
    padded = np.pad(np.float64(image), [(width, width), (width, width), *([(0, 0)] * (image.ndim - 2))], mode="edge")
    total = np.zeros(image.shape)
    for tap, weight in enumerate(kernel):
        x, y = math.ceil(tap * math.cos(angle) - 0.5), math.ceil(tap * math.sin(angle) - 0.5)
        total += weight * padded[width + y : width + y + SIZE, width + x : width + x + SIZE]
    return np.uint8(np.rint(total * 257) // 257)


def plasma(stream: np.random.Generator, decay: float) -> np.ndarray:
    """Diamond-square pixel by pixel, indices modulo the size."""
    field, step, wobble = np.zeros((SIZE, SIZE)), SIZE, 100.0

    def put(row: int, column: int, neighbours: list[tuple[int, int]]) -> None:
        mean = sum(field[(row + r) % SIZE, (column + c) % SIZE] for r, c in neighbours) / 4
        field[row, column] = mean + wobble * stream.uniform(-wobble, wobble)

    while step >= 2:
        half = step // 2
        for row in range(half, SIZE, step):
            for column in range(half, SIZE, step):
                put(row, column, [(-half, -half), (-half, half), (half, -half), (half, half)])
        for row in range(0, SIZE, half):
            for column in range(0, SIZE, half):
                if (row // half + column // half) % 2:
                    put(row, column, [(-half, 0), (half, 0), (0, -half), (0, half)])
        step, wobble = half, wobble / decay
    field -= field.min()
    return field / field.max()


# ---- corruptions: uint8 [height, width, 3] to uint8 ----


def gaussian_noise(image, stream, deviation):
    return levels(image / 255 + stream.normal(size=image.shape, scale=deviation))


def shot_noise(image, stream, photons):
    return levels(np.minimum(stream.poisson(image / 255 * photons) / photons, 1))


def impulse_noise(image, stream, amount):
    out = image.copy()
    hit, white = stream.random(image.shape) < amount, stream.random(image.shape) < 0.5
    out[hit & white] = 255
    out[hit & ~white] = 0
    return out


def speckle_noise(image, stream, deviation):
    unit = image / 255
    return levels(unit + unit * stream.normal(size=image.shape, scale=deviation))


def gaussian_blur(image, stream, deviation):
    return levels(blur(image / 255, deviation))


def defocus_blur(image, stream, radius, antialias):
    line = np.arange(-8, 9)
    disk = (line[None] ** 2 + line[:, None] ** 2 <= radius**2).astype(float)
    taps = np.exp(-(np.arange(-1, 2) ** 2) / (2 * antialias**2))
    kernel = ndimage.correlate(disk / disk.sum(), np.outer(taps, taps) / taps.sum() ** 2, mode="constant")
    return levels(ndimage.correlate(image / 255, kernel[:, :, None], mode="mirror"))


def glass_blur(image, stream, deviation, shift, rounds):
    x = levels(blur(image / 255, deviation))
    for _ in range(rounds):
        for row in range(SIZE - shift, shift, -1):
            for column in range(SIZE - shift, shift, -1):
                across, down = stream.integers(-shift, shift, size=2)
                x[row, column] = x[row + down, column + across]  # net effect of the published swap of views
    return levels(blur(x / 255, deviation))


def motion_blur(image, stream, radius, deviation):
    return imagemagick_motion(image, radius, deviation, stream.uniform(-45, 45))


def zoom_blur(image, stream, end):
    unit = image / 255
    factors = np.arange(1, end, 0.01)
    return levels((unit + sum(clipped_zoom(unit, factor) for factor in factors)) / (len(factors) + 1))


def snow(image, stream, mean, deviation, zoom, threshold, radius, smear, blend):
    unit = image / 255
    layer = clipped_zoom(stream.normal(size=(SIZE, SIZE), loc=mean, scale=deviation), zoom)
    layer[layer < threshold] = 0
    layer = imagemagick_motion(np.uint8(np.clip(layer, 0, 1) * 255), radius, smear, stream.uniform(-135, -45)) / 255
    grey = (unit @ [0.299, 0.587, 0.114])[:, :, None]
    unit = blend * unit + (1 - blend) * np.maximum(unit, grey * 1.5 + 0.5)
    return levels(unit + layer[:, :, None] + np.rot90(layer, 2)[:, :, None])


def frost(image, stream, weight, ice):
    """Our texture in place of the published photographs, as docs/corruptions.md says."""
    parts = [stream.normal(size=(SIZE, SIZE)), plasma(stream, 1.1)]
    noise, cloud = ((part - part.mean()) / part.std() for part in parts)
    luma = stream.uniform(0.36, 0.905) + 0.092 * (math.sqrt(0.53) * noise + math.sqrt(0.47) * cloud)
    ground = luma[:, :, None] * [1.186, 0.927, 0.887] + [-0.181, 0.0655, 0.1375]
    return levels(weight * image / 255 + ice * np.clip(ground, 0, 1))


def fog(image, stream, weight, decay):
    unit = image / 255
    return levels((unit + weight * plasma(stream, decay)[:, :, None]) * unit.max() / (unit.max() + weight))


def brightness(image, stream, amount):
    hsv = rgb_to_hsv(image / 255)
    hsv[:, :, 2] = np.clip(hsv[:, :, 2] + amount, 0, 1)
    return levels(hsv_to_rgb(hsv))


def saturate(image, stream, factor, amount):
    hsv = rgb_to_hsv(image / 255)
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * factor + amount, 0, 1)
    return levels(hsv_to_rgb(hsv))


def contrast(image, stream, factor):
    unit = image / 255
    mean = unit.mean((0, 1))
    return levels((unit - mean) * factor + mean)


def elastic_transform(image, stream, displacement, smoothness, jitter):
    unit = image / 255
    middle, side = SIZE // 2, SIZE // 3
    before = np.array([[middle + side, middle + side], [middle + side, middle - side], [middle - side, middle - side]])
    after = before + stream.uniform(-jitter, jitter, size=(3, 2)) * SIZE  # (x, y)
    matrix = np.linalg.solve(np.column_stack([before, np.ones(3)]), after)  # (x, y, 1) @ matrix
    down, across = np.mgrid[:SIZE, :SIZE]
    source = (np.stack([across, down], -1) - matrix[2]) @ np.linalg.inv(matrix[:2])
    unit = _read(unit, source[..., 1], source[..., 0], "mirror")
    move = [
        ndimage.gaussian_filter(stream.uniform(-1, 1, (SIZE, SIZE)), max(smoothness, 1e-9) * SIZE, truncate=3)
        * (displacement * SIZE)
        for _ in range(2)
    ]
    return levels(_read(unit, down + move[0], across + move[1], "reflect"))


def _read(image, rows, columns, mode):
    channels = np.moveaxis(image, -1, 0)
    return np.stack([ndimage.map_coordinates(one, [rows, columns], order=1, mode=mode) for one in channels], -1)


def pixelate(image, stream, factor):
    small = Image.fromarray(image).resize((int(SIZE * factor),) * 2, Image.Resampling.BOX)
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BOX))


def jpeg_compression(image, stream, quality):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def spatter(image, stream, mean, deviation, sigma, threshold, weight, mud):
    unit = image / 255
    layer = blur(stream.normal(size=(SIZE, SIZE), loc=mean, scale=deviation), sigma)
    layer[layer < threshold] = 0
    if mud:
        cover = blur(np.float64(layer > threshold), weight)
        cover[cover < 0.8] = 0
        return levels(unit * (1 - cover[:, :, None]) + cover[:, :, None] * np.array([63, 42, 20]) / 255)
    liquid = np.uint8(np.clip(layer, 0, 1) * 255)
    edge = canny(np.float64(liquid), 50, 150)
    dist = np.uint8(ndimage.uniform_filter(np.minimum(chamfer(edge), 20), 3, mode="mirror") + 1e-6)
    dist = ndimage.correlate(np.float64(equalised(dist)), [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], mode="mirror")
    dist = np.rint(ndimage.uniform_filter(np.clip(dist, 0, 255), 3, mode="mirror"))
    light = liquid * dist
    if light.max() > 0:
        light /= light.max()
    return levels(unit + weight * light[:, :, None] * np.array([175, 238, 238]) / 255)


def canny(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Pixel by pixel, with sectors of 45 degrees around the gradient."""
    gradient = [ndimage.sobel(image, axis, mode="nearest") for axis in (0, 1)]
    size = np.pad(abs(gradient[0]) + abs(gradient[1]), 1)
    kept = np.zeros(image.shape, dtype=bool)
    for row, column in np.argwhere(size[1:-1, 1:-1] > low):
        y, x = (part[row, column] for part in gradient)
        angle = math.degrees(math.atan2(abs(y), abs(x)))
        if angle < 22.5:
            one, other, strict = (0, -1), (0, 1), False
        elif angle > 67.5:
            one, other, strict = (-1, 0), (1, 0), False
        else:
            sign = -1 if (x < 0) != (y < 0) else 1
            one, other, strict = (-1, -sign), (1, sign), True
        own = size[row + 1, column + 1]
        first, second = (size[row + 1 + r, column + 1 + c] for r, c in (one, other))
        kept[row, column] = own > first and (own > second if strict else own >= second)
    strong = kept & (size[1:-1, 1:-1] > high)
    return ndimage.binary_propagation(strong, np.ones((3, 3)), mask=kept)


def chamfer(edge: np.ndarray) -> np.ndarray:
    """Chamfer distance: two passes over the pixels with steps of 1, 1.4 and 2.1969, in 16-bit fixed point."""
    far = np.pad(np.where(edge, 0.0, 1e9), 2, constant_values=1e9)
    straight, diagonal, knight = (round(length * 65536) / 65536 for length in (1, 1.4, 2.1969))
    steps = [(-1, 0, straight), (0, -1, straight), (-1, -1, diagonal), (-1, 1, diagonal)]
    steps += [(-2, -1, knight), (-2, 1, knight), (-1, -2, knight), (-1, 2, knight)]
    for sign, places in ((1, range(2, SIZE + 2)), (-1, range(SIZE + 1, 1, -1))):
        for row in places:
            for column in places:
                ways = [far[row + sign * r, column + sign * c] + length for r, c, length in steps]
                far[row, column] = min(far[row, column], *ways)
    return far[2:-2, 2:-2]


def equalised(image: np.ndarray) -> np.ndarray:
    count = np.bincount(image.ravel(), minlength=256)
    least = image.min()
    if count[least] == image.size:
        return image
    table = np.cumsum(count) - count[least]
    return np.rint(table * 255 / (image.size - count[least]))[image]


PUBLISHED = {
    gaussian_noise: [0.04, 0.06, 0.08, 0.09, 0.10],
    shot_noise: [500, 250, 100, 75, 50],
    impulse_noise: [0.01, 0.02, 0.03, 0.05, 0.07],
    defocus_blur: [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    glass_blur: [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    motion_blur: [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    zoom_blur: [1.06, 1.11, 1.16, 1.21, 1.26],
    snow: [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
    frost: [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
    fog: [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    brightness: [0.05, 0.1, 0.15, 0.2, 0.3],
    contrast: [0.75, 0.5, 0.4, 0.3, 0.15],
    elastic_transform: [(0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)],
    pixelate: [0.95, 0.9, 0.85, 0.75, 0.65],
    jpeg_compression: [80, 65, 58, 50, 40],
    speckle_noise: [0.06, 0.1, 0.12, 0.16, 0.2],
    gaussian_blur: [0.4, 0.6, 0.7, 0.8, 1],
    spatter: [
        (0.62, 0.1, 0.7, 0.7, 0.5, 0),
        (0.65, 0.1, 0.8, 0.7, 0.5, 0),
        (0.65, 0.3, 1, 0.69, 0.5, 0),
        (0.65, 0.1, 0.7, 0.69, 0.6, 1),
        (0.65, 0.1, 0.5, 0.68, 0.6, 1),
    ],
    saturate: [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
}
WITHOUT_CHANCE = {
    *(defocus_blur, zoom_blur, brightness, contrast, pixelate, jpeg_compression, gaussian_blur, saturate),
}


def moments(corrupted: np.ndarray, clean: np.ndarray) -> list[float]:
    """Mean, mean square, and mean squared distance from the clean image, in the unit range."""
    unit, own = corrupted / 255, clean / 255
    return [float(unit.mean()), float((unit**2).mean()), float(((unit - own) ** 2).mean())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--draws", type=int, default=8, help="of each random corruption for each image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="print these corruptions' moments and write nothing")
    options = parser.parse_args()
    clean = images(options.images)
    table = {}
    for function, constants in PUBLISHED.items():
        if options.only and function.__name__ not in options.only:
            continue
        draws = 1 if function in WITHOUT_CHANCE else options.draws
        rows = []
        for severity, own in enumerate(constants, start=1):
            stream = np.random.default_rng([options.seed, list(PUBLISHED).index(function), severity])
            own = own if isinstance(own, tuple) else (own,)
            found = np.array(
                [[moments(function(image.copy(), stream, *own), image) for _ in range(draws)] for image in clean]
            )  # [example, draw, moment]
            spread = found.std(1, ddof=1) if draws > 1 else np.zeros_like(found[:, 0])
            rows.append(
                {
                    "moments": found.mean((0, 1)).tolist(),
                    "deviations": np.sqrt((spread**2).mean(0)).tolist(),  # of one image's moments, from draw to draw
                    "draws": draws,
                }
            )
            print(function.__name__, severity, [f"{value:.5f}" for value in rows[-1]["moments"]], flush=True)
        table[function.__name__] = rows
    if options.only:
        return
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "pillow": PIL.__version__}
    result = {
        "command": f"python bench/corruptions_reference.py --images {options.images} --draws {options.draws}"
        f" --seed {options.seed}",
        "images": options.images,
        "sha256": hashlib.sha256(clean.tobytes()).hexdigest(),
        "versions": versions | {"matplotlib": matplotlib.__version__},
        "moment": ["mean", "mean square", "mean squared distance from the clean image"],
        "corruption": table,
    }
    TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
