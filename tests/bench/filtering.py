# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filter costs, and what it leaves: letters m beside mrR, and secrets in what everybody's handlers write."""
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import canaries
import crashes
import kernel
import in_process

# What rR may add to the downtime of m, with few threads; and scrubbing one dump of 1,000 threads, in seconds.
FILTER_ALLOWED, SCRUB_ALLOWED = 0.30, 1.0
FILTER_ROUNDS, SCRUB_ROUNDS = 41, 5


def with_letters(where, letters):
    """The settings file says which; put back by whoever called."""
    with open(where.config, "w", encoding="ascii") as f:
        f.write("dump = %s\n" % letters)


def filter_roads(options, where, folder, once):
    """{road: crash(letters, threads) -> ms}"""
    program = os.path.join(options.build, "tests/crashers/crashme")
    roads = {}

    def by_kernel(letters, threads):
        with_letters(where, letters)
        with kernel.crash_settings(pattern=pattern, pipe_limit=16):
            took = once(program, 16, threads, folder)
        # The dump is written while the process is gone already; the next crash must not compete with it.
        time.sleep(0.15)
        for path in where.everything_in_spool():
            os.unlink(path)
        return took

    def by_stub(letters, threads):
        environment = {"LD_PRELOAD": where.stub, "INQUEST_DIR": folder, "INQUEST": letters}
        with kernel.crash_settings(pattern="|/bin/false", pipe_limit=16):
            took = once(program, 16, threads, folder, environment)
        in_process.settle(where, folder)
        return took

    if where.core and where.register:
        pattern = where.pattern()
        roads["kernel"] = by_kernel
    if where.stub and where.collector:
        os.chmod(folder, 0o700)
        roads["stub"] = by_stub
    return roads


def filtered_pairs(crash, threads, rounds):
    """({letters: [ms]}, median of the ratios within a pair)"""
    figures = {"m": [], "mrR": []}
    for i in range(rounds):
        for letters in ("m", "mrR") if i % 2 else ("mrR", "m"):
            figures[letters].append(crash(letters, threads))
    return figures, statistics.median(r / m for r, m in zip(figures["mrR"], figures["m"]))


