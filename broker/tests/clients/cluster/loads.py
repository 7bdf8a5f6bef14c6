"""The loads of several clients beside each other on one cluster, each with a topic of its own."""
import os
import shlex
import time

from clients import Librdkafka, Program
from history import KEYS, committed, compare, read_all

PROGRAMS = {"java": "JAVA_LOAD", "kafkajs": "KAFKAJS_LOAD"}
LIMIT = 180
# How many times longer than others a client may take until it knows who leads, and who sees records again that it saw: see README.md.
SLOWER, REPEATS = {"kafkajs": 4}, {"kafkajs"}
PER_SECOND = 100


def prepared():
    """Those of which `prepare` found what they need."""
    return ["librdkafka", *(client for client, variable in PROGRAMS.items() if os.environ.get(variable))]


class Load:
    def __init__(self, cluster, client, prefix, gives_up_ms):
        self.cluster, self.client, self.topic = cluster, client, f"{prefix}-{client}"
        if client == "librdkafka":
            self.runs = Librdkafka(cluster, self.topic, PER_SECOND, gives_up_ms)
        else:
            self.runs = Program(shlex.split(os.environ[PROGRAMS[client]]), cluster, self.topic, PER_SECOND, gives_up_ms, client in REPEATS)
        self.told = self.runs.told

    def finish(self):
        try:
            return self._finish()
        except Exception as error:
            raise AssertionError(f"{self.client}: {error}") from error

    def _finish(self):
        """Everything was acknowledged, is where it was to be, and was read and committed by the group."""
        self.runs.end_producing()
        self.told.all_answered()
        found = read_all(self.cluster, self.topic)
        compare(self.told, found)
        self.runs.seen.through(found)
        self.runs.end()
        self.runs.seen.in_order()
        kept, ends = committed(self.cluster, self.topic, self.topic), {partition: records[-1][0] + 1 for partition, records in found.items()}
        assert kept == ends, f"the group committed {ends}, the cluster has {kept}"
        return len(self.told.acknowledged)


class Loads:
    def __init__(self, cluster, clients, prefix, gives_up_ms):
        self.cluster = cluster
        self.all = [Load(cluster, client, prefix, gives_up_ms) for client in clients]

    def wait(self, holds, what, concerns=lambda topic, partition: True):
        """Until it holds of each partition that it concerns, of each producer."""
        end = time.monotonic() + LIMIT
        for load in self.all:
            for partition in range(KEYS):
                while concerns(load.topic, partition) and not holds(load.told, partition):
                    assert load.runs.is_producing(), f"{what}: {load.client} ended by itself"
                    assert not load.told.refused, f"{load.client} was refused {load.told.refused[:3]}"
                    assert time.monotonic() < end, f"{what}: {load.client} has {load.told.count[partition]} of partition {partition} after {LIMIT} s; as brokers tell: {self.cluster.partitions(load.topic)}"
                    time.sleep(0.005)

    def more(self, count=20, concerns=lambda topic, partition: True):
        """Each partition has this many acknowledgements more."""
        goals = {(id(load.told), partition): load.told.count[partition] + count for load in self.all for partition in range(KEYS)}
        self.wait(lambda told, partition: told.count[partition] >= goals[id(told), partition], f"{count} more records", concerns)

    def count(self, topic, partition):
        """Acknowledgements so far."""
        return next(load.told.count[partition] for load in self.all if load.topic == topic)

    def mark(self):
        """Gaps count from here on."""
        for load in self.all:
            load.told.forget_gaps()

    def gaps(self):
        """Longest time without an acknowledgement by client and partition, in seconds."""
        return {load.client: load.told.gaps() for load in self.all}

    def waited_less(self, seconds, concerns=lambda topic, partition: True, a_broker_is_silent=False):
        """Of clients that take their time with a broker that is silent, that they go on at all is for `more` to see."""
        for load in self.all:
            if a_broker_is_silent and load.client in SLOWER:
                continue
            for partition, gap in load.told.gaps().items():
                allowed = seconds * SLOWER.get(load.client, 1)
                assert gap < allowed or not concerns(load.topic, partition), f"{load.client} could not write to partition {partition} for {gap:.2f} s, {allowed} are allowed"

    def finish(self):
        return {load.client: load.finish() for load in self.all}

    def abandon(self):
        for load in self.all:
            load.runs.abandon()
