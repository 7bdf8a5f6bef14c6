"""A cluster of three under an idempotent producer and a group of two, with one kind of fault after another. In every
check the producer is acknowledged every record it sent, and what the cluster holds is what it was told."""
import os
import random
import shlex
import shutil
import sys
import time
from pathlib import Path

from confluent_kafka.admin import NewTopic

from disks import SmallDisk, can_be_mounted
from harness import check, fresh
from history import KEYS, Load, Members, ProcessLoad, compare, read_all
from processes import Cluster

OTHER_CLIENTS = {name: shlex.split(os.environ[variable]) for name, variable in [("Java", "JAVA_LOAD"), ("kafkajs", "KAFKAJS_LOAD")] if os.environ.get(variable)}
WORK, PORT, ROUNDS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
# Part of the names of the checks to be run.
ONLY = os.environ.get("ONLY", "")
CHANCE = random.Random(20261127)
# Longer than the session timeout of the cluster.
PAST_SESSION = 3.5


def topic(cluster, name):
    config = {"min.insync.replicas": "2"}
    cluster.admin.create_topics([NewTopic(name, KEYS, 3, config=config)])[name].result(30)
    cluster.all_in_sync(name)


def survives(name, producer=Load, small_disk=None):
    """Runs a body of faults under load on a fresh cluster, then compares. Broker `small_disk` has little room."""
    def run(body):
        if ONLY not in name:
            return

        @check(name)
        def _():
            cluster, clients = Cluster(WORK / fresh("cluster"), PORT), []
            cluster.disk = SmallDisk(cluster.brokers[small_disk].data) if small_disk else None
            try:
                cluster.start()
                topic(cluster, "survivor")
                load = producer(cluster, "survivor")
                members = Members(cluster, "survivor", "survivors", load.exact)
                clients = [load, members]
                until_acknowledged(load, 200)
                body(cluster, load)
                cluster.all_in_sync("survivor")
                until_acknowledged(load, len(load.acknowledged) + 200)
                load.finish()
                compare(load, read_all(cluster, "survivor", KEYS))
                members.finish()
                print(f"{name}: {load.sent} records, longest gap {max(load.longest_gap.values()):.2f} s", file=sys.stderr)
            finally:
                cluster.end()
                for client in clients:
                    client.abandon()
                if cluster.disk:
                    cluster.disk.unmount()
            shutil.rmtree(cluster.folder)
    return run


def until_acknowledged(load, count, seconds=120):
    end = time.monotonic() + seconds
    while len(load.acknowledged) < count:
        assert time.monotonic() < end, f"{len(load.acknowledged)} acknowledged after {seconds} s, {count} wanted; refused: {load.refused[:3]}"
        time.sleep(0.01)


def more(load, count=100):
    until_acknowledged(load, len(load.acknowledged) + count)


@survives(f"{ROUNDS} times kill -9 of a broker")
def _(cluster, load):
    for _ in range(ROUNDS):
        victim = CHANCE.choice(list(cluster.brokers.values()))
        victim.kill()
        more(load)
        victim.start()
        victim.ready()
        cluster.all_in_sync("survivor")


@survives("the leader of a partition is killed: others write on within two seconds")
def _(cluster, load):
    load.forget_gaps()
    more(load)
    victim = cluster.brokers[cluster.leader("survivor")]
    victim.kill()
    more(load, 400)
    gap = max(load.longest_gap.values())
    victim.start()
    victim.ready()
    assert gap < 2, f"a partition could not be written to for {gap:.2f} s"


@survives("all brokers and the controller are killed at once")
def _(cluster, load):
    for process in cluster.processes:
        process.kill()
    for process in cluster.processes:
        process.start()
    for process in cluster.processes:
        process.ready()
    more(load)


@survives("brokers are stopped one after the other, as a roll does")
def _(cluster, load):
    for broker in cluster.brokers.values():
        broker.stop()
        more(load)
        broker.start()
        broker.ready()
        cluster.all_in_sync("survivor")


@survives("a leader is frozen past its session and woken again")
def _(cluster, load):
    for _ in range(2):
        frozen = cluster.brokers[cluster.leader("survivor")]
        frozen.pause()
        time.sleep(PAST_SESSION)
        more(load)
        frozen.resume()
        cluster.all_in_sync("survivor")


