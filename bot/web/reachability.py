"""Checks for the doctor: whether an address answers, and whether a port is free."""

import asyncio

import aiohttp


async def fetch_status(address: str, timeout_s: float) -> int | None:
    """Return the status of a GET that follows no redirect; None without a response."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


async def why_port_unavailable(host: str, port: int) -> str | None:
    """Return why the bot cannot listen on an address now; None if the bot can."""
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        return error.strerror or str(error)
    server.close()
    await server.wait_closed()
    return None
