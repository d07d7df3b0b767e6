"""The preview renderer: reads a film spec from stdin, writes progress to stdout and an MP4 to disk.

    python -m renderer <<< '{"steps": [{"operation": "generate", "prompt": "a fox", "seed": 1, "seconds": 4}], "width_px": 1280, "height_px": 720, "target": "fox.mp4"}'

The spec is a JSON object on one line:

    steps            what was requested, oldest first; a `remix` changes the film so far, an
                     `extend` adds `seconds` to it
    acts             optional: a film in acts that the steps start from (see `Screenplay.load`)
    width_px         even, 64 to 2048; `height_px` likewise
    target           the MP4; appears only when it is complete
    image            optional: a reference picture (PNG, JPEG, WebP) that replaces the scenery
    exit_with_stdin  optional: true to exit as soon as stdin ends, because the process that
                     started this one was killed

Progress is lines like `{"progress": 42}`, 0 to 99. Exit codes: 0 the clip is complete, 2 a bad
spec, 3 an unreadable picture or a full disk, 4 stdin has ended.
"""

from __future__ import annotations

import os
import sys
import threading

from renderer.limits import exit_with_stdin, limit_resources
from renderer.render import render
from renderer.spec import FilmSpec

BAD_SPEC, BAD_FILE = 2, 3


def main() -> int:
    try:
        spec = FilmSpec.parse(sys.stdin.readline())
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"bad spec: {error!r}\n")
        return BAD_SPEC
    limit_resources()
    if spec.exit_with_stdin:
        threading.Thread(target=exit_with_stdin, daemon=True).start()
    try:
        render(spec, sys.stdout)
    except OSError as error:
        sys.stderr.write(f"cannot render: {error!r}\n")
        return BAD_FILE
    sys.stdout.flush()
    if spec.exit_with_stdin:
        # Skip Python's normal shutdown, which would wait for the thread that reads stdin.
        os._exit(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
