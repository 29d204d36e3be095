r"""What ClamAV's daemon is told and answers: the two commands that are needed of it, each on a connection of its own.

    zPING\0                                           -> PONG\0
    zINSTREAM\0 (length, bytes)... length 0            -> stream: OK\0   stream: NAME FOUND\0   ... ERROR\0

Lengths are 4 bytes, big-endian. A file over its StreamMaxLength is answered, and hung up on, while it is still sent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PING = b"zPING\0"
INSTREAM = b"zINSTREAM\0"
LENGTH_BYTES = 4
END = bytes(LENGTH_BYTES)
ANSWER_END = b"\0"

MAX_ANSWER_BYTES = 4096
"""More than the longest name of a signature; whoever says more is not ClamAV."""


class HungUp(Exception):
    """The daemon ended the connection before it had answered."""


async def ping(address: str) -> str:
    """Return what the daemon answers to a PING. Raises OSError, HungUp."""
    async with _connected(address) as (reader, writer):
        writer.write(PING)
        return await _answer(reader)


async def instream(address: str, source: AsyncIterator[bytes]) -> tuple[str, bool]:
    """Send a file; return the answer, and whether it came to the whole file. Raises OSError, HungUp.

    What the source raises comes through.
    """
    async with _connected(address) as (reader, writer):
        answering = asyncio.create_task(_answer(reader))  # it may answer, and hang up, before all is sent
        try:
            whole = await _send(source, writer, answering)
            return await answering, whole
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


async def _send(source: AsyncIterator[bytes], writer: asyncio.StreamWriter, answering: asyncio.Task[str]) -> bool:
    """Send all that the daemon takes; return whether that was the whole file."""
    writer.write(INSTREAM)
    async for piece in source:
        if piece and not await _took(len(piece).to_bytes(LENGTH_BYTES, "big") + piece, writer, answering):
            return False
    return await _took(END, writer, answering)


async def _took(content: bytes, writer: asyncio.StreamWriter, answering: asyncio.Task[str]) -> bool:
    """Whether the daemon still listens, and so took this. Where it hung up, its last words may be there to be read."""
    if answering.done():
        return False
    writer.write(content)
    try:
        await writer.drain()
    except OSError:
        return False
    return True


async def _answer(reader: asyncio.StreamReader) -> str:
    try:
        answer = await reader.readuntil(ANSWER_END)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
        raise HungUp from error
    return answer.removesuffix(ANSWER_END).decode(errors="replace")


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Return a block with a connection, which ends at once with it. Raises OSError."""
    if address.startswith("/"):
        reader, writer = await asyncio.open_unix_connection(address, limit=MAX_ANSWER_BYTES)
    else:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_ANSWER_BYTES)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
