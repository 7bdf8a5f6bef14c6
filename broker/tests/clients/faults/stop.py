"""SIGTERM under load: a producer and a group go on with the next process, nothing acknowledged is lost, nothing is scanned."""
import os
import pathlib
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import brokerctl, check, equal, until

PORT = int(sys.argv[1])
STOPS = 5
PARTITIONS = 3
TOPIC = "handed-over"
FAST = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0}


class Load:
    """An idempotent producer that numbers its records, and a member of a group that commits as it reads."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.acknowledged, self.refused, self.sent = {}, [], 0
        self.read, self.failures = set(), []
        self.stopping, self.ended = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(body,), daemon=True) for body in (self.produce, self.consume)]
        for thread in self.threads:
            thread.start()

    def guarded(self, body):
        try:
            body()
        except Exception as error:
            self.failures.append(error)

    def report(self, number, error, message):
        if error:
            self.refused.append((number, error))
        else:
            self.acknowledged[number] = (message.partition(), message.offset())

    def produce(self):
        producer = Producer({**FAST, "bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 1, "retry.backoff.ms": 20, "retry.backoff.max.ms": 200})
        while not self.stopping.is_set():
            number = self.sent
            try:
                producer.produce(TOPIC, str(number), partition=number % PARTITIONS, on_delivery=lambda e, m, n=number: self.report(n, e, m))
                self.sent += 1
            except BufferError:
                pass
            producer.poll(0.0005)
        equal(producer.flush(120), 0)

    def consume(self):
        consumer = Consumer({**FAST, "bootstrap.servers": self.bootstrap, "group.id": "heirs", "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 300})
        consumer.subscribe([TOPIC])
        while not self.ended.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error():
                continue
            self.read.add((message.partition(), message.offset()))
            if message.offset() % 50 == 0:
                try:
                    consumer.commit(message=message, asynchronous=False)
                except KafkaException:
                    pass  # the broker is away
        consumer.close()


@check(f"after {STOPS} SIGTERMs under load nothing acknowledged is lost, clients go on, no start scans a log")
def _():
    bootstrap = brokerctl("start", "stop", str(PORT))
    admin = AdminClient({**FAST, "bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS)])[TOPIC].result()
    load = Load(bootstrap)
    stops, starts = [], []
    for _ in range(STOPS):
        before = len(load.acknowledged)
        until(120, lambda: len(load.acknowledged) > before + 100, lambda: time.sleep(0.01), "the producer goes on")
        began = time.monotonic()
        brokerctl("term", "stop")
        stops.append(time.monotonic() - began)
        began = time.monotonic()
        brokerctl("up", "stop")
        starts.append(time.monotonic() - began)
    load.stopping.set()
    load.threads[0].join(150)
    equal(load.refused, [])
    equal(len(load.acknowledged), load.sent)
    places = set(load.acknowledged.values())
    equal(len(places), load.sent)
    until(120, lambda: places <= load.read, lambda: time.sleep(0.05), "the group has read every acknowledged record")
    load.ended.set()
    load.threads[1].join(120)
    equal(load.failures, [])
    ends = {p: 0 for p in range(PARTITIONS)}
    for partition, offset in places:
        ends[partition] = max(ends[partition], offset + 1)
    equal(sum(ends.values()), load.sent)
    log = (pathlib.Path(os.environ["WORK"]) / "stop" / "log").read_text()
    assert "log recovered" not in log, "a start after a clean stop scanned a log"
    equal(log.count(" stopped"), STOPS)
    assert max(stops) < 5, f"stops took {stops}"
    print(f"{load.sent} records, {STOPS} stops, slowest stop {max(stops) * 1000:.0f} ms, slowest start {max(starts) * 1000:.0f} ms", file=sys.stderr)
    brokerctl("kill", "stop")
