"""The interface of webhook verifiers. A genuine webhook only makes the next poll come sooner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

#: How far a signed timestamp may lie in the past or in the future, in seconds.
TIMESTAMP_TOLERANCE_S = 300


class BadSignatureError(Exception):
    """A webhook has no valid signature or timestamp; only the log shows the reason.

    The class is not in `bot.errors`, because no job ends with this error.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """The contents of a genuine webhook."""

    #: The delivery's id: covered by the signature, and the same when the vendor sends it again.
    delivery_id: str
    #: The provider's id of the render.
    remote_id: str


class WebhookVerifier(Protocol):
    """Verifies the webhooks of one vendor."""

    async def verify(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> WebhookEvent | None:
        """Return the event in a genuine webhook; None for one that is not about a finished render.

        headers  names in lower case.
        body     byte for byte as received; parsed only after the signature was verified.
        Cancellable; several calls may run at the same time. The caller must drop repeated webhooks.
        Raises only BadSignatureError: for a webhook that is not genuine, or whose timestamp is
        more than `TIMESTAMP_TOLERANCE_S` away from `now`.
        """
        ...


#: A function that returns the render id in a webhook's JSON object. Any result but text means that
#: the webhook is not about a finished render.
RenderIdFinder: TypeAlias = Callable[[Mapping[str, object]], object]
