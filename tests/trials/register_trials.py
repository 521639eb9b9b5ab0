# SPDX-License-Identifier: GPL-3.0-or-later
"""inquest-register: sets what is needed, says what is so, and puts back what was."""
import contextlib
import os
import signal
import subprocess

import kernel
import lab
from trial import Skip, collecting, expect, trial


@contextlib.contextmanager
def machine(context, pattern="core"):
    """A registration trial: nobody else changes core_pattern, which begins as `pattern`."""
    lost = context.tree.missing("inquest-core", "inquest-register")
    if context.no_crashes or lost:
        raise Skip(context.no_crashes or lost)
    with kernel.crash_settings(pattern=pattern, pipe_limit=0, suid_dumpable=0):
        try:
            yield context.tree
        finally:
            context.tree.run_register("disable")


@trial("register.enable-and-disable")
def enable_and_disable(context):
    with machine(context, "/var/tmp/before.%p") as tree, collecting() as wrong:
        done = tree.run_register("enable")
        expect(done.returncode == 0, "enable: %s", done.stderr.strip())
        pattern = kernel.get(kernel.PATTERN)
        if not pattern.startswith("|" + tree.core):
            wrong.append("core_pattern is '%s'" % pattern)
        if len(pattern) > 127:
            wrong.append("core_pattern has %d bytes" % len(pattern))
        if int(kernel.get(kernel.PIPE_LIMIT)) < 1:
            wrong.append("core_pipe_limit is %s: the kernel would not wait" % kernel.get(kernel.PIPE_LIMIT))
        done = tree.run_register("disable")
        if done.returncode != 0:
            wrong.append("disable: %s" % done.stderr.strip())
        if kernel.get(kernel.PATTERN) != "/var/tmp/before.%p" or kernel.get(kernel.PIPE_LIMIT) != "0":
            wrong.append("after disable: '%s', %s" % (kernel.get(kernel.PATTERN), kernel.get(kernel.PIPE_LIMIT)))


@trial("register.twice-does-not-forget-what-was-before")
def twice(context):
    with machine(context, "/var/tmp/before.%p") as tree:
        for _ in range(2):
            done = tree.run_register("enable")
            expect(done.returncode == 0, "enable: %s", done.stderr.strip())
        tree.run_register("disable")
        expect(kernel.get(kernel.PATTERN) == "/var/tmp/before.%p", "after disable: '%s'", kernel.get(kernel.PATTERN))
        tree.run_register("disable")
        expect(kernel.get(kernel.PATTERN) == "/var/tmp/before.%p", "after another: '%s'", kernel.get(kernel.PATTERN))


@trial("register.disable-leaves-others-alone")
def leaves_others_alone(context):
    """Somebody else registered meanwhile: that is theirs."""
    with machine(context) as tree:
        tree.run_register("enable")
        kernel.put(kernel.PATTERN, "|/bin/false theirs")
        tree.run_register("disable")
        expect(kernel.get(kernel.PATTERN) == "|/bin/false theirs", "it is '%s' now", kernel.get(kernel.PATTERN))


@trial("register.R22-refuses-in-a-namespace")
def refuses_in_namespace(context):
    with machine(context) as tree, collecting() as wrong:
        for flags in ("-m", "-pf", "-Ur"):
            done = subprocess.run(["unshare", flags, tree.register, "enable"], capture_output=True, text=True,
                                  timeout=30, check=False)
            if done.returncode == 0 or kernel.get(kernel.PATTERN) != "core":
                wrong.append("unshare %s: status %d, core_pattern '%s'" % (flags, done.returncode,
                                                                          kernel.get(kernel.PATTERN)))
            if done.returncode != 0 and not done.stderr.strip():
                wrong.append("unshare %s: refused without a word" % flags)


@trial("register.needs-root-and-says-so")
def needs_root(context):
    with machine(context) as tree:
        done = subprocess.run([tree.register, "enable"], capture_output=True, text=True, timeout=30, check=False,
                              **lab.as_user(context.users().victim))
        expect(done.returncode != 0, "an ordinary user could register")
        expect(kernel.get(kernel.PATTERN) == "core", "core_pattern is '%s'", kernel.get(kernel.PATTERN))
        expect(done.stderr.strip(), "refused without a word")


