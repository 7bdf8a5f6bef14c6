"""A disk that is full, read-only or gone, and folders that are not ours. Runs in a mount namespace of its own."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness import brokerctl, check, equal, until

PORT = int(sys.argv[1])
WORK = pathlib.Path(os.environ["WORK"])
QUIET = {"log_level": 0}


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, stderr=subprocess.PIPE)


def may_mount():
    folder = WORK / "may-mount"
    folder.mkdir(exist_ok=True)
    try:
        mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def needs_mount(name):
    if MAY_MOUNT:
        return check(name)
    is_said = "mounts" in os.environ.get("RUNTIMES", "").split()
    return lambda _: print(f"{'fail' if is_said else 'skip'} {name}: mounting is not allowed here", flush=True)


def start_on_tmpfs(name, port, size):
    """A broker whose data folder is a file system of its own."""
    bootstrap = brokerctl("start", name, str(port), "log.segment.bytes=1048576", "log.segment.delete.delay.ms=0")
    brokerctl("term", name)
    data = pathlib.Path(brokerctl("data", name))
    shutil.rmtree(data)
    data.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(data))
    brokerctl("up", name)
    return bootstrap, data


def serve(data, port, seconds=60):
    """Runs a broker that is expected to end by itself; its exit code and what it said."""
    ended = subprocess.run([os.environ["WEIR_BROKER"], "--data-dir", str(data), "--listen", f"127.0.0.1:{port}", "--admin-listen", "none"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    assert ended.returncode not in (0, 101) and ended.returncode > 0, ended
    assert "panicked" not in ended.stdout, ended.stdout
    return ended.stdout


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def send(producer, topic, values, found):
    """Sends and waits; found[value] is the offset or the error."""
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=lambda error, m, v=value: found.__setitem__(v, error or m.offset()))
    equal(producer.flush(30), 0)


def read_topic(bootstrap, topic):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True, "check.crcs": True, **QUIET})
    start = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[0]
    consumer.assign([TopicPartition(topic, 0, start)])
    records, ended = {}, []

    def step():
        message = consumer.poll(0.5)
        if message is not None and message.error():
            equal(message.error().code(), KafkaError._PARTITION_EOF)
            ended.append(True)
        elif message is not None:
            records[message.offset()] = message.value()
    until(30, lambda: ended, step, f"the end of {topic}")
    consumer.close()
    return records


# Without a namespace of its own a mount would outlive a suite that is ended early.
MAY_MOUNT = os.readlink("/proc/self/ns/mnt") != os.readlink(f"/proc/{os.getppid()}/ns/mnt") and may_mount()


@needs_mount("a full disk is told to producers, reading and deleting go on, writing heals, nothing acknowledged is lost")
def _():
    bootstrap, data = start_on_tmpfs("full", PORT, "20m")
    client = admin(bootstrap)
    for future in client.create_topics([NewTopic(name, 1) for name in ("kept", "ballast", "trimmed", "grown")]).values():
        future.result()
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": False, "retries": 0, "linger.ms": 0, "message.timeout.ms": 120000, **QUIET})
    kept, rest = {}, {}
    send(producer, "kept", [b"%03d" % n + bytes(20_000) for n in range(20)], kept)
    send(producer, "trimmed", [b"%03d" % n + bytes(100_000) for n in range(40)], rest)
    equal([value for value in (*kept.values(), *rest.values()) if not isinstance(value, int)], [])
    refused = []
    while not refused:
        found = {}
        send(producer, "ballast", [b"%d" % n + bytes(100_000) for n in range(10)], found)
        refused = [value for value in found.values() if not isinstance(value, int)]
        assert shutil.disk_usage(data).free or refused, "the disk is full and nobody was told"
    equal({error.code() for error in refused}, {KafkaError.KAFKA_STORAGE_ERROR})
    found = {}
    send(producer, "kept", [b"%d too much" % n + bytes(900_000) for n in range(2)], found)
    equal({value.code() for value in found.values() if not isinstance(value, int)}, {KafkaError.KAFKA_STORAGE_ERROR})
    kept.update({value: offset for value, offset in found.items() if isinstance(offset, int)})

    equal(list(read_topic(bootstrap, "kept").values()), list(kept))
    low = client.delete_records([TopicPartition("trimmed", 0, 30)])
    for future in low.values():
        equal(future.result().low_watermark, 30)
    equal(list(read_topic(bootstrap, "trimmed")), list(range(30, 40)))
    client.delete_topics(["ballast"])["ballast"].result()
    until(120, lambda: shutil.disk_usage(data).free > 6 << 20, lambda: time.sleep(0.05), "the space of the deleted topic")

    found = {}
    until(120, lambda: any(isinstance(value, int) for value in found.values()),
          lambda: send(producer, "kept", [b"healed %d" % len(found)], found), "writing heals")
    client.create_topics([NewTopic("after", 1)])["after"].result()
    kept.update({value: offset for value, offset in found.items() if isinstance(offset, int)})
    for ending in "kill", "term":
        brokerctl(ending, "full")
        brokerctl("up", "full")
        records = read_topic(bootstrap, "kept")
        for value, offset in kept.items():
            equal(records[offset], value)
        equal(list(read_topic(bootstrap, "trimmed")), list(range(30, 40)))
    brokerctl("kill", "full")


@needs_mount("a broker killed on a full disk starts there, serves what was acknowledged and lets topics be deleted")
def _():
    bootstrap, data = start_on_tmpfs("stuffed", PORT + 1, "8m")
    client = admin(bootstrap)
    for name in "kept", "ballast":
        client.create_topics([NewTopic(name, 1)])[name].result()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "message.timeout.ms": 120000, **QUIET})
    kept = {}
    send(producer, "kept", [b"%03d" % n + bytes(1000) for n in range(50)], kept)
    (data / "filler").write_bytes(b"")
    with open(data / "filler", "ab", buffering=0) as filler:
        size = 1 << 20
        while size:
            try:
                if filler.write(bytes(size)) < size:
                    size //= 2
            except OSError:
                size //= 2
    equal(shutil.disk_usage(data).free, 0)
    for ending in "kill", "term":
        brokerctl(ending, "stuffed")
        brokerctl("up", "stuffed")
        equal(list(read_topic(bootstrap, "kept").values()), list(kept))
    client = admin(bootstrap)
    client.delete_topics(["ballast"])["ballast"].result()
    (data / "filler").unlink()
    found = {}
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "message.timeout.ms": 120000, **QUIET})
    send(producer, "kept", [b"healed"], found)
    equal(found, {b"healed": 50})
    brokerctl("kill", "stuffed")


@needs_mount("a start on a read-only data folder fails with advice, and goes on once it can be written")
def _():
    bootstrap, data = start_on_tmpfs("readonly", PORT + 2, "8m")
    client = admin(bootstrap)
    client.create_topics([NewTopic("kept", 1)])["kept"].result()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "message.timeout.ms": 120000, **QUIET})
    kept = {}
    send(producer, "kept", [b"one", b"two"], kept)
    brokerctl("term", "readonly")
    mount("-o", "remount,ro", str(data))
    said = serve(data, PORT + 2)
    assert str(data) in said and "read-only" in said.lower(), said
    mount("-o", "remount,rw", str(data))
    brokerctl("up", "readonly")
    equal(list(read_topic(bootstrap, "kept").values()), list(kept))
    brokerctl("kill", "readonly")


@check("a data folder that is taken away ends the broker with a message")
def _():
    brokerctl("start", "gone", str(PORT + 3))
    data = pathlib.Path(brokerctl("data", "gone"))
    data.rename(data.with_name("elsewhere"))
    pid = int((WORK / "gone" / "pid").read_text())

    def ended():
        try:
            return "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return True
    until(60, ended, lambda: time.sleep(0.05), "the broker ends")
    said = (WORK / "gone" / "log").read_text()
    assert f"{data} is gone" in said, said
    data.with_name("elsewhere").rename(data)
    brokerctl("up", "gone")
    brokerctl("kill", "gone")


@check("a second broker on a folder in use is refused with the process that has it, and the first goes on")
def _():
    bootstrap = brokerctl("start", "taken", str(PORT + 4))
    said = serve(brokerctl("data", "taken"), PORT + 5)
    pid = (WORK / "taken" / "pid").read_text().strip()
    assert "in use" in said and f"process {pid}" in said and "--data-dir" in said, said
    admin(bootstrap).list_topics(timeout=30)
    brokerctl("kill", "taken")


@check("folders of Apache Kafka, of others and of newer versions are refused with advice and left as they are")
def _():
    for name, content, expected in [
        ("meta.properties", "version=1\nnode.id=1\n", "Apache Kafka"),
        ("holiday.jpg", "picture", "not empty"),
        ("weir.json", '{"format_version":999}', "format 999"),
        ("weir.json", "{", "damaged"),
    ]:
        folder = WORK / "foreign"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / name).write_text(content)
        said = serve(folder, PORT + 6)
        assert expected in said and str(folder) in said, said
        equal([(folder / name).read_text()], [content])
        equal({entry.name for entry in folder.iterdir()} - {".lock"}, {name})
    file = WORK / "file"
    file.write_text("")
    assert "not a folder" in serve(file, PORT + 6)
