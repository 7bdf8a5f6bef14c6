"""A cluster of three under idempotent producers and groups of three clients, with one kind of fault after another. In every check
each producer is acknowledged every record it sent, what the cluster holds is what it was told, its group sees and commits all of it,
and the replicas are the same byte for byte. Where a fault is to move leaders, other brokers are asked who leads while it lasts; where it is not, that nobody moved."""
import os
import random
import shutil
import sys
from pathlib import Path

from confluent_kafka.admin import NewTopic

from disks import Device, SmallDisk
from harness import check, fresh
from history import KEYS
from loads import Loads, prepared
from processes import Cluster, await_
from replicas import agree

WORK, PORT, ROUNDS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
# Part of the names of the checks to be run, and the clients under load.
ONLY = os.environ.get("ONLY", "")
# Of brokers, that there can be: small, devices.
DISKS = os.environ.get("DISKS", "").split()
CLIENTS = os.environ.get("LOADS", "").split() or prepared()
# To see a check fail: other settings of the controller and the brokers, KEY=VALUE...
SETTINGS = dict(one.split("=", 1) for one in os.environ.get("SETTINGS", "").split())
CHANCE = random.Random(20261127)
# A client gives up a broker that is silent, after so long.
GIVES_UP_MS = 3000
# What a partition may be without an acknowledgement, in seconds. Others lead once a connection broke, …
BROKEN = 2
# … or once a session ended in silence (2 s) and its leader stepped aside, which takes as long again, or its clients gave it up.
SILENT = 8


def survives(name, disk=None, metadata_age_ms=1000, **keys):
    """Runs a body of faults under load on a fresh cluster, then compares. Broker 1 has a disk of the class `disk`. kafkajs asks for
    metadata that is older; why that differs: README.md."""
    def run(body):
        if ONLY not in name:
            return

        @check(name)
        def _():
            cluster, loads = Cluster(WORK / fresh("cluster"), PORT, **SETTINGS, **keys), None
            cluster.disk = disk(cluster.brokers[1].data) if disk else None
            try:
                cluster.start()
                cluster.topics = [f"survivor-{client}" for client in CLIENTS]
                made = cluster.admin.create_topics([NewTopic(topic, KEYS, 3, config={"min.insync.replicas": "2"}) for topic in cluster.topics])
                for topic in made.values():
                    topic.result(30)
                cluster.in_sync()
                os.environ["METADATA_MAX_AGE_MS"] = str(metadata_age_ms)
                loads = Loads(cluster, CLIENTS, "survivor", GIVES_UP_MS)
                loads.more()
                loads.mark()
                body(cluster, loads)
                cluster.in_sync()
                loads.more()
                longest = {client: f"{max(gaps.values()):.2f} s" for client, gaps in loads.gaps().items()}
                written = loads.finish()
                assert all(process.alive() for process in cluster.processes), "a process ended that was not to"
                agree(cluster, KEYS)
                print(f"{name}: records {written}, longest gaps {longest}", file=sys.stderr, flush=True)
            finally:
                cluster.end()
                if loads:
                    loads.abandon()
                if cluster.disk:
                    cluster.disk.unmount()
            shutil.rmtree(cluster.folder)
    return run


def a_leader(cluster):
    """Number and process of a broker that leads something."""
    number = CHANCE.choice(sorted(set(cluster.leaders().values())))
    return number, cluster.brokers[number]


def comes_back(cluster, process):
    process.start()
    process.ready()
    cluster.in_sync()


@survives(f"{ROUNDS} times kill -9 of a broker: others write on within two seconds")
def _(cluster, loads):
    for _ in range(ROUNDS):
        number, victim = a_leader(cluster)
        loads.mark()
        victim.kill()
        cluster.others_lead(number)
        loads.more()
        loads.waited_less(BROKEN)
        comes_back(cluster, victim)


@survives("all brokers and the controller are killed at once")
def _(cluster, loads):
    for process in cluster.processes:
        process.kill()
    for process in cluster.processes:
        process.start()
    for process in cluster.processes:
        process.ready()
    loads.more()


@survives("brokers are stopped one after the other, as a roll does: others write on within two seconds")
def _(cluster, loads):
    for number, broker in cluster.brokers.items():
        loads.mark()
        broker.stop()
        cluster.others_lead(number)
        loads.more()
        loads.waited_less(BROKEN)
        comes_back(cluster, broker)


@survives("a leader is frozen past its session and woken again")
def _(cluster, loads):
    for _ in range(2):
        number, frozen = a_leader(cluster)
        loads.mark()
        frozen.pause()
        cluster.others_lead(number)
        cluster.fenced(1)
        loads.more()
        loads.waited_less(SILENT, a_broker_is_silent=True)
        frozen.resume()
        cluster.fenced(0)
        cluster.in_sync()


@survives("the controller is killed and started again: nobody moves, and then a broker is killed")
def _(cluster, loads):
    before = cluster.leaders()
    cluster.controller.kill()
    loads.more()
    number, victim = a_leader(cluster)
    victim.kill()
    cluster.controller.start()
    cluster.controller.ready()
    cluster.others_lead(number)
    loads.more()
    after = cluster.leaders()
    assert all(after[place] == leader for place, leader in before.items() if leader != number), f"{before} before, {after} after"
    comes_back(cluster, victim)


