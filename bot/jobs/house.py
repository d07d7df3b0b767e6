"""A server's rules, applied to what a member asks for; pure, no I/O."""

from __future__ import annotations

from dataclasses import replace

from bot.errors import HouseRuleError
from bot.jobs.catalogue import Catalogue, Wish
from bot.model import Job, Viewer
from bot.server import HouseRules, Remixers


def check_place(rules: HouseRules, viewer: Viewer) -> None:
    """Return if clips may be asked for where the viewer is. Raises HouseRuleError naming where."""
    if rules.channel_ids and not viewer.channel_ids.intersection(rules.channel_ids):
        where = ", ".join(f"<#{each}>" for each in rules.channel_ids[:10])
        raise HouseRuleError(f"Clips are made elsewhere in this server: {where}.")


def check_remix(rules: HouseRules, parent: Job, viewer: Viewer) -> None:
    """Return if the viewer may make something of `parent`. Raises HouseRuleError."""
    if parent.user_id == viewer.user_id or rules.remixers is Remixers.EVERYBODY:
        return
    if rules.remixers is Remixers.NOBODY:
        raise HouseRuleError("In this server everybody remixes only their own clips.")
    if rules.remix_role_id not in viewer.role_ids:
        raise HouseRuleError(f"In this server <@&{rules.remix_role_id}> may remix others' clips.")


def furnished(rules: HouseRules, catalogue: Catalogue, wish: Wish) -> Wish:
    """Return `wish` with the server's defaults where it names nothing and they can be had.

    catalogue  of the models that the server uses.
    Raises BadOptionError for a model that is not in it.
    """
    fits = (each for each in catalogue.offers if wish.image is None or each.model.takes_image)
    if wish.model is None and any(each.key == rules.default_model for each in fits):
        wish = replace(wish, model=rules.default_model)
    chosen = catalogue.offers if wish.model is None else (catalogue.named(wish.model),)
    lengths = {each for offer in chosen for each in offer.model.seconds}
    if wish.seconds is None and rules.default_seconds in lengths:
        wish = replace(wish, seconds=rules.default_seconds)
    sizes = {str(each) for offer in chosen for each in offer.model.sizes}
    if wish.size is None and rules.default_size in sizes:
        wish = replace(wish, size=rules.default_size)
    return wish