def saved(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def bench_filter(options, where, folder, table, once):
    before = saved(where.config)
    rounds = 9 if options.quick else FILTER_ROUNDS
    try:
        for name, crash in filter_roads(options, where, folder, once).items():
            for threads, rounds_here in ((3, rounds), (999, max(3, rounds // 8))):
                figures, ratio = filtered_pairs(crash, threads, rounds_here)
                table("downtime with and without the filter, %s, %d threads (ms)" % (name, threads + 1),
                      ("", "median", "least", "most"),
                      [(letters, "%.2f" % statistics.median(seen), "%.2f" % min(seen), "%.2f" % max(seen))
                       for letters, seen in figures.items()])
                if threads == 3:
                    print("  rR adds %+.0f %% (pairs; least of each: %+.0f %%), allowed %+.0f %%: %s"
                          % (100 * ratio - 100, 100 * min(figures["mrR"]) / min(figures["m"]) - 100,
                             100 * FILTER_ALLOWED, "within" if ratio <= 1 + FILTER_ALLOWED else "TOO MUCH"))
    finally:
        if before is not None:
            with open(where.config, "wb") as f:
                f.write(before)
        elif os.path.exists(where.config):
            os.unlink(where.config)
    bench_scrub(options, where, folder, table, once)


def seconds_of(argv):
    start = time.monotonic()
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                   env=dict(os.environ, DEBUGINFOD_URLS=""))
    return time.monotonic() - start


def bench_scrub(options, where, folder, table, once):
    """`inquest scrub` of a plain dump of 1,000 threads."""
    if not (where.debugger and where.core and where.register):
        return
    before = where.dumps()
    with kernel.crash_settings(pattern=where.pattern(), pipe_limit=16):
        once(os.path.join(options.build, "tests/crashers/crashme"), 0, 999, folder)
    dump = where.new_dump(before)
    if not dump:
        raise SystemExit("bench: no dump of 1,000 threads")
    seen = []
    for i in range(SCRUB_ROUNDS):
        clean = os.path.join(folder, "clean.%d" % i)
        seen.append(seconds_of([where.debugger, "scrub", dump, clean]))
        if not os.path.getsize(clean):
            raise SystemExit("bench: nothing was scrubbed")
        os.unlink(clean)
    os.unlink(dump)
    middle = statistics.median(seen)
    table("inquest scrub, 1,000 threads (s)", ("median", "least", "most"),
          [("%.2f" % middle, "%.2f" % min(seen), "%.2f" % max(seen))])
    print("  allowed %.1f s: %s" % (SCRUB_ALLOWED, "within" if middle <= SCRUB_ALLOWED else "TOO MUCH"))


# Crashes of secretful that Breakpad's handler takes as well; each is run as often by everyone.
PRIVACY_CASES = ("leaf", "varargs", "qsort", "signal", "spilled", "catch")
PRIVACY_ROUNDS = 3


def secretful(options, case, folder, more, preexec=None):
    """(process id, the list of its secrets)"""
    secrets = os.path.join(folder, "secrets")
    process = subprocess.Popen([os.path.join(options.build, "tests/crashers/secretful"), case, secrets], cwd=folder,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, **more), preexec_fn=preexec)
    process.wait(60)
    return process.pid, secrets


def new_file(folder, ending):
    def there():
        return [os.path.join(folder, name) for name in os.listdir(folder)
                if name.endswith(ending) or name.startswith(ending)]
    found = kernel.wait_until(there, 20)
    if not found:
        raise SystemExit("bench: no file '%s' in '%s': %s" % (ending, folder, os.listdir(folder)))
    return found[0]


def privacy_ways(options, where):
    """{name: take(case, folder) -> (file, list of secrets)}"""
    def core(case, folder):
        with kernel.crash_settings(pattern=os.path.join(folder, "core.%p"), pipe_limit=0):
            _pid, secrets = secretful(options, case, folder, {}, crashes.allow_cores)
        return new_file(folder, "core."), secrets

    def in_process(**more):
        def take(case, folder):
            with kernel.crash_settings(pattern="|/bin/false", pipe_limit=16):
                _pid, secrets = secretful(options, case, folder,
                                          {key: value.replace("FOLDER", folder) for key, value in more.items()})
            return new_file(folder, ".dmp"), secrets
        return take

    ways = {"plain core": core}
    if options.breakpad_client:
        ways["Breakpad"] = in_process(LD_PRELOAD=options.breakpad_client, BREAKPAD_DIR="FOLDER")
        ways["Breakpad, filtered"] = in_process(LD_PRELOAD=options.breakpad_client, BREAKPAD_DIR="FOLDER",
                                                BREAKPAD_SANITIZE="1")
    for letters in ("m", "mrR"):
        ways["inquest " + letters] = in_process(LD_PRELOAD=where.stub, INQUEST_DIR="FOLDER", INQUEST=letters)
    return ways


def bench_privacy(options, where, folder, table):
    """Six bytes in a row of a secret are there by no chance; shorter secrets are left to the trials."""
    if not (where.stub and where.collector):
        print("\nprivacy: the stub is not installed in '%s'" % where.prefix)
        return
    canaries.SCANNER = os.path.join(options.build, "tests/trials/canaryscan")
    rounds = 1 if options.quick else PRIVACY_ROUNDS
    rows = []
    for name, take in privacy_ways(options, where).items():
        shares, survived, planted = [], 0, 0
        for case in PRIVACY_CASES:
            here = there = 0
            for _ in range(rounds):
                inside = tempfile.mkdtemp(prefix="privacy.", dir=folder)
                os.chmod(inside, 0o700)
                path, secrets = take(case, inside)
                here += len({f.where for f in canaries.scan(path, secrets)})
                there += len({s.where for s in canaries.read_list(secrets) if len(s.bytes) >= canaries.SURE})
                shutil.rmtree(inside)
            shares.append("%.0f" % (here / rounds))
            survived, planted = survived + here, planted + there
        rows.append((name, *shares, "%d of %d" % (survived, planted), "%.0f %%" % (100 * survived / planted)))
    table("secrets that survive a crash (%d planted on average, by case; %d rounds)"
          % (planted / rounds / len(PRIVACY_CASES), rounds), ("", *PRIVACY_CASES, "all", "share"), rows)
    if not options.breakpad_client:
        print("  Breakpad: --breakpad-client FILE, which breakpad-client.sh makes")
