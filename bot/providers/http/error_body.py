"""Parses the bodies of error answers, whose shape differs from API to API."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from bot.providers.http.json_fields import first_of, list_or_empty, object_or_empty
from bot.providers.http.timeouts import MAX_RETRY_AFTER_S

_MESSAGE_MAX_CHARS = 300

# Codes of a refusal by moderation. 2026-11-20: OpenAI's jobs carry moderation_blocked
# (community.openai.com thread 1372868; no spec lists it), relays also pass on sentinel_block; the
# other codes come from Azure and gateways.
_MODERATION = re.compile(
    r"moderation|sentinel_block|content_?policy|content_?filter|safety_violation"
    r"|responsible_?ai_?policy|content[-_]moderated|prohibited_content"
    # 2026-12-01: BytePlus' ModelArk (InputTextSensitiveContentDetected and its family), Alibaba's
    # DashScope (github QwenLM/qwen-code issue 3145), Baidu's Qianfan (its page of error codes).
    r"|sensitive_?content|data_?inspection_?failed|risk_?control|unsafe_request"
    r"|(?-i:\b(SAFETY|BLOCKLIST|SPII)\b)",
    re.IGNORECASE,
)
# Sentences of a refusal by moderation, from gateways that have no codes, and in capitals from
# Google (2026-11-20: a third party's recordings, others' reports).
_MODERATION_SENTENCE = re.compile(
    r"moderation (system|block)|blocked by (our |the )?moderation"
    r"|content[ _-]?polic|content[ _-]filter|content[ _-]moderat|safety system|input was flagged"
    r"|\bblocked\b[^.]{0,80}\b(safety|polic(y|ies))\b|prohibited_content"
    # 2026-11-20: xAI refuses a prompt with 403, as it does a key (several recordings of others).
    r"|violates? (our )?usage guidelines|\bsafety_check_type"
    # The codes above where a gateway passes them on inside a sentence, as LiteLLM does.
    r"|moderation_blocked|sensitivecontentdetected|datainspectionfailed|\brisk control\b"
    r"|(?-i:\b(SAFETY|BLOCKLIST|SPII)\b)",
    re.IGNORECASE,
)
# A moderation that did not answer says nothing about the prompt.
_MODERATION_AWAY = re.compile(
    r"(filter|moderation|safety)[\w ]{0,30}(timed[ _]?out|time-?out|unavailable|not available)",
    re.IGNORECASE,
)
# Whole codes of a refusal by moderation. 2026-11-11: MiniMax, for the prompt and for the result
# (cloud.baidu.com/doc/qianfan-api, error codes of video models).
_MODERATION_NUMBERS = frozenset({"1026", "1027"})
# Codes of moderation may stand deep inside a body; so many of its values are looked at.
_MAX_NESTED_VALUES = 200
# Codes of an account without balance. 2026-11-20: OpenAI sends them with 429, as for too many
# requests (https://learn.microsoft.com/microsoft-cloud/dev/dev-proxy, openai-insufficient-quota);
# the variants in the first group come from new-api and relays.
_ACCOUNT = re.compile(
    r"insufficient_(user_)?(quota|balance|credit)|credit_balance_exhausted"
    r"|(spend|usage)_limit_exceeded|budget_exceeded|billing_|invalid_api_key|account_deactivated",
    re.IGNORECASE,
)
# Sentences about a bad key or an empty balance. 2026-11-20: xAI sends them with 400, 403 or 429
# (github autohandai/code-cli issue 545, i-am-bee/beeai-framework issue 447), Runway with 400. Only
# a gateway's prefix may stand before such a sentence: a refusal may quote the same words out of a
# member's prompt, and one prompt must not mark the account as refused.
_ACCOUNT_SENTENCE = re.compile(
    r"((?!\W*[\w. ]*(prompt|input|text|content))(\[[\w. ]{1,30}\]|\d{3}\b\s*[:-]?"
    r"|(\w[\w. ]{0,40})?(error|exception)( code)?( \d{3})?\s*[:-])\s*){0,3}"
    r"((incorrect|invalid)( |%20)api( |%20)key\b"
    r"|api key (is )?(not (valid|found)|expired)"
    r"|insufficient credits?\b|exhausted balance"
    r"|(you|user|(your|this|the) (account|balance|organi[sz]ation|prepayment|team))\b"
    r"([^\"'`“‘«]|(?<=\w)'(?=\w)){0,80}?\b"
    r"(available credits|monthly spending limit|not have enough credits|insufficient credits?"
    r"|exhausted balance|credits are))",
    re.IGNORECASE,
)
# Text in quotation marks is from the prompt; a truncated quotation has no closing mark.
_QUOTED = re.compile(r"(?<!\w)([\"'`]).*?(\1(?!\w)|$)|[“‘«].*?([”’»](?!\w)|$)")
# The code for an unknown model. 2026-11-20: OpenAI sends it with 404, or with 403 to a project that
# may not use the model; relays with 400, and github QuantumNous/new-api with 503 without sending
# the request on.
_UNKNOWN_MODEL = re.compile(r"model_?not_?found", re.IGNORECASE)
_OVERLOAD = re.compile(
    r"overload|at capacity|over capacity|high demand|slow_?down|too many", re.IGNORECASE
)
# 2026-11-20: with one of these and status 400, CometAPI and Google's Interactions API report an
# unknown id.
_UNKNOWN_ID = re.compile(r"task_not_exist|invalid interaction name", re.IGNORECASE)
# Codes and sentences about a remix whose source is unknown. 2026-11-20: relays like CometAPI send
# the two codes with status 400 (github QuantumNous/new-api); gateways pass on sentences of many
# APIs. "The model … does not exist" must not match, because the sentence is not about the source.
_UNKNOWN_SOURCE = re.compile(
    r"task_(origin_)?not_exist|task_channel_disable|invalid interaction name"
    r"|\b(video|task)[ _]((?!model)\S+ ){0,4}?"
    r"(not[ _](found|exist)|does(n't| not) exist|no longer (exists|available)|expired|deleted)"
    r"|\b(no such|unknown) (video|task)\b",
    re.IGNORECASE,
)
# 2026-11-20: how OpenAI, its relays, Kong, and the routers of Go and Express report an unknown
# path. FastAPI says only "Not Found".
_UNKNOWN_ROUTE = re.compile(
    r"^(invalid url \(|404 page not found|route not found|no route matched|cannot post /)",
    re.IGNORECASE,
)

#: The delay of a `google.rpc.RetryInfo` in an error: `{"@type": …, "retryDelay": "34.5s"}`.
_RETRY_DELAY = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")

_QUERY_OF_URL = re.compile(r"(https?://[^\s\"'<>?#]+)[?#][^\s\"'<>]*")
_TITLE = re.compile(rb"<title[^>]*>([^<]{0,120})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """A parsed error body; a field that is empty or None was not in the body."""

    message: str = ""
    code: str = ""
    kind: str = ""
    #: The values of all fields named `code` or `type`, at any depth.
    nested_codes: str = ""
    #: Whether the body was an HTML page, which comes from a proxy and not from the API.
    is_html: bool = False
    #: Seconds that the answer asks to wait before a retry.
    retry_after_s: float | None = None

    @property
    def is_moderation(self) -> bool:
        """Whether the API refuses the content of the prompt, the image or the result."""
        words = f"{self.code} {self.kind} {self.nested_codes}"
        if _MODERATION_AWAY.search(f"{words} {self.message}"):
            return False
        return bool(
            self.code in _MODERATION_NUMBERS
            or _MODERATION.search(words)
            or _MODERATION_SENTENCE.search(self.message)
        )

    @property
    def is_account(self) -> bool:
        """Whether the body says that the key is refused or the balance is used up."""
        words = f"{self.code} {self.kind}"
        return bool(_ACCOUNT.search(words) or _ACCOUNT_SENTENCE.match(self.message))

    @property
    def is_unknown_model(self) -> bool:
        return bool(_UNKNOWN_MODEL.fullmatch(self.code))

    @property
    def is_overload(self) -> bool:
        """Whether the API itself, and not a proxy, reports an overload."""
        words = f"{self.code} {self.kind} {_QUOTED.sub('…', self.message)}"
        return not self.is_html and bool(_OVERLOAD.search(words))

    @property
    def is_unknown_id(self) -> bool:
        return bool(_UNKNOWN_ID.search(f"{self.code} {self.message}"))

    @property
    def is_unknown_source(self) -> bool:
        return bool(_UNKNOWN_SOURCE.search(f"{self.code} {self.message}"))

    @property
    def is_invalid_request(self) -> bool:
        # 2026-11-20: CometAPI sends this code with status 500 for requests that can never succeed
        # (apidoc.cometapi.com).
        return self.code == "invalid_request"

    @property
    def is_unknown_route(self) -> bool:
        """Whether a 404 with this body means that the path, not the render, does not exist."""
        is_bare = str(self).lower() == "not found"
        return self.is_html or is_bare or bool(_UNKNOWN_ROUTE.search(self.message))

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code or self.kind, self.message) if part)


def parse_body(body: bytes, content_type: str = "") -> ErrorBody:
    """Parse an error body, which may be JSON of any shape, an HTML page, text or empty."""
    head = body[:200].lstrip().lower()
    if "html" in content_type.lower() or head.startswith((b"<!doctype", b"<html", b"<head")):
        title = _TITLE.search(body[:4096])
        about = f" titled {_clean(title[1].decode('utf-8', 'replace'))!r}" if title else ""
        return ErrorBody(message=f"an HTML page{about}", is_html=True)
    if not head:
        return ErrorBody(message="an empty body")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorBody(message=_clean(body[:1200].decode("utf-8", "replace")))
    return parse_value(value)


def parse_value(value: object) -> ErrorBody:
    """Parse an error within JSON. Never raises.

    Known shapes are null, a string, `{message}`, `{code, message}`, `{message, type, param, code}`,
    `{error: …}`, `{detail: "…", error_type}`, `{detail: [{loc, msg, type}]}`, `{status, title,
    detail}` and a list that holds one of these.
    """
    said = _read(value, depth=0)
    return replace(said, nested_codes=" ".join(_nested_codes(value)))


def _nested_codes(value: object) -> Iterator[str]:
    """Yield the texts of the fields `code` and `type` of a bounded number of nested values."""
    left = deque([value])
    for _ in range(_MAX_NESTED_VALUES):
        if not left:
            return
        each = left.popleft()
        if isinstance(each, dict):
            fields = object_or_empty(cast("object", each))
            yield from filter(None, (_short_text(fields.get(name)) for name in ("code", "type")))
            left.extend(fields.values())
        else:
            left.extend(list_or_empty(each))


def _read(value: object, *, depth: int) -> ErrorBody:
    if depth > 4 or value is None or isinstance(value, bool):
        return ErrorBody()
    if isinstance(value, str | int | float):
        return ErrorBody(message=_clean(str(value)))
    if isinstance(value, list):
        return _read(first_of(cast("object", value)), depth=depth + 1)
    fields = object_or_empty(value)
    inner = _read(fields.get("error"), depth=depth + 1)
    wait_s = inner.retry_after_s
    return ErrorBody(
        message=inner.message or _message(fields, depth),
        code=inner.code or _short_text(fields.get("code")),
        kind=inner.kind or _kind(fields),
        retry_after_s=_delay_s(fields.get("details")) if wait_s is None else wait_s,
    )


def _message(fields: Mapping[str, Any], depth: int) -> str:
    for name in ("message", "msg", "fail_reason"):
        if isinstance(fields.get(name), str):
            return _clean(fields[name])
    detail: object = fields.get("detail")
    items = list_or_empty(detail)
    if isinstance(detail, list):
        return _clean("; ".join(_validation_line(item) for item in items[:5]))
    said = _read(detail, depth=depth + 1).message
    title = fields.get("title")
    return _clean(f"{title}: {said}" if said else title) if isinstance(title, str) else said


def _delay_s(details: object) -> float | None:
    for item in list_or_empty(details):
        delay: object = object_or_empty(item).get("retryDelay")
        found = _RETRY_DELAY.fullmatch(delay) if isinstance(delay, str) else None
        if found is not None:
            return min(float(found[1]), MAX_RETRY_AFTER_S)
    return None


def _kind(fields: Mapping[str, Any]) -> str:
    kind = _short_text(fields.get("type")) or _short_text(fields.get("error_type"))
    details = map(object_or_empty, list_or_empty(fields.get("detail")))
    return kind or next(filter(None, (_short_text(each.get("type")) for each in details)), "")


def _validation_line(item: object) -> str:
    """Describe one of FastAPI's validation errors: `body.seconds: too long`."""
    if not isinstance(item, dict):
        return str(item)
    fields = object_or_empty(cast("object", item))
    where = ".".join(str(part) for part in list_or_empty(fields.get("loc")))
    what = str(fields.get("msg") or fields.get("message") or "")
    return f"{where}: {what}" if where else what


def _short_text(value: object) -> str:
    return _clean(str(value))[:60] if isinstance(value, str | int) else ""


def _clean(text: str) -> str:
    """Return a vendor's text as one short printable log line, without queries of addresses."""
    text = _QUERY_OF_URL.sub(r"\1", text[:4000])
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MESSAGE_MAX_CHARS else line[: _MESSAGE_MAX_CHARS - 1] + "…"
