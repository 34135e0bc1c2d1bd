"""The trial of a network before a study begins: its behaviour decides how it is trained, stacked and evaluated."""

from modescape.network.trial.course import trial
from modescape.network.trial.subject import IMAGES, Batch, Stepped, Training

__all__ = ["IMAGES", "Batch", "Stepped", "Training", "trial"]
