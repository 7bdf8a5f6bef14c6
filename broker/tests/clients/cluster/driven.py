"""The load of history.py on a cluster that another program breaks: driven.py BOOTSTRAP CLIENT...

CLIENT is librdkafka, java or kafkajs; each writes to a topic of its own, load-CLIENT, that a group of two reads. For each line on
standard input there is one line of JSON on standard output, {"told": …} or {"failed": "why"}:

  more N        each partition has N more acknowledgements
  through S     each partition has an acknowledgement later than S seconds from now
  in-sync       all replicas of the topics are in sync
  leaders       how many partitions each broker leads
  mark          the gaps so far are forgotten
  gaps          the longest time between two acknowledgements of each partition since then, in ms, by client
  finish        producers and groups have ended, and what the cluster holds is what they were told; records by client

What is waited for counts for clients that are exact. kafkajs asks for no metadata after a request that timed out and so stays with a
broker that fell silent: of it `finish` alone wants more, once all brokers answer.
"""
import json
import os
import shlex
import sys
import time
from collections import Counter

from history import KEYS, Load, Members, ProcessLoad, compare, read_all
from metadata import Metadata

LIMIT = 180
PER_SECOND = 100
# A broker that is silent is given up for another after this long, not after a minute.
SETTINGS = {"socket.timeout.ms": int(os.environ.get("LOAD_GIVES_UP_MS", "6000"))}
COMMANDS = {"java": "JAVA_LOAD", "kafkajs": "KAFKAJS_LOAD"}


class Cluster(Metadata):
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap


class Run:
    """One client's producer, the group that reads what it writes, and their topic."""

    def __init__(self, cluster, client):
        self.cluster, self.client, self.topic = cluster, client, f"load-{client}"
        if client == "librdkafka":
            self.load = Load(cluster, self.topic, per_second=PER_SECOND, settings=SETTINGS)
        else:
            command = shlex.split(os.environ[COMMANDS[client]])
            self.load = ProcessLoad(command, cluster, self.topic, exact=client != "kafkajs", per_second=PER_SECOND)
        self.members = Members(cluster, self.topic, self.topic, self.load.exact)

    def finish(self):
        self.load.finish()
        compare(self.load, read_all(self.cluster, self.topic, KEYS))
        self.members.finish()
        return len(self.load.acknowledged)

    def abandon(self):
        self.load.abandon()
        self.members.abandon()


class Driven:
    def __init__(self, cluster, clients):
        self.cluster, self.runs = cluster, [Run(cluster, client) for client in clients]

    def _wait(self, holds, what):
        """Until it holds of each partition of each exact producer."""
        end = time.monotonic() + LIMIT
        for run in self.runs:
            assert not run.load.refused, f"{run.client} was refused {run.load.refused[:3]}"
            if not run.load.exact:
                continue
            for partition in range(KEYS):
                while not holds(run.load, partition):
                    assert not run.load.refused, f"{run.client} was refused {run.load.refused[:3]}"
                    assert time.monotonic() < end, f"{what}: {run.client} has {run.load.count[partition]} of partition {partition} after {LIMIT} s; as brokers tell: {self.cluster.partitions(run.topic)}"
                    time.sleep(0.005)

    def more(self, count):
        goals = {(id(run.load), partition): run.load.count[partition] + int(count) for run in self.runs for partition in range(KEYS)}
        self._wait(lambda load, partition: load.count[partition] >= goals[id(load), partition], f"{count} more records")

    def through(self, seconds):
        goal = time.monotonic() + float(seconds)
        self._wait(lambda load, partition: load.count[partition] and load.last_acknowledged[partition] >= goal, f"records after {seconds} s")

    def in_sync(self):
        for run in self.runs:
            self.cluster.all_in_sync(run.topic, LIMIT)

    def leaders(self):
        told = [self.cluster.partitions(run.topic) for run in self.runs]
        return Counter(leader for partitions in told for leader, _ in partitions.values())

    def mark(self):
        for run in self.runs:
            run.load.forget_gaps()

    def gaps(self):
        return {run.client: [round(1000 * gap) for _, gap in sorted(dict(run.load.longest_gap).items())] for run in self.runs}

    def finish(self):
        return {run.client: run.finish() for run in self.runs}


def main():
    driven = Driven(Cluster(sys.argv[1]), sys.argv[2:])
    for line in sys.stdin:
        word, *arguments = line.split()
        try:
            answer = {"told": getattr(driven, word.replace("-", "_"))(*arguments)}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__} {error}"}
        print(json.dumps(answer), flush=True)
    for run in driven.runs:
        run.abandon()


main()
