"""The kernel's limits on a worker, taken from the kernel's own clock."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import resource, time
from sqlopt_env.workers import limits

def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass

burn(0.5)
assert abs(limits.cpu_seconds() - time.process_time()) < 0.2
limits.limit_cpu(0)
print(resource.getrlimit(resource.RLIMIT_CPU)[0] - limits.cpu_seconds(), flush=True)
burn(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system's clock")
def test_a_process_over_its_cpu_time_ends_itself() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == -signal.SIGXCPU, done.stderr
    assert 1.5 < float(done.stdout) <= 3.0
