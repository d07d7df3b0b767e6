"""Tests that the project's files agree: Makefile, lock files, container image and CI workflows."""

import asyncio
import json
import os
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import FIRST

ROOT = Path(__file__).parents[2]
RUN, DEV = "requirements.lock", "requirements-dev.lock"


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, set[str]]:
    """Return the versions that a lock file pins, by package name."""
    found: dict[str, set[str]] = {}
    for line in text_of(name).splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            found.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return found


def instructions(word: str) -> list[str]:
    """Return the arguments of each Dockerfile instruction named `word`.

    Continued lines are joined.
    """
    joined = text_of("Dockerfile").replace("\\\n", "")
    return [line.partition(" ")[2] for line in joined.splitlines() if line.startswith(f"{word} ")]


async def exit_code(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in instructions("ENV") for pair in line.split())


def test_each_target_of_make_is_listed_with_its_line_and_help_comes_first():
    makefile = text_of("Makefile")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    listed = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)
    assert listed[0] == "help"
    assert sorted(listed) == sorted(phony[1].split())


def test_the_tests_that_run_first_exist():
    assert [place for place in FIRST if not (ROOT / place).exists()] == []
    # The last entry, an empty string, matches every test: tests that no other entry matches run
    # last.
    assert FIRST[-1] == ""


@pytest.mark.parametrize("name", [RUN, DEV])
def test_a_lock_file_names_no_address_and_hashes_every_package(name):
    text = text_of(name)
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)
    blocks = [b for b in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if b and b[0] != "#"]
    assert blocks
    assert [b for b in blocks if "--hash=sha256:" not in b] == []


@pytest.mark.parametrize(("name", "extras"), [(RUN, ()), (DEV, ("sandbox", "dev"))])
def test_a_lock_file_pins_what_the_project_asks_for(name, extras):
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    pinned = pins(name)
    for requirement in map(Requirement, wanted):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {name}; run make lock"
        for version in versions:
            assert requirement.specifier.contains(version), f"{name} is stale; run make lock"


def test_what_is_tested_is_what_is_run():
    tested = pins(DEV)
    assert {name: tested.get(name) for name in pins(RUN)} == pins(RUN), "run make lock"


async def test_ci_runs_make_check_and_nothing_else():
    workflow = yaml.safe_load(text_of(".github/workflows/ci.yml"))
    job = workflow["jobs"]["check"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert workflow["permissions"] == {"contents": "read"}
    script = text_of(".ci/run")
    assert re.findall(r"^make .*$", script, re.MULTILINE) == ["make check"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert await exit_code("bash", "-n", str(ROOT / ".ci" / "run")) == 0


def test_the_image_has_a_python_that_ci_tests():
    matrix = yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"]["check"]["strategy"]
    release = re.search(r"^ARG BASE=python:(\d+\.\d+)-slim", text_of("Dockerfile"), re.MULTILINE)
    assert release is not None
    assert release[1] in matrix["matrix"]["python"]


def test_all_that_is_copied_into_the_image_exists_and_dockerignore_allows_it():
    rules = [line for line in text_of(".dockerignore").splitlines() if line and line[0] != "#"]
    assert rules[0] == "*", "only what is named may enter the image"
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [
        word
        for line in instructions("COPY")
        if not line.startswith("--from")
        for word in line.split()[:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert not any(fnmatch(".env", rule) for rule in allowed)


def test_the_image_runs_the_bot_without_a_shell_and_without_root():
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["python", "-m", "bot"]]
    assert instructions("USER") == ["sorabot"]
    assert instructions("VOLUME") == [environment()["DATA_DIR"]] == ["/data"]


@pytest.fixture
def page() -> Iterator[tuple[int, list[int]]]:
    """Serve a health page.

    Yield its port and the list of status codes that it will respond with.
    """
    statuses: list[int] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.pop(0) if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object):  # noqa: A002 - the base class names it so
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port, statuses
        server.shutdown()
        thread.join()


async def test_the_image_s_health_check_asks_whether_the_bot_is_ready(page):
    port, statuses = page
    (line,) = instructions("HEALTHCHECK")
    command = json.loads(line[line.index("[") :])
    assert command[:2] == ["python", "-c"]
    host, _, bound = environment()["HTTP_BIND"].rpartition(":")
    assert f"'{host}', {bound}" in command[2]
    code = command[2].replace(bound, str(port))
    for status, outcome in ((200, 0), (503, 1)):
        statuses.append(status)
        assert await exit_code(sys.executable, "-c", code) == outcome


def test_the_container_is_locked_down_and_keeps_its_data():
    service = yaml.safe_load(text_of("compose.yaml"))["services"]["sorabot"]
    volumes = yaml.safe_load(text_of("compose.yaml"))["volumes"]
    assert service["environment"] == {
        name: environment()[name] for name in ("DATA_DIR", "HTTP_BIND")
    }
    (volume,) = service["volumes"]
    name, _, target = volume.partition(":")
    assert name in volumes
    assert target == environment()["DATA_DIR"]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"] == "30s"
    assert service["env_file"] == ".env"
