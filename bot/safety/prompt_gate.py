"""The prompt gate: every prompt passes it, on every path, before anything is reserved."""

from __future__ import annotations

import unicodedata

from bot.errors import UnsafePromptError

#: Joins emoji sequences and shapes scripts such as Persian; the only invisible signs with a use.
_JOINERS = frozenset({"\u200c", "\u200d"})


class PromptGate:
    """Rules for prompts. Fast, local, no I/O."""

    def sanitize(self, prompt: str) -> str:
        """Return the prompt as it will be sent: hidden signs removed, white space folded.

        How long it may be, the model's data says.
        Raises UnsafePromptError when no words are left.
        """
        clean = " ".join("".join(_visible(sign) for sign in prompt).split())
        if not any(unicodedata.category(sign)[0] in "LNS" for sign in clean):
            raise UnsafePromptError("**prompt**: tell me in words what the clip shall show.")
        return clean


def _visible(sign: str) -> str:
    """Return `sign`, a space for a control, or nothing for a sign that hides text in text."""
    category = unicodedata.category(sign)
    if category == "Cc":
        return " "
    if category in ("Cf", "Cs", "Co") and sign not in _JOINERS:
        return ""
    return sign
