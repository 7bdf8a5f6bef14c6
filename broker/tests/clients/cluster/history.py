"""What clients were told, and whether what the cluster holds agrees with it."""
import subprocess
import threading
import time
from collections import defaultdict

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

# Record N has key N modulo this, and each key has a partition of its own.
KEYS = 6
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0, "topic.metadata.refresh.interval.ms": 10000}


class Told:
    """What a producer was told, and for how long a partition had nothing new."""

    def __init__(self, keys):
        self.keys, self.sent = keys, 0
        self.acknowledged, self.refused = {}, []
        self.count = defaultdict(int)
        self.last_acknowledged = defaultdict(time.monotonic)
        self.longest_gap = defaultdict(float)

    def acknowledge(self, number, partition, offset):
        self.acknowledged[number] = (partition, offset)
        now = time.monotonic()
        gap = now - self.last_acknowledged[partition]
        self.longest_gap[partition] = max(self.longest_gap[partition], gap)
        self.last_acknowledged[partition] = now
        self.count[partition] += 1

    def forget_gaps(self):
        self.longest_gap.clear()
        self.last_acknowledged.clear()


class Load(Told):
    """An idempotent producer: each key has records 0, 1, 2, …, and remembers which were acknowledged where."""

    def __init__(self, cluster, topic, keys=KEYS, per_second=400, settings=None):
        super().__init__(keys)
        self.cluster, self.topic, self.pause, self.settings = cluster, topic, 1 / per_second, settings or {}
        self.exact = True
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        producer = Producer({**QUICK, "bootstrap.servers": self.cluster.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 1, "delivery.timeout.ms": 300000, "retry.backoff.ms": 20, "retry.backoff.max.ms": 200, "request.timeout.ms": 10000, **self.settings})

        def report(number, error, message):
            if error:
                return self.refused.append((number, str(error)))
            self.acknowledge(number, message.partition(), message.offset())

        while not self.ending.is_set():
            number = self.sent
            try:
                key = number % self.keys
                producer.produce(self.topic, value=str(number), key=str(key), partition=key, on_delivery=lambda e, m, n=number: report(n, e, m))
                self.sent += 1
            except BufferError:
                pass
            producer.poll(self.pause)
        self.unfinished = producer.flush(300)

    def abandon(self):
        """Nobody waits for it any more."""
        self.ending.set()

    def finish(self):
        self.ending.set()
        self.thread.join(330)
        assert not self.thread.is_alive(), "the producer could not finish"
        assert self.unfinished == 0, f"{self.unfinished} records were never answered"
        assert not self.refused, f"records were refused: {self.refused[:3]} and {len(self.refused)} in all"
        assert len(self.acknowledged) == self.sent


class ProcessLoad(Told):
    """The same by another client, in a process of its own that prints what it was told. Not `exact`: kafkajs sends some records
    of a request twice when a leader changes and some not at all (its retry leaves out what moved to a broker that has
    answered the rest), and with its idempotence a record that was not stored is taken for a duplicate of one that was. So of
    it only what was acknowledged counts."""

    def __init__(self, command, cluster, topic, exact=True, per_second=500):
        super().__init__(KEYS)
        self.exact = exact
        self.process = subprocess.Popen([*command, cluster.bootstrap, topic, str(KEYS), str(per_second)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            word, *rest = line.split()
            if word == "ack":
                self.acknowledge(*map(int, rest))
            elif word == "refused":
                self.refused.append(line.strip())
            elif word == "sent":
                self.sent = int(rest[0])

    def abandon(self):
        """Nobody waits for it any more."""
        self.process.kill()
        self.process.wait()

    def finish(self):
        self.process.stdin.close()
        assert self.process.wait(330) == 0, f"the client ended with {self.process.returncode}"
        self.thread.join(10)
        assert not self.refused, f"records were refused: {self.refused[:3]} and {len(self.refused)} in all"
        assert not self.exact or len(self.acknowledged) == self.sent, f"{self.sent - len(self.acknowledged)} of {self.sent} records were never answered"


class Members:
    """A group of two that reads all the time: no record of a partition is seen before one that precedes it, none is left
    out, and no commit goes back."""

    def __init__(self, cluster, topic, group, exact=True, count=2):
        self.cluster, self.topic, self.group, self.exact = cluster, topic, group, exact
        self.wrong, self.committed, self.lock = [], {}, threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        consumer = Consumer({**QUICK, "bootstrap.servers": self.cluster.bootstrap, "group.id": self.group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500})
        seen = {}

        def assigned(_, partitions):
            for one in partitions:
                seen.pop(one.partition, None)

        consumer.subscribe([self.topic], on_assign=assigned)
        while not self.ending.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error():
                continue
            partition, number = message.partition(), int(message.value())
            last = seen.get(partition)
            if last is not None and (number != last + KEYS if self.exact else number < last):
                self.wrong.append(f"partition {partition}: {number} after {last}")
            seen[partition] = number
            if message.offset() % 20 == 0:
                self._commit(consumer, message)
        consumer.close()

    def _commit(self, consumer, message):
        try:
            taken = consumer.commit(message=message, asynchronous=False)
        except KafkaException:
            return  # no coordinator for now, or the group moved on
        with self.lock:
            for one in taken:
                if not one.error:
                    self.committed[one.partition] = one.offset

    def abandon(self):
        """Nobody waits for it any more."""
        self.ending.set()

    def finish(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(120)
        assert not self.wrong, f"consumers saw {self.wrong[:5]}, {len(self.wrong)} in all"
        consumer = Consumer({**QUICK, "bootstrap.servers": self.cluster.bootstrap, "group.id": self.group})
        asked = [TopicPartition(self.topic, partition) for partition in self.committed]
        kept = {one.partition: one.offset for one in consumer.committed(asked, timeout=60)} if asked else {}
        consumer.close()
        for partition, offset in self.committed.items():
            assert kept[partition] >= offset, f"partition {partition} was committed at {offset}, is at {kept[partition]}"


def read_all(cluster, topic, partitions):
    """Offset and number of every record, by partition."""
    reader = Consumer({**QUICK, "bootstrap.servers": cluster.bootstrap, "group.id": "reader", "auto.offset.reset": "earliest", "enable.partition.eof": True, "check.crcs": True, "isolation.level": "read_uncommitted"})
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found, ends = {partition: [] for partition in range(partitions)}, set()
    end = time.monotonic() + 120
    while len(ends) < partitions:
        assert time.monotonic() < end, f"the end of {set(range(partitions)) - ends} was not reached"
        message = reader.poll(0.5)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                ends.add(message.partition())
            continue
        found[message.partition()].append((message.offset(), int(message.value())))
    reader.close()
    return found


def compare(load, found):
    """Every acknowledged record is where its producer was told, in the order of its key; and once, if the producer is exact."""
    for partition, records in found.items():
        numbers = [number for _, number in records]
        expected = list(range(partition, load.sent, load.keys)) if load.exact else sorted(set(numbers))
        first_seen = numbers if load.exact else list(dict.fromkeys(numbers))
        if first_seen != expected:
            lost = sorted(set(expected) - set(numbers))
            told = {number: load.acknowledged.get(number) for number in lost[:3]}
            raise AssertionError(f"partition {partition}: {len(lost)} lost ({told}, the end is {records[-1:]}), {len(numbers) - len(set(numbers))} twice, in order: {first_seen == sorted(first_seen)}")
    stored = {(partition, offset): number for partition, records in found.items() for offset, number in records}
    for number, told in load.acknowledged.items():
        assert stored.get(told) == number, f"record {number} was acknowledged at {told}, where {stored.get(told)} is"
