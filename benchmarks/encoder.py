"""Encodes video of moving noise with x264 at the lowest CPU priority until the process is ended."""

from __future__ import annotations

import os

import av
import numpy as np

_SIZE_PX = (1280, 720)


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(19)
    width_px, height_px = _SIZE_PX
    noise = np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    with av.open(os.devnull, "w", format="mp4", options={"movflags": "frag_keyframe"}) as out:
        stream = out.add_stream("libx264", rate=24, options={"preset": "superfast"})
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        print("encoding", flush=True)
        while True:
            noise = np.roll(noise, 7, axis=1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")):
                out.mux(packet)


if __name__ == "__main__":
    main()
