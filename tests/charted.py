"""Figures of pages as the page's script reads them: arrays in place of packed bytes."""

import base64
import json

import numpy as np

from modescape.analyses import figures
from modescape.plots.plain_chart import plain_chart


def unpacked(value):
    """Data as `plots/page/kit.js` decodes it: arrays, a matrix as [row, column]."""
    if isinstance(value, dict) and "bdata" in value:
        flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        return flat.reshape([int(side) for side in value["shape"].split(", ")]) if "shape" in value else flat
    if isinstance(value, dict):
        return {name: unpacked(one) for name, one in value.items()}
    return [unpacked(one) for one in value] if isinstance(value, list) else value


def read(data):
    """Data for a page after a round trip through JSON, which has no NaN."""
    return unpacked(json.loads(json.dumps(data, allow_nan=False)))


def charted(chart):
    """A chart as a page's script reads it."""
    return read(plain_chart(chart))


def figure_of(name, dataset):
    """The figure of an analysis as a page's script reads it."""
    return read(figures.interactive(name, dataset))


def of(figure, name=None):
    """The series of this name in all panels, or all series for None."""
    every = [one for panel in figure["panels"] for one in panel.get("series", [])]
    return [one for one in every if name in (None, one["name"])]


def entries(figure):
    """Names of the entries in the legend."""
    return [entry["name"] for entry in figure["legend"]] + [one["name"] for one in figure.get("intervals", [])]


def matrices(figure):
    """The panels that are matrices."""
    return [panel for panel in figure["panels"] if "matrix" in panel]


def scales(figure):
    """The colour scale of each panel with a matrix or a field."""
    numbers = [panel.get("field", panel).get("scale") for panel in figure["panels"]]
    return [figure["scales"][number] for number in numbers if number is not None]


def texts(value):
    """Every text in data, without numbers in base 64."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for key, item in value.items() if key != "bdata" for text in texts(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in texts(item))
