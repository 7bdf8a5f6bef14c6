"""Peers that mean harm or are lost, while a client that means well works: it must not notice, and memory stays bounded."""
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from harness import brokerctl, check, equal, until

PORT = int(sys.argv[1])
MIB = 1 << 20
SLOWEST_ROUND = 20  # seconds; of a machine that is busy with the attack, not of the broker
PID = pathlib.Path(os.environ["WORK"]) / "hostile" / "pid"


def resident():
    """MiB in memory that is the process's own; mapped files are the page cache's."""
    status = pathlib.Path(f"/proc/{PID.read_text().strip()}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) // 1024


def descriptors():
    return len(os.listdir(f"/proc/{PID.read_text().strip()}/fd"))


class GoodClient:
    """Writes and reads back one record after the other, and remembers its slowest round."""

    def __init__(self, bootstrap, topic):
        self.bootstrap, self.topic = bootstrap, topic
        self.rounds, self.slowest, self.failure = 0, 0, None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.guarded, daemon=True)
        self.thread.start()

    def guarded(self):
        try:
            self.run()
        except BaseException as error:
            self.failure = error

    def run(self):
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0, "message.timeout.ms": 60000, "log_level": 0})
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "good", "enable.auto.commit": False, "log_level": 0})
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        while not self.ending.is_set():
            began = time.monotonic()
            producer.produce(self.topic, b"%d" % self.rounds, partition=0)
            equal(producer.flush(60), 0)
            message = consumer.poll(60)
            assert message is not None and not message.error(), f"round {self.rounds}: {message and message.error()}"
            equal(int(message.value()), self.rounds)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.rounds += 1
        consumer.close()

    def end(self):
        self.ending.set()
        self.thread.join(150)
        if self.failure:
            raise self.failure
        assert self.rounds > 10, f"only {self.rounds} rounds"
        assert self.slowest < SLOWEST_ROUND, f"a round took {self.slowest:.1f} s"
        print(f"{self.topic}: {self.rounds} rounds, slowest {self.slowest * 1000:.0f} ms, {resident()} MiB", file=sys.stderr)


def with_good_client(topic, body):
    ADMIN.create_topics([NewTopic(topic, 1)])[topic].result()
    global GOOD
    good = GOOD = GoodClient(BOOTSTRAP, topic)
    until(60, lambda: good.rounds > 5 or good.failure, lambda: time.sleep(0.01), "the good client works")
    try:
        body()
        rounds = good.rounds
        until(60, lambda: good.rounds > rounds + 5 or good.failure, lambda: time.sleep(0.01), "the good client goes on")
    finally:
        good.end()


def most_resident(rounds=20):
    """The most that is seen in memory until the good client has made some rounds more: what came before them has been dealt with."""
    goal, most = GOOD.rounds + rounds, 0
    while GOOD.rounds < goal:
        assert not GOOD.failure, f"the good client failed: {GOOD.failure}"
        most = max(most, resident())
        time.sleep(0.005)
    return most


def is_closed(connection, seconds=60):
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


BOOTSTRAP = brokerctl("start", "hostile", str(PORT))
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP, "log_level": 0})


@check("TLS, HTTP, SSH, random bytes and hostile lengths end their connection and nothing else")
def _():
    chance = random.Random(20260102)
    hello = bytes.fromhex("16030100c8010000c40303") + chance.randbytes(194)
    huge = wire.frame(wire.METADATA, 1, struct.pack(">i", 0x7FFFFFFF))
    texts = [
        hello, b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n", b"POST /topics HTTP/1.1\r\nContent-Length: 999999\r\n\r\n" + bytes(5000),
        b"SSH-2.0-OpenSSH_9.6\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", struct.pack(">i", -1), struct.pack(">i", 0x7FFFFFFF) + bytes(100),
        struct.pack(">i", 0) + bytes(50), struct.pack(">i", 3) + bytes(50), huge, wire.frame(9999, 0, b""), wire.frame(wire.METADATA, 999, b""),
        wire.frame(wire.METADATA, -1, b""), wire.frame(wire.FETCH, 4, wire.fetch_body("x", 0, 0)[:20] + struct.pack(">i", 1 << 30)),
    ]
    texts += [struct.pack(">i", len(content)) + content for content in (chance.randbytes(chance.randrange(8, 5000)) for _ in range(200))]

    def attack():
        for text in texts:
            connection = wire.connect(BOOTSTRAP)
            try:
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            assert is_closed(connection), f"still open after {text[:20]!r}"
            connection.close()
    with_good_client("among-strangers", attack)


@check("frames that never end, half-open and reset connections hold no memory and leave no descriptor behind")
def _():
    def attack():
        before, count = resident(), 500
        # A frame of 90 MiB each is promised; the memory budget is for bytes that came.
        held = [wire.connect(BOOTSTRAP) for _ in range(count)]
        for connection in held:
            connection.sendall(struct.pack(">ihhi", 90 * MIB, wire.METADATA, 1, 7) + bytes(1000))
        until(60, lambda: descriptors() >= count, lambda: time.sleep(0.01), "the broker holds all connections")
        most = most_resident()
        for number, connection in enumerate(held):
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        until(60, lambda: descriptors() < count // 2, lambda: time.sleep(0.01), "the descriptors of closed connections")
        most = max(most, most_resident())
        print(f"{count} frames that never end: {before} MiB before, at most {most} MiB", file=sys.stderr)
        assert most < before + 150, f"{most} MiB, were {before}"
    with_good_client("among-sleepers", attack)


@check("consumers that ask for much and never read are sent no more than their sockets take")
def _():
    ADMIN.create_topics([NewTopic("much", 1)])["much"].result()
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 0, "log_level": 0})
    for _ in range(40):
        producer.produce("much", os.urandom(900_000), partition=0)
    equal(producer.flush(120), 0)

    def attack():
        before = resident()
        # Small extents are copied into memory, large ones are sent from the file: ask for both.
        requests = [wire.frame(wire.FETCH, 4, wire.fetch_body("much", 0, n, max_bytes=size)) for n in range(40) for size in (1000, 50 * MIB)]
        held = []
        for _ in range(20):
            connection = wire.connect(BOOTSTRAP, receive_buffer=4096)
            connection.setblocking(False)
            try:
                for _ in range(50):
                    connection.sendall(b"".join(requests))
            except BlockingIOError:
                pass  # the broker reads no more
            held.append(connection)
        # Each of its sends came to an end only because the broker stopped to read: there is nothing to wait for but others.
        worst = most_resident(50)
        print(f"20 consumers that never read: {before} MiB before, at most {worst} MiB", file=sys.stderr)
        assert worst < before + 150, f"{worst} MiB, were {before}"
        for connection in held:
            connection.close()
    with_good_client("among-mutes", attack)


@check("the broker has neither panicked nor restarted")
def _():
    log = (PID.parent / "log").read_text(errors="replace")
    assert "panicked" not in log, log
    equal(log.count("is ready after"), 1)
    brokerctl("kill", "hostile")
