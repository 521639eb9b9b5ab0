# SPDX-License-Identifier: GPL-3.0-or-later
"""The independent readers, each as a function from a file to a Testimony; nothing here knows our code."""
import json
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 120


class Frame:
    """pc is the address in the frame (a return address in all but the first); inline frames share the pc
    of the function that they were inlined in, innermost first."""

    def __init__(self, pc, name, start=None, inline=False, kind="normal", module=None):
        self.pc, self.name, self.start, self.inline, self.kind = pc, name, start, inline, kind
        self.module = module

    def __repr__(self):
        return "%#x %s%s" % (self.pc, self.name, " (inline)" if self.inline else "")


class Testimony:
    """threads: {tid: [Frame]}, order: tids as told, registers: {tid: {name: value}}, facts: the rest."""

    def __init__(self, who):
        self.who = who
        self.threads, self.registers, self.order, self.facts = {}, {}, [], {}

    def add(self, tid, frames, registers=None):
        self.order.append(tid)
        self.threads[tid] = frames
        self.registers[tid] = registers or {}


class JudgeFailed(Exception):
    pass


def run(argv, **more):
    environment = dict(os.environ, LC_ALL="C.UTF-8", DEBUGINFOD_URLS="", **more.pop("env", {}))
    return subprocess.run(argv, capture_output=True, text=True, errors="surrogateescape", check=False,
                          timeout=SECONDS, stdin=subprocess.DEVNULL, env=environment, **more)


def json_line(who, done):
    for line in done.stdout.splitlines():
        if line.startswith("TRIALS-JSON "):
            return json.loads(line[12:])
    raise JudgeFailed("%s gave no answer (status %d): %s" % (who, done.returncode,
                                                                done.stdout[-300:] + done.stderr[-300:]))


def gdb(core, executable, limit=300, vectors=False):
    done = run(["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off",
                "-iex", "set auto-load no",
                "-ex", "set backtrace past-main on", "-ex", "set backtrace past-entry on",
                "-ex", "set backtrace limit %d" % (limit + 50),
                "-x", os.path.join(HERE, "judges/in_gdb.py"), executable, core],
               env={"TRIALS_FRAMES": str(limit), **({"TRIALS_VECTORS": "1"} if vectors else {})})
    told = json_line("gdb", done)
    testimony = Testimony("gdb")
    for thread in told["threads"]:
        frames = [Frame(f["pc"], f["name"], f["start"], f["kind"] == "inline", f["kind"])
                  for f in thread["frames"] if f["kind"] != "tail"]    # guesses about calls that left no trace
        testimony.add(thread["tid"], frames, thread["registers"])
    testimony.facts["siginfo"] = told["siginfo"]
    return testimony


def eu_stack(core, executable, limit=300):
    done = run(["eu-stack", "--core", core, "-e", executable, "-i", "-m", "-n", str(limit)])
    testimony = Testimony("eu-stack")
    frames, previous = None, None
    for line in done.stdout.splitlines():
        if line.startswith("TID "):
            frames, previous = [], None
            testimony.add(int(line[4:].rstrip(":")), frames)
        elif line.startswith("#") and frames is not None:
            found = re.match(r"#(\d+)\s+0x([0-9a-f]+)(.*)", line)
            pc, rest = int(found.group(2), 16), found.group(3).strip()
            rest = re.sub(r"^\[[^]]*\]\s*", "", rest)
            name, dash, module = rest.rpartition("- ")
            name = name.strip() if dash else rest
            frames.append(Frame(pc, name or None, module=module or None))
            previous = pc
    if not testimony.threads:
        raise JudgeFailed("eu-stack gave no answer (status %d): %s" % (done.returncode, done.stderr[-300:]))
    return testimony


def lldb_program():
    return shutil.which("lldb-19") or shutil.which("lldb")


