"""The models of OpenAI's Videos API; gateways and self-hosted servers still use their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from bot.model import Operation, Size
from bot.providers.base import Model
from bot.providers.vendors.size_formats import SIZES_720P

_LARGE = (Size(width_px=1792, height_px=1024), Size(width_px=1024, height_px=1792))

# 2026-11-20: lengths and sizes from github openai/openai-openapi @f85dbe2 (2026-08-21); prices from
# OpenAI's model pages. Its guide also has 16 and 20 s and 1080p, which the setting can add. The same
# specification has POST /videos/{id}/remix and POST /videos/extensions, for any model.
_SORA_2 = Model(
    name="sora-2",
    label="Sora 2",
    seconds=(4, 8, 12),
    sizes=SIZES_720P,
    usd_micros_per_second=dict.fromkeys(SIZES_720P, 100_000),
    operations=frozenset({Operation.GENERATE, Operation.REMIX, Operation.EXTEND}),
    takes_image=True,
    has_audio=True,
    prompt_max_chars=32_000,
    facts_source="OpenAI API specification 2.3.0 and model pages",
    verified_on=date(2026, 11, 20),
)
#: Models that OPENAI_MODELS may name without giving their facts.
OPENAI_MODELS: Mapping[str, Model] = {
    "sora-2": _SORA_2,
    "sora-2-pro": replace(
        _SORA_2,
        name="sora-2-pro",
        label="Sora 2 Pro",
        sizes=(*SIZES_720P, *_LARGE),
        usd_micros_per_second=dict.fromkeys(SIZES_720P, 300_000) | dict.fromkeys(_LARGE, 500_000),
    ),
}
