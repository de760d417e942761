"""What an operation needs of the person before it: lines to read, questions, and secrets that leave no trace."""

from __future__ import annotations

from typing import Protocol


class Terminal(Protocol):
    """Where questions are asked; the front has the real one, tests one that answers from a list."""

    def say(self, text: str) -> None:
        """Show lines to the person."""

    def ask(self, question: str) -> str:
        """The line that is typed. Raises Aborted when nobody answers."""

    def secret(self, question: str) -> str:
        """The line that is typed, unseen. Raises Aborted when nobody answers."""

    def reveal(self, text: str, question: str) -> None:
        """Show a secret until the person has answered the question, and take it from the screen."""
