"""Marks in video, put in and read: one class for each variant, `audit.watermarks.video.mark.VideoMark`."""

from audit.watermarks.video.lowest_bit import VideoLowestBit, bits_of_frame
from audit.watermarks.video.mark import MarksVideo, VideoMark
from audit.watermarks.video.spread import VideoSpread

__all__ = ["MarksVideo", "VideoLowestBit", "VideoMark", "VideoSpread", "bits_of_frame"]
