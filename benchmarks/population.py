"""Random guilds, channels, members and prompt words, distributed as in a bot that ran for years."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

#: The most frequent words of prompts; the rest of the vocabulary is made of syllables.
_COMMON = """
    a the of in cat cinematic with on light slow camera morning old through city rain dog neon
    portrait snow beautiful walking forest golden ocean night young woman robot street drone
    cherry mountain café piano underwater timelapse dancing storm lantern watercolor macro
"""
_SYLLABLES = """
    ka lo mi ra te su no pi ve do ha zu be fi gro sta chu ly per man sol tri wen cor bla que
    dra nor sil fen
"""
_VOCABULARY = 20_000
_CHANNELS_OF_LARGEST = 500
_CHANNELS_OF_SMALLEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationGuild:
    """A guild with the channels where its clips are posted, and its members."""

    guild_id: int
    channel_ids: tuple[int, ...]
    members: tuple[int, ...]


class Population:
    """Random guilds, members and words; equal seeds give equal populations."""

    def __init__(self, *, guilds: int = 200, members: int = 20_000, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.vocabulary = self._make_vocabulary()
        self._word_weights = _zipf(len(self.vocabulary))
        everyone = [10**17 + number for number in range(members)]
        self.guilds = [self._make_guild(number, everyone) for number in range(guilds)]
        self._guild_weights = _zipf(guilds)
        self._weights = {
            size: _zipf(size)
            for server in self.guilds
            for size in (len(server.channel_ids), len(server.members))
        }

    def draw_guild(self) -> PopulationGuild:
        """Draw a guild at random; the first guild is drawn most often."""
        return self.chance.choices(self.guilds, cum_weights=self._guild_weights)[0]

    def draw_one(self, things: Sequence[int]) -> int:
        """Draw one of a guild's channels or members at random; the first is drawn most often."""
        return self.chance.choices(things, cum_weights=self._weights[len(things)])[0]

    def draw_prompt(self) -> str:
        """Draw four to twenty words."""
        count = self.chance.randint(4, 20)
        words = self.chance.choices(self.vocabulary, cum_weights=self._word_weights, k=count)
        return " ".join(words)

    def _make_vocabulary(self) -> list[str]:
        words = dict.fromkeys(_COMMON.split())
        syllables = _SYLLABLES.split()
        while len(words) < _VOCABULARY:
            words["".join(self.chance.choices(syllables, k=self.chance.randint(2, 4)))] = None
        return list(words)

    def _make_guild(self, number: int, everyone: Sequence[int]) -> PopulationGuild:
        guild_id = 2 * 10**17 + number
        channels = max(_CHANNELS_OF_SMALLEST, _CHANNELS_OF_LARGEST // (number + 1))
        members = max(20, len(everyone) // (number + 1) // 2)
        return PopulationGuild(
            guild_id=guild_id,
            channel_ids=tuple(3 * 10**17 + number * 1000 + channel for channel in range(channels)),
            members=tuple(self.chance.sample(everyone, min(members, len(everyone)))),
        )


def _zipf(count: int) -> list[float]:
    return list(itertools.accumulate(1 / (rank + 1) for rank in range(count)))
