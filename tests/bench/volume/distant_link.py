"""A long way to the store: distant_link.py LISTEN_PORT TARGET_PORT ONE_WAY_MS.

Relays TCP connections on loopback, and each byte arrives that much later, in both directions.
"""

import asyncio
import sys


async def carry(reader, writer, delay):
    """Forwards what comes from `reader`, each piece `delay` seconds after it came."""
    loop = asyncio.get_running_loop()
    under_way = asyncio.Queue(maxsize=256)

    async def arrive():
        while True:
            when, piece = await under_way.get()
            await asyncio.sleep(max(0.0, when - loop.time()))
            if not piece:
                return
            writer.write(piece)
            await writer.drain()

    arrival = asyncio.create_task(arrive())
    try:
        while piece := await reader.read(65536):
            await under_way.put((loop.time() + delay, piece))
        await under_way.put((loop.time() + delay, b""))
        await arrival
    except OSError:
        arrival.cancel()
    finally:
        writer.close()


async def main():
    listen, target, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000

    async def connect(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer, delay), carry(far_reader, writer, delay))

    server = await asyncio.start_server(connect, "127.0.0.1", listen)
    print("listening", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
