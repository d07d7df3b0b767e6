"""What an operator may write behind `python -m bot providers`, and what they mean by it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import StrEnum

from bot.providers import registry
from bot.shell.quota_arguments import Parser, Subparsers


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders:
    """Tell what video APIs there are."""

    #: Call the configured ones.
    is_live: bool
    #: As the table of the documentation, whatever is configured.
    is_markdown: bool


class ProviderAction(StrEnum):
    """What may be chosen about an API, for all servers."""

    #: Tried before the others, and not drained.
    USE = "use"
    #: Gets no new jobs.
    DRAIN = "drain"
    #: Not drained any more.
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseProvider:
    """Choose who gets new jobs in all servers."""

    action: ProviderAction
    #: None only with USE: the order of VIDEO_PROVIDERS.
    name: str | None


_HELP = {
    ProviderAction.USE: "try one before all others, and let it have new jobs; --usual: as VIDEO_PROVIDERS says",
    ProviderAction.DRAIN: "give one no new jobs; those that it has go on",
    ProviderAction.RESUME: "let one have new jobs again",
}


def add_providers(subparsers: Subparsers) -> None:
    """Add `providers` and its commands; what they are given, `read_providers_command` reads."""
    what = "list the video APIs; choose who gets new jobs, beside a running bot"
    providers = subparsers.add_parser("providers", help=what, description=what)
    providers.add_argument("--check", action="store_true", help="call the configured ones, free")
    providers.add_argument(
        "--markdown", action="store_true", help="the table of the documentation, alone"
    )
    ways = providers.add_subparsers(dest="way", metavar="use | drain | resume")
    for way in ProviderAction:
        _add_action(ways, way)


def read_providers_command(arguments: argparse.Namespace) -> ListProviders | ChooseProvider:
    """Return what was asked for."""
    if arguments.way is None:
        return ListProviders(is_live=arguments.check, is_markdown=arguments.markdown)
    return ChooseProvider(action=ProviderAction(arguments.way), name=arguments.name)


def _add_action(subparsers: Subparsers, action: ProviderAction) -> Parser:
    parser = subparsers.add_parser(action.value, help=_HELP[action], description=_HELP[action])
    # Its metavar is no list of names: argparse tells them all where one is wrong.
    names = registry.provider_names()
    if action is not ProviderAction.USE:
        parser.add_argument("name", metavar="NAME", choices=names)
        return parser
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", choices=names)
    which.add_argument("--usual", action="store_true", help="none before the others")
    return parser
