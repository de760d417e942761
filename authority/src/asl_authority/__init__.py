"""asl-authority: the offline authority tools that run inside the sealed image."""

__version__ = "0.1.0"