@survives("the controller is killed, and a broker with it")
def _(cluster, load):
    cluster.controller.kill()
    more(load, 400)
    victim = cluster.brokers[cluster.leader("survivor")]
    victim.kill()
    cluster.controller.start()
    cluster.controller.ready()
    more(load)
    victim.start()
    victim.ready()


@survives("the controller is frozen past the session timeout")
def _(cluster, load):
    cluster.controller.pause()
    time.sleep(PAST_SESSION)
    more(load)
    cluster.controller.resume()
    more(load)


@survives("a leader that loses its link to the controller steps aside")
def _(cluster, load):
    number = cluster.leader("survivor")
    load.forget_gaps()
    more(load)
    cluster.controller_links[number].cut()
    time.sleep(PAST_SESSION + 1)
    more(load, 400)
    gap = max(load.longest_gap.values())
    cluster.controller_links[number].mend()
    assert gap < PAST_SESSION, f"a partition could not be written to for {gap:.2f} s"


@survives("a broker hears nothing from the controller, which hears it")
def _(cluster, load):
    number = cluster.leader("survivor")
    cluster.controller_links[number].silence("back")
    time.sleep(PAST_SESSION)
    more(load)
    cluster.controller_links[number].mend()


@survives("a follower cannot reach a leader, both reach the controller")
def _(cluster, load):
    number = cluster.leader("survivor")
    other = next(one for one in cluster.numbers if one != number)
    cluster.follower_links[number].cut(f"follower-{other}")
    time.sleep(PAST_SESSION)
    more(load)
    cluster.follower_links[number].mend()


@survives("answers of a leader to its followers stay away")
def _(cluster, load):
    number = cluster.leader("survivor")
    cluster.follower_links[number].silence("back")
    time.sleep(PAST_SESSION)
    more(load)
    cluster.follower_links[number].mend()


@survives("the data folder of one broker is wiped")
def _(cluster, load):
    victim = cluster.brokers[cluster.leader("survivor")]
    victim.kill()
    shutil.rmtree(victim.data)
    more(load)
    victim.start()
    victim.ready()


@survives("the tail of a log is damaged while its broker is down")
def _(cluster, load):
    number = cluster.leader("survivor")
    victim = cluster.brokers[number]
    victim.kill()
    for segment in victim.data.glob("survivor-*/*.log"):
        with open(segment, "r+b") as file:
            file.seek(0, 2)
            size = file.tell()
            if size > 300:
                file.seek(size - 150)
                file.write(b"\xa5" * 100)
    more(load)
    victim.start()
    victim.ready()


if can_be_mounted():
    @survives("the disk of one broker is full, of a leader and of a follower", small_disk=1)
    def _(cluster, load):
        victim = cluster.brokers[1]
        load.forget_gaps()
        more(load)
        cluster.disk.fill()
        # It led some partitions, and ends so that others can.
        victim.process.wait(30)
        more(load, 400)
        gap = max(load.longest_gap.values())
        assert gap < PAST_SESSION, f"a partition could not be written to for {gap:.2f} s"
        # Without room it comes up and leads nothing; as a follower it catches up once there is room.
        victim.start()
        victim.ready()
        more(load, 400)
        told = cluster.partitions("survivor")
        assert victim.alive() and told and all(leader != 1 for leader, _ in told.values())
        cluster.disk.empty()
        cluster.all_in_sync("survivor")
        assert victim.alive()
else:
    print("skip cluster: the disk of one broker is full: mounting a small one needs root", flush=True)


for client, command in OTHER_CLIENTS.items():
    @survives(f"{client}: a leader is killed, stopped, and frozen", lambda cluster, topic, client=client, command=command: ProcessLoad(command, cluster, topic, exact=client != "kafkajs"))
    def _(cluster, load):
        victim = cluster.brokers[cluster.leader("survivor")]
        victim.kill()
        more(load)
        victim.start()
        victim.ready()
        cluster.all_in_sync("survivor")
        victim = cluster.brokers[cluster.leader("survivor", 1)]
        victim.stop()
        more(load)
        victim.start()
        victim.ready()
        cluster.all_in_sync("survivor")
        frozen = cluster.brokers[cluster.leader("survivor", 2)]
        frozen.pause()
        time.sleep(PAST_SESSION)
        # kafkajs asks for no metadata after a request that timed out: it stays with the frozen broker for ever.
        if client != "kafkajs":
            more(load)
        frozen.resume()
        more(load)
