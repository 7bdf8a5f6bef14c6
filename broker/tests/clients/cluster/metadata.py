"""What a cluster's brokers tell of its partitions."""
import json
import time
from functools import cached_property

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


class Metadata:
    """Of the cluster at `bootstrap`."""

    @cached_property
    def admin(self):
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})

    def _told(self, topic):
        """As some live broker tells; empty while none can."""
        try:
            told = self.admin.list_topics(topic, timeout=5).topics[topic]
        except KafkaException:
            return {}
        return {} if told.error else told.partitions

    def partitions(self, topic):
        """Leader and in-sync replicas by partition; empty while no broker tells."""
        return {index: (one.leader, sorted(one.isrs)) for index, one in self._told(topic).items()}

    def all_in_sync(self, topic, seconds=60):
        end = time.monotonic() + seconds
        while True:
            told = self._told(topic)
            if told and all(sorted(one.isrs) == sorted(one.replicas) and one.leader >= 0 for one in told.values()):
                return
            assert time.monotonic() < end, f"not in sync after {seconds} s: {json.dumps(self.partitions(topic))}"
            time.sleep(0.05)

    def leader(self, topic, partition=0):
        told = self.partitions(topic)
        return told[partition][0]
