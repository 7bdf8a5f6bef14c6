"""Named checks that run one after the other; each prints one line."""
import subprocess
import sys
import time
import traceback
import uuid


def check(name):
    def run(body):
        try:
            body()
            print(f"pass {name}", flush=True)
        except BaseException as error:  # a check that ends the program is a failed check too
            print(f"fail {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
            traceback.print_exc(file=sys.stderr)
    return run


def fresh(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def brokerctl(*args):
    return subprocess.run(["brokerctl", *args], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def until(seconds, wanted, step, what):
    """Calls `step` until `wanted()` holds; the bound is for a broker that never gets there."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, f"not after {seconds} s: {what}"
        step()


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"
