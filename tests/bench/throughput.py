# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a full dump beside dd of the same bytes, a compressed one beside zstd -T0 -1; what zeroes cost; peak memory.

Paired: each round has both sides, one right after the other, over files that are removed before the clock starts. The
peers read from /dev/shm what the dump of the same process holds. With fsync both sides wait for the disk, as the
collector always does. As root both sides run with real-time priority, so that the machine's other work is not measured.
"""
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from pause import priority

OF_DD, OF_ZSTD = 1.2, 1.0
PEAK_MIB = 64
SPARE_MIB = 4  # what a dump may take on the disk beside the memory that is not zero

# what is said of it, letters, more of the .dump command
DUMPS = (("/mf", "/mf", ""), ("/ma", "/ma", ""), ("/f (ELF core)", "/f", ""))


class Target:
    """tests/bench/pausing, asleep."""

    def __init__(self, build, mib, zero=0, untouched=0):
        argv = [os.path.join(build, "tests/bench/pausing")] + [str(n) for n in (mib, 0, zero, untouched)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, preexec_fn=priority(10))
        self.process.stdout.readline()

    def __enter__(self):
        return self.process.pid

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def run(argv, then=None, level=10):
    """Seconds, and the peak of its memory in MiB (the largest of its processes)."""
    start = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=priority(level))
    said = process.stderr.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    process.stderr.close()
    if then:
        subprocess.run(then, check=True)
    took = time.monotonic() - start
    if status:
        raise SystemExit("bench: %s: status %d: %s" % (argv[0], status, said.decode(errors="replace")))
    return took, usage.ru_maxrss / 1024


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def dump(build, pid, letters, out):
    return [os.path.join(build, "inquest"), "-p", str(pid), "-c", ".dump %s %s" % (letters, out)]


class Pairs:
    def __init__(self, rounds, out):
        self.rounds, self.out = rounds, out
        self.peak = 0
        self.rows = []

    def add(self, name, ours, theirs, allowed, ours_then=None):
        """Medians and the median of the ratios."""
        figures = []
        sizes = [0, 0]
        for _ in range(self.rounds):
            pair = []
            for i, (argv, then) in enumerate(((ours, ours_then), (theirs, None))):
                remove(self.out)
                took, peak = run(argv, then)
                sizes[i] = os.stat(self.out).st_blocks * 512 / 2**20
                pair.append(took)
                if i == 0:
                    self.peak = max(self.peak, peak)
            figures.append(pair)
        remove(self.out)
        ratio = statistics.median(a / b for a, b in figures)
        self.rows.append((name, "%.2f" % statistics.median(a for a, _ in figures),
                          "%.2f" % statistics.median(b for _, b in figures), "%.0f" % sizes[0], "%.0f" % sizes[1],
                          "%.2f" % ratio, "%.2f" % allowed, "within" if ratio <= allowed else "TOO MUCH"))


def bench_pairs(build, folder, mib, rounds, table):
    out = os.path.join(folder, "out")
    same = "/dev/shm/inquest-bench.%d" % os.getpid()
    pairs = Pairs(rounds, out)
    with Target(build, mib) as pid:
        try:
            run(dump(build, pid, "/mf", out))
            shutil.copyfile(out, same)
            copy = ["dd", "if=" + same, "of=" + out, "bs=1M", "status=none"]
            for name, letters, more in DUMPS:
                pairs.add(name, dump(build, pid, letters + more, out), copy, OF_DD)
            pairs.add("/mf, fsync", dump(build, pid, "/mf", out), copy + ["conv=fsync"], OF_DD, ["sync", out])
            pairs.add("/mf --compress", dump(build, pid, "/mf --compress", out),
                      ["zstd", "-q", "-T0", "-1", "-f", same, "-o", out], OF_ZSTD)
        finally:
            remove(same)
    table("a full dump of %d MiB, beside dd and zstd (s), median of %d pairs" % (mib, rounds),
          ("", "inquest", "peer", "MiB on disk", "of the peer", "ratio", "allowed", ""), pairs.rows)
    print("  peak memory of the writer: %.0f MiB, allowed %d: %s"
          % (pairs.peak, PEAK_MIB, "within" if pairs.peak <= PEAK_MIB else "TOO MUCH"))


def bench_sparse(build, folder, table):
    """64 MiB of a process that wrote 1 GiB of zeroes and has 64 GiB that it never touched."""
    out = os.path.join(folder, "out")
    rows = []
    with Target(build, 64, 1024, 64 << 10) as pid:
        for letters in ("/mf", "/f", "/mf --compress"):
            remove(out)
            took, peak = run(dump(build, pid, letters, out))
            st = os.stat(out)
            disk = st.st_blocks * 512 / 2**20
            rows.append((letters, "%.2f" % took, "%.0f" % (st.st_size / 2**20), "%.0f" % disk, "%.0f" % peak,
                         "within" if disk <= 64 + SPARE_MIB and peak <= PEAK_MIB else "TOO MUCH"))
    remove(out)
    table("64 MiB, 1 GiB of zeroes, 64 GiB untouched", ("", "s", "MiB", "MiB on disk", "peak MiB", ""), rows)


def wait_for_dump(folder):
    while True:
        for name in os.listdir(folder):
            if name.endswith(".dmp"):
                return os.path.join(folder, name)
        time.sleep(0.002)


def bench_copy(program, where, folder, mib, rounds, table):
    """From the fault of a process with the stub to the finished dump, which is made of its copy. The collector takes
    the usual priority, so dd has it too."""
    os.chmod(folder, 0o700)
    environment = dict(os.environ, TOUCH_MIB=str(mib), LD_PRELOAD=where.stub, INQUEST="ma", INQUEST_DIR=folder)
    out, same = os.path.join(folder, "out"), "/dev/shm/inquest-bench.%d" % os.getpid()
    figures = []
    try:
        for _ in range(rounds):
            process = subprocess.Popen([program, "touch"], stdout=subprocess.PIPE, env=environment)
            start = int(process.stdout.readline())
            path = wait_for_dump(folder)
            ours = (time.monotonic_ns() - start) / 1e9
            process.wait()
            process.stdout.close()
            assert process.returncode == -signal.SIGSEGV
            if not os.path.exists(same):
                shutil.copyfile(path, same)
            remove(path)
            remove(out)
            figures.append((ours, run(["dd", "if=" + same, "of=" + out, "bs=1M", "status=none", "conv=fsync"], level=0)[0]))
    finally:
        remove(same)
        remove(out)
    ratio = statistics.median(a / b for a, b in figures)
    table("INQUEST=ma, %d MiB: from the fault to the dump of the copy, beside dd conv=fsync (s)" % mib,
          ("", "inquest", "dd", "ratio", "allowed", ""),
          [("", "%.2f" % statistics.median(a for a, _ in figures), "%.2f" % statistics.median(b for _, b in figures),
            "%.2f" % ratio, "%.2f" % OF_DD, "within" if ratio <= OF_DD else "TOO MUCH")])


def bench(build, where, quick, table):
    mib, rounds = 1024, 3 if quick else 7
    with tempfile.TemporaryDirectory(prefix="inquest-bench.", dir="/var/tmp") as folder:
        bench_pairs(build, folder, mib, rounds, table)
        if not quick:
            bench_pairs(build, folder, 6144, 1, table)
        bench_sparse(build, folder, table)
        if where.stub and where.collector:
            bench_copy(os.path.join(build, "tests/crashers/crashme"), where, folder, mib, rounds, table)
