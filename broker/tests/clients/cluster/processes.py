"""A controller and brokers as processes on loopback, with a link of our own between any two of them."""
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import wire
from links import Link
from metadata import Metadata

BROKER = os.environ["WEIR_BROKER"]
HOST = "127.0.0.1"


class Process:
    """One process over its folder; its log is beside the folder."""

    def __init__(self, folder, arguments, admin_port):
        self.folder, self.arguments, self.admin_port, self.process = Path(folder), arguments, admin_port, None
        self.folder.mkdir(parents=True, exist_ok=True)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([BROKER, *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ready(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, f"ended with {self.process.returncode}, see {self.folder}/log"
            try:
                with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            assert time.monotonic() < end, f"not ready after {seconds} s, see {self.folder}/log"
            time.sleep(0.01)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        self.process.terminate()
        self.process.wait(seconds)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    @property
    def data(self):
        return self.folder / "data"

    def metric(self, name, **labels):
        """Sum over the series that have these labels."""
        with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/metrics", timeout=10) as answer:
            lines = [line.decode() for line in answer]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        series = [line for line in lines if line.startswith((f"{name} ", f"{name}{{")) and all(one in line for one in wanted)]
        assert series or labels, f"there is no metric {name}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in series)

    def logged(self):
        return (self.folder / "log").read_text(errors="replace")

    def logs(self, text, before, seconds=30):
        """Until it has said this since it had logged `before`."""
        await_(lambda: text in self.logged()[len(before):], seconds, lambda: f"{self.folder.name} did not log '{text}'")


def await_(holds, seconds, why):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"after {seconds} s {why()}"
        time.sleep(0.02)


class Cluster(Metadata):
    """Broker N is process N; `controller_links[N]` and `follower_links[N]` are what others reach it by, and it them."""

    def __init__(self, folder, port, brokers=3, **keys):
        self.folder, self.port = Path(folder), port
        self.numbers = range(1, brokers + 1)
        # Those under load.
        self.topics = []
        control = f"{HOST}:{port}"
        self.controller = Process(
            self.folder / "controller",
            ["--roles", "controller", "--data-dir", self.folder / "controller" / "data", "--control-plane-listen", control, "--admin-listen", f"{HOST}:{port + 1}"]
            + self.sets({"broker.session.timeout.ms": keys.pop("session_ms", 2000), "leader.imbalance.check.interval.seconds": 1}),
            port + 1,
        )
        self.controller_links, self.follower_links, self.brokers = {}, {}, {}
        for number in self.numbers:
            base = port + 10 * number
            self.controller_links[number] = Link(base + 3, port)
            self.follower_links[number] = Link(base + 4, base + 2, names_itself=True)
            arguments = ["--roles", "broker", "--node-id", str(number), "--controller", f"{HOST}:{base + 3}", "--data-dir", self.folder / str(number) / "data", "--admin-listen", f"{HOST}:{base + 1}"]
            listeners = {
                "listeners": f"PLAINTEXT://{HOST}:{base},REPLICATION://{HOST}:{base + 2}",
                "advertised.listeners": f"PLAINTEXT://{HOST}:{base},REPLICATION://{HOST}:{base + 4}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,REPLICATION:PLAINTEXT",
                "inter.broker.listener.name": "REPLICATION",
                "group.initial.rebalance.delay.ms": 0,
                "auto.create.topics.enable": "false",
                "replica.lag.time.max.ms": 3000,
                "broker.heartbeat.interval.ms": 300,
                "broker.rack": f"rack-{number}",
            }
            self.brokers[number] = Process(self.folder / str(number), arguments + self.sets({**listeners, **keys}), base + 1)

    @staticmethod
    def sets(keys):
        return [part for key, value in keys.items() for part in ("--set", f"{key}={value}")]

    @property
    def processes(self):
        return [self.controller, *self.brokers.values()]

    @property
    def bootstrap(self):
        return ",".join(f"{HOST}:{self.port + 10 * number}" for number in self.numbers)

    def told_by(self, number):
        """(Leader, in-sync replicas) of each partition of the topics under load, as one broker tells; None while it does not."""
        try:
            connection = wire.connect(f"{HOST}:{self.port + 10 * number}", timeout=2)
        except OSError:
            return None
        with connection:
            try:
                told = wire.partitions(connection)
            except (OSError, EOFError):
                return None
        return {(topic, partition): one for topic in self.topics for partition, one in told.get(topic, {}).items()}

    def told_without(self, number):
        """The same of each live broker but one."""
        others = [other for other, process in self.brokers.items() if other != number and process.alive()]
        return [self.told_by(other) for other in others]

    def leaders(self):
        """Leader of each partition, as all live brokers tell alike."""
        told = self.told_without(None)
        assert told and all(told), f"not every broker tells: {told}"
        by_broker = [{place: leader for place, (leader, _) in one.items()} for one in told]
        assert all(one == by_broker[0] for one in by_broker), f"brokers tell different leaders: {by_broker}"
        return by_broker[0]

    def led_by(self, number):
        return {place for place, leader in self.leaders().items() if leader == number}

    def others_lead(self, number, seconds=5):
        """Every other broker names another leader for all that this one led."""
        def holds():
            told = self.told_without(number)
            return told and all(told) and all(leader not in (number, -1) for one in told for leader, _ in one.values())
        await_(holds, seconds, lambda: f"others do not lead for {number}: {self.told_without(number)}")

    def out_of_sync(self, places, followers, seconds=15):
        """None of these followers is in sync for these partitions any more, as all live brokers tell."""
        def holds():
            told = self.told_without(None)
            return told and all(told) and not any(set(one[place][1]) & set(followers) for one in told for place in places)
        await_(holds, seconds, lambda: f"{followers} are still in sync: {self.told_without(None)}")

    def fenced(self, count, seconds=15):
        """The controller takes so many brokers for lost."""
        name = "kafka_controller_kafkacontroller_fencedbrokercount"
        await_(lambda: self.controller.metric(name) == count, seconds, lambda: f"not {count} brokers are fenced but {self.controller.metric(name)}")

    def in_sync(self):
        for topic in self.topics:
            self.all_in_sync(topic)

    def start(self):
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.ready()

    def end(self):
        for process in self.processes:
            if process.alive():
                process.resume()
                process.kill()
        for link in [*self.controller_links.values(), *self.follower_links.values()]:
            link.close()
