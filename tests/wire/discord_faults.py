"""Faults that tests set for the next requests to the simulated Discord: errors, cuts and delays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class DiscordFault:
    """One kind of failure for the next `times` requests that match `method` and `path`.

    method      the HTTP method, or "*" for all.
    path        searched for in the path below /api/v10, or in the path on the CDN.
    status      the HTTP status of the response; None for the usual response.
    body        the response's body: a dict is sent as JSON, text as an HTML page of a proxy.
    headers     additional headers of the response.
    after_work  whether the request takes effect before the error response.
    cut         the request takes effect, then the connection is reset instead of a response.
    reset       the connection is reset, and the request has no effect.
    drip_s      the request takes effect, and the response's last byte comes after this time.
    delay_s     the request takes effect after this time.
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
        """Whether the fault changes the response; a fault with only a delay doesn't."""
        return self.status is not None or self.cut or self.reset or self.drip_s > 0


class DiscordFaults:
    """The faults that wait for requests.

    A request uses up one `times` of every matching delay, and of the first other matching fault.
    """

    def __init__(self) -> None:
        self._pending: list[DiscordFault] = []

    def fail_next(
        self,
        method: str,
        path_regex: str,
        status: int,
        code: int | None = None,
        times: int = 1,
        *,
        message: str = "Set by the test",
        retry_after_s: float = 1.0,
        scope: str = "shared",
        after_work: bool = False,
    ) -> None:
        """Answer the next `times` matching requests with the HTTP status `status`.

        scope  of a 429: "user", "shared" or "global"; a global one applies to all routes.
        A 5xx without `code` has an HTML body, as from the proxy before Discord. A 429 looks like
        one from Discord itself, with the header Via and a retry_after.
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
            body = "<html><head><title>Set by the test</title></head></html>"
        self._add(
            method,
            path_regex,
            times,
            status=status,
            body=body,
            headers=headers,
            after_work=after_work,
        )

    def cut_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Let the next `times` matching requests take effect, then reset their connections."""
        self._add(method, path_regex, times, cut=True)

    def reset_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Reset the connections of the next `times` matching requests, which have no effect."""
        self._add(method, path_regex, times, reset=True)

    def drip_next(self, method: str, path_regex: str, seconds: float, times: int = 1) -> None:
        """Delay the last byte of the next `times` matching responses; the requests take effect."""
        self._add(method, path_regex, times, drip_s=seconds)

    def delay_next(self, method: str, path_regex: str, seconds: float, times: int = 1) -> None:
        """Let the next `times` matching requests wait for `seconds` before they take effect."""
        self._add(method, path_regex, times, delay_s=seconds)

    def clear(self) -> None:
        """Remove all faults that have not been used up."""
        self._pending.clear()

    def _add(self, method: str, path_regex: str, times: int, **what: Any) -> None:
        what.setdefault("headers", {})
        self._pending.append(
            DiscordFault(method=method.upper(), path=re.compile(path_regex), times=times, **what)
        )

    def take(self, method: str, path: str) -> list[DiscordFault]:
        """Return the faults that apply to a request, and reduce how often they will apply again."""
        met = [
            fault
            for fault in self._pending
            if fault.method in ("*", method) and fault.path.search(path)
        ]
        # If several faults would change the response, only the one that was set first applies.
        answers = [fault for fault in met if fault.is_answer][:1]
        met = [fault for fault in met if fault.delay_s] + answers
        for fault in met:
            fault.times -= 1
        self._pending = [fault for fault in self._pending if fault.times > 0]
        return met
