"""A consumer that says in which rack it is reads from the replica there (KIP-392), and from the leader once that is gone."""
import os
import shutil
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from harness import check, equal, fresh
from history import QUICK
from processes import Cluster

WORK, PORT = Path(sys.argv[1]), int(sys.argv[2])
SENT = "kafka_server_brokertopicmetrics_bytesout_total"
RECORDS, SIZE = 200, 1000


def send(cluster):
    producer = Producer({**QUICK, "bootstrap.servers": cluster.bootstrap, "acks": "all", "linger.ms": 1})
    for _ in range(RECORDS):
        producer.produce("racked", os.urandom(SIZE), partition=0)
        producer.poll(0)
    equal(producer.flush(60), 0)


def read(consumer):
    count, end = 0, time.monotonic() + 60
    while count < RECORDS:
        assert time.monotonic() < end, f"{count} of {RECORDS} records were read"
        message = consumer.poll(0.5)
        count += message is not None and not message.error()


@check("a consumer with client.rack reads from the follower of its rack, and from the leader once that is gone")
def _():
    cluster = Cluster(WORK / fresh("cluster"), PORT, **{"replica.selector.class": "RackAwareReplicaSelector"})
    try:
        cluster.start()
        cluster.admin.create_topics([NewTopic("racked", 1, 3)])["racked"].result(30)
        cluster.all_in_sync("racked")
        leader = cluster.leader("racked")
        nearest = next(number for number in cluster.numbers if number != leader)

        def sent_by():
            return {number: broker.metric(SENT, topic="racked") for number, broker in cluster.brokers.items() if broker.alive()}

        send(cluster)
        consumer = Consumer({**QUICK, "bootstrap.servers": cluster.bootstrap, "group.id": "near", "client.rack": f"rack-{nearest}", "enable.auto.commit": False})
        consumer.assign([TopicPartition("racked", 0, 0)])
        read(consumer)
        sent = sent_by()
        assert sent.pop(nearest) >= RECORDS * SIZE and not any(sent.values()), f"the leader is {leader}, the nearest {nearest}; bytes sent: {sent_by()}"
        cluster.brokers[nearest].kill()
        send(cluster)
        read(consumer)
        consumer.close()
        sent = sent_by()
        assert sent[leader] >= RECORDS * SIZE, f"the leader is {leader}; bytes sent: {sent}"
    finally:
        cluster.end()
    shutil.rmtree(cluster.folder)
