"""A broker that is killed again and again while an idempotent producer and a group of two work with it."""
import os
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness import brokerctl, check, equal, until

BOOTSTRAP = os.environ["BOOTSTRAP"]
KILLS = int(sys.argv[1])
PARTITIONS = 3
TOPIC = "survivor"
GROUP = "survivors"
FAST = {"bootstrap.servers": BOOTSTRAP, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0}


class Load:
    """The producer: numbers every record, remembers what was acknowledged and where."""

    def __init__(self):
        self.acknowledged = {}  # number -> (partition, offset)
        self.refused = []
        self.sent = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        producer = Producer({**FAST, "enable.idempotence": True, "linger.ms": 1, "delivery.timeout.ms": 300000, "retry.backoff.ms": 20, "retry.backoff.max.ms": 200})

        def report(number, error, message):
            if error:
                self.refused.append((number, error))
            else:
                self.acknowledged[number] = (message.partition(), message.offset())

        while not self.ending.is_set():
            number = self.sent
            try:
                producer.produce(TOPIC, str(number), partition=number % PARTITIONS, on_delivery=lambda e, m, n=number: report(n, e, m))
                self.sent += 1
            except BufferError:
                pass
            producer.poll(0.0005)
        equal(producer.flush(300), 0)


class Member:
    """A member of the group: commits what it read, remembers the last commit the broker took."""

    committed = {}
    lock = threading.Lock()

    def __init__(self):
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        consumer = Consumer({**FAST, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 300})
        consumer.subscribe([TOPIC])
        while not self.ending.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error() or message.offset() % 20:
                continue
            try:
                taken = consumer.commit(message=message, asynchronous=False)
            except KafkaException:
                continue  # the broker is away, or the group moved on
            with Member.lock:
                for one in taken:
                    if not one.error:
                        Member.committed[one.partition] = one.offset
        consumer.close()


def committed_by_the_broker():
    consumer = Consumer({**FAST, "group.id": GROUP})
    try:
        end = time.monotonic() + 120
        while True:
            try:
                return {one.partition: one.offset for one in consumer.committed([TopicPartition(TOPIC, p) for p in range(PARTITIONS)], timeout=20)}
            except KafkaException as error:
                assert time.monotonic() < end, error
    finally:
        consumer.close()


@check(f"after {KILLS} kills every acknowledged record is there once, in order, and no commit went back")
def _():
    chance = random.Random(20260101)
    admin = AdminClient(FAST)
    admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result()
    load, members = Load(), [Member() for _ in range(2)]
    restarts = []
    for round_number in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.5))
        with Member.lock:
            before = dict(Member.committed)
        brokerctl("kill", "main")
        began = time.monotonic()
        brokerctl("up", "main")
        restarts.append(time.monotonic() - began)
        if round_number % 10 == 0:
            kept = committed_by_the_broker()
            for partition, offset in before.items():
                assert kept[partition] >= offset, f"kill {round_number}: partition {partition} was committed at {offset}, is at {kept[partition]}"
    load.ending.set()
    load.thread.join(330)
    assert not load.thread.is_alive(), "the producer could not finish"
    equal(load.refused, [])
    equal(len(load.acknowledged), load.sent)

    reader = Consumer({**FAST, "group.id": "reader", "auto.offset.reset": "earliest", "enable.partition.eof": True, "check.crcs": True})
    reader.assign([TopicPartition(TOPIC, p, 0) for p in range(PARTITIONS)])
    found, ends = {p: [] for p in range(PARTITIONS)}, set()

    def step():
        message = reader.poll(0.5)
        if message is None:
            return
        if message.error():
            equal(message.error().code(), KafkaError._PARTITION_EOF)
            ends.add(message.partition())
        else:
            found[message.partition()].append((message.offset(), int(message.value())))
    until(300, lambda: len(ends) == PARTITIONS, step, "the end of every partition")
    for partition, records in found.items():
        equal([number for _, number in records], list(range(partition, load.sent, PARTITIONS)))
        for offset, number in records:
            equal((partition, offset), load.acknowledged[number])
    for member in members:
        member.ending.set()
    for member in members:
        member.thread.join(120)
    restarts.sort()
    print(f"{load.sent} records, {KILLS} kills, restart median {restarts[len(restarts) // 2] * 1000:.0f} ms, slowest {restarts[-1] * 1000:.0f} ms", file=sys.stderr)
