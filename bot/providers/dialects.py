"""How the families of servers speak OpenAI's Videos API, each as data.

All of them create with POST /videos, look with GET /videos/{id} and have the clip at
GET /videos/{id}/content. What differs is here; `openai.py` acts on it, `openai_vendors.py` gives each
its settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.model import Operation


class Call(StrEnum):
    """A call that some servers have and others lack."""

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


_NEEDS_ONE_OF = {
    Operation.REMIX: frozenset({Call.REMIX, Call.EDITS}),
    Operation.EXTEND: frozenset({Call.EXTENSIONS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one family of servers does its own way."""

    #: What its settings begin with.
    prefix: str
    calls: frozenset[Call]
    #: The header that carries the key, and what stands before the key there.
    key_header: str = "Authorization"
    key_scheme: str = "Bearer "
    #: An order without a picture goes as JSON, with `seconds` as a number; all else is a form.
    takes_json: bool = False
    #: The form has a `seed`.
    takes_seed: bool = False
    #: A finished clip may be at an address that the video object names, and not at its content path.
    names_clips: bool = False
    #: The list has every render of the account: one that is not there was never ordered.
    list_is_whole: bool = True
    #: Fields of a video object that need not repeat the order: nothing is concluded from them.
    rewords: frozenset[str] = field(default_factory=frozenset[str])
    #: DELETE ends a render that is under way.
    delete_cancels: bool = False
    #: After this long it knows nothing of a render; None: not told.
    keeps_for: timedelta | None = None
    #: Renders are kept in memory, and gone with a restart.
    forgets: bool = False
    #: Paid calls alone count against the calls that it takes in a minute.
    counts_creates_only: bool = False

    @property
    def operations(self) -> frozenset[Operation]:
        """What it can do by itself."""
        able = {each for each, calls in _NEEDS_ONE_OF.items() if calls & self.calls}
        return frozenset({Operation.GENERATE, *able})

    @property
    def can_cancel(self) -> bool:
        """Whether a render that is under way can be stopped."""
        return self.delete_cancels or Call.CANCEL in self.calls


# 2026-11-20: specification 2.3.0 of 2026-08-21 (github openai/openai-openapi @f85dbe2). The guide
# calls remix superseded by edits, so that a server may have only one of the two.
OPENAI = Dialect(
    prefix="OPENAI",
    calls=frozenset({Call.LIST, Call.DELETE, Call.MODELS, Call.REMIX, Call.EDITS, Call.EXTENSIONS}),
)
# 2026-11-20: Microsoft's page on Sora 2 of 2025-12-01: `model` is the deployment's name, which the
# answers need not repeat; jobs and clips are gone after 24 h; two creations a minute, and no limit
# to other calls.
AZURE = Dialect(
    prefix="AZURE_OPENAI",
    calls=frozenset({Call.LIST, Call.DELETE, Call.MODELS, Call.REMIX}),
    key_header="api-key",
    key_scheme="",
    rewords=frozenset({"model"}),
    keeps_for=timedelta(hours=24),
    counts_creates_only=True,
)
# 2026-11-20: apidoc.cometapi.com: forms only, four shapes of answers behind one family of addresses,
# clips of most models at a signed address elsewhere; neither list nor delete.
COMETAPI = Dialect(prefix="COMETAPI", calls=frozenset({Call.MODELS, Call.REMIX}), names_clips=True)
# 2026-11-20: github BerriAI/litellm @02ac6ac5 and its documentation of 2026-10-07: the list is one
# upstream's, under the upstream's names for models, and objects have no prompt.
LITELLM = Dialect(
    prefix="LITELLM_PROXY",
    calls=frozenset({Call.LIST, Call.MODELS, Call.REMIX, Call.EDITS, Call.EXTENSIONS}),
    list_is_whole=False,
    rewords=frozenset({"model"}),
)
# 2026-11-20: github vllm-project/vllm-omni @b82abf66 and @48e60262: forms only, `seed` among them;
# the model's name is the server's own. DELETE waits two seconds for a render to stop, else 409.
VLLM = Dialect(
    prefix="VLLM",
    calls=frozenset({Call.LIST, Call.DELETE}),
    takes_seed=True,
    rewords=frozenset({"model"}),
    delete_cancels=True,
    forgets=True,
)
# 2026-11-20: github sgl-project/sglang @2b72b4cc: `seconds` is an integer; earlier servers want a
# picture in every form, and in JSON a picture is a path on the server. Without a seed each clip of a
# prompt is the same. Lengths and sizes are told as rendered, which rounds them. Servers may lack the
# cancel, and put results into a store of their own.
SGLANG = Dialect(
    prefix="SGLANG",
    calls=frozenset({Call.LIST, Call.DELETE, Call.CANCEL}),
    takes_json=True,
    takes_seed=True,
    names_clips=True,
    rewords=frozenset({"model", "seconds", "size"}),
    forgets=True,
)
