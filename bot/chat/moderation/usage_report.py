"""The usage of a server, for moderators: text, a chart, and CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from io import BytesIO, StringIO

import discord

from bot.chat.embed_message import DEFAULT_COLOUR
from bot.chat.viewers import job_service_of, viewer_of
from bot.guild import Unit
from bot.jobs.moderation import UsageReport
from bot.media.usage_chart import Bar, usage_chart
from bot.quota.limit_usage import amount_of
from bot.storage.guild_settings import DayUsage, MemberUsage

_CHART = "usage.png"
#: Most members in the CSV file, and in the text.
_TABLE_MEMBERS = 1000
_TOP_MEMBERS = 8
#: A spreadsheet reads a cell with such a beginning as a formula.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


async def show_usage(interaction: discord.Interaction, length_days: int) -> None:
    """Fill the deferred answer with the server's usage of the last `length_days` days.

    Raises ModeratorsOnlyError.
    """
    report = await job_service_of(interaction).moderation.usage(
        viewer_of(interaction), length_days, most=_TABLE_MEMBERS
    )
    days = _days(report, interaction.created_at.date())
    bars = [Bar(day=each.day, clips=each.clips, usd_micros=each.usd_micros) for each in days]
    embed = _embed(report)
    embed.set_image(url=f"attachment://{_CHART}")
    chart = BytesIO(await usage_chart(bars))
    await interaction.edit_original_response(
        content=_ranking(report),
        embed=embed,
        attachments=[
            discord.File(chart, filename=_CHART, description=_alt_text(bars)),
            _file("usage-days.csv", day_table(days)),
            _file("usage-members.csv", member_table(report.by_member)),
        ],
        allowed_mentions=discord.AllowedMentions.none(),
    )


def day_table(days: Iterable[DayUsage]) -> str:
    """Return CSV with a row for each day, in ISO form; `usd` in dollars with six decimals."""
    return _table("day", ((each.day.isoformat(), each) for each in days))


def member_table(members: Iterable[MemberUsage]) -> str:
    """Return CSV with a row for each member, as a mention: spreadsheets round bare ids."""
    return _table("member", ((f"<@{each.user_id}>", each) for each in members))


def escape_formula(cell: str) -> str:
    """Return a cell that no spreadsheet reads as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_PREFIXES) else cell


def _table(name: str, rows: Iterable[tuple[str, DayUsage | MemberUsage]]) -> str:
    file = StringIO(newline="")
    table = csv.writer(file)
    table.writerow((name, *(_column(unit, 0)[0] for unit in Unit), "failed"))
    for who, used in rows:
        amounts = (_column(unit, amount_of(unit, used))[1] for unit in Unit)
        table.writerow(map(escape_formula, (who, *amounts, str(used.failed))))
    return file.getvalue()


def _file(name: str, table: str) -> discord.File:
    return discord.File(BytesIO(table.encode()), filename=name)


def _ranking(report: UsageReport) -> str:
    """Return the members who used most; Discord shows their names only in a message's content."""
    span = "24 hours" if report.days == 1 else f"{report.days} days"
    lines = [f"### Usage of the last {span}"]
    lines += [
        f"{place}. <@{each.user_id}> {_amounts(each)}"
        for place, each in enumerate(report.by_member[:_TOP_MEMBERS], start=1)
    ]
    more = len(report.by_member) - _TOP_MEMBERS
    if more > 0:
        count = f"{more} or more" if len(report.by_member) == _TABLE_MEMBERS else str(more)
        lines.append(f"-# … and {count} other{'' if count == '1' else 's'}, in the table")
    return "\n".join(lines if report.by_member else [*lines, "Nobody made a clip."])


def _amounts(used: MemberUsage) -> str:
    words = [_column(unit, amount_of(unit, used))[2] for unit in Unit]
    return " · ".join([*words, *([f"{used.failed} failed"] if used.failed else [])])


def _column(unit: Unit, amount: int) -> tuple[str, str, str]:
    """Return the heading of a unit in the CSV files, the cell for an amount, and the short words.

    Each unit needs a `case` here. The chart shows clips and cost only: `Bar` in
    bot/media/usage_chart.py has a field for each of the two.
    """
    match unit:
        case Unit.CLIPS:
            return "clips", str(amount), f"{amount} clip{'' if amount == 1 else 's'}"
        case Unit.SECONDS:
            return "seconds", str(amount), f"{amount} s"
        case Unit.USD_MICROS:
            cell = f"{amount // 1_000_000}.{amount % 1_000_000:06d}"
            return "usd", cell, _dollars(amount)


def _embed(report: UsageReport) -> discord.Embed:
    """Return the totals."""
    clips, seconds, failed = (
        sum(getattr(day, unit) for day in report.by_day) for unit in ("clips", "seconds", "failed")
    )
    cost = _dollars(sum(day.usd_micros for day in report.by_day))
    embed = discord.Embed(colour=DEFAULT_COLOUR)
    embed.description = (
        f"**{clips}** clip{'' if clips == 1 else 's'} · **{seconds} s** of video · **{cost}** · "
        f"**{failed}** failed"
    )
    embed.set_footer(
        text="Clips under way are counted; failed ones only where the video service charged for "
        "them. The first day is not a whole one."
    )
    return embed


def _days(report: UsageReport, today: date) -> list[DayUsage]:
    """Return all days of the report, empty ones, too, until tomorrow at most."""
    used = {day.day: day for day in report.by_day}
    first = min((today - timedelta(days=report.days), *used))
    # Clocks may differ by a little; after a clock was years ahead, the table would span years.
    last = min(max((today, *used)), today + timedelta(days=1))
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [
        used.get(day) or DayUsage(day=day, clips=0, seconds=0, usd_micros=0, failed=0)
        for day in days
    ]


def _alt_text(bars: Sequence[Bar]) -> str:
    """Return the alternative text of the chart."""
    most = max(bars, key=lambda bar: bar.clips)
    clips = sum(bar.clips for bar in bars)
    span = f"Clips and cost a day from {bars[0].day} to {bars[-1].day}"
    if not clips:
        return f"{span}: none."
    usd = _dollars(sum(bar.usd_micros for bar in bars))
    return f"{span}: {clips} in all for {usd}, most on {most.day} with {most.clips}."


def _dollars(usd_micros: int) -> str:
    """Return a sum in dollars and cents."""
    return f"${usd_micros / 1_000_000:,.2f}"
