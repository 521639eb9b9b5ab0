# SPDX-License-Identifier: GPL-3.0-or-later
"""The debugger's commands on every kind of target: the same answers of a process, of its dump and of its core, and
those that /proc and the others give."""
import json
import os
import re
import struct

import matrix_judges as judged
import matrix_trials as matrix
from trial import collecting, expect, trial

# Asked of all; what may differ is dropped: how much of a region a file holds, where its image was found, and whatever
# goes on while others look. Creation is told by the clock and the uptime, to a second.
COMMANDS = ("~", "!handle -a", "!runaway 3", ".ttime", "!address", "!vprot @rsp", "lm", "!peb", "!teb", "r", "rX", "rY",
            "!token", "!vm", "!annotations", "? @$teb", ".lastevent", "k 1")
DROPPED = {"in_dump", "image_file", "debug_file", "symbols", "held_us", "dump_time", "position", "create_time"}
GROWING = {"resident", "resident_peak", "resident_anonymous", "resident_file", "resident_shared", "minor_faults",
           "page_tables", "major_faults"}
# Who else has an end is looked for as long as there is time.
OF_OTHERS = re.compile(r"(shared with|peer): process ")
OF_MACHINE = re.compile(r"machine_")


def answers(context, source, commands=COMMANDS):
    done = matrix.inquest(context, "--json", *source, "-c", "; ".join(commands) + "; q", status=None)
    told = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            answer = json.loads(line)
            told[answer.get("command")] = answer
    return told