def lldb(dump, limit=300, folders=()):
    """`folders`: where images lie that the dump names without one"""
    script = os.path.join(HERE, "judges/in_lldb.py")
    done = run([lldb_program(), "--no-lldbinit", "--batch", "-o",
                "settings set symbols.load-on-demand true", "-o", "command script import '%s'" % script],
               env={"TRIALS_DUMP": dump, "TRIALS_FRAMES": str(limit), "TRIALS_FOLDERS": ":".join(folders)})
    told = json_line("lldb", done)
    testimony = Testimony("lldb")
    for thread in told["threads"]:
        testimony.add(thread["tid"], [Frame(f["pc"], f["name"]) for f in thread["frames"]],
                      thread["registers"])
    testimony.facts.update({k: told[k] for k in ("stopped", "signal", "reason", "modules")})
    return testimony


def lldb_opens(paths, folder):
    """[what judges/open_in_lldb.py says of each file], by one lldb."""
    names = os.path.join(folder, "for-lldb")
    with open(names, "w", encoding="utf-8") as f:
        f.write("\n".join(paths) + "\n")
    done = run([lldb_program(), "--no-lldbinit", "--batch", "-o", "settings set symbols.load-on-demand true", "-o",
                "settings set symbols.enable-external-lookup false",
                "-o", "command script import '%s'" % os.path.join(HERE, "judges/open_in_lldb.py")],
               env={"TRIALS_LIST": names})
    told = [json.loads(line[12:]) for line in done.stdout.splitlines() if line.startswith("TRIALS-JSON ")]
    if len(told) != len(paths):
        raise JudgeFailed("lldb ended after %d of %d files (status %d): %s" % (len(told), len(paths), done.returncode,
                                                                              done.stderr[-300:]))
    return told


def breakpad_stackwalk(dump, program):
    """minidump_stackwalk -m: `Crash|SIGSEGV /SEGV_MAPERR|0x0|thread`, `Module|name|version|debug|id|base|end|main`,
    `thread|frame|module|function|file|line|offset`."""
    done = run([program, "-m", dump])
    if done.returncode != 0:
        raise JudgeFailed("minidump_stackwalk: status %d: %s" % (done.returncode, done.stderr[-400:]))
    testimony = Testimony("minidump_stackwalk")
    testimony.facts["modules"] = []
    for line in done.stdout.splitlines():
        part = line.split("|")
        if part[0] == "OS":
            testimony.facts["os"] = part[1]
        elif part[0] == "CPU":
            testimony.facts["cpu"] = part[1]
        elif part[0] == "Crash":
            testimony.facts["crash"] = part[1]
            testimony.facts["address"] = int(part[2], 16) if part[2] else None
            testimony.facts["thread"] = int(part[3]) if part[3] else None
        elif part[0] == "Module":
            testimony.facts["modules"].append({"file": part[1], "id": part[4], "base": int(part[5], 16)})
        elif len(part) == 7 and part[0].isdigit():
            testimony.facts.setdefault("walked", {}).setdefault(int(part[0]), []).append(part[2])
    errors = [l for l in done.stderr.splitlines() if "ERROR" in l]
    testimony.facts["errors"] = errors
    return testimony


# A plain /m has no MemoryInfoList, and Breakpad's own writer for Linux writes none; its reader counts that.
NO_ERROR = "minidump.GetMemoryInfoList() failed"


def breakpad_dump(dump, program):
    done = run([program, dump])
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line and not line.endswith(NO_ERROR)]
    if done.returncode not in (0, 1) or done.returncode == 1 and not (errors or NO_ERROR in done.stderr):
        raise JudgeFailed("minidump_dump: status %d: %s" % (done.returncode, done.stderr[-400:]))
    testimony = Testimony("minidump_dump")
    testimony.facts["tids"] = [int(t, 16) for t in re.findall(r"^MDRawThread\s+thread_id\s*=\s*(0x[0-9a-f]+)",
                                                           done.stdout, re.M)]
    testimony.facts["errors"] = errors
    return testimony
