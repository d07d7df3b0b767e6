"""What an operator may write behind `python -m bot providers`, and what they mean by it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import StrEnum

from bot.providers import registry
from bot.shell.arguments import Commands, Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Tell what video APIs there are."""

    #: Call the configured ones.
    is_live: bool
    #: As the table of the documentation, whatever is configured.
    is_markdown: bool


class Way(StrEnum):
    """What may be chosen about an API, for all servers."""

    #: Tried before the others, and not drained.
    USE = "use"
    #: Gets no new jobs.
    DRAIN = "drain"
    #: Not drained any more.
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """Choose who gets new jobs in all servers."""

    way: Way
    #: None only with USE: the order of VIDEO_PROVIDERS.
    name: str | None


_HELP = {
    Way.USE: "try one before all others, and let it have new jobs; --usual: as VIDEO_PROVIDERS says",
    Way.DRAIN: "give one no new jobs; those that it has go on",
    Way.RESUME: "let one have new jobs again",
}


def add_providers(commands: Commands) -> None:
    """Add `providers` and its commands; what they are given, `kitchen_errand_of` reads."""
    what = "list the video APIs; choose who gets new jobs, beside a running bot"
    providers = commands.add_parser("providers", help=what, description=what)
    providers.add_argument("--check", action="store_true", help="call the configured ones, free")
    providers.add_argument(
        "--markdown", action="store_true", help="the table of the documentation, alone"
    )
    ways = providers.add_subparsers(dest="way", metavar="use | drain | resume")
    for way in Way:
        _add_way(ways, way)


def kitchen_errand_of(given: argparse.Namespace) -> Look | Choose:
    """Return what was asked for."""
    if given.way is None:
        return Look(is_live=given.check, is_markdown=given.markdown)
    return Choose(way=Way(given.way), name=given.name)


def _add_way(ways: Commands, way: Way) -> Parser:
    parser = ways.add_parser(way.value, help=_HELP[way], description=_HELP[way])
    # Its metavar is no list of names: argparse tells them all where one is wrong.
    names = registry.names()
    if way is not Way.USE:
        parser.add_argument("name", metavar="NAME", choices=names)
        return parser
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", choices=names)
    which.add_argument("--usual", action="store_true", help="none before the others")
    return parser
