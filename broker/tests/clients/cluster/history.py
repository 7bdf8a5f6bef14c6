"""What producers and groups were told, and whether what the cluster holds agrees with it."""
import threading
import time
from collections import defaultdict

from confluent_kafka import Consumer, KafkaError, TopicPartition

# Record N has key N modulo this, and each key has a partition of its own.
KEYS = 6
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0, "topic.metadata.refresh.interval.ms": 10000}


class Told:
    """What a producer was told, and for how long each partition had nothing new. `sent` is by key, once the producer has ended."""

    def __init__(self):
        self.sent, self.acknowledged, self.refused = {}, {}, []
        self.count = defaultdict(int)
        self.forget_gaps()

    def acknowledge(self, number, partition, offset):
        """Without an offset where librdkafka gave up a request and concludes from the next one's answer that it was carried out."""
        self.acknowledged[number] = (partition, offset)
        now = time.monotonic()
        self.longest_gap[partition] = max(self.longest_gap[partition], now - self.last_acknowledged[partition])
        self.last_acknowledged[partition] = now
        self.count[partition] += 1

    def forget_gaps(self):
        """From now on they count, also where nothing is ever acknowledged again."""
        self.longest_gap = dict.fromkeys(range(KEYS), 0.0)
        self.last_acknowledged = dict.fromkeys(range(KEYS), time.monotonic())

    def gaps(self):
        """By partition, the longest time without an acknowledgement: those that ended, and the one that has not."""
        now = time.monotonic()
        return {partition: max(self.longest_gap[partition], now - self.last_acknowledged[partition]) for partition in range(KEYS)}

    def all_answered(self):
        assert not self.refused, f"records were refused: {self.refused[:3]} and {len(self.refused)} in all"
        sent = sum(self.sent.values())
        assert len(self.sent) == KEYS and len(self.acknowledged) == sent, f"{sent - len(self.acknowledged)} of {sent} records were never answered"


class Seen:
    """What the members of a group saw and committed. Of each partition nothing is left out: a member goes on where it was, one that
    is given a partition begins at or before what the group has seen of it, and the same offset has the same record for all. Of a
    client that `repeats`, members may see again what they saw."""

    def __init__(self, repeats=False):
        self.repeats = repeats
        self.lock = threading.Lock()
        self.positions, self.ends, self.records, self.committed = {}, defaultdict(int), {}, {}
        self.wrong = []

    def assigned(self, member, partitions):
        with self.lock:
            for partition in partitions:
                self.positions.pop((member, partition), None)

    def saw(self, member, partition, offset, number):
        with self.lock:
            expected = self.positions.get((member, partition))
            if expected is not None and (offset > expected if self.repeats else offset != expected):
                self.wrong.append(f"partition {partition}: member {member} saw offset {offset}, not {expected}")
            elif offset > self.ends[partition]:
                self.wrong.append(f"partition {partition}: offset {offset} after {self.ends[partition]} were seen by the group")
            # What it sees again does not set it back.
            self.positions[member, partition] = max(offset + 1, expected or 0)
            self.ends[partition] = max(self.ends[partition], offset + 1)
            before = self.records.setdefault((partition, offset), number)
            if before != number:
                self.wrong.append(f"partition {partition}: offset {offset} had record {before}, then {number}")

    def commit(self, partition, offset):
        """It was acknowledged."""
        with self.lock:
            self.committed[partition] = max(self.committed.get(partition, 0), offset)

    def through(self, found, seconds=90):
        """The group has seen and committed all there is."""
        ends = {partition: records[-1][0] + 1 for partition, records in found.items()}
        end = time.monotonic() + seconds
        while self.committed != ends:
            self.in_order()
            assert time.monotonic() < end, f"after {seconds} s the group has seen up to {dict(self.ends)} and committed {self.committed}, of {ends}"
            time.sleep(0.01)
        stored = by_place(found)
        with self.lock:
            other = {place: number for place, number in self.records.items() if stored.get(place) != number}
        assert not other, f"the group saw {len(other)} records that are not there (any more), such as {next(iter(other.items()))}"

    def in_order(self):
        assert not self.wrong, f"consumers saw {self.wrong[:5]}, {len(self.wrong)} in all"


def read_all(cluster, topic):
    """Offset and number of every record, by partition."""
    reader = Consumer({**QUICK, "bootstrap.servers": cluster.bootstrap, "group.id": "reader", "auto.offset.reset": "earliest", "enable.partition.eof": True, "check.crcs": True, "isolation.level": "read_uncommitted"})
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(KEYS)])
    found, ends = {partition: [] for partition in range(KEYS)}, set()
    end = time.monotonic() + 120
    while len(ends) < KEYS:
        assert time.monotonic() < end, f"the end of {set(range(KEYS)) - ends} was not reached"
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


def by_place(found):
    return {(partition, offset): number for partition, records in found.items() for offset, number in records}


def compare(told, found):
    """Every record is there once and in the order of its key, where its producer was told."""
    for partition, records in found.items():
        numbers = [number for _, number in records]
        expected = list(range(partition, partition + KEYS * told.sent[partition], KEYS))
        if numbers != expected:
            lost = sorted(set(expected) - set(numbers))
            places = {number: told.acknowledged.get(number) for number in lost[:3]}
            raise AssertionError(f"partition {partition}: {len(lost)} lost ({places}, the end is {records[-1:]}), {len(numbers) - len(set(numbers))} twice, in order: {numbers == sorted(numbers)}")
    stored = by_place(found)
    for number, place in told.acknowledged.items():
        assert place[1] is None or stored.get(place) == number, f"record {number} was acknowledged at {place}, where {stored.get(place)} is"


def committed(cluster, topic, group):
    """What the cluster has of a group, by partition."""
    consumer = Consumer({**QUICK, "bootstrap.servers": cluster.bootstrap, "group.id": group})
    told = consumer.committed([TopicPartition(topic, partition) for partition in range(KEYS)], timeout=60)
    consumer.close()
    return {one.partition: one.offset for one in told}
