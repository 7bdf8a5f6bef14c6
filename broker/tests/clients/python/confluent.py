"""confluent-kafka, which is librdkafka: what most Python, .NET, Node and C applications speak with."""
import os

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from harness import brokerctl, check, equal, fresh, until

BOOTSTRAP = os.environ["BOOTSTRAP"]
admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def topic_with(partitions, **config):
    topic = fresh("topic")
    admin.create_topics([NewTopic(topic, partitions, config=config)])[topic].result()
    return topic


def produce(topic, values, partition=None, key=None, **config):
    delivered, refused = [], []

    def report(error, message):
        (refused if error else delivered).append(error or message)

    producer = Producer({"bootstrap.servers": BOOTSTRAP, **config})
    for value in values:
        where = {} if partition is None else {"partition": partition}
        producer.produce(topic, value, key=key, on_delivery=report, **where)
        producer.poll(0)
    equal(producer.flush(60), 0)
    return delivered, refused


def consumer_of(group, **config):
    return Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest",
                     "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, **config})


def consume(consumer, count, seconds=180):
    messages = []

    def step():
        message = consumer.poll(0.2)
        if message is not None:
            assert not message.error(), message.error()
            messages.append(message)

    until(seconds, lambda: len(messages) >= count, step, f"{count} messages, {len(messages)} came")
    return messages


@check("librdkafka: an idempotent producer's records arrive once and in order")
def _():
    topic = topic_with(1)
    delivered, refused = produce(topic, [f"v{i}" for i in range(20000)], **{"enable.idempotence": True, "linger.ms": 2})
    equal((len(delivered), refused), (20000, []))
    equal([m.offset() for m in delivered], list(range(20000)))
    consumer = consumer_of(fresh("g"))
    consumer.subscribe([topic])
    equal([m.value().decode() for m in consume(consumer, 20000)], [f"v{i}" for i in range(20000)])
    consumer.close()


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    @check(f"librdkafka: {codec} round trip")
    def _(codec=codec):
        topic = topic_with(1)
        delivered, refused = produce(topic, [f"value {i} " * 20 for i in range(2000)], **{"compression.type": codec, "linger.ms": 50})
        equal((len(delivered), refused), (2000, []))
        consumer = consumer_of(fresh("g"))
        consumer.subscribe([topic])
        equal([m.value().decode() for m in consume(consumer, 2000)], [f"value {i} " * 20 for i in range(2000)])
        consumer.close()


@check("librdkafka: headers, null values and timestamps come back")
def _():
    topic = topic_with(1)
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    producer.produce(topic, None, key=b"\xff\xfe", headers=[("a", b"1"), ("a", b"2"), ("n", None)], timestamp=1700000000123)
    equal(producer.flush(30), 0)
    consumer = consumer_of(fresh("g"))
    consumer.subscribe([topic])
    message = consume(consumer, 1)[0]
    equal((message.value(), message.key(), message.headers(), message.timestamp()),
          (None, b"\xff\xfe", [("a", b"1"), ("a", b"2"), ("n", None)], (1, 1700000000123)))
    consumer.close()


@check("librdkafka: log append time is the broker's")
def _():
    topic = topic_with(1, **{"message.timestamp.type": "LogAppendTime"})
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    stamps = []
    producer.produce(topic, b"x", timestamp=1, on_delivery=lambda error, message: stamps.append(message.timestamp()))
    equal(producer.flush(30), 0)
    kind, at = stamps[0]
    assert kind == 2 and at > 1700000000000, stamps
    consumer = consumer_of(fresh("g"))
    consumer.subscribe([topic])
    equal(consume(consumer, 1)[0].timestamp(), (2, at))
    consumer.close()


@check("librdkafka: a keyless record is refused on a compacted topic")
def _():
    topic = topic_with(1, **{"cleanup.policy": "compact"})
    delivered, refused = produce(topic, [b"x"])
    equal((delivered, [e.code() for e in refused]), ([], [KafkaError.INVALID_RECORD]))
    delivered, refused = produce(topic, [b"x"], key="k")
    equal((len(delivered), refused), (1, []))


@check("librdkafka: a record above max.message.bytes is refused")
def _():
    topic = topic_with(1, **{"max.message.bytes": "2000"})
    delivered, refused = produce(topic, [b"x" * 5000])
    equal((delivered, [e.code() for e in refused]), ([], [KafkaError.MSG_SIZE_TOO_LARGE]))


@check("librdkafka: unknown topics are made on demand")
def _():
    topic = fresh("auto")
    delivered, refused = produce(topic, [b"x"])
    equal((len(delivered), refused), (1, []))


@check("librdkafka: a transactional producer is told so")
def _():
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": fresh("tx")})
    try:
        producer.init_transactions(10)
    except KafkaException as error:
        assert error.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, error
        assert error.args[0].fatal(), error
    else:
        raise AssertionError("transactions are not there yet and must be refused")


