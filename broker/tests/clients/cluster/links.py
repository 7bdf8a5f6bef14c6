"""A TCP link that can be cut, or fall silent in one direction or both, for everybody or for one of those who use it."""
import asyncio
import struct
import threading

HOST = "127.0.0.1"
_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


def _on_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, _loop).result(30)


class Link:
    """From `port` to `target`. Where clients name themselves ("follower-2") faults may be for one of them."""

    def __init__(self, port, target, names_itself=False):
        self.port, self.target, self.names_itself = port, target, names_itself
        self.cut_for, self.silent = set(), set()
        self.connections = set()
        self.server = _on_loop(asyncio.start_server(self._serve, HOST, port))

    def cut(self, who=None):
        """Connections end, and new ones do too."""
        _on_loop(self._cut(who))

    def silence(self, towards, who=None):
        """Nothing comes through any more "there" or "back"; connections stay."""
        self.silent.add((towards, who))

    def mend(self):
        _on_loop(self._mend())

    def close(self):
        _on_loop(self._close())

    async def _cut(self, who):
        self.cut_for.add(who)
        for name, writers in list(self.connections):
            if who in (None, name):
                for writer in writers:
                    writer.transport.abort()

    async def _mend(self):
        # What was held back is lost with its connection, as after a long silence of a network.
        silenced = {who for _, who in self.silent}
        for name, writers in list(self.connections):
            if silenced & {None, name}:
                for writer in writers:
                    writer.transport.abort()
        self.cut_for.clear()
        self.silent.clear()

    async def _close(self):
        self.server.close()
        await self._cut(None)

    async def _serve(self, reader, writer):
        entry = None
        try:
            first = await self._first_frame(reader)
            name = self._name(first)
            if self.cut_for & {None, name}:
                return writer.transport.abort()
            there, back = await asyncio.open_connection(HOST, self.target)
            entry = (name, (writer, back))
            self.connections.add(entry)
            back.write(first)
            pumps = [asyncio.ensure_future(self._pump(reader, back, "there", name)), asyncio.ensure_future(self._pump(there, writer, "back", name))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections.discard(entry)
            writer.transport.abort()
            if entry:
                entry[1][1].transport.abort()

    async def _first_frame(self, reader):
        if not self.names_itself:
            return b""
        size = await reader.readexactly(4)
        return size + await reader.readexactly(struct.unpack(">i", size)[0])

    def _name(self, frame):
        if not self.names_itself:
            return None
        length = struct.unpack_from(">h", frame, 12)[0]
        return frame[14 : 14 + length].decode()

    async def _pump(self, source, sink, direction, name):
        while True:
            data = await source.read(1 << 16)
            if not data:
                return
            while self.silent & {(direction, None), (direction, name)}:
                await asyncio.sleep(0.02)
            sink.write(data)
            await sink.drain()
