"""Requests by hand: what a client library would hide, retry or refuse to send."""
import socket
import struct

FETCH, METADATA, API_VERSIONS = 1, 3, 18
NONE, CORRUPT_MESSAGE, NOT_LEADER, STORAGE_ERROR = 0, 2, 6, 56


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def connect(bootstrap, timeout=60, receive_buffer=None):
    host, port = bootstrap.split(":")
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    connection.connect((host, int(port)))
    return connection


def frame(api, version, body, correlation=7):
    content = struct.pack(">hhi", api, version, correlation) + text("enemy") + body
    return struct.pack(">i", len(content)) + content


def exactly(connection, count):
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            raise EOFError("the broker closed the connection")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def ask(connection, api, version, body):
    """The response without its correlation id."""
    connection.sendall(frame(api, version, body))
    (length,) = struct.unpack(">i", exactly(connection, 4))
    return exactly(connection, length)[4:]


def metadata(connection, topics=0):
    """Of none; of all with -1."""
    return ask(connection, METADATA, 1, struct.pack(">i", topics))


def partitions(connection):
    """Of all topics as this broker tells, by Metadata v1: {topic: {partition: (leader, in-sync replicas)}}."""
    answer = Reader(metadata(connection, -1))
    for _ in range(answer.number(">i")):
        answer.number(">i"), answer.text(), answer.number(">i"), answer.text()  # broker, host, port, rack
    answer.number(">i")  # controller
    topics = {}
    for _ in range(answer.number(">i")):
        answer.number(">h")
        name, _ = answer.text(), answer.number(">b")
        topics[name] = {}
        for _ in range(answer.number(">i")):
            _, index, leader = answer.number(">h"), answer.number(">i"), answer.number(">i")
            _, in_sync = answer.numbers(), answer.numbers()
            topics[name][index] = (leader, sorted(in_sync))
    return topics


class Reader:
    def __init__(self, answer):
        self.answer, self.at = answer, 0

    def number(self, form):
        (value,) = struct.unpack_from(form, self.answer, self.at)
        self.at += struct.calcsize(form)
        return value

    def numbers(self):
        return [self.number(">i") for _ in range(self.number(">i"))]

    def text(self):
        length = max(self.number(">h"), 0)
        self.at += length
        return self.answer[self.at - length:self.at].decode()


def fetch_body(topic, partition, offset, max_bytes=50 << 20, max_wait=0, min_bytes=0):
    return (struct.pack(">iiiibi", -1, max_wait, min_bytes, max_bytes, 0, 1) + text(topic)
            + struct.pack(">iiqi", 1, partition, offset, max_bytes))


def fetch(connection, topic, partition, offset):
    """(error code, high watermark, record bytes) by Fetch v4."""
    answer = ask(connection, FETCH, 4, fetch_body(topic, partition, offset))
    at = 4 + 4 + 2 + len(topic) + 4 + 4  # throttle, topics, name, partitions, index
    error, high_watermark, _, aborted = struct.unpack_from(">hqqi", answer, at)
    at += 22 + max(aborted, 0) * 16
    (size,) = struct.unpack_from(">i", answer, at)
    return error, high_watermark, answer[at + 4:at + 4 + max(size, 0)]


def batches(log):
    """(base offset, next offset, start, end) of every whole batch in bytes of a log."""
    found, at = [], 0
    while at + 61 <= len(log):
        base, length = struct.unpack_from(">qi", log, at)
        end = at + 12 + length
        if end > len(log):
            break
        found.append((base, base + struct.unpack_from(">i", log, at + 23)[0] + 1, at, end))
        at = end
    return found
