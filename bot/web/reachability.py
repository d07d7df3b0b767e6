"""Whether the pages can be reached: from here, and by the name that the internet knows."""

from __future__ import annotations

import asyncio

import aiohttp


async def fetch_status(address: str, timeout_s: float) -> int | None:
    """Return the status that GET is answered with, redirects not followed; None: no answer."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


async def why_port_unavailable(host: str, port: int) -> str | None:
    """Return why nobody could listen there now; None: one could."""
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return error.strerror or str(error)
    server.close()
    await server.wait_closed()
    return None
