"""More partitions in use than the broker may have files open: nobody notices."""
import os
import pathlib
import subprocess
import sys

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from harness import check, equal, until

PORT = int(sys.argv[1])
LIMIT, PARTITIONS, SOCKETS = 256, 1_000, 100
WORK = pathlib.Path(os.environ["WORK"])
QUIET = {"log_level": 0}


def limited(*arguments):
    """The broker cannot raise its limit again."""
    command = ["bash", "-c", f'ulimit -n {LIMIT}; exec brokerctl "$@"', "brokerctl", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def send(bootstrap, value):
    producer = Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 60000, **QUIET})
    failed = []
    for partition in range(PARTITIONS):
        producer.produce("many", value, partition=partition, on_delivery=lambda error, _: error and failed.append(error))
    equal(producer.flush(60), 0)
    equal(failed[:1], [])


def read(bootstrap, values):
    """Every partition has exactly these, in order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True, **QUIET})
    consumer.assign([TopicPartition("many", partition, 0) for partition in range(PARTITIONS)])
    found, ended = {partition: [] for partition in range(PARTITIONS)}, set()

    def step():
        for message in consumer.consume(1000, 0.2):
            if message.error():
                equal(message.error().code(), KafkaError._PARTITION_EOF)
                ended.add(message.partition())
            else:
                found[message.partition()].append(message.value())
    until(120, lambda: len(ended) == PARTITIONS, step, "the end of every partition")
    consumer.close()
    equal({tuple(one) for one in found.values()}, {values})


def answered(bootstrap):
    """Other clients are let in and served while all of that is open."""
    connections = [wire.connect(bootstrap) for _ in range(SOCKETS)]
    for connection in connections:
        wire.metadata(connection)
    for connection in connections:
        connection.close()


def descriptors():
    pid = (WORK / "few-descriptors" / "pid").read_text().strip()
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
    (hard,) = [line.split()[4] for line in limits if line.startswith("Max open files")]
    equal(hard, str(LIMIT))
    return len(os.listdir(f"/proc/{pid}/fd"))


@check(f"{PARTITIONS} partitions are written and read by a broker that may open {LIMIT} files")
def _():
    bootstrap = limited("start", "few-descriptors", str(PORT))
    client = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    client.create_topics([NewTopic("many", PARTITIONS)], request_timeout=60)["many"].result()
    send(bootstrap, b"first")
    answered(bootstrap)
    read(bootstrap, (b"first",))
    print(f"{descriptors()} descriptors after {PARTITIONS} partitions were written and read", file=sys.stderr)
    limited("kill", "few-descriptors")
    limited("up", "few-descriptors")
    send(bootstrap, b"second")
    read(bootstrap, (b"first", b"second"))
    limited("term", "few-descriptors")
    limited("up", "few-descriptors")
    read(bootstrap, (b"first", b"second"))
    answered(bootstrap)
    log = (WORK / "few-descriptors" / "log").read_text()
    assert "storage failed" not in log and "cannot accept" not in log, log[-2000:]
    limited("kill", "few-descriptors")


@check(f"as many connections as a broker may open files leave its logs what they need")
def _():
    bootstrap = limited("start", "many-connections", str(PORT + 1))
    client = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    client.create_topics([NewTopic("many", PARTITIONS)], request_timeout=60)["many"].result()
    producer = Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 60000, **QUIET})
    failed = []

    def write(partitions):
        for partition in partitions:
            producer.produce("many", b"x", partition=partition, on_delivery=lambda error, _: error and failed.append(error))
        equal(producer.flush(60), 0)
        equal(failed[:1], [])
    write([0])
    # What is not let in finds room in the backlog of the socket.
    held = [wire.connect(bootstrap) for _ in range(LIMIT - 20)]
    wire.metadata(held[0])
    write(range(PARTITIONS))
    for connection in held:
        connection.close()
    wire.metadata(wire.connect(bootstrap))
    log = (WORK / "many-connections" / "log").read_text()
    assert "storage failed" not in log and "new ones wait" in log, log[-2000:]
    limited("kill", "many-connections")
