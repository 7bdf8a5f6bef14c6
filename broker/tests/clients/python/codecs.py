"""What one client compresses, the others read: every codec, every pair of clients."""
import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from kafka import KafkaConsumer, KafkaProducer

from harness import check, equal, fresh, until

BOOTSTRAP = os.environ["BOOTSTRAP"]
VALUES = [b"the same value again and again %d" % i for i in range(300)]


def write_librdkafka(topic, codec):
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "linger.ms": 50})
    for value in VALUES:
        producer.produce(topic, value)
    equal(producer.flush(30), 0)


def read_librdkafka(topic):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": fresh("g"), "auto.offset.reset": "earliest", "check.crcs": True})
    consumer.subscribe([topic])
    values = []

    def step():
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            values.append(message.value())
    until(60, lambda: len(values) >= len(VALUES), step, f"{len(VALUES)} values")
    consumer.close()
    return values


def write_kafka_python(topic, codec):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, linger_ms=50)
    for value in VALUES:
        producer.send(topic, value)
    producer.flush(30)
    producer.close()


def read_kafka_python(topic):
    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", group_id=fresh("g"))
    values = []
    until(60, lambda: len(values) >= len(VALUES),
          lambda: values.extend(m.value for batch in consumer.poll(200).values() for m in batch), f"{len(VALUES)} values")
    consumer.close()
    return values


def write_aiokafka(topic, codec):
    async def work():
        async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, linger_ms=50) as producer:
            for sent in [await producer.send(topic, value) for value in VALUES]:
                await sent
    asyncio.run(asyncio.wait_for(work(), 60))


def read_aiokafka(topic):
    async def work():
        async with AIOKafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", group_id=fresh("g")) as consumer:
            return [(await consumer.getone()).value for _ in VALUES]
    return asyncio.run(asyncio.wait_for(work(), 60))


WRITERS = {"librdkafka": write_librdkafka, "kafka-python": write_kafka_python, "aiokafka": write_aiokafka}
READERS = {"librdkafka": read_librdkafka, "kafka-python": read_kafka_python, "aiokafka": read_aiokafka}

for codec in ["gzip", "snappy", "lz4", "zstd"]:
    for writer, write in WRITERS.items():
        @check(f"codecs: {codec} from {writer} is read by {', '.join(READERS)}")
        def _(codec=codec, write=write):
            topic = fresh("codec")
            write(topic, codec)
            for read in READERS.values():
                equal(read(topic), VALUES)
