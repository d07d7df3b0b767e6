"""Formats the video APIs as a table for a terminal of 100 columns, and for the docs."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from bot.guild import GuildSettings
from bot.model import Operation
from bot.providers.base import Model
from bot.quota.sentences import dollars
from bot.shell.finding import one_line
from bot.shell.provider_facts import ProviderCheck, ProviderFacts

_WIDTH = 100
_INDENT = "    "
_HEAD = f"{'NAME':<12}{'STATE':<28}{'WEBHOOK':<18}{'CANCEL':<8}{'DELETE':<8}VERIFIED"


def terminal_table(
    facts: Iterable[ProviderFacts],
    guild_settings: GuildSettings,
    checks: Mapping[str, ProviderCheck],
) -> str:
    """Return a table of all video APIs with their models; no line is over 100 columns.

    checks  results of free calls, by provider; empty: no calls were made.
    """
    blocks = [_HEAD]
    for place, each in enumerate(facts, 1):
        state = _state(each, guild_settings, place)
        blocks.append(
            f"{each.name:<12}{state:<28}{each.webhook:<18}"
            f"{_yes_or_no(each.can_cancel):<8}{_yes_or_no(each.can_delete):<8}{each.verified_on}"
        )
        if each.fault:
            blocks += _wrapped(one_line(each.fault))
        if each.name in checks:
            check = checks[each.name]
            text = f"{check.outcome} ({check.took_ms:,} ms): {one_line(check.message)}"
            blocks += _wrapped(text)
        for name, told in _models(each):
            blocks += _wrapped(f"{name}: {told}")
        if each.models_variable:
            blocks += _wrapped(f"Models are to be named in {each.models_variable}.")
        blocks += _wrapped(f"Verified against: {each.verified}")
    if not checks:
        blocks += ["", "`providers --check` calls the configured ones, free of charge."]
    return "\n".join(blocks)


def markdown_table(facts: Iterable[ProviderFacts]) -> str:
    """Return the table of video APIs for the documentation, in Markdown."""
    head = ["name", "what", "models", "webhook", "cancel", "delete", "verified against", "on"]
    lines = [_row(head), _row(["---"] * len(head))]
    for each in facts:
        models = [f"`{name}`: {told}" for name, told in _models(each)]
        if each.models_variable:
            models.append(f"to be named in `{each.models_variable}`")
        what = [f"`{each.name}`", each.title, "<br>".join(models), each.webhook]
        calls = [_yes_or_no(each.can_cancel), _yes_or_no(each.can_delete)]
        lines.append(_row([*what, *calls, each.verified, str(each.verified_on)]))
    return "\n".join(lines)


def describe_choice(
    before: GuildSettings,
    after: GuildSettings,
    names: Sequence[str],
    name: str | None,
    running: int,
) -> str:
    """Return which providers get new jobs in all guilds after the operator's choice about `name`.

    names    the configured providers in their order.
    running  how many jobs of the provider `name` are being rendered.
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


def _state(facts: ProviderFacts, guild_settings: GuildSettings, position: int) -> str:
    if not facts.is_configured:
        return "not configured"
    if facts.faulty_variable:
        # The text is cut to 27 characters, so that the columns of the table stay aligned.
        return f"wrong: {facts.faulty_variable}"[:27]
    if facts.name in guild_settings.drained_providers:
        return "drained"
    if facts.name == guild_settings.preferred_provider:
        return "tried before all others"
    return f"configured, no. {position}"


def _models(facts: ProviderFacts) -> list[tuple[str, str]]:
    return [
        *((each.name, _model(each)) for each in facts.models),
        *((name, "what it can do and costs, the API tells") for name in facts.undescribed_models),
    ]


def _model(model: Model) -> str:
    operations = [each.value for each in Operation if each in model.operations]
    extras = [
        *(["picture"] if model.takes_image else []),
        *(["sound"] if model.has_audio else []),
        *([] if model.retired_on is None else [f"retired on {model.retired_on}"]),
    ]
    sizes, able = " ".join(map(str, model.sizes)), ", ".join([*operations, *extras])
    return f"{_lengths(model.seconds)} s; {sizes}; {_price(model)}; {able}"


def _lengths(seconds: Sequence[int]) -> str:
    """Return lengths in seconds as `4, 8, 12`, or as `2 to 10` for a range without gaps."""
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


def _yes_or_no(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
