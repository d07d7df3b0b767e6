"""The video APIs as a table: for a terminal of 100 columns, and for the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from bot.model import Operation
from bot.providers.base import Model
from bot.server import HouseRules
from bot.shell.finding import plain
from bot.shell.kitchen_check import Checked, Verdict
from bot.shell.provider_facts import Facts
from bot.storage.wording import dollars

_WIDTH = 100
_INDENT = "    "
_HEAD = f"{'NAME':<12}{'STATE':<28}{'WEBHOOK':<18}{'CANCEL':<8}{'DELETE':<8}VERIFIED"


def terminal(facts: Iterable[Facts], rules: HouseRules, checked: Mapping[str, Checked]) -> str:
    """Return all APIs, their models under each; no line is over 100 columns.

    checked  what calls showed, by name; empty: none were made.
    """
    blocks = [_HEAD]
    for place, each in enumerate(facts, 1):
        state = _state(each, rules, place)
        blocks.append(
            f"{each.name:<12}{state:<28}{each.webhook:<18}"
            f"{_yes(each.can_cancel):<8}{_yes(each.can_delete):<8}{each.verified_on}"
        )
        if each.fault:
            blocks += _wrapped(plain(each.fault))
        if each.name in checked:
            blocks += _wrapped(_told(checked[each.name]))
        for name, told in _models(each):
            blocks += _wrapped(f"{name}: {told}")
        if each.models_variable:
            blocks += _wrapped(f"Models are to be named in {each.models_variable}.")
        blocks += _wrapped(f"Verified against: {each.verified}")
    if not checked:
        blocks += ["", "`providers --check` calls the configured ones, free of charge."]
    return "\n".join(blocks)


def markdown(facts: Iterable[Facts]) -> str:
    """Return the table of the documentation, the same wherever it is made."""
    head = ["name", "what", "models", "webhook", "cancel", "delete", "verified against", "on"]
    lines = [_row(head), _row(["---"] * len(head))]
    for each in facts:
        models = [f"`{name}`: {told}" for name, told in _models(each)]
        if each.models_variable:
            models.append(f"to be named in `{each.models_variable}`")
        lines.append(
            _row(
                [
                    f"`{each.name}`",
                    each.title,
                    "<br>".join(models),
                    each.webhook,
                    _yes(each.can_cancel),
                    _yes(each.can_delete),
                    each.verified,
                    str(each.verified_on),
                ]
            )
        )
    return "\n".join(lines)


def choice(
    before: HouseRules, after: HouseRules, names: Sequence[str], name: str | None, running: int
) -> str:
    """Return what holds in all servers after a choice about `name`.

    names    the configured APIs in their order.
    running  its jobs that are being made.
    """
    first = after.preferred_provider
    order = sorted(names, key=lambda each: each != first)
    takers = [each for each in order if each not in after.drained_providers]
    lines = [
        "Nothing changed." if before == after else "Holds in all servers within seconds.",
        f"  New jobs go to: {', '.join(takers) or 'NOBODY, every order is refused'}",
    ]
    if after.drained_providers:
        lines.append(f"  Drained: {', '.join(after.drained_providers)}")
    if name in after.drained_providers and running:
        lines.append(f"  Made there now: {running}; they go on")
    return "\n".join(lines)


def _state(facts: Facts, rules: HouseRules, place: int) -> str:
    if not facts.is_configured:
        return "not configured"
    if facts.wrong:
        # A longer name would push the columns apart.
        return f"wrong: {facts.wrong}"[:27]
    if facts.name in rules.drained_providers:
        return "drained"
    if facts.name == rules.preferred_provider:
        return "tried before all others"
    return f"configured, no. {place}"


def _told(checked: Checked) -> str:
    words = {
        Verdict.WELL: "Answers",
        Verdict.REFUSED: "REFUSES the account",
        Verdict.TROUBLE: "DOES NOT ANSWER as it should",
        Verdict.BUSY: "Asks for a pause",
        Verdict.UNTRIED: "Not called",
    }
    return f"{words[checked.verdict]} ({checked.took_ms:,} ms): {plain(checked.told)}"


def _models(facts: Facts) -> list[tuple[str, str]]:
    """Return models by name, each with what is known of it."""
    return [
        *((each.name, _model(each)) for each in facts.models),
        *((name, "what it can do and costs, the API tells") for name in facts.untold),
    ]


def _model(model: Model) -> str:
    operations = [each.value for each in Operation if each in model.operations]
    extras = [
        *(["picture"] if model.takes_image else []),
        *(["sound"] if model.has_audio else []),
        *([] if model.retired_on is None else [f"retired on {model.retired_on}"]),
    ]
    return "; ".join(
        [
            f"{_lengths(model.seconds)} s",
            " ".join(map(str, model.sizes)),
            _price(model),
            ", ".join([*operations, *extras]),
        ]
    )


def _lengths(seconds: Sequence[int]) -> str:
    """Return `4, 8, 12`, or `2 to 10` where each in between can be had."""
    if len(seconds) > 2 and list(seconds) == list(range(seconds[0], seconds[-1] + 1)):
        return f"{seconds[0]} to {seconds[-1]}"
    return ", ".join(map(str, seconds))


def _price(model: Model) -> str:
    prices = sorted({model.usd_micros_per_second.get(size, 0) for size in model.sizes})
    if prices[-1:] in ([], [0]):
        return "free"
    least, most = dollars(prices[0]), dollars(prices[-1])
    return f"{least} a second" if least == most else f"{least} to {most} a second"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT * 2)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
