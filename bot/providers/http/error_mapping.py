"""Which of our errors an HTTP refusal is: strict for creates, patient for everything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.providers.http.error_body import ErrorBody

#: Makes an error of a status other than 2xx, what the API said, and its hint in seconds.
ErrorMapper: TypeAlias = Callable[[int, ErrorBody, float | None], ProviderError]

# A gateway gives these when it lost patience with the server behind it, which may have the order.
_GATEWAY_TIMEOUTS = frozenset({408, 425, 499})
# These redirects keep the method: nobody has acted on the request yet.
_METHOD_KEEPING_REDIRECTS = frozenset({301, 307, 308})
_OVERLOAD = frozenset({503, 529})
_STATUS_AND_WORDS = re.compile(r"([45][0-9]{2}) (?!an HTML page|an empty body)(.+)", re.DOTALL)


def map_create_error(
    status: int, error_body: ErrorBody, retry_after_s: float | None
) -> ProviderError:
    """Return the error for a create that was answered with `status`, any but 2xx.

    Whatever does not prove that the order was turned away is UnknownOutcomeError: a second create
    may be billed a second time.
    """
    detail = f"{status} {error_body}".strip()
    retry_after_s = error_body.retry_after_s if retry_after_s is None else retry_after_s
    if status < 400:
        return _map_redirect(status)
    if error_body.is_unknown_model:
        return NotOfferedError(detail)
    if status in _OVERLOAD and _is_api_overload(error_body, retry_after_s):
        return NotAcceptedError(detail, retry_after_s=retry_after_s)
    if status == 500 and error_body.is_invalid_request:
        return ProviderRejectedError(detail)
    if status >= 500 or status in _GATEWAY_TIMEOUTS:
        return UnknownOutcomeError(detail)
    if error_body.is_account or status in (401, 402, 407):
        return ProviderAccountError(detail)
    if status == 429:
        return NotAcceptedError(detail, retry_after_s=retry_after_s)
    if error_body.is_moderation or status == 451:
        return ModerationError(detail)
    # A guard before the API turns away words of one order; the account has nothing to do with it.
    if status == 403 and not error_body.is_html:
        return ProviderAccountError(detail)
    return NotOfferedError(detail) if status in (404, 405, 410) else ProviderRejectedError(detail)


def _map_redirect(status: int) -> ProviderError:
    if status in _METHOD_KEEPING_REDIRECTS:
        return NotOfferedError(f"{status}: a redirect; the base address may be wrong")
    return UnknownOutcomeError(f"{status}: a redirect")


def map_create_from_source_error(
    status: int, error_body: ErrorBody, retry_after_s: float | None
) -> ProviderError:
    """Return the error for a paid call about an earlier render, answered with any but 2xx.

    As `map_create_error`, but what proves that the render is not there is RemoteNotFoundError, and what
    proves that the call is not there UnsupportedError: the order may go out in another form.
    """
    failure = map_create_error(status, error_body, retry_after_s)
    if status == 501:
        return UnsupportedError(str(failure))
    if type(failure) not in (ProviderRejectedError, NotOfferedError):
        return failure
    if status == 405 or (status == 404 and error_body.is_unknown_route):
        return UnsupportedError(str(failure))
    # 2026-11-20: CometAPI may answer a wrong path with a redirect (apidoc.cometapi.com).
    if status in (404, 410) or status in _METHOD_KEEPING_REDIRECTS or error_body.is_unknown_source:
        return RemoteNotFoundError(str(failure))
    return failure


def map_call_error(
    status: int, error_body: ErrorBody, retry_after_s: float | None
) -> ProviderError:
    """Return the error for a harmless call that was answered with `status`, any but 2xx.

    A page for browsers says nothing about an id: it is trouble on the way, even with a 404.
    """
    detail = f"{status} {error_body}".strip()
    retry_after_s = error_body.retry_after_s if retry_after_s is None else retry_after_s
    if status in (401, 402, 407) or (400 <= status < 500 and error_body.is_account):
        return ProviderAccountError(detail)
    if not error_body.is_html:
        if status in (404, 410) or (400 <= status < 500 and error_body.is_unknown_id):
            return RemoteNotFoundError(detail)
        if status == 403 and not error_body.is_moderation:
            return ProviderAccountError(detail)
        if status in (405, 501):
            return UnsupportedError(detail)
    return ProviderTroubleError(detail, retry_after_s=retry_after_s)


def response_behind(trouble: ProviderTroubleError) -> tuple[int, str] | None:
    """Return the status and the API's words of an answer that `map_call_error` made trouble of.

    For APIs that give a render's failure as the status of its result. None for trouble on the way:
    nothing came, or a page for browsers, or nothing was said.
    """
    found = _STATUS_AND_WORDS.fullmatch(str(trouble))
    return None if found is None else (int(found[1]), found[2])


def render_error(error_body: ErrorBody, no_reason: str) -> ProviderError:
    """Return the error of a render that the API reports as failed.

    no_reason  the detail where the API gives none.
    """
    if error_body.is_moderation:
        return ModerationError(str(error_body))
    return RenderFailedError(str(error_body) or no_reason)


@contextmanager
def trouble_from(call: str, *errors: type[Exception]) -> Generator[None]:
    """Raise ProviderTroubleError for a ValueError or one of `errors` inside: a bad answer to `call`."""
    try:
        yield
    except (ValueError, *errors) as error:
        raise ProviderTroubleError(f"the {call} was answered with {error}") from error


def is_transient(status: int, error_body: ErrorBody) -> bool:
    """Whether a harmless call that was answered so is worth making again at once."""
    if error_body.is_invalid_request:
        return False
    return status in (408, 425, 429) or (status >= 500 and status not in (501, 505))


def _is_api_overload(error_body: ErrorBody, retry_after_s: float | None) -> bool:
    """Whether it is the API that says it takes nothing now, not a proxy that reached nobody."""
    return error_body.is_overload or (retry_after_s is not None and not error_body.is_html)
