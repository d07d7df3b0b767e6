"""The prompt gate: every command has its prompt checked here before quota is reserved."""

import unicodedata

from bot.errors import UnsafePromptError

#: The zero-width non-joiner and joiner: emoji sequences and scripts such as Persian need them.
_JOINERS = frozenset({"\u200c", "\u200d"})


class PromptGate:
    """Checks prompts without I/O."""

    def sanitize(self, prompt: str) -> str:
        """Return a prompt of any length with hidden characters removed and white space folded.

        Raises UnsafePromptError when no letter, digit or symbol is left.
        """
        clean = " ".join("".join(_visible(sign) for sign in prompt).split())
        if not any(unicodedata.category(sign)[0] in "LNS" for sign in clean):
            raise UnsafePromptError("**prompt**: tell me in words what the clip shall show.")
        return clean


def _visible(sign: str) -> str:
    """Return `sign`, a space for a control character, or nothing for a sign that can hide text."""
    category = unicodedata.category(sign)
    if category == "Cc":
        return " "
    return "" if category in ("Cf", "Cs", "Co") and sign not in _JOINERS else sign
