"""The command line: `python -m bot [run | migrate | quota … | providers … | backup | doctor]`."""

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
from bot.quota.sentences import highest_cost
from bot.settings import Secret, Settings, declared, read_dotenv, read_environment
from bot.shell.arguments import Parser
from bot.shell.backup import add_backup, run_backup
from bot.shell.doctor import run_doctor
from bot.shell.doctor_settings import find_misspelt_settings
from bot.shell.providers import add_providers, run_providers
from bot.shell.quota import add_quota, read_quota_command, run_quota
from bot.storage.private_folder import keep_files_private

_log = logging.getLogger(__name__)
#: Exit codes.
_OK, _FAILED, _BAD_SETTINGS = 0, 1, 2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 for success, 1 for a failure, 2 for bad settings.

    The argument parser itself ends the process: after `--help` with 0, for wrong arguments with 2.
    """
    keep_files_private()
    parser = Parser(prog="python -m bot", description="Sorabot")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("run", help="connect to Discord (the default)")
    commands.add_parser("migrate", help="upgrade the database's schema and exit")
    add_quota(commands)
    add_providers(commands)
    add_backup(commands)
    what = "check the installation and say how to fix what is wrong"
    commands.add_parser("doctor", help=what, description=what)
    given = parser.parse_args(arguments)
    if given.command == "doctor":
        return _report(*run_doctor(SystemClock()))
    quota_command = read_quota_command(given) if given.command == "quota" else None
    try:
        environ = read_environment()
        settings = Settings.from_env(environ)
        set_up_logging(settings.log_level, settings.log_format, _secrets(settings))
        if quota_command is not None:
            return _report(True, asyncio.run(run_quota(settings, quota_command)))
        if given.command == "providers":
            return _report(*asyncio.run(run_providers(settings, given, SystemClock())))
        if given.command == "backup":
            return _report(True, asyncio.run(run_backup(settings, given)))
        if given.command == "migrate":
            asyncio.run(migrate(settings))
            return _report(True, f"The database in {settings.data_dir} is up to date.")
        for name, message in find_misspelt_settings(read_dotenv(), environ).items():
            _log.warning("%s: %s", name, message)
        asyncio.run(check_settings(settings))
        _log.info("video APIs can cost in 30 days at most: %s", highest_cost(settings))
        if settings.discord_token is None:
            print(token_instructions(settings.discord_application_id), file=sys.stderr)
            return _BAD_SETTINGS
        return asyncio.run(_run(settings, settings.discord_token))
    except SettingsError as error:
        print(f"Sorabot can't start: {error}", file=sys.stderr)
        return _BAD_SETTINGS
    except SorabotError as error:
        print(f"Sorabot stops: {error}", file=sys.stderr)
        return _FAILED


def _report(is_healthy: bool, text: str) -> int:
    print(text)
    return _OK if is_healthy else _FAILED


async def _run(settings: Settings, token: Secret) -> int:
    app = await build_app(settings)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        for number in _STOP_SIGNALS:
            # A second signal kills the process at once, which loses no job: the database has
            # every step before the next one begins.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await app.start()
        return await _run_until_stopped(app, token, stop)
    finally:
        await app.close()


async def _run_until_stopped(app: App, token: Secret, stop: asyncio.Event) -> int:
    """Stay connected until a signal arrives or the connection gives up; return the exit code."""
    application_id = application_id_of(token.reveal())
    if application_id is not None:
        print(f"Invite link: {invite_url(application_id)}", file=sys.stderr)
    connection = asyncio.create_task(app.connection.run(token.reveal()))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connection, stopping), return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        # Running steps of jobs need the connection until `close` has let them finish.
        await app.close()
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)
        return _OK
    stopping.cancel()
    await connection
    return _FAILED


def _secrets(settings: Settings) -> list[str]:
    own = (getattr(settings, each.name) for each in declared())
    values = [*own, *registry.provider_secrets(settings)]
    return [value.reveal() for value in values if isinstance(value, Secret)]


if __name__ == "__main__":
    sys.exit(main())
