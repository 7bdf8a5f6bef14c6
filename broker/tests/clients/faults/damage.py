"""Flipped bits and torn tails in the files of a stopped broker: never served as good, and nothing else suffers."""
import os
import pathlib
import subprocess
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import wire
from harness import brokerctl, check, equal, until

PORT = int(sys.argv[1])


def start(name, port):
    bootstrap = brokerctl("start", name, str(port), "log.segment.bytes=1048576")
    return bootstrap, pathlib.Path(brokerctl("data", name))


def named_in_log(name, topic, partition=0):
    """Waits for an error that names the partition: log lines are written by a thread of their own."""
    log = pathlib.Path(os.environ["WORK"]) / name / "log"
    forms = f"topic={topic} partition={partition} ", f"{topic}-{partition}"

    def found():
        return any("ERROR" in line and any(form in line for form in forms) for line in log.read_text(errors="replace").splitlines())
    until(60, found, lambda: time.sleep(0.02), f"an error in the log of {name} that names {topic}-{partition}")


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, partitions)])[topic].result()


def write(bootstrap, topic, values, partition=0):
    """One batch a value; the offsets are acknowledged when this returns."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "batch.num.messages": 1, "log_level": 0})
    refused = []
    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: error and refused.append(error))
    equal(producer.flush(30), 0)
    equal(refused, [])


def segments(data, topic, partition=0):
    return sorted((data / f"{topic}-{partition}").glob("*.log"))


def originals(data, topic, partition=0):
    """The bytes of every batch by base offset, from the offset field on where the leader writes nothing later."""
    kept = {}
    for segment in segments(data, topic, partition):
        content = segment.read_bytes()
        for base, following, begin, end in wire.batches(content):
            kept[base] = (following, content[begin:end])
    return kept


def settled(connection, topic, partition, offset):
    """A fetch once the partition is recovered; until then clients are told to try again."""
    answers = []
    until(20, lambda: answers and answers[-1][0] != wire.NOT_LEADER,
          lambda: answers.append(wire.fetch(connection, topic, partition, offset)), f"{topic}-{partition} is recovered")
    return answers[-1]


def read_all(bootstrap, topic, partition, kept):
    """Reads from every batch on; what is served must be what was written. Gives the bases that were refused, and why."""
    refused = {}
    connection = wire.connect(bootstrap)
    for base in kept:
        error, _, served = settled(connection, topic, partition, base)
        if error:
            refused[base] = error
            continue
        found = wire.batches(served)
        assert found, f"neither an error nor a batch at {base}"
        for served_base, _, begin, end in found:
            assert served[begin:end] == kept[served_base][1], f"damaged bytes of {served_base} were served"
        equal(found[0][0], base)
    connection.close()
    return refused


def flip(segment, position, bit=4):
    with open(segment, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1 << bit]))


@check("a flipped bit in a sealed segment is answered as an error, everything else of the log is served")
def _():
    bootstrap, data = start("sealed", PORT)
    create(bootstrap, "sealed", 2)
    for partition in range(2):
        write(bootstrap, "sealed", [os.urandom(90_000) for _ in range(40)], partition)
    brokerctl("term", "sealed")
    for ending in "after a clean stop", "after kill -9":
        kept, others = originals(data, "sealed"), originals(data, "sealed", 1)
        first = segments(data, "sealed")[0]
        base, _, begin, end = wire.batches(first.read_bytes())[3]
        flip(first, begin + 5000)
        brokerctl("up", "sealed")
        refused = read_all(bootstrap, "sealed", 0, kept)
        assert set(refused) == {base}, f"{ending}: refused {refused}, damaged {base}"
        assert refused[base] in (wire.CORRUPT_MESSAGE, wire.STORAGE_ERROR), refused
        equal(read_all(bootstrap, "sealed", 1, others), {})
        named_in_log("sealed", "sealed")
        write(bootstrap, "sealed", [b"goes on"])
        brokerctl("kill", "sealed")
        flip(first, begin + 5000)


def damage_active_segment(name, port, ending):
    bootstrap, data = start(name, port)
    create(bootstrap, "active", 2)
    for partition in range(2):
        write(bootstrap, "active", [b"%d" % n * 50 for n in range(20)], partition)
    brokerctl(ending, name)
    kept, others = originals(data, "active"), originals(data, "active", 1)
    segment = segments(data, "active")[-1]
    base, _, begin, _ = wire.batches(segment.read_bytes())[10]
    flip(segment, begin + 65)
    brokerctl("up", name)
    equal(list(read_all(bootstrap, "active", 0, kept)), [base])
    equal(read_all(bootstrap, "active", 1, others), {})
    named_in_log(name, "active")
    write(bootstrap, "active", [b"goes on"])
    brokerctl("kill", name)


@check("a flipped bit in the active segment after a clean stop is answered as an error, everything else is served")
def _():
    damage_active_segment("stopped", PORT + 1, "term")


@check("a flipped bit in the active segment after kill -9 is answered as an error, and nothing behind it is cut off")
def _():
    damage_active_segment("killed", PORT + 2, "kill")


@check("a log torn at any byte of its last batch starts, keeps every batch before and goes on behind them")
def _():
    bootstrap, data = start("torn", PORT + 3)
    create(bootstrap, "probe", 1)
    write(bootstrap, "probe", [b"a", b"b"])
    (_, _, begin, end) = wire.batches(segments(data, "probe")[0].read_bytes())[-1]
    cuts = end - begin
    create(bootstrap, "torn", cuts)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "batch.num.messages": 1, "log_level": 0})
    for value in b"a", b"b", b"c":
        for partition in range(cuts):
            producer.produce("torn", value, partition=partition)
        equal(producer.flush(30), 0)
    brokerctl("kill", "torn")
    kept = {p: originals(data, "torn", p) for p in range(cuts)}
    tails = []
    for partition in range(cuts):
        segment = segments(data, "torn", partition)[-1]
        equal(len(kept[partition]), 3)
        _, _, begin, end = wire.batches(segment.read_bytes())[-1]
        # Some file systems leave zeros or old bytes behind a torn write.
        tail = [b"", bytes(partition), os.urandom(partition)][partition % 3]
        tails.append(len(tail))
        os.truncate(segment, begin + partition)
        with open(segment, "ab") as file:
            file.write(tail)
    brokerctl("up", "torn")
    connection = wire.connect(bootstrap)
    for partition in range(cuts):
        error, end, _ = settled(connection, "torn", partition, 0)
        equal((partition, error, end), (partition, wire.NONE, 2))
        equal(read_all(bootstrap, "torn", partition, {b: k for b, k in kept[partition].items() if b < 2}), {})
    for partition in range(cuts):
        producer.produce("torn", b"again", partition=partition)
    equal(producer.flush(30), 0)
    for partition in range(cuts):
        equal(settled(connection, "torn", partition, 0)[1], 3)
    brokerctl("kill", "torn")
    brokerctl("up", "torn")
    connection = wire.connect(bootstrap)
    for partition in range(cuts):
        error, end, served = settled(connection, "torn", partition, 0)
        equal((partition, error, end, len(wire.batches(served))), (partition, wire.NONE, 3, 3))
    brokerctl("kill", "torn")


@check("garbage, missing or truncated files beside the records (indexes, snapshots, epochs, manifest) are rebuilt")
def _():
    bootstrap, data = start("beside", PORT + 4)
    create(bootstrap, "beside", 1)
    write(bootstrap, "beside", [os.urandom(90_000) for _ in range(40)])
    for ending in "term", "kill":
        brokerctl(ending, "beside")
        kept = originals(data, "beside")
        victims = [p for p in (data / "beside-0").iterdir() if p.suffix in (".index", ".timeindex", ".snapshot") or p.name == "leader-epoch-checkpoint"]
        victims += [data / "partitions.manifest"]
        for number, victim in enumerate(victims):
            if not victim.exists():
                continue
            if number % 3 == 0:
                victim.write_bytes(os.urandom(victim.stat().st_size + 3))
            elif number % 3 == 1:
                victim.unlink()
            else:
                os.truncate(victim, victim.stat().st_size // 2)
        brokerctl("up", "beside")
        equal(read_all(bootstrap, "beside", 0, kept), {})
        write(bootstrap, "beside", [b"goes on"])
    brokerctl("kill", "beside")


@check("damaged metadata stops the start with a message that names the file")
def _():
    bootstrap, data = start("metadata", PORT + 5)
    for number in range(5):
        create(bootstrap, f"topic-{number}", 1)
    brokerctl("kill", "metadata")
    journal = max((data / "metadata").iterdir(), key=lambda file: file.stat().st_size)
    flip(journal, 60)
    ended = subprocess.run([os.environ["WEIR_BROKER"], "--data-dir", str(data), "--listen", f"127.0.0.1:{PORT + 5}", "--admin-listen", "none"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert ended.returncode not in (0, 101), ended
    assert journal.name in ended.stdout or "metadata" in ended.stdout, ended.stdout

