"""Tests that modules import only lower layers, and never in a cycle."""

from itertools import pairwise

from tests.architecture.imports import imports, relative_imports
from tests.architecture.layers import LAYERS, circles, package_of, upward_imports
from tests.architecture.source import make_sources, report


def test_a_module_imports_only_its_own_package_and_lower_layers(sources):
    found = upward_imports(sources)
    assert not found, report(found)


def test_there_is_no_circle_of_imports(sources):
    found = circles(sources)
    assert not found, report(found)


def test_imports_are_absolute(sources):
    found = relative_imports(sources)
    assert not found, report(found)


def test_the_analyser_sees_the_whole_project(sources):
    modules = {source.module for source in sources}
    assert {"bot.errors", "bot.providers.base", "cogs", "sandbox", __name__} <= modules


def test_an_import_of_a_higher_layer_is_found():
    planted = make_sources(
        {"bot/storage/x.py": "import os\nfrom bot.jobs.reconcile import Reconciler\n"}
    )
    (found,) = upward_imports(planted)
    assert found.startswith("bot/storage/x.py:2: imports bot.jobs, above bot.storage; ")
    assert "declare a Protocol in bot.storage" in found


def test_an_import_of_another_package_of_the_same_layer_is_found():
    (found,) = upward_imports(make_sources({"bot/providers/x.py": "from bot.storage import base"}))
    assert "imports bot.storage, on the same layer as bot.providers; " in found


def test_an_import_for_types_only_counts():
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bot.app import App\n"
    assert len(upward_imports(make_sources({"cogs/x.py": text}))) == 1


def test_an_import_inside_a_function_counts():
    text = "def f():\n    import bot.chat.client as c\n    return c\n"
    assert len(upward_imports(make_sources({"bot/jobs/x.py": text}))) == 1


def test_an_import_by_a_name_in_a_string_counts():
    text = "import importlib\ndef f(bot):\n    importlib.import_module('cogs.x')\n"
    text += "    bot.load_extension('cogs.y')\n"
    assert len(upward_imports(make_sources({"bot/chat/x.py": text}))) == 2


def test_the_product_does_not_import_the_tests():
    (found,) = upward_imports(make_sources({"sandbox/x.py": "from tests.wire import world"}))
    assert "must not import test code" in found


def test_the_renderer_and_the_bot_do_not_import_each_other():
    planted = make_sources(
        {
            "bot/providers/x.py": "from renderer.film import film",
            "sandbox/x.py": "import renderer",
            "renderer/x.py": "def f():\n    from bot.errors import SorabotError\n    import tests.y",
            "renderer/y.py": "import numpy\nfrom renderer.x import f",
            "tests/renderer/z.py": "import renderer.x, bot.app",
        }
    )
    found = upward_imports(planted)
    assert [line.partition(": ")[0] for line in found] == [
        "bot/providers/x.py:1",
        "sandbox/x.py:1",
        "renderer/x.py:2",
        "renderer/x.py:3",
    ]
    assert all("runs as a child process: pass plain data" in line for line in found)


def test_a_module_in_no_layer_is_found_on_both_ends():
    planted = make_sources({"bot/attic.py": "", "bot/app.py": "from bot.attic import box"})
    here, there = upward_imports(planted)
    assert here == "bot/attic.py: on no layer; add it to LAYERS in tests/architecture/layers.py"
    assert "imports bot.attic.box, which is on no layer" in there


def test_imports_of_the_own_package_of_lower_layers_and_of_libraries_are_fine():
    text = (
        "import re\nimport discord\nfrom cogs.y import z\nfrom bot import model\nimport bot.jobs.w"
    )
    assert upward_imports(make_sources({"cogs/x.py": text, "tests/x.py": "import bot.app"})) == []


def test_a_package_is_not_mistaken_for_another_with_a_longer_name():
    assert package_of("bot.app") == "bot.app"
    assert package_of("bot.apple") is None
    assert package_of("bot.jobs.reconcile.Reconciler") == "bot.jobs"
    assert len({package for layer in LAYERS for package in layer}) == sum(map(len, LAYERS))


def test_a_circle_is_found_with_its_path():
    planted = make_sources(
        {
            "bot/jobs/a.py": "from bot.jobs import b",
            "bot/jobs/b.py": "def f():\n    from bot.jobs.c import g\n    return g",
            "bot/jobs/c.py": "import bot.jobs.a",
            "bot/jobs/d.py": "import bot.jobs.a, bot.jobs.d",
        }
    )
    (found,) = circles(planted)
    path = found.removeprefix("circle: ").partition(";")[0].split(" → ")
    assert path[0] == path[-1]
    assert {(here[-1], there[-1]) for here, there in pairwise(path)} == {
        *map(tuple, ("ab", "bc", "ca"))
    }


def test_a_relative_import_is_found_and_resolved():
    planted = make_sources({"bot/jobs/a.py": "from . import b\nfrom ..model import Job\n"})
    assert [line.partition(": ")[2] for line in relative_imports(planted)] == [
        "relative import; write `from bot.jobs import …`",
        "relative import; write `from bot.model import …`",
    ]
    (package,) = make_sources({"bot/jobs/__init__.py": "from .reconcile import Reconciler"})
    assert [target for _, target in imports(package)] == ["bot.jobs.reconcile.Reconciler"]
