"""The dialects of OpenAI's Videos API and its models, as data.

All dialects create with POST /videos, poll with GET /videos/{id} and serve the clip at
GET /videos/{id}/content. `provider.py` acts on the
differences, and `vendors.py` has each vendor's settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from bot.model import Operation, Size
from bot.providers.base import Model
from bot.providers.vendors.size_formats import SIZES_720P


class OptionalCall(StrEnum):
    """A call that only some servers have."""

    #: GET /videos
    LIST = "list"
    #: DELETE /videos/{id}
    DELETE = "delete"
    #: POST /videos/{id}/cancel
    CANCEL = "cancel"
    #: GET /models, in OpenAI's shape
    MODELS = "models"
    #: POST /videos/{id}/remix
    REMIX = "remix"
    #: POST /videos/edits
    EDITS = "edits"
    #: POST /videos/extensions
    EXTENSIONS = "extensions"


_CALLS_BY_OPERATION = {
    Operation.REMIX: frozenset({OptionalCall.REMIX, OptionalCall.EDITS}),
    Operation.EXTEND: frozenset({OptionalCall.EXTENSIONS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The differences of one family of servers."""

    #: Prefix of its settings.
    prefix: str
    calls: frozenset[OptionalCall]
    #: The header for the key, and the text before the key in it.
    key_header: str = "Authorization"
    key_scheme: str = "Bearer "
    #: A create without an image is sent as JSON, with `seconds` as a number; otherwise as a form.
    takes_json: bool = False
    #: The form has a `seed`.
    takes_seed: bool = False
    #: A finished clip may be at an address in the video object instead of the content path.
    has_clip_urls: bool = False
    #: The list has every render of the account, so a missing one was never created.
    list_is_complete: bool = True
    #: Fields of a video object that are ignored, because they may differ from the request.
    ignored_fields: frozenset[str] = field(default_factory=frozenset[str])
    #: DELETE stops a running render.
    delete_cancels: bool = False
    #: It forgets a render after this long; None: not known.
    retention: timedelta | None = None
    #: Renders are kept in memory and lost on a restart.
    keeps_renders_in_memory: bool = False
    #: Only creates count against the calls allowed in a minute.
    limits_creates_only: bool = False

    @property
    def operations(self) -> frozenset[Operation]:
        """What the servers can do natively."""
        able = {each for each, calls in _CALLS_BY_OPERATION.items() if calls & self.calls}
        return frozenset({Operation.GENERATE, *able})

    @property
    def can_cancel(self) -> bool:
        """Whether a running render can be stopped."""
        return self.delete_cancels or OptionalCall.CANCEL in self.calls


# 2026-11-20: specification 2.3.0 of 2026-08-21 (github openai/openai-openapi @f85dbe2). The guide
# calls remix superseded by edits, so that a server may have only one of the two.
OPENAI = Dialect(
    prefix="OPENAI",
    calls=frozenset(OptionalCall) - {OptionalCall.CANCEL},
)
# 2026-11-20: Microsoft's page on Sora 2 of 2025-12-01: `model` is the deployment's name, which the
# answers need not repeat; jobs and clips are removed after 24 h; two creates a minute, and no limit
# for other calls.
AZURE = Dialect(
    prefix="AZURE_OPENAI",
    calls=OPENAI.calls - {OptionalCall.EDITS, OptionalCall.EXTENSIONS},
    key_header="api-key",
    key_scheme="",
    ignored_fields=frozenset({"model"}),
    retention=timedelta(hours=24),
    limits_creates_only=True,
)
# 2026-11-20: apidoc.cometapi.com: forms only, four shapes of answers behind one family of addresses,
# clips of most models at a signed address on another host; neither list nor delete.
COMETAPI = Dialect(
    prefix="COMETAPI",
    calls=frozenset({OptionalCall.MODELS, OptionalCall.REMIX}),
    has_clip_urls=True,
)
# 2026-11-20: github BerriAI/litellm @02ac6ac5 and its documentation of 2026-10-07: the list is one
# upstream's, under the upstream's names for models, and objects have no prompt.
LITELLM = Dialect(
    prefix="LITELLM_PROXY",
    calls=OPENAI.calls - {OptionalCall.DELETE},
    list_is_complete=False,
    ignored_fields=frozenset({"model"}),
)
# 2026-11-20: github vllm-project/vllm-omni @b82abf66 and @48e60262: forms only, `seed` among them;
# the model's name is the server's own. DELETE waits two seconds for a render to stop, else 409.
VLLM = Dialect(
    prefix="VLLM",
    calls=frozenset({OptionalCall.LIST, OptionalCall.DELETE}),
    takes_seed=True,
    ignored_fields=frozenset({"model"}),
    delete_cancels=True,
    keeps_renders_in_memory=True,
)
# 2026-11-20: github sgl-project/sglang @2b72b4cc: `seconds` is an integer; earlier servers require
# an image in every form, and in JSON an image is a path on the server. Without a seed every clip of a
# prompt is the same. Answers have lengths and sizes as rendered, which are rounded. Servers may lack the
# cancel call and may store results elsewhere.
SGLANG = Dialect(
    prefix="SGLANG",
    calls=frozenset({OptionalCall.LIST, OptionalCall.DELETE, OptionalCall.CANCEL}),
    takes_json=True,
    takes_seed=True,
    has_clip_urls=True,
    ignored_fields=frozenset({"model", "seconds", "size"}),
    keeps_renders_in_memory=True,
)

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