@trial("register.status-speaks-plainly")
def status_speaks(context):
    with machine(context) as tree, collecting() as wrong:
        before = tree.run_register("status")
        tree.run_register("enable")
        during = tree.run_register("status")
        if before.returncode < 0 or during.returncode != 0:
            wrong.append("status ends with %d and %d" % (before.returncode, during.returncode))
        if not before.stdout.strip() or before.stdout == during.stdout:
            wrong.append("it says the same whether registered or not")
        if tree.spool not in during.stdout:
            wrong.append("it does not say where dumps go: %s" % during.stdout[:200])


@trial("register.letters-that-contradict")
def letters_that_contradict(context):
    """What nobody could write is refused where it is set, and told of where it was set by hand."""
    lost = context.tree.missing("inquest-register")
    if lost or not os.path.exists(context.tree.config):
        raise Skip(lost or "no configuration file")
    tree = context.tree
    with open(tree.config, encoding="utf-8") as f:
        before = f.read()
    rows = (("mwr", "'r' and 'w' contradict each other"), ("mz", "'z' is no letter of a dump"),
            ("maA", "'a' and 'A' contradict each other"), ("mkr", "'r' and 'k' contradict each other"))
    with collecting() as wrong:
        try:
            for letters, words in rows:
                done = tree.run_register("enable", "--dump=" + letters)
                if done.returncode != 2 or words not in done.stderr:
                    wrong.append("enable --dump=%s: %d: %s" % (letters, done.returncode, done.stderr))
                with open(tree.config, encoding="utf-8") as f:
                    if f.read() != before:
                        wrong.append("--dump=%s changed the configuration" % letters)
                with open(tree.config, "w", encoding="utf-8") as f:
                    f.write("dump = %s\n" % letters)
                done = tree.run_register("status")
                if done.returncode != 0 or "no crash leaves a dump: " + words not in done.stdout:
                    wrong.append("dump = %s: status says: %s" % (letters, done.stdout))
                with open(tree.config, "w", encoding="utf-8") as f:
                    f.write(before)
        finally:
            with open(tree.config, "w", encoding="utf-8") as f:
                f.write(before)


@trial("register.never-a-pattern-that-points-at-nothing")
def points_at_nothing(context):
    """Without the helper in its place nothing is registered."""
    with machine(context) as tree:
        os.rename(tree.core, tree.core + ".away")
        try:
            done = tree.run_register("enable")
            expect(done.returncode != 0, "registered a helper that is not there")
            expect(kernel.get(kernel.PATTERN) == "core", "core_pattern is '%s'", kernel.get(kernel.PATTERN))
        finally:
            os.rename(tree.core + ".away", tree.core)


@trial("register.bad-letters-are-refused")
def bad_letters(context):
    with machine(context) as tree:
        done = tree.run_register("enable", "--dump=Q%s")
        expect(done.returncode != 0, "took letters that mean nothing")
        expect(kernel.get(kernel.PATTERN) == "core", "core_pattern is '%s'", kernel.get(kernel.PATTERN))


@trial("register.a-crash-right-after-enable")
def crash_after_enable(context):
    """What the README promises: enable, crash, a dump is there, and the crash is what it was."""
    with machine(context) as tree:
        expect(tree.run_register("enable").returncode == 0, "enable failed")
        before = tree.dumps()
        crashed = subprocess.run(["/usr/bin/python3", "-c", "import ctypes; ctypes.string_at(0)"],
                                 capture_output=True, timeout=30, check=False)
        dump = tree.new_dump(before, 10)
        expect(crashed.returncode == -signal.SIGSEGV, "python died with %d", crashed.returncode)
        expect(dump, "no dump in '%s'", tree.spool)
        if tree.debugger:
            done = subprocess.run([tree.debugger, "-z", "last", "-c", ".ecxr; k; q"], capture_output=True, text=True,
                                  timeout=30, check=False)
            expect(done.returncode == 0 and "strlen" in done.stdout, "inquest -z last: %s%s",
                   done.stdout[-300:], done.stderr[-300:])
        os.unlink(dump)
