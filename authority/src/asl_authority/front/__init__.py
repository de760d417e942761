"""The front door: command line, wording, manual page and shell completion."""
