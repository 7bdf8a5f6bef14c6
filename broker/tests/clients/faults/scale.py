"""Many of everything, one kind after the other: figures, with bounds that only a broker gone wrong misses."""
import atexit
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from harness import brokerctl, check, equal, until

PORT = int(sys.argv[1])
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# An open partition and a connection each take the broker a descriptor.
MOST = min(10_000, (HARD_LIMIT - 500) // 1000 * 1000)
GROUPS, PARTITIONS, CONNECTIONS = 1_000, MOST, MOST
WORK = pathlib.Path(os.environ["WORK"]) / "scale"
FIND_COORDINATOR, JOIN_GROUP, SYNC_GROUP, OFFSET_COMMIT = 10, 11, 14, 8


# In memory if that is allowed: removing 50,000 files afterwards would take a disk minutes.
WORK.mkdir(exist_ok=True)
if os.readlink("/proc/self/ns/mnt") != os.readlink(f"/proc/{os.getppid()}/ns/mnt"):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(WORK)], stderr=subprocess.DEVNULL)
os.environ["WORK"] = str(WORK)
atexit.register(brokerctl, "stop-all")


def pid(name):
    return (WORK / name / "pid").read_text().strip()


def resident(name):
    status = pathlib.Path(f"/proc/{pid(name)}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def descriptors(name):
    return len(os.listdir(f"/proc/{pid(name)}/fd"))


def timed(body):
    began = time.monotonic()
    body()
    return time.monotonic() - began


def tell(*figures):
    print(*figures, file=sys.stderr, flush=True)


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def serves(bootstrap, topic, partitions):
    """Until the last partition takes a record: recovery is over for those who wait for it."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "retry.backoff.ms": 20, "message.timeout.ms": 120000, "log_level": 0})
    failed = []
    for partition in partitions:
        producer.produce(topic, b"x", partition=partition, on_delivery=lambda error, _: error and failed.append(error))
    equal(producer.flush(150), 0)
    equal(failed, [])


@check(f"{PARTITIONS} partitions are made, written to, and there again after a clean stop and after kill -9")
def _():
    bootstrap = brokerctl("start", "partitions", str(PORT))
    idle = resident("partitions")
    client = admin(bootstrap)
    made = timed(lambda: [future.result() for future in client.create_topics([NewTopic(f"many-{n}", 1000) for n in range(PARTITIONS // 1000)], request_timeout=60).values()])
    tell(f"{PARTITIONS} partitions created in {made:.2f} s, {resident('partitions')} MiB (idle {idle}), {descriptors('partitions')} descriptors")
    assert made < 60, made
    written = timed(lambda: [serves(bootstrap, f"many-{n}", range(1000)) for n in range(PARTITIONS // 1000)])
    tell(f"a record to each in {written:.2f} s, {resident('partitions')} MiB, {descriptors('partitions')} descriptors")
    for ending, wanted in ("term", 60), ("kill", 90):
        stopped = timed(lambda: brokerctl(ending, "partitions"))
        started = timed(lambda: brokerctl("up", "partitions"))
        connection = wire.connect(bootstrap)
        answered = timed(lambda: wire.metadata(connection))
        served = timed(lambda: serves(bootstrap, f"many-{PARTITIONS // 1000 - 1}", [999]))
        tell(f"{ending}: {stopped:.2f} s to the end, {started:.2f} s to the port, {answered:.2f} s to metadata, {served:.2f} s to a record, {resident('partitions')} MiB")
        assert started + answered + served < wanted, "slow start"
    assert resident("partitions") < 400, resident("partitions")
    brokerctl("kill", "partitions")


@check(f"{CONNECTIONS} idle connections, each of which asked once")
def _():
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_LIMIT, HARD_LIMIT))
    bootstrap = brokerctl("start", "connections", str(PORT + 1))
    idle, held = resident("connections"), []
    host, port = bootstrap.split(":")

    def connect():
        for number in range(CONNECTIONS):
            connection = socket.socket()
            # Addresses of the loopback net share out the client ports.
            connection.bind((f"127.0.0.{2 + number % 8}", 0))
            connection.connect((host, int(port)))
            connection.settimeout(60)
            held.append(connection)
            wire.ask(connection, wire.METADATA, 1, struct.pack(">i", 0))
    took = timed(connect)
    tell(f"{CONNECTIONS} connections in {took:.2f} s, {resident('connections')} MiB (idle {idle})")
    assert resident("connections") < idle + 300, resident("connections")
    tell(f"another client's metadata: {timed(lambda: wire.metadata(wire.connect(bootstrap))) * 1000:.1f} ms")
    closed = timed(lambda: brokerctl("term", "connections"))
    tell(f"stop with all of them: {closed:.2f} s")
    assert closed < 15, closed
    for connection in held:
        connection.close()


def data(value):
    return struct.pack(">i", len(value)) + value


def join(connection, group):
    """A member that joined and synced by the classic protocol's oldest versions that are served."""
    subscription = struct.pack(">hi", 0, 1) + wire.text("many") + struct.pack(">i", -1)
    body = (wire.text(group) + struct.pack(">ii", 30000, 30000) + wire.text("") + wire.text("consumer")
            + struct.pack(">i", 1) + wire.text("range") + data(subscription))
    answer = wire.ask(connection, JOIN_GROUP, 2, body)
    _, error, generation = struct.unpack_from(">ihi", answer, 0)
    equal((group, error), (group, 0))
    at = 10 + 2 + len("range")
    (length,) = struct.unpack_from(">h", answer, at)
    at += 2 + length
    (length,) = struct.unpack_from(">h", answer, at)
    member = answer[at + 2:at + 2 + length].decode()
    body = wire.text(group) + struct.pack(">i", generation) + wire.text(member) + struct.pack(">i", 1) + wire.text(member) + data(b"assigned")
    equal(struct.unpack_from(">ih", wire.ask(connection, SYNC_GROUP, 1, body), 0)[1], 0)
    body = (wire.text(group) + struct.pack(">i", generation) + wire.text(member) + struct.pack(">q", -1) + struct.pack(">i", 1)
            + wire.text("many") + struct.pack(">iiq", 1, 0, 7) + wire.text(""))
    answer = wire.ask(connection, OFFSET_COMMIT, 2, body)
    equal(struct.unpack(">h", answer[-2:])[0], 0)


@check(f"{GROUPS} groups with a member and a commit each are there again after kill -9")
def _():
    bootstrap = brokerctl("start", "groups", str(PORT + 2))
    client = admin(bootstrap)
    client.create_topics([NewTopic("many", 1)])["many"].result()
    idle = resident("groups")
    # Makes the offsets topic.
    first = Consumer({"bootstrap.servers": bootstrap, "group.id": "first", "log_level": 0})
    first.committed([TopicPartition("many", 0)], timeout=60)
    first.close()
    connection = wire.connect(bootstrap)
    took = timed(lambda: [join(connection, f"group-{n}") for n in range(GROUPS)])
    tell(f"{GROUPS} groups joined, synced and committed in {took:.2f} s, {resident('groups')} MiB (idle {idle}), {descriptors('groups')} descriptors")
    brokerctl("kill", "groups")
    started = timed(lambda: brokerctl("up", "groups"))
    client = admin(bootstrap)
    listed = []
    # While groups are loaded the broker says so, as Kafka does.
    loaded = timed(lambda: until(60, lambda: listed and not listed[-1].errors,
                                 lambda: listed.append(client.list_consumer_groups(request_timeout=60).result()), "groups are loaded"))
    equal(len({one.group_id for one in listed[-1].valid} & {f"group-{n}" for n in range(GROUPS)}), GROUPS)
    tell(f"after kill -9: {started:.2f} s to the port, {loaded:.2f} s to all of them listed, {resident('groups')} MiB")
    for number in 0, GROUPS - 1:
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"group-{number}", "log_level": 0})
        equal(consumer.committed([TopicPartition("many", 0)], timeout=60)[0].offset, 7)
        consumer.close()
    assert resident("groups") < idle + 200
    brokerctl("kill", "groups")