@survives("the controller is frozen past the session timeout: nobody moves, and writes go on")
def _(cluster, loads):
    before, logged = cluster.leaders(), {number: broker.logged() for number, broker in cluster.brokers.items()}
    cluster.controller.pause()
    for number, broker in cluster.brokers.items():
        broker.logs("no session with the controller", logged[number])
    loads.more()
    loads.waited_less(BROKEN)
    after = cluster.leaders()
    assert after == before, f"{before} before, {after} while it was frozen"
    cluster.controller.resume()
    cluster.fenced(0)


def is_lost_to_the_controller(cut):
    """A body: what `cut` does to the link has the session end."""
    def body(cluster, loads):
        number, _ = a_leader(cluster)
        cut(cluster.controller_links[number])
        cluster.others_lead(number)
        cluster.fenced(1)
        loads.more()
        loads.waited_less(SILENT, a_broker_is_silent=True)
        cluster.controller_links[number].mend()
        cluster.fenced(0)
    return body


survives("a leader that loses its link to the controller steps aside")(is_lost_to_the_controller(lambda link: link.cut()))
survives("the controller hears nothing from a leader, which hears it")(is_lost_to_the_controller(lambda link: link.silence("there")))


@survives("a leader hears nothing from the controller, which hears it")
def _(cluster, loads):
    number, _ = a_leader(cluster)
    cluster.controller_links[number].silence("back")
    # Nothing is wrong until the broker misses an answer.
    cluster.others_lead(number, seconds=15)
    loads.more()
    loads.waited_less(SILENT, a_broker_is_silent=True)
    cluster.controller_links[number].mend()
    cluster.fenced(0)


@survives("a follower cannot reach a leader, both reach the controller: it is out of sync, and nobody moves")
def _(cluster, loads):
    number, _ = a_leader(cluster)
    led = cluster.led_by(number)
    other = next(one for one in cluster.numbers if one != number)
    cluster.follower_links[number].cut(f"follower-{other}")
    cluster.out_of_sync(led, [other])
    loads.more()
    loads.waited_less(SILENT, a_broker_is_silent=True)
    assert cluster.led_by(number) == led
    cluster.follower_links[number].mend()


@survives("answers of a leader to its followers stay away: it acknowledges nothing, and partitions of others go on", metadata_age_ms=300_000)
def _(cluster, loads):
    number, leader = a_leader(cluster)
    led = cluster.led_by(number)
    shrinks = "kafka_server_replicamanager_isrshrinks_total"
    before = leader.metric(shrinks)
    cluster.follower_links[number].silence("back")
    # What its followers ask for again has them in sync again, until they lag again.
    await_(lambda: leader.metric(shrinks) >= before + len(led), 15, lambda: "followers that get no answers stay in sync")
    held = {place: loads.count(*place) for place in led}
    loads.more(concerns=lambda *place: place not in led)
    loads.waited_less(BROKEN, concerns=lambda *place: place not in led)
    assert held == {place: loads.count(*place) for place in led}, "it acknowledged what no follower has"
    assert cluster.led_by(number) == led
    cluster.follower_links[number].mend()


@survives("the data folder of one broker is wiped")
def _(cluster, loads):
    number, victim = a_leader(cluster)
    victim.kill()
    shutil.rmtree(victim.data)
    cluster.others_lead(number)
    loads.more()
    loads.waited_less(BROKEN)
    comes_back(cluster, victim)


@survives("the tails of logs are damaged while their broker is down")
def _(cluster, loads):
    number, victim = a_leader(cluster)
    victim.kill()
    damaged = 0
    for segment in victim.data.glob("survivor-*/*.log"):
        with open(segment, "r+b") as file:
            size = file.seek(0, 2)
            if size > 300:
                file.seek(size - 150)
                file.write(b"\xa5" * 100)
                damaged += 1
    assert damaged == KEYS * len(cluster.topics), f"{damaged} logs had something to damage"
    cluster.others_lead(number)
    loads.more()
    loads.waited_less(BROKEN)
    comes_back(cluster, victim)


if "small" in DISKS:
    @survives("the disk of one broker is full, of a leader and of a follower", disk=SmallDisk)
    def _(cluster, loads):
        victim = cluster.brokers[1]
        assert cluster.led_by(1)
        cluster.disk.fill()
        # It led some partitions, and ends so that others can.
        victim.process.wait(30)
        cluster.others_lead(1)
        loads.more()
        loads.waited_less(BROKEN)
        # Without room it comes up and leads nothing; as a follower it catches up once there is room.
        loads.mark()
        victim.start()
        victim.ready()
        loads.more(100)
        loads.waited_less(SILENT, a_broker_is_silent=True)
        assert victim.alive() and not cluster.led_by(1)
        cluster.disk.empty()
        cluster.in_sync()
        assert victim.alive()


if "devices" in DISKS:
    @survives("the disk of a leader takes no writes, past its session, and goes on", disk=Device)
    def _(cluster, loads):
        for _ in range(2):
            await_(lambda: cluster.led_by(1), 30, lambda: "broker 1 leads nothing")
            loads.mark()
            cluster.disk.freeze()
            try:
                cluster.others_lead(1)
                cluster.fenced(1)
                loads.more()
            finally:
                cluster.disk.thaw()
            # A write that waits is found within two seconds.
            loads.waited_less(SILENT + 2, a_broker_is_silent=True)
            cluster.fenced(0)
            cluster.in_sync()
