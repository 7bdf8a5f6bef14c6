"""The loads of loads.py on a cluster that another program breaks: driven.py BOOTSTRAP CLIENT...

CLIENT is librdkafka, java or kafkajs; each writes to a topic of its own, load-CLIENT, that a group of two reads. For each line on
standard input there is one line of JSON on standard output, {"told": …} or {"failed": "why"}:

  more N        each partition has N more acknowledgements
  through S     each partition has an acknowledgement later than S seconds from now
  in-sync       all replicas of the topics are in sync
  leaders       how many partitions each broker leads
  mark          the gaps so far are forgotten
  gaps          the longest time without an acknowledgement of each partition since then, also one that has not ended, in ms, by client
  finish        producers and groups have ended, and what the cluster holds is what they were told; records by client

LOAD_GIVES_UP_MS says after how long a client gives up a broker that is silent.
"""
import json
import os
import sys
import time
from collections import Counter

from loads import LIMIT, Loads
from metadata import Metadata

GIVES_UP_MS = int(os.environ.get("LOAD_GIVES_UP_MS", "6000"))


class Cluster(Metadata):
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap


class Driven:
    def __init__(self, cluster, clients):
        self.cluster, self.loads = cluster, Loads(cluster, clients, "load", GIVES_UP_MS)
        self.topics = [load.topic for load in self.loads.all]

    def more(self, count):
        self.loads.more(int(count))

    def through(self, seconds):
        goal = time.monotonic() + float(seconds)
        self.loads.wait(lambda told, partition: told.count[partition] and told.last_acknowledged[partition] >= goal, f"records after {seconds} s")

    def in_sync(self):
        for topic in self.topics:
            self.cluster.all_in_sync(topic, LIMIT)

    def leaders(self):
        told = [self.cluster.partitions(topic) for topic in self.topics]
        return Counter(leader for partitions in told for leader, _ in partitions.values())

    def mark(self):
        self.loads.mark()

    def gaps(self):
        return {client: [round(1000 * gap) for _, gap in sorted(gaps.items())] for client, gaps in self.loads.gaps().items()}

    def finish(self):
        return self.loads.finish()


def main():
    driven = Driven(Cluster(sys.argv[1]), sys.argv[2:])
    for line in sys.stdin:
        word, *arguments = line.split()
        try:
            answer = {"told": getattr(driven, word.replace("-", "_"))(*arguments)}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__} {error}"}
        print(json.dumps(answer), flush=True)
    driven.loads.abandon()


main()
