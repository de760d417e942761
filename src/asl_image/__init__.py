"""asl-image: from a declarative profile to a sealed, offline, bootable ISO image."""

__version__ = "0.1.0"
