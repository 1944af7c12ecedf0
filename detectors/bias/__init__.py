"""Bias, in data and in output.

`MetricFrame` is fairlearn's class on counts, `CountTensor` the counts; the rest has modules of its own.
"""

from detectors.bias.counts import CountTensor
from detectors.bias.metric_frame import MetricFrame, UndefinedRateWarning

__all__ = ["CountTensor", "MetricFrame", "UndefinedRateWarning"]