def plain(value):
    """Without what may differ."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()
                if k not in DROPPED and k not in GROWING and not OF_MACHINE.match(k)}
    if isinstance(value, list):
        return [plain(v) for v in value if not (isinstance(v, str) and OF_OTHERS.match(v))]
    if isinstance(value, str):    # a timer that runs; a queue that somebody reads
        return re.sub(r"it_value: \(.*\)", "", value)
    return value


def first_difference(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            if one.get(key) != other.get(key):
                return first_difference(one.get(key), other.get(key), path + "." + key)
    if isinstance(one, list) and isinstance(other, list):
        for i, (a, b) in enumerate(zip(one, other)):
            if a != b:
                return first_difference(a, b, "%s[%d]" % (path, i))
        return "%s: %d entries, then %d" % (path, len(one), len(other))
    return "%s: %s, then %s" % (path, str(one)[:120], str(other)[:120])


@trial("matrix.commands-agree")
def agree(context):
    """A process, a dump of it, and a core made of that."""
    folder = matrix.folder_of(context, "commands")
    with matrix.victim(context, stub=True) as process, collecting() as wrong:
        truth = process.truth()
        dump = os.path.join(folder, "all.dmp")
        live = answers(context, ("-p", str(process.pid), "--no-snapshot"))
        matrix.inquest(context, "-p", str(process.pid), "-c", ".dump /mapy %s; q" % dump)
        core = judged.convert(context, folder, dump, "/fy", "all.core")
        for source, name in ((("-p", str(process.pid)), "copy"), (("-z", dump), "dump"), (("-z", core), "core")):
            told = answers(context, source)
            for command in COMMANDS:
                expect(command in live and command in told, "%s: no answer to '%s'", name, command)
                if plain(live[command]) != plain(told[command]):
                    wrong.append("%s of a %s: %s" % (command, name, first_difference(plain(live[command]),
                                                                                     plain(told[command]))))
        wrong += against_proc(live, truth, process)


def against_proc(told, truth, process):
    """What the process said of itself, and what the kernel says of it."""
    wrong = []
    same = lambda what, ours, theirs: wrong.append("%s: %s, it is %s" % (what, str(ours)[:200], str(theirs)[:200])) \
        if ours != theirs else None
    block = told["!peb"]
    same("arguments", block["arguments"], [a.decode() for a in truth.bytes_before["cmdline"].split(b"\0")[:-1]])
    same("environment", len(block["environment"]), len(truth.bytes_before["environ"].split(b"\0")) - 1)
    same("auxv", [(a["type"], int(a["value"], 16)) for a in block["auxv"]],
         list(struct.iter_unpack("<QQ", truth.auxv))[:len(block["auxv"])])
    same("thread block", int(told["!teb"]["teb"], 16), process.facts["thread_pointer"])
    same("self", told["!teb"]["self"], told["!teb"]["teb"])
    same("handles", sorted(h["handle"] for h in told["!handle -a"]["handles"]), sorted(truth.fds))
    same("times", [t["tid"] for t in told["!runaway 3"]["threads"]], truth.tids)
    same("regions", [(int(r["start"], 16), int(r["end"], 16)) for r in told["!address"]["regions"]
                     if r["usage"] != "Free"], [(m.start, m.end) for m in truth.mappings])
    stack = truth.at(int(told["r"]["registers"]["rsp"], 16))
    same("protection of the stack", told["!vprot @rsp"]["region"]["protection"], stack.access)
    unloaded = [m["path"] for m in told["lm"]["modules"] if m["unloaded"]]
    same("unloaded", [os.path.basename(p) for p in unloaded], ["plugin.so"])
    ids = {m["path"]: m["build_id"] for m in told["lm"]["modules"] if not m["unloaded"]}
    for path, build_id in truth.build_ids().items():
        same("build-id of " + path, ids.get(path), build_id)
    return wrong


def record_of(dump):
    """Where the stub's record is: its image's note of the owner "inquest" leads there."""
    base, size = next((m[0], m[1]) for m in dump.modules() if "libinquest-stub" in m[2])
    image = dump.read(base, min(size, 4096))
    at = image.index(b"inquest\0") + 8
    return base + at + struct.unpack_from("<i", image, at)[0]


@trial("matrix.records-of-a-crash")
def records(context):
    """.jdinfo, .exr, .cxr, .ecxr and .dump /j of the stub's record in a dump, and in a core made of it."""
    folder = matrix.folder_of(context, "stub")
    if "matrix-stub-whole" not in context.kept:
        matrix.dying_by_the_stub(context)
    whole = context.kept["matrix-stub-whole"]
    core = judged.convert(context, folder, whole, "/f", "crash.core")
    with matrix.opened(whole) as dump, collecting() as wrong:
        tid, signo, code, address, _parameters, registers = dump.exception()
        record = record_of(dump)
        siginfo, context_record = struct.unpack("<QQ", dump.read(record + 24, 16))
        commands = [".exr -1", ".ecxr", ".jdinfo 0x%x" % record, "r", ".exr 0x%x" % siginfo,
                    ".cxr 0x%x" % context_record]
        for path in (whole, core):
            told = answers(context, ("-z", path), commands)
            expect(set(commands) <= set(told), "no answer to %s", set(commands) - set(told))
            fault = {"signal": signo, "code": code, "address": "0x%x" % address}
            for command, place in ((commands[0], "event"), (commands[1], "event"), (commands[2], None),
                                   (commands[4], "event")):
                said = told[command].get(place, told[command]) if place else told[command]
                if {k: said.get(k) for k in fault} != fault:
                    wrong.append("%s: '%s' says %s, it was %s" % (os.path.basename(path), command,
                                                                  {k: said.get(k) for k in fault}, fault))
            for command in (commands[1], commands[2], commands[3], commands[5]):
                shown = {n: int(v, 16) for n, v in told[command]["registers"].items()}
                different = [n for n in registers if n in shown and shown[n] != registers[n]]
                if different or "rip" not in shown:
                    wrong.append("%s: '%s' shows other %s" % (os.path.basename(path), command, different))
            again = judged.convert(context, folder, path, "/j 0x%x /m" % record, "by-record.dmp.part")
            with matrix.opened(again) as made:
                if made.exception()[:4] != (tid, signo, code, address) or made.exception()[5] != registers:
                    wrong.append("%s: .dump /j says %s" % (os.path.basename(path), made.exception()[:4]))
            os.unlink(again)
    os.unlink(core)
