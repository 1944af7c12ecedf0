"""Marks in sound, put in and read: one class for each variant, `audit.watermarks.audio.mark.AudioMark`."""

from audit.watermarks.audio.lowest_bit import AudioLowestBit
from audit.watermarks.audio.mark import AudioMark, MarksAudio
from audit.watermarks.audio.spread import AudioSpread

__all__ = ["AudioLowestBit", "AudioMark", "AudioSpread", "MarksAudio"]
