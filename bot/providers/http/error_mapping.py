"""Maps HTTP error answers to `bot.errors`: strictly for creates, leniently for other calls."""

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

#: A function that returns the error for a status other than 2xx and its error body.
ErrorMapper: TypeAlias = Callable[[int, ErrorBody], ProviderError]

# A gateway sends these when the server behind it is slow; that server may have the request.
_GATEWAY_TIMEOUTS = frozenset({408, 425, 499})
# Redirects that keep the method; the sender of such an answer did not act on the request.
_METHOD_KEEPING_REDIRECTS = frozenset({301, 307, 308})
_STATUS_AND_WORDS = re.compile(r"([45][0-9]{2}) (?!an HTML page|an empty body)(.+)", re.DOTALL)


def map_create_error(status: int, error_body: ErrorBody) -> ProviderError:
    """Return the error for a create that the API answered with a status other than 2xx.

    UnknownOutcomeError unless the answer proves that the request was rejected: a second create
    could be billed a second time.
    """
    detail, wait_s = f"{status} {error_body}".strip(), error_body.retry_after_s
    if status < 400:
        moved = NotOfferedError(f"{status}: a redirect; the base address may be wrong")
        is_moved = status in _METHOD_KEEPING_REDIRECTS
        return moved if is_moved else UnknownOutcomeError(f"{status}: a redirect")
    if error_body.is_unknown_model:
        return NotOfferedError(detail)
    # The API itself must report the overload: a proxy may have passed the request on.
    says_when = wait_s is not None and not error_body.is_html
    if status in (503, 529) and (error_body.is_overload or says_when):
        return NotAcceptedError(detail, retry_after_s=wait_s)
    if status == 500 and error_body.is_invalid_request:
        return ProviderRejectedError(detail)
    if status >= 500 or status in _GATEWAY_TIMEOUTS:
        return UnknownOutcomeError(detail)
    if error_body.is_account or status in (401, 402, 407):
        return ProviderAccountError(detail)
    if status == 429:
        return NotAcceptedError(detail, retry_after_s=wait_s)
    if error_body.is_moderation or status == 451:
        return ModerationError(detail)
    # An HTML page with status 403 comes from a firewall and proves nothing about the account.
    if status == 403 and not error_body.is_html:
        return ProviderAccountError(detail)
    return NotOfferedError(detail) if status in (404, 405, 410) else ProviderRejectedError(detail)


def map_create_from_source_error(status: int, error_body: ErrorBody) -> ProviderError:
    """Return the error for a create from an earlier render, answered with other than 2xx.

    As `map_create_error`, but RemoteNotFoundError when the API certainly lacks the source, and
    UnsupportedError when the API certainly lacks the call.
    """
    failure = map_create_error(status, error_body)
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


def map_call_error(status: int, error_body: ErrorBody) -> ProviderError:
    """Return the error for a free call that was answered with a status other than 2xx.

    An HTML page comes from a proxy and not from the API: ProviderTroubleError, even with a 404.
    """
    detail = f"{status} {error_body}".strip()
    if status in (401, 402, 407) or (400 <= status < 500 and error_body.is_account):
        return ProviderAccountError(detail)
    if not error_body.is_html:
        if status in (404, 410) or (400 <= status < 500 and error_body.is_unknown_id):
            return RemoteNotFoundError(detail)
        if status == 403 and not error_body.is_moderation:
            return ProviderAccountError(detail)
        if status in (405, 501):
            return UnsupportedError(detail)
    return ProviderTroubleError(detail, retry_after_s=error_body.retry_after_s)


def response_behind(trouble: ProviderTroubleError) -> tuple[int, str] | None:
    """Return the status and message of the answer that `map_call_error` turned into `trouble`.

    Some APIs report a failed render as the HTTP status of its result. None when there was no
    answer, an HTML page or an empty body.
    """
    found = _STATUS_AND_WORDS.fullmatch(str(trouble))
    return None if found is None else (int(found[1]), found[2])


def render_error(error_body: ErrorBody, no_reason: str) -> ProviderError:
    """Return the error of a render that failed; its detail is `no_reason` if the body is empty."""
    if error_body.is_moderation:
        return ModerationError(str(error_body))
    return RenderFailedError(str(error_body) or no_reason)


@contextmanager
def trouble_from(call: str, *errors: type[Exception]) -> Generator[None]:
    """Turn a ValueError or one of `errors` in the block into ProviderTroubleError about `call`."""
    try:
        yield
    except (ValueError, *errors) as error:
        raise ProviderTroubleError(f"the {call} was answered with {error}") from error


def is_transient(status: int, error_body: ErrorBody) -> bool:
    """Whether a call that failed with this answer may succeed when it is repeated."""
    may_pass = status in (408, 425, 429) or (status >= 500 and status not in (501, 505))
    return may_pass and not error_body.is_invalid_request