@check("librdkafka: admin reads and changes configurations incrementally")
def _():
    topic = topic_with(1)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    resource.add_incremental_config(ConfigEntry("retention.ms", "5000", incremental_operation=AlterConfigOpType.SET))
    resource.add_incremental_config(ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND))
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    read = ConfigResource(ResourceType.TOPIC, topic)
    entries = admin.describe_configs([read])[read].result()
    equal((entries["retention.ms"].value, entries["cleanup.policy"].value), ("5000", "delete,compact"))
    equal((entries["retention.ms"].source, entries["segment.bytes"].source), (1, 5))


@check("librdkafka: admin adds partitions, describes topics and the cluster, deletes records and topics")
def _():
    topic = topic_with(1)
    admin.create_partitions([NewPartitions(topic, 4)])[topic].result()
    equal(len(admin.list_topics(topic).topics[topic].partitions), 4)
    produce(topic, [b"x"] * 10, partition=2)
    low = admin.delete_records([TopicPartition(topic, 2, 6)])
    equal([f.result().low_watermark for f in low.values()], [6])
    equal(len(admin.describe_cluster().result().nodes), 1)
    admin.delete_topics([topic])[topic].result()
    assert topic not in admin.list_topics().topics


@check("librdkafka: offsets for latest, earliest, timestamps and the largest timestamp")
def _():
    topic = topic_with(1)
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 100})
    for i, stamp in enumerate([1000, 5000, 3000, 4000]):
        producer.produce(topic, str(i), timestamp=1700000000000 + stamp)
    equal(producer.flush(30), 0)
    where = TopicPartition(topic, 0)

    def offset(spec):
        return admin.list_offsets({where: spec}, isolation_level=IsolationLevel.READ_COMMITTED)[where].result().offset
    equal([offset(s) for s in (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp(), OffsetSpec.for_timestamp(1700000002000))], [0, 4, 1, 1])


for strategy in ["range", "roundrobin", "cooperative-sticky"]:
    @check(f"librdkafka: {strategy} members share partitions and take over")
    def _(strategy=strategy):
        topic = topic_with(6)
        group = fresh("shared")
        first, second = (consumer_of(group, **{"partition.assignment.strategy": strategy}) for _ in range(2))
        sizes = lambda: [len(c.assignment()) for c in (first, second)]
        for consumer in (first, second):
            consumer.subscribe([topic])
        until(60, lambda: sizes() == [3, 3], lambda: (first.poll(0.1), second.poll(0.1)), "3 and 3")
        second.close()
        until(60, lambda: len(first.assignment()) == 6, lambda: first.poll(0.1), "all 6")
        first.close()


@check("librdkafka: a static member that restarts keeps its partitions without a rebalance")
def _():
    topic = topic_with(2)
    group = fresh("static")
    rebalances = []
    other = consumer_of(group, **{"group.instance.id": "other"})
    other.subscribe([topic], on_assign=lambda c, partitions: rebalances.append(partitions))
    member = lambda: consumer_of(group, **{"group.instance.id": "mine", "session.timeout.ms": 30000})
    mine = member()
    mine.subscribe([topic])
    until(60, lambda: len(mine.assignment()) == len(other.assignment()) == 1, lambda: (mine.poll(0.1), other.poll(0.1)), "1 and 1")
    owned, seen = mine.assignment(), len(rebalances)
    mine.close()
    mine = member()
    mine.subscribe([topic])
    until(30, lambda: mine.assignment() == owned, lambda: (mine.poll(0.1), other.poll(0.1)), "the same partition")
    equal(len(rebalances), seen)
    mine.close()
    other.close()


@check("librdkafka: commits with metadata are kept, also over kill -9")
def _():
    topic = topic_with(1)
    group = fresh("commits")
    produce(topic, [b"x"] * 10)
    consumer = consumer_of(group, **{"enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 0, 7, metadata="seven")], asynchronous=False)
    consumer.close()
    brokerctl("kill", "main")
    brokerctl("up", "main")
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    kept = admin.list_consumer_group_offsets([asked])[group].result(60).topic_partitions[0]
    equal((kept.offset, kept.metadata), (7, "seven"))


@check("librdkafka: an idempotent producer and a consumer go on over kill -9")
def _():
    topic = topic_with(1)
    delivered = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "reconnect.backoff.max.ms": 500})
    consumer = consumer_of(fresh("g"))
    consumer.subscribe([topic])
    for i in range(3000):
        producer.produce(topic, str(i), on_delivery=lambda error, message: delivered.append((error, message.value())))
        producer.poll(0)
        if i == 1500:
            brokerctl("kill", "main")
            brokerctl("up", "main")
    equal(producer.flush(60), 0)
    equal([v for e, v in delivered if e], [])
    values = []

    def step():
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            values.append(int(message.value()))
    until(60, lambda: len(values) >= 3000, step, f"3000 records, {len(values)} came")
    equal(values, list(range(3000)))
    consumer.close()
