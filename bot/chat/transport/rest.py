"""Retries for discord.py's two REST clients: with the bot's token, and with an interaction's.

discord.py 2.7.1 (2026-11) tries five times after 500, 502, 504 and 524, but not after 503 or a
broken connection. This module alone uses private parts of discord.py;
`tests/unit/test_retry_policy.py` fails when they have changed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiohttp
import discord
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from bot.chat.transport.error_codes import ErrorCode
from bot.chat.transport.instrumentation import (
    RestInstrumentation,
    observe_first_response,
    observe_rate_limits,
)
from bot.chat.transport.request_outcome import RequestOutcome, outcome_trace_config, track_outcome
from bot.chat.transport.retry_policy import (
    is_callback,
    json_body,
    may_retry,
    with_json_body,
    without_mentions,
)

_log = logging.getLogger(__name__)
#: Seconds before the second try and each later one.
_WAITS_S = (0.5, 1.0, 2.0)
#: All tries of an interaction's first answer must fit into three seconds.
_CALLBACK_WAITS_S = (0.1, 0.3, 0.6)
#: Longest that one try of a first answer may take.
_CALLBACK_TIMEOUT_S = 2.5
#: Statuses that don't tell whether the message exists: rate limits and failures of Discord.
_INCONCLUSIVE_STATUSES = frozenset({429, 500, 502, 503, 504, 524})
#: The connection broke, so it is unknown whether Discord handled the request.
_BROKEN_CONNECTION = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)


class RetryingHttpClient(HTTPClient):
    """Requests with the bot's token: retries those that are safe to repeat; edits ping nobody."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        waits_s: Sequence[float] = _WAITS_S,
        *,
        instrumentation: RestInstrumentation | None = None,
    ) -> None:
        trace = outcome_trace_config()
        if instrumentation is not None:
            # Requests with an interaction's token use the same session.
            observe_rate_limits(trace, instrumentation)
        super().__init__(loop, http_trace=trace)
        self._waits_s = tuple(waits_s)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._is_closed = False

    async def request(
        self,
        route: Route,
        *,
        files: Sequence[discord.File] | None = None,
        form: Any = None,
        **kwargs: Any,
    ) -> Any:
        parts: list[dict[str, Any]] | None = None if form is None else list(form)
        before: Mapping[str, Any] = json_body(parts) if parts else _json_object(kwargs.get("json"))
        body = without_mentions(route.method, route.path, before)
        if body is not before and parts:
            parts = with_json_body(parts, body)
        elif body is not before:
            kwargs["json"] = body
        again = may_retry(route.method, route.path, before)
        self._in_flight += 1
        self._idle.clear()
        with track_outcome(once_only=not again) as outcome:
            try:
                return await self._request_with_retries(
                    route, files, parts, may_repeat=again, **kwargs
                )
            except discord.HTTPException as error:
                if (
                    not outcome.is_unknown
                    or not before.get("nonce")
                    or error.status in _INCONCLUSIVE_STATUSES
                ):
                    raise
                # The last try was rejected, but an earlier one may have made the message. The
                # caller must not conclude that there is none.
                problem = f"an earlier try may have succeeded ({error})"
                raise aiohttp.ClientConnectionError(problem) from error
            finally:
                self._in_flight -= 1
                if not self._in_flight:
                    self._idle.set()

    async def _request_with_retries(
        self,
        route: Route,
        files: Sequence[discord.File] | None,
        form: list[dict[str, Any]] | None,
        *,
        may_repeat: bool,
        **kwargs: Any,
    ) -> Any:
        for wait_s in self._waits_s if may_repeat else ():
            try:
                return await self._request_once(route, files, form, **kwargs)
            except discord.DiscordServerError as error:
                if error.status != 503:
                    raise
                _log_retry(route, error, wait_s)
            except _BROKEN_CONNECTION as error:
                if self._is_closed:
                    raise
                _log_retry(route, error, wait_s)
            await asyncio.sleep(wait_s)
            for file in files or ():
                file.reset()
        return await self._request_once(route, files, form, **kwargs)

    async def _request_once(
        self,
        route: Route,
        files: Sequence[discord.File] | None,
        form: list[dict[str, Any]] | None,
        **kwargs: Any,
    ) -> Any:
        if self._is_closed:
            raise aiohttp.ClientConnectionError("this connection to Discord was given up")
        return await super().request(route, files=files, form=form, **kwargs)

    async def wait_until_idle(self, timeout_s: float) -> None:
        """Return when no request is under way, or after `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._in_flight:
                    await self._idle.wait()

    async def close(self) -> None:
        self._is_closed = True
        await super().close()


class RetryingWebhookAdapter(AsyncWebhookAdapter):
    """Requests with an interaction's token.

    If Discord took an answer but its response got lost, the answer counts as taken.
    """

    def __init__(
        self,
        waits_s: Sequence[float] = _CALLBACK_WAITS_S,
        *,
        callback_timeout_s: float = _CALLBACK_TIMEOUT_S,
        instrumentation: RestInstrumentation | None = None,
    ) -> None:
        super().__init__()
        self._instrumentation = instrumentation
        self._waits_s = tuple(waits_s)
        self._callback_timeout_s = callback_timeout_s

    async def request(
        self,
        route: Route,
        session: aiohttp.ClientSession,
        *,
        payload: dict[str, Any] | None = None,
        multipart: list[dict[str, Any]] | None = None,
        files: Sequence[discord.File] | None = None,
        **kwargs: Any,
    ) -> Any:
        if payload is not None:
            payload = dict(without_mentions(route.method, route.path, payload))
        elif multipart:
            multipart = with_json_body(
                multipart, without_mentions(route.method, route.path, json_body(multipart))
            )
        again = may_retry(route.method, route.path, {})
        what: dict[str, Any] = {"payload": payload, "multipart": multipart, "files": files}
        with (
            observe_first_response(self._instrumentation, route),
            track_outcome(once_only=not again) as outcome,
        ):
            try:
                return await self._request_with_retries(
                    route, session, what | kwargs, outcome, may_repeat=again
                )
            except discord.HTTPException as error:
                # An earlier try succeeded. If there was none, another process has answered, or a
                # request that was given up: then the caller must know.
                if error.code != ErrorCode.ALREADY_ACKNOWLEDGED or not outcome.is_unknown:
                    raise
        _log.info(
            "interaction %s: Discord took the answer, but its response got lost", route.webhook_id
        )
        return {"interaction": {"id": str(route.webhook_id), "type": 2}, "resource": None}

    async def _request_with_retries(
        self,
        route: Route,
        session: aiohttp.ClientSession,
        arguments: dict[str, Any],
        outcome: RequestOutcome,
        *,
        may_repeat: bool,
    ) -> Any:
        for wait_s in self._waits_s if may_repeat else ():
            try:
                return await self._request_once(route, session, arguments)
            except (*_BROKEN_CONNECTION, TimeoutError) as error:
                if isinstance(error, TimeoutError) and not is_callback(route.path):
                    # It has had minutes; the caller decides whether to try again.
                    raise
                outcome.is_unknown |= isinstance(error, TimeoutError)
                _log_retry(route, error, wait_s)
            await asyncio.sleep(wait_s)
            for file in arguments["files"] or ():
                file.reset()
        return await self._request_once(route, session, arguments)

    async def _request_once(
        self, route: Route, session: aiohttp.ClientSession, arguments: dict[str, Any]
    ) -> Any:
        # No limit with files: an upload takes as long as its size needs.
        limited = is_callback(route.path) and not arguments["files"]
        async with asyncio.timeout(self._callback_timeout_s if limited else None):
            return await super().request(route, session, **arguments)


def use_retrying_adapter(instrumentation: RestInstrumentation | None = None) -> None:
    """Make this task, and the tasks that it starts, answer interactions through the adapter."""
    async_context.set(RetryingWebhookAdapter(instrumentation=instrumentation))


def _json_object(body: object) -> Mapping[str, Any]:
    """Return the body of a request if it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _log_retry(route: Route, error: Exception, wait_s: float) -> None:
    # The path is the route's template: the URL itself may hold an interaction's token.
    _log.warning(
        "%s %s: %s; again in %.1f s", route.method, route.path, _error_summary(error), wait_s
    )


def _error_summary(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
