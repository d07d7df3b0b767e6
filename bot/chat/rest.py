"""discord.py's two ways to Discord's REST, with the patience that they lack.

2026-11, discord.py 2.7.1: 500, 502, 504 and 524 are tried five times, 503 and a broken connection
never. This is the one module that reaches into discord.py; `tests/unit/test_client_rest.py` fails
when what it reaches for has moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiohttp
import discord
from discord.http import HTTPClient, Route
from discord.webhook.async_ import AsyncWebhookAdapter, async_context

from bot.chat.fate import Fate, one_request, watched
from bot.chat.repeats import body_of, hushed, is_callback, may_repeat, with_body
from bot.chat.watch import Watch, first_answer, tell_of_limits

_log = logging.getLogger(__name__)
#: Seconds before the second try and each later one.
_WAITS_S = (0.5, 1.0, 2.0)
#: An interaction waits three seconds for its first answer, tries and all.
_CALLBACK_WAITS_S = (0.1, 0.3, 0.6)
#: Longest that one try of a first answer may take.
_CALLBACK_S = 2.5
#: "Interaction has already been acknowledged".
_ALREADY_ANSWERED = 40060
#: Answers that say nothing of the message: "too many requests" and whatever breaks at Discord.
_UNSAID = frozenset({429, 500, 502, 503, 504, 524})
#: The connection broke: whether Discord did the work is unknown.
_BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError)


class PatientHttp(HTTPClient):
    """Requests with the bot's token; repeats what may be repeated, and lets no edit ping anybody."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        waits_s: Sequence[float] = _WAITS_S,
        *,
        watch: Watch | None = None,
    ) -> None:
        trace = watched()
        if watch is not None:
            # Answers with an interaction's token go through the same session.
            tell_of_limits(trace, watch)
        super().__init__(loop, http_trace=trace)
        self._waits_s = tuple(waits_s)
        self._under_way = 0
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
        before: Mapping[str, Any] = body_of(parts) if parts else _words(kwargs.get("json"))
        body = hushed(route.method, route.path, before)
        if body is not before and parts:
            parts = with_body(parts, body)
        elif body is not before:
            kwargs["json"] = body
        again = may_repeat(route.method, route.path, before)
        self._under_way += 1
        self._idle.clear()
        with one_request(once_only=not again) as fate:
            try:
                return await self._persist(route, files, parts, again=again, **kwargs)
            except discord.HTTPException as error:
                if not fate.is_unknown or not before.get("nonce") or error.status in _UNSAID:
                    raise
                # Refused at last, yet an earlier try may have made the message: nobody may take
                # this for a word that there is none.
                words = f"an earlier try may have got through ({error})"
                raise aiohttp.ClientConnectionError(words) from error
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._idle.set()

    async def _persist(
        self,
        route: Route,
        files: Sequence[discord.File] | None,
        form: list[dict[str, Any]] | None,
        *,
        again: bool,
        **kwargs: Any,
    ) -> Any:
        for wait_s in self._waits_s if again else ():
            try:
                return await self._once(route, files, form, **kwargs)
            except discord.DiscordServerError as error:
                if error.status != 503:
                    raise
                _put_off(route, error, wait_s)
            except _BROKEN as error:
                if self._is_closed:
                    raise
                _put_off(route, error, wait_s)
            await asyncio.sleep(wait_s)
            for file in files or ():
                file.reset()
        return await self._once(route, files, form, **kwargs)

    async def _once(
        self,
        route: Route,
        files: Sequence[discord.File] | None,
        form: list[dict[str, Any]] | None,
        **kwargs: Any,
    ) -> Any:
        if self._is_closed:
            raise aiohttp.ClientConnectionError("this connection to Discord was given up")
        return await super().request(route, files=files, form=form, **kwargs)

    async def drained(self, timeout_s: float) -> None:
        """Return when no request is under way, or after `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._under_way:
                    await self._idle.wait()

    async def close(self) -> None:
        self._is_closed = True
        await super().close()


class PatientAdapter(AsyncWebhookAdapter):
    """Requests with an interaction's token.

    An answer that Discord took, though its own answer got lost, counts as taken.
    """

    def __init__(
        self,
        waits_s: Sequence[float] = _CALLBACK_WAITS_S,
        *,
        callback_s: float = _CALLBACK_S,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self._watch = watch
        self._waits_s = tuple(waits_s)
        self._callback_s = callback_s

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
            payload = dict(hushed(route.method, route.path, payload))
        elif multipart:
            multipart = with_body(multipart, hushed(route.method, route.path, body_of(multipart)))
        again = may_repeat(route.method, route.path, {})
        what: dict[str, Any] = {"payload": payload, "multipart": multipart, "files": files}
        with first_answer(self._watch, route), one_request(once_only=not again) as fate:
            try:
                return await self._persist(route, session, what | kwargs, fate, again=again)
            except discord.HTTPException as error:
                # An earlier try got through. Without one it was somebody else's answer, or one of
                # ours that had been given up: whoever asks must know.
                if error.code != _ALREADY_ANSWERED or not fate.is_unknown:
                    raise
        _log.info("interaction %s: its answer was taken, its receipt lost", route.webhook_id)
        return {"interaction": {"id": str(route.webhook_id), "type": 2}, "resource": None}

    async def _persist(
        self,
        route: Route,
        session: aiohttp.ClientSession,
        what: dict[str, Any],
        fate: Fate,
        *,
        again: bool,
    ) -> Any:
        for wait_s in self._waits_s if again else ():
            try:
                return await self._once(route, session, what)
            except (*_BROKEN, TimeoutError) as error:
                if isinstance(error, TimeoutError) and not is_callback(route.path):
                    # It has had minutes; whoever asked decides whether to try again.
                    raise
                fate.is_unknown |= isinstance(error, TimeoutError)
                _put_off(route, error, wait_s)
            await asyncio.sleep(wait_s)
            for file in what["files"] or ():
                file.reset()
        return await self._once(route, session, what)

    async def _once(
        self, route: Route, session: aiohttp.ClientSession, what: dict[str, Any]
    ) -> Any:
        # Words alone are quick; how long a file takes is for the file to say.
        hasty = is_callback(route.path) and not what["files"]
        async with asyncio.timeout(self._callback_s if hasty else None):
            return await super().request(route, session, **what)


def answer_patiently(watch: Watch | None = None) -> None:
    """Let all interactions of this task, and of the tasks that it starts, use the adapter above."""
    async_context.set(PatientAdapter(watch=watch))


def _words(body: object) -> Mapping[str, Any]:
    """Return the body of a request if it is an object; lists and nothing say nothing."""
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _put_off(route: Route, error: Exception, wait_s: float) -> None:
    # The template: the address itself may hold an interaction's token.
    _log.warning("%s %s: %s; again in %.1f s", route.method, route.path, _shown(error), wait_s)


def _shown(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
