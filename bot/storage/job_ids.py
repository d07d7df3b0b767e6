"""Job ids: short enough to be read out and typed."""

import secrets
from collections.abc import Callable

from bot.model import ID_ALPHABET

SHORTEST_CHARS = 4

#: So many draws must all be taken before ids get a character longer: with half of a length used
#: up that is one id in 256, with nine tenths of it two in five.
DRAWS_PER_LENGTH = 8


def draw_job_id(is_taken: Callable[[str], bool]) -> str:
    """Return an id of four or more letters and digits that `is_taken` does not know.

    Drawn with `secrets`: the next id can't be guessed.
    """
    length_chars = SHORTEST_CHARS
    while True:
        for _ in range(DRAWS_PER_LENGTH):
            job_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(length_chars))
            if not is_taken(job_id):
                return job_id
        length_chars += 1
