"""Tests that files and commands are short, and that importing a module has no side effect."""

import pytest

from tests.architecture.import_effects import modules_with_import_effects, packages_with_content
from tests.architecture.sizes import commands, long_commands, long_files
from tests.architecture.source import make_sources, report


def test_no_file_is_too_long(sources):
    found = long_files(sources)
    assert not found, report(found)


def test_no_command_is_too_long(sources):
    found = long_commands(sources)
    assert not found, report(found)


def test_nothing_happens_at_import(sources):
    found = modules_with_import_effects(sources)
    assert not found, report(found)


def test_packages_are_empty(sources):
    found = packages_with_content(sources)
    assert not found, report(found)


def test_a_long_file_is_found():
    planted = make_sources({"tests/x.py": "x = 1\n" * 401, "bot/x.py": "x = 1\n" * 400})
    assert long_files(planted) == [
        "tests/x.py: 401 lines, over 400; move one of its subjects into a file of its own"
    ]


def command(decorator: str, body_lines: int) -> str:
    body = "".join(f"        x = {n}\n" for n in range(body_lines))
    signature = f"    async def go(self, interaction):\n        '''Help\n        text.'''\n{body}"
    return f"class Sora:\n    {decorator}\n{signature}"


@pytest.mark.parametrize(
    "decorator",
    [
        "@app_commands.command(name='go')",
        "@sora.command()",
        "@app_commands.context_menu(name='go')",
        "@other\n    @discord.app_commands.command()",
    ],
)
def test_a_long_command_is_found_and_its_docstring_does_not_count(decorator):
    assert long_commands(make_sources({"cogs/x.py": command(decorator, 18)})) == []
    (found,) = long_commands(make_sources({"cogs/x.py": command(decorator, 19)}))
    assert "/go: 20 lines, over 19; a command calls a service" in found


def test_a_context_menu_s_callback_is_a_command_and_other_coroutines_are_not():
    text = (
        command("@property", 1) + "    def __init__(self):\n        ContextMenu(callback=self.go)\n"
    )
    menu, plain = make_sources({"cogs/x.py": text, "cogs/y.py": command("@property", 90)})
    assert [node.name for node in commands(menu)] == ["go"]
    assert list(commands(plain)) == []


@pytest.mark.parametrize(
    "text",
    [
        "print('hello')",
        "load_dotenv()",
        "import logging\nlogging.basicConfig()",
        "SETTINGS = Settings.from_env({})",
        "SQL = Path(__file__).with_name('q.sql').read_text()",
        "for name in NAMES:\n    TABLE[name] = 1",
        "try:\n    import fast\nexcept ImportError:\n    fast = None",
        "with x as y:\n    z = 1",
        "assert DEBUG",
        "TABLE['x'] += 1",
        "del x",
        "if DEBUG:\n    x = 1",
        "class A:\n    lock = threading.Lock()",
        "def f(x=connect()):\n    return x",
        "x = [start(n) for n in range(3)]",
        "class A(make_base()):\n    pass",
        "x = asyncio.run(main())",
        "x",
        "if __name__ == '__main__':\n    main()\nelse:\n    main()",
    ],
)
def test_what_happens_at_import_is_found(text):
    assert modules_with_import_effects(make_sources({"bot/jobs/x.py": text}))


@pytest.mark.parametrize(
    "text",
    [
        '"""Words."""\nimport re\nfrom pathlib import Path\n',
        "import logging\nLOG = logging.getLogger(__name__)",
        "import re\nWORD = re.compile('x')\nWORDS = frozenset('a b'.split())",
        "from datetime import timedelta as td\nDAY = td(days=1)\nA: int = max(1, 2)",
        "from pathlib import Path\nHERE = Path(__file__).parent / 'queries'",
        "class A:\n    '''Words.'''\n    x: int = 1\n    def f(self):\n        print(1)",
        (
            "from dataclasses import dataclass, field, replace\n@dataclass(frozen=True)\nclass A:\n"
            "    x: int = 0\n    y: list = field(default_factory=list)\nB = replace(A(x=1), x=2)\n"
        ),
        "from bot.model import Size\nS = (Size(width_px=1, height_px=2), Size.parse('1x2'))",
        "import discord\nclass A:\n    g = discord.app_commands.Group(name='a')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import x",
        "if __name__ == '__main__':\n    raise SystemExit(main())",
        "f = lambda: open('x')",
    ],
)
def test_a_declaration_is_fine(text):
    model = "@dataclass(frozen=True)\nclass Size: ..."
    assert (
        modules_with_import_effects(make_sources({"bot/model.py": model, "bot/jobs/x.py": text}))
        == []
    )


def test_a_package_with_something_in_it_is_found():
    planted = make_sources({"bot/jobs/__init__.py": "x = 1", "cogs/__init__.py": "\n"})
    assert packages_with_content(planted) == [
        "bot/jobs/__init__.py: must be empty; move its content into a module and import from there"
    ]
