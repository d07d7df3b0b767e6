"""The command line: `python -m bot [run | migrate | quota … | providers … | backup | doctor]`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from bot.app import App, build_app, check_settings, migrate
from bot.chat.transport.invite import application_id_of, invite_url, token_instructions
from bot.clock import SystemClock
from bot.errors import SettingsError, SorabotError
from bot.obs.log import set_up_logging
from bot.providers import registry
from bot.settings import Secret, Settings, declared, read_dotenv, read_environment
from bot.shell.backup import add_backup, run_backup
from bot.shell.doctor import run_doctor
from bot.shell.misspelt_settings import find_misspelt_settings
from bot.shell.provider_arguments import add_providers, read_providers_command
from bot.shell.providers import run_providers
from bot.shell.quota import run_quota
from bot.shell.quota_arguments import Parser, add_quota, read_quota_command

_log = logging.getLogger(__name__)
#: Exit codes: done, something broke, the settings must be mended first.
_OK, _BROKEN, _SETTINGS = 0, 1, 2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 done, 1 something broke, 2 mend the settings.

    Leaves by itself after `--help` (0) and for arguments that it does not take (2).
    """
    parser = Parser(prog="python -m bot", description="Sorabot")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("run", help="connect to Discord (the default)")
    commands.add_parser("migrate", help="bring the database up to date and leave")
    add_quota(commands)
    add_providers(commands)
    add_backup(commands)
    what = "look for what is wrong here, and say what to do about it"
    commands.add_parser("doctor", help=what, description=what)
    given = parser.parse_args(arguments)
    if given.command == "doctor":
        is_well, told = run_doctor(SystemClock())
        print(told)
        return _OK if is_well else _BROKEN
    errand = read_quota_command(given) if given.command == "quota" else None
    try:
        environ = read_environment()
        settings = Settings.from_env(environ)
        set_up_logging(settings.log_level, settings.log_format, _secrets(settings))
        if errand is not None:
            print(asyncio.run(run_quota(settings, errand)))
            return _OK
        if given.command == "providers":
            looked = run_providers(settings, read_providers_command(given), SystemClock())
            is_well, told = asyncio.run(looked)
            print(told)
            return _OK if is_well else _BROKEN
        if given.command == "backup":
            print(asyncio.run(run_backup(settings, given)))
            return _OK
        if given.command == "migrate":
            asyncio.run(migrate(settings))
            print(f"The database in {settings.data_dir} is up to date.")
            return _OK
        for each in find_misspelt_settings(read_dotenv(), environ):
            _log.warning("%s: %s", each.name, each.message)
        asyncio.run(check_settings(settings))
        if settings.discord_token is None:
            print(token_instructions(settings.discord_application_id), file=sys.stderr)
            return _SETTINGS
        return asyncio.run(_run(settings, settings.discord_token))
    except SettingsError as error:
        print(f"Sorabot can't start: {error}", file=sys.stderr)
        return _SETTINGS
    except SorabotError as error:
        print(f"Sorabot stops: {error}", file=sys.stderr)
        return _BROKEN


async def _run(settings: Settings, token: Secret) -> int:
    app = await build_app(settings)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def leave() -> None:
        stop.set()
        for number in _STOP_SIGNALS:
            # A second signal ends the process at once: every step under way was committed first.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, leave)
    try:
        await app.start()
        return await _run_until_stopped(app, token, stop)
    finally:
        await app.close()


async def _run_until_stopped(app: App, token: Secret, stop: asyncio.Event) -> int:
    """Stay connected until a signal comes or there is no getting in."""
    application_id = application_id_of(token.reveal())
    if application_id is not None:
        print(f"Invite link: {invite_url(application_id)}", file=sys.stderr)
    connection = asyncio.create_task(app.connection.run(token.reveal()))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connection, stopping), return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        # Work under way still needs the connection; `close` ends it afterwards.
        await app.close()
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)
        return _OK
    stopping.cancel()
    await connection
    return _BROKEN


def _secrets(settings: Settings) -> list[str]:
    own = (getattr(settings, each.name) for each in declared())
    held = [*own, *registry.provider_secrets(settings)]
    return [value.reveal() for value in held if isinstance(value, Secret)]


if __name__ == "__main__":
    sys.exit(main())
