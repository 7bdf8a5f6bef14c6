"""Whether the replicas of a partition are the same, byte for byte, and what the simulator asks of each of them: offsets without a
gap, none of them twice, and leader epochs that never go back."""
import struct

from processes import await_

# Of a batch: base offset, length of what follows, leader epoch; and, from byte 23, how many offsets it has beyond the first.
HEADER = struct.Struct(">qii")
LAST_OFFSET_DELTA = struct.Struct(">i")


def log_of(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.log")))


def in_order(name, log):
    position, next_offset, epoch = 0, 0, 0
    while position < len(log):
        offset, length, its_epoch = HEADER.unpack_from(log, position)
        assert offset == next_offset, f"{name}: offset {offset} where {next_offset} is expected, byte {position}"
        assert its_epoch >= epoch, f"{name}: leader epoch {its_epoch} after {epoch} at offset {offset}"
        next_offset, epoch = offset + LAST_OFFSET_DELTA.unpack_from(log, position + 23)[0] + 1, its_epoch
        position += 12 + length
    assert position == len(log), f"{name}: {position - len(log)} bytes of the last batch are missing"


def agree(cluster, partitions):
    """Of the topics under load. What a leader has last is on its way to the others for a moment."""
    for topic in cluster.topics:
        for partition in range(partitions):
            name = f"{topic}-{partition}"
            read = lambda: {number: log_of(broker.data / name) for number, broker in cluster.brokers.items()}
            await_(lambda: len(set(read().values())) == 1, 30, lambda: f"replicas of {name} differ: {differing(read())}")
            log = read()[1]
            assert log, f"{name} is empty on every broker"
            in_order(name, log)


def differing(logs):
    shortest = min(map(len, logs.values()))
    different = (byte for byte in range(shortest) if len({log[byte] for log in logs.values()}) > 1)
    return f"lengths {({number: len(log) for number, log in logs.items()})}, first at byte {next(different, shortest)}"
