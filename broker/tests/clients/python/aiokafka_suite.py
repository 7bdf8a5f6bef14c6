"""aiokafka: the client of asyncio applications."""
import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from harness import brokerctl, check, equal, fresh

BOOTSTRAP = os.environ["BOOTSTRAP"]


async def produce(topic, values, **config):
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **config) as producer:
        futures = [await producer.send(topic, value) for value in values]
        return [(await future).offset for future in futures]


async def consume(topic, count, **config):
    async with AIOKafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", group_id=fresh("g"), **config) as consumer:
        return [await consumer.getone() for _ in range(count)]


def bounded(work, seconds=180):
    return asyncio.run(asyncio.wait_for(work, seconds))


@check("aiokafka: an idempotent producer's records arrive once and in order")
def _():
    async def work():
        topic = fresh("topic")
        values = [b"%d" % i for i in range(2000)]
        equal(await produce(topic, values, enable_idempotence=True, linger_ms=5), list(range(2000)))
        equal([m.value for m in await consume(topic, 2000, isolation_level="read_committed")], values)
    bounded(work())


for codec in ["gzip", "snappy", "lz4", "zstd"]:
    @check(f"aiokafka: {codec} round trip")
    def _(codec=codec):
        async def work():
            topic = fresh("topic")
            values = [b"value %d " % i * 10 for i in range(500)]
            await produce(topic, values, compression_type=codec, linger_ms=20)
            equal([m.value for m in await consume(topic, 500)], values)
        bounded(work())


@check("aiokafka: a running consumer goes on after kill -9 and start of the broker")
def _():
    async def work():
        topic = fresh("topic")
        await produce(topic, [b"before"])
        async with AIOKafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", group_id=fresh("g"),
                                    session_timeout_ms=6000, retry_backoff_ms=100) as consumer:
            equal((await consumer.getone()).value, b"before")
            await consumer.commit()
            brokerctl("kill", "main")
            brokerctl("up", "main")
            await produce(topic, [b"after"])
            equal((await consumer.getone()).value, b"after")
    bounded(work())
