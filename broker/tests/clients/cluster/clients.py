"""A producer that numbers its records and a group of two that reads them, of one client: here librdkafka in threads, or another
client in a process of its own. Each key has records K, K + KEYS, K + 2 KEYS, … in a partition of its own."""
import subprocess
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from history import KEYS, QUICK, Seen, Told

# A member commits what it saw, this often.
COMMIT_SECONDS = 0.2
ENDS_WITHIN = 330


class Librdkafka:
    """`gives_up_ms`: a broker that is silent for this long is given up for another."""

    def __init__(self, cluster, topic, per_second, gives_up_ms):
        self.told, self.seen = Told(), Seen()
        self.cluster, self.topic, self.pause, self.gives_up_ms = cluster, topic, 1 / per_second, gives_up_ms
        self.produced, self.ending = threading.Event(), threading.Event()
        self.unfinished = None
        self.producer = threading.Thread(target=self._produce, daemon=True)
        self.members = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in "ab"]
        for thread in [self.producer, *self.members]:
            thread.start()

    def _produce(self):
        producer = Producer({**QUICK, "bootstrap.servers": self.cluster.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 1, "delivery.timeout.ms": 300000, "retry.backoff.ms": 20, "retry.backoff.max.ms": 200, "request.timeout.ms": self.gives_up_ms, "socket.timeout.ms": self.gives_up_ms})
        sent = 0

        def report(number, error, message):
            if error:
                return self.told.refused.append((number, str(error)))
            self.told.acknowledge(number, message.partition(), message.offset())

        while not self.produced.is_set():
            key = sent % KEYS
            try:
                producer.produce(self.topic, value=str(sent), key=str(key), partition=key, on_delivery=lambda e, m, n=sent: report(n, e, m))
                sent += 1
            except BufferError:
                pass
            producer.poll(0)
            self.produced.wait(self.pause)
        end = time.monotonic() + 300
        while len(producer) and time.monotonic() < end and not self.ending.is_set():
            producer.flush(0.1)
        self.unfinished = len(producer)
        # Nobody else is to find it there: the next cluster has the same ports.
        producer.purge()
        producer.flush(10)
        self.told.sent = {key: len(range(key, sent, KEYS)) for key in range(KEYS)}

    def _read(self, member):
        consumer = Consumer({**QUICK, "bootstrap.servers": self.cluster.bootstrap, "group.id": self.topic, "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "socket.timeout.ms": self.gives_up_ms})
        # What was seen of the partitions that are assigned, and how much of that is committed.
        positions, kept, due = {}, {}, 0

        def assigned(_, partitions):
            for one in partitions:
                positions.pop(one.partition, None)
            self.seen.assigned(member, [one.partition for one in partitions])

        def revoked(_, partitions):
            for one in partitions:
                positions.pop(one.partition, None)

        consumer.subscribe([self.topic], on_assign=assigned, on_revoke=revoked, on_lost=revoked)
        while not self.ending.is_set():
            message = consumer.poll(0.05)
            if message is not None and not message.error():
                self.seen.saw(member, message.partition(), message.offset(), int(message.value()))
                positions[message.partition()] = message.offset() + 1
            pending = {partition: offset for partition, offset in positions.items() if kept.get(partition) != offset}
            if pending and time.monotonic() >= due:
                kept.update(self._commit(consumer, pending))
                due = time.monotonic() + COMMIT_SECONDS
        consumer.close()

    def _commit(self, consumer, offsets):
        """Those that were."""
        try:
            told = consumer.commit(offsets=[TopicPartition(self.topic, *one) for one in offsets.items()], asynchronous=False)
        except KafkaException:
            return {}  # no coordinator for now, or the group moved on
        done = {one.partition: one.offset for one in told if not one.error}
        for partition, offset in done.items():
            self.seen.commit(partition, offset)
        return done

    def is_producing(self):
        return self.producer.is_alive()

    def end_producing(self):
        self.produced.set()
        self.producer.join(ENDS_WITHIN)
        assert self.unfinished is not None, "the producer could not finish"
        assert self.unfinished == 0, f"{self.unfinished} records were never answered"

    def end(self):
        self.ending.set()
        for thread in self.members:
            thread.join(120)
            assert not thread.is_alive(), "a member could not leave its group"

    def abandon(self):
        """Nobody waits for it any more."""
        self.ending.set()
        self.produced.set()
        for thread in [self.producer, *self.members]:
            thread.join(30)


class Program:
    """COMMAND BOOTSTRAP TOPIC KEYS PER_SECOND GIVES_UP_MS. Prints what it is told and sees, a line each:

    ack NUMBER PARTITION OFFSET | refused NUMBER WHY | sent KEY COUNT | assigned MEMBER PARTITION… |
    saw MEMBER PARTITION OFFSET NUMBER | committed PARTITION OFFSET

    The line "produced" on its standard input ends the producer, which then prints what it sent; the end of that ends the group."""

    def __init__(self, command, cluster, topic, per_second, gives_up_ms, repeats):
        self.told, self.seen = Told(), Seen(repeats)
        arguments = [cluster.bootstrap, topic, KEYS, per_second, gives_up_ms]
        self.process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.all_sent = threading.Event()
        self.thread = threading.Thread(target=self._hear, daemon=True)
        self.thread.start()

    def _hear(self):
        for line in self.process.stdout:
            word, *rest = line.split()
            match word:
                case "ack":
                    self.told.acknowledge(*map(int, rest))
                case "refused":
                    self.told.refused.append(line.strip())
                case "sent":
                    self.told.sent[int(rest[0])] = int(rest[1])
                    if len(self.told.sent) == KEYS:
                        self.all_sent.set()
                case "assigned":
                    self.seen.assigned(rest[0], map(int, rest[1:]))
                case "saw":
                    self.seen.saw(rest[0], *map(int, rest[1:]))
                case "committed":
                    self.seen.commit(*map(int, rest))

    def is_producing(self):
        return self.process.poll() is None

    def end_producing(self):
        self.process.stdin.write("produced\n")
        self.process.stdin.flush()
        assert self.all_sent.wait(ENDS_WITHIN), "the producer could not finish"

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(120) == 0, f"the client ended with {self.process.returncode}"

    def abandon(self):
        """Nobody waits for it any more."""
        self.process.kill()
        self.process.wait()
