"""Bytes to frozen values and back; pure: no files, no clock, no randomness."""
