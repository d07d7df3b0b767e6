"""Trouble on order: refusals, broken connections and slowness for the next matching requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class DiscordFault:
    """One kind of trouble for the next `times` requests.

    method      as in HTTP, or "*".
    path        searched for in the path below /api/v10, or in the CDN's path.
    status      answer with this instead (None: answer as usual).
    body        what to answer; a dict goes out as JSON, text as HTML like a proxy's page.
    headers     sent along.
    after_work  do the work first, so that the bot does not know that it happened.
    cut         do the work, then reset the connection instead of answering.
    reset       reset the connection before any work.
    drip_s      do the work, and let the answer's body take this long to come.
    delay_s     wait before anything else.
    """

    method: str
    path: re.Pattern[str]
    times: int
    status: int | None = None
    body: dict[str, Any] | str = ""
    headers: dict[str, str]
    after_work: bool = False
    cut: bool = False
    reset: bool = False
    drip_s: float = 0.0
    delay_s: float = 0.0

    @property
    def is_answer(self) -> bool:
        """Whether it decides what the bot gets; a delay comes on top of that."""
        return self.status is not None or self.cut or self.reset or self.drip_s > 0


class DiscordFaults:
    """The orders; each request uses up at most one of every order that matches it."""

    def __init__(self) -> None:
        self._orders: list[DiscordFault] = []

    def fail_next(
        self,
        method: str,
        path_regex: str,
        status: int,
        code: int | None = None,
        times: int = 1,
        *,
        message: str = "Ordered by the test",
        retry_after_s: float = 1.0,
        scope: str = "shared",
        after_work: bool = False,
    ) -> None:
        """Answer the next `times` requests with `status`.

        scope  of a 429: "user", "shared" or "global"; the last holds for every route.
        A 5xx without a `code` comes as an HTML page, as from the proxy before Discord; a 429 as
        Discord's own (with Via and retry_after).
        """
        body: dict[str, Any] | str = {"message": message, "code": code or 0}
        headers: dict[str, str] = {}
        if status == 429:
            body = {"message": "You are being rate limited.", "global": scope == "global"}
            body["retry_after"] = retry_after_s
            headers = {
                "Via": "1.1 google",
                "Retry-After": str(int(retry_after_s) + 1),
                "X-RateLimit-Scope": scope,
            }
            if scope == "global":
                headers["X-RateLimit-Global"] = "true"
        elif status >= 500 and code is None:
            body = "<html><head><title>Ordered by the test</title></head></html>"
        self._order(
            method,
            path_regex,
            times,
            status=status,
            body=body,
            headers=headers,
            after_work=after_work,
        )

    def cut_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Do the work of the next `times` requests, then reset the connection."""
        self._order(method, path_regex, times, cut=True)

    def reset_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Reset the connection of the next `times` requests; nothing of them is done."""
        self._order(method, path_regex, times, reset=True)

    def drip_next(self, method: str, path_regex: str, seconds: float, times: int = 1) -> None:
        """Do the work of the next `times` requests; the last bytes of each answer take `seconds`."""
        self._order(method, path_regex, times, drip_s=seconds)

    def delay_next(self, method: str, path_regex: str, seconds: float, times: int = 1) -> None:
        """Hold the next `times` requests back for `seconds` before the work is done."""
        self._order(method, path_regex, times, delay_s=seconds)

    def clear(self) -> None:
        """Forget every order that is still open."""
        self._orders.clear()

    def _order(self, method: str, path_regex: str, times: int, **what: Any) -> None:
        what.setdefault("headers", {})
        self._orders.append(
            DiscordFault(method=method.upper(), path=re.compile(path_regex), times=times, **what)
        )

    def take(self, method: str, path: str) -> list[DiscordFault]:
        """Return the faults that this request meets, and count them off."""
        met = [
            order
            for order in self._orders
            if order.method in ("*", method) and order.path.search(path)
        ]
        # Of several answers in waiting the first ordered is given first.
        answers = [order for order in met if order.is_answer][:1]
        met = [order for order in met if order.delay_s] + answers
        for order in met:
            order.times -= 1
        self._orders = [order for order in self._orders if order.times > 0]
        return met
