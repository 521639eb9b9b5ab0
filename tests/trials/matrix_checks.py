# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump holds against what others say of the same process. Each check returns its differences as words;
CHECKS says which letters a check needs."""
import os
import re
import stat
import struct

import matrix_table as table
import minidump as md
from process_truth import PAGE, merged, within, without

STACK_NEAR, STACK_FAR, STACK_SCAN = 1 << 20, 64 << 10, 256 << 10
CODE, NEAR_BEFORE, NEAR_AFTER = 256, 128, 896
RED_ZONE = 128
TICK = 10**7 // 100     # a tick of /proc in 100 ns
PROTECTIONS = {"---": 1, "r--": 2, "rw-": 4, "-w-": 4, "--x": 0x10, "r-x": 0x20, "rwx": 0x40, "-wx": 0x40}


def hexes(ranges, most=3):
    return ", ".join("%#x-%#x" % r for r in ranges[:most]) + (" and %d more" % (len(ranges) - most)
                                                               if len(ranges) > most else "")


# --- memory -------------------------------------------------------------------------------------


def stacks_in_use(dump, truth):
    """[(start, end)] of each thread's stack from its pointer on, as long as is kept."""
    found = []
    for thread in dump.threads():
        pointer = thread.registers["rsp"]
        mapping = truth.at(pointer)
        if not mapping:
            continue
        end = mapping.end
        if end - pointer > STACK_NEAR + STACK_FAR:
            found.append((pointer, pointer + STACK_NEAR))
        else:
            found.append((pointer, end))
    return merged(found)


def around_pointers(dump, truth):
    """What i promises: around each aligned word of the stacks in use, and each register, that leads to memory that
    is no code, within the mapping."""
    targets = []
    data = [(m.start, m.end) for m in truth.mappings
            if "r" in m.access and "x" not in m.access and not m.never_read]
    for thread in dump.threads():
        pointer = thread.registers["rsp"]
        mapping = truth.at(pointer)
        size = min(STACK_SCAN, mapping.end - pointer, tls_limit(thread, pointer))
        words = [v for name, v in thread.registers.items() if name != "rip"]
        start = pointer + 7 & ~7
        words += [w for w, in struct.iter_unpack("<Q", truth.read(start, size - size % 8 - 8))]
        for word in words:
            targets += [(max(a, word - NEAR_BEFORE), min(b, word + NEAR_AFTER)) for a, b in data if a <= word < b]
    return merged(targets)


def tls_limit(thread, pointer):
    """A thread's stack ends at its control block, in the same mapping."""
    return thread.teb - pointer if thread.teb > pointer else 1 << 30


def promised_memory(dump, truth, run):
    """(at least, at most), as ranges."""
    letters = table.letters_of(run)
    pointers = [t.registers["rip"] for t in dump.threads()]
    readable = truth.readable()
    stacks = stacks_in_use(dump, truth)
    code = within([(p - CODE, p + CODE) for p in pointers], readable)
    vdso = [(m.start, m.end) for m in truth.mappings if m.name == "[vdso]"]
    least, most = stacks + code + vdso, stacks + code + vdso
    # a red zone below the stack pointer, and what of a page was begun
    most = most + [(s & ~(PAGE - 1), e) for s, e in stacks] + [(s - RED_ZONE, s) for s, _e in stacks]
    # The kernel's core has memory of MADV_WIPEONFORK, and does not say which that is.
    private = [(m.start, m.end) for m in truth.mappings if m.private_writable and (truth.is_core or not m.never_read)]
    pages = lambda ranges: [(s & ~(PAGE - 1), e + PAGE - 1 & ~(PAGE - 1)) for s, e in ranges]
    if "f" in letters:
        least = most = readable
    if "w" in letters:    # Memory64List holds whole pages
        least, most = least + private, pages(most) + private
    if "d" in letters:
        writable = truth.segments("W")
        least, most = least + writable, most + pages(writable)
    if "c" in letters:
        executable = truth.segments("E")
        mapped = [(m.start, m.end) for m in truth.mappings if "x" in m.access and m.name.startswith("/")]
        least, most = least + executable, most + pages(executable) + mapped
    if "i" in letters:
        near = around_pointers(dump, truth)
        least, most = least + near, most + truth.readable()
    if "p" in letters:
        least = least + blocks(dump, truth)
        most = most + readable
    if truth.at_hand is not None:
        least, most = within(least, readable), within(most, readable)
    return merged(least), merged(most)


def blocks(dump, truth):
    """What p promises: arguments and environment, struct pthread and TLS of each thread, the loader's list."""
    found = [(thread.teb, thread.teb + 0x300) for thread in dump.threads()]
    execfn = truth.auxv_value(31)
    found.append((execfn, execfn + 8))
    for link in chain(truth):
        found.append((link, link + 40))
    return within(found, truth.readable())


def chain(truth):
    """Addresses of the struct link_map's, by the program's DT_DEBUG."""
    phdr, count = truth.auxv_value(3), truth.auxv_value(5)
    headers = list(struct.iter_unpack("<IIQQQQQQ", truth.read(phdr, 56 * count)))
    bias = next((phdr - h[3] for h in headers if h[0] == 6), 0)
    dynamic = next(h for h in headers if h[0] == 2)
    debug = dict(struct.iter_unpack("<QQ", truth.read(bias + dynamic[3], dynamic[6] & ~15))).get(21)
    link, = struct.unpack("<Q", truth.read(debug + 8, 8))
    found = []
    while link and len(found) < 1000:
        found.append(link)
        link, = struct.unpack("<Q", truth.read(link + 24, 8))
    return found


def memory(dump, truth, run):
    """No less, no more, and byte for byte. With r only what survives must be right: the rest of a stack is zero."""
    held = dump.memory()
    ranges = merged([(a, a + s) for a, s, _rva in held])
    least, most = promised_memory(dump, truth, run)
    wrong = []
    filtered = "r" in table.letters_of(run)
    missing = without(least, ranges)
    if missing and not filtered:
        wrong.append("/%s: memory is missing: %s (%s)" % (run, hexes(missing), where(truth, missing)))
    extra = without(ranges, most)
    if extra:
        wrong.append("/%s: memory that was not asked for: %s (%s)" % (run, hexes(extra), where(truth, extra)))
    for address, size, rva in held:
        wrong += same_bytes(dump, truth, run, address, size, rva, filtered)
    return wrong


def where(truth, ranges):
    """The mapping, and what the last named one before it is."""
    before = [m for m in truth.mappings if m.start <= ranges[0][0]]
    if not before or before[-1].end <= ranges[0][0]:
        return "unmapped"
    named = next((m for m in reversed(before) if m.name), before[-1])
    return "%s %s" % (before[-1].access, before[-1].name or "anonymous, %#x behind %s" % (ranges[0][0] - named.end,
                                                                                         named.name))


def same_bytes(dump, truth, run, address, size, rva, filtered):
    step = 1 << 22
    for at in range(0, size, step):
        count = min(step, size - at)
        ours = dump.data[rva + at:rva + at + count]
        theirs = truth.read(address + at, count)
        if ours == theirs:
            continue
        if len(theirs) < count:
            return ["/%s: %#x cannot be read, but the dump has it" % (run, address + at + len(theirs))]
        places = [i for i in range(count) if ours[i] != theirs[i] and not (filtered and ours[i] == 0)
                  and not kernels_own(truth, address + at + i)]
        if not places:
            continue
        place = places[0]
        place += address + at
        return ["/%s: memory differs at %#x (%s), in %d bytes" % (run, place, where(truth, [(place, 0)]), len(places))]
    return []


def kernels_own(truth, address):
    """What the kernel itself writes whenever a thread goes on: its struct rseq says on which processor. And what a
    trial says that changes."""
    return any(place <= address < place + 32 for place in truth.rseq) or \
        any(start <= address < end for start, end in truth.changing)


# --- threads ---------------------------------------------------------------------------------------


def threads(dump, truth, run):
    wrong = []
    told = dump.threads()
    if sorted(t.tid for t in told) != truth.tids:
        return ["/%s: threads %s, the kernel has %s" % (run, sorted(t.tid for t in told), truth.tids)]
    names = dump.thread_names()
    if truth.is_core:
        if names != {truth.pid: truth.names[truth.pid]}:    # the only one in the notes
            wrong.append("/%s: names %s" % (run, names))
    elif names != truth.names and not ("r" in table.letters_of(run) and names.items() <= truth.names.items()):
        wrong.append("/%s: names %s, the kernel has %s" % (run, names, truth.names))
    for thread in told:
        if dump.read(thread.stack, 1) is None:
            wrong.append("/%s: thread %d has no stack" % (run, thread.tid))
    return wrong


def registers(dump, truth, run, by_gdb):
    """Against gdb's; of a filtered dump a register is right or zero. Vectors are compared where y brought them."""
    wrong = []
    letters = table.letters_of(run)
    xstate = dump.misc()["xstate"]
    for thread in dump.threads():
        ours, theirs = thread.registers, by_gdb.get(thread.tid, {})
        for name in md.REGISTERS:
            if name in theirs and ours[name] != theirs[name] and not ("r" in letters and ours[name] == 0):
                wrong.append("/%s: thread %d: %s is %#x, gdb says %#x" % (run, thread.tid, name, ours[name],
                                                                          theirs[name]))
        if thread.teb != theirs.get("fs_base", thread.teb):
            wrong.append("/%s: thread %d: Teb %#x, gdb's fs_base is %#x" % (run, thread.tid, thread.teb,
                                                                            theirs["fs_base"]))
        if "ymm0" in theirs and "r" not in letters:
            wrong += vectors(thread, theirs, xstate, run, "y" in letters)
    return wrong


def vectors(thread, theirs, xstate, run, wide):
    wrong = []
    upper = thread.component(xstate, 2)
    if wide and upper is None:
        return ["/%s: thread %d has no AVX registers" % (run, thread.tid)]
    if not wide and upper is not None:
        return ["/%s: thread %d has AVX registers that were not asked for" % (run, thread.tid)]
    for number in range(16):
        value = bytes.fromhex(theirs["ymm%d" % number])
        if thread.xmm(number) != value[:16]:
            wrong.append("/%s: thread %d: xmm%d differs from gdb's" % (run, thread.tid, number))
        if wide and upper[16 * number:16 * (number + 1)] != value[16:]:
            wrong.append("/%s: thread %d: the upper half of ymm%d is %s, gdb says %s"
                         % (run, thread.tid, number, upper[16 * number:16 * (number + 1)].hex(), value[16:].hex()))
    return wrong


def times_of_core(dump, truth, run):
    """NT_PRSTATUS has times of threads, but for the leader's, which are the whole process's; nothing else."""
    wrong = []
    for tid, info in dump.thread_infos().items():
        user, user_us, kernel, kernel_us = truth.core.times[tid] if tid != truth.pid else (0, 0, 0, 0)
        if (info["user"], info["kernel"]) != (user * 10**7 + user_us * 10, kernel * 10**7 + kernel_us * 10):
            wrong.append("/%s: thread %d: times %d and %d" % (run, tid, info["user"], info["kernel"]))
        if (info["flags"] != 0) != (not info["user"] and not info["kernel"]):
            wrong.append("/%s: thread %d: flags %d" % (run, tid, info["flags"]))
        if info["create"] or info["affinity"]:
            wrong.append("/%s: thread %d: a core does not say when it began" % (run, tid))
    return wrong


def thread_times(dump, truth, run):
    """proc(5): 14 utime, 15 stime, 22 starttime, in ticks; the infos of a resting thread stand still."""
    if truth.is_core:
        return times_of_core(dump, truth, run)
    wrong = []
    infos = dump.thread_infos()
    with open("/proc/stat", encoding="ascii") as f:
        boot = int(re.search(r"^btime (\d+)", f.read(), re.M).group(1))
    if sorted(infos) != truth.tids:
        return ["/%s: times of threads %s" % (run, sorted(infos))]
    for tid, info in infos.items():
        stats = truth.stats[tid]
        for key, field in (("user", 14), ("kernel", 15)):
            if abs(info[key] - int(stats[field]) * TICK) > 2 * TICK:
                wrong.append("/%s: thread %d: %s time %d, /proc says %s ticks" % (run, tid, key, info[key],
                                                                                stats[field]))
        created = boot * 10**7 + int(stats[22]) * TICK
        if abs(info["create"] - created) > 2 * 10**7:
            wrong.append("/%s: thread %d: created %d, /proc says %d" % (run, tid, info["create"], created))
        if truth.affinity[tid] is not None and info["affinity"] != truth.affinity[tid]:
            wrong.append("/%s: thread %d: affinity %#x, taskset says %#x" % (run, tid, info["affinity"],
                                                                            truth.affinity[tid]))
        if info["flags"] or info["exit_status"] != 259:
            wrong.append("/%s: thread %d runs, its flags are %#x" % (run, tid, info["flags"]))
    return wrong


# --- modules ----------------------------------------------------------------------------------------


def modules(dump, truth, run):
    wrong = []
    bare = "R" in run
    ids = truth.build_ids()
    expected = {}
    for path, build_id in ids.items():
        base = min(m.start for m in truth.mappings if m.name == path)
        expected[base] = (os.path.basename(path) if bare else path, build_id)
    vdso = [m.start for m in truth.mappings if m.name == "[vdso]"]
    for base, size, name, build_id in dump.modules():
        if base in vdso:
            continue
        if base not in expected:
            wrong.append("/%s: module '%s' at %#x is none" % (run, name, base))
        elif (name, build_id) != expected[base]:
            wrong.append("/%s: module %s, %s; it is %s" % (run, name, build_id, expected[base]))
        elif not size:
            wrong.append("/%s: module '%s' has no size" % (run, name))
        expected.pop(base, None)
    if expected:
        wrong.append("/%s: modules are missing: %s" % (run, sorted(expected.values())))
    return wrong


def regions(dump, truth, run):
    """With F the whole address space without a gap; else mappings as they are, those of all memory that is there."""
    wrong = []
    told = dump.regions()
    whole = "F" in table.letters_of(run)
    used = {(start, end): (state, protection) for start, end, state, protection, _type in told if state != md.FREE}
    mapped = {(m.start, m.end): m for m in truth.mappings}
    for (start, end), (state, protection) in used.items():
        mapping = mapped.get((start, end))
        if not mapping:
            wrong.append("/%s: %#x-%#x is no mapping" % (run, start, end))
            continue
        if protection & 0xff != PROTECTIONS[mapping.access[:3]]:
            wrong.append("/%s: %#x: protection %#x, the kernel says %s" % (run, start, protection, mapping.access))
        if (state == md.RESERVE) != (mapping.access[:3] == "---"):
            wrong.append("/%s: %#x: state %#x, the kernel says %s" % (run, start, state, mapping.access))
    if whole and set(used) != set(mapped):
        wrong.append("/%s: mappings are missing: %s" % (run, hexes(sorted(set(mapped) - set(used)))))
    ends = [(start, end) for start, end, *_rest in told]
    if ends != sorted(ends) or whole and any(a[1] != b[0] for a, b in zip(ends, ends[1:]) if b[0] < 1 << 47):
        wrong.append("/%s: MemoryInfoList has gaps or no order" % run)
    lost = without([(a, a + s) for a, s, _rva in dump.memory()], list(used))
    if lost:
        wrong.append("/%s: memory of no region: %s" % (run, hexes(lost)))
    return wrong


# --- descriptors ---------------------------------------------------------------------------------------


KINDS = (("socket:", "Socket"), ("pipe:", "Pipe"), ("/memfd:", "Memory"), ("anon_inode:[eventfd]", "Event"),
         ("anon_inode:[eventpoll]", "Epoll"), ("anon_inode:[timerfd]", "Timer"), ("anon_inode:[signalfd]", "Signal"),
         ("anon_inode:inotify", "Inotify"), ("anon_inode:[pidfd]", "Process"), ("pidfd:", "Process"),
         ("net:", "Namespace"))
LSOF_KINDS = {"REG": ("File", "Memory", "Namespace"), "DIR": ("Directory",), "CHR": ("Device",), "FIFO": ("Pipe",),
              "IPv4": ("Socket",), "IPv6": ("Socket",), "unix": ("Socket",), "sock": ("Socket",)}


def kind_of(link, facts):
    for prefix, kind in KINDS:
        if link.startswith(prefix):
            return kind
    return {stat.S_IFDIR: "Directory", stat.S_IFCHR: "Device", stat.S_IFREG: "File"}.get(stat.S_IFMT(facts.st_mode))


def handles(dump, truth, run):
    """With r the names are of the program's choosing, and what leads to them: emptied."""
    wrong = []
    hidden = "r" in table.letters_of(run)
    told = dump.handles()
    if set(told) != set(truth.fds):
        return ["/%s: descriptors %s, /proc has %s" % (run, sorted(told), sorted(truth.fds))]
    for number, handle in told.items():
        link, info = truth.fds[number], truth.fdinfo[number]
        expected = {"type": kind_of(link, truth.kinds[number]), "flags": int(info["flags"], 8),
                    "position": int(info["pos"]), "mount": int(info["mnt_id"]),
                    "deleted": link.endswith(" (deleted)")}
        for key, value in expected.items():
            if handle[key] != value and not (hidden and not handle[key]):
                wrong.append("/%s: descriptor %d: %s is %s, /proc says %s" % (run, number, key, handle[key], value))
        if hidden and (handle["inode"] or handle["details"] or handle["name"]):
            wrong.append("/%s: descriptor %d is named: %s" % (run, number, handle))
        if not hidden and handle["inode"] not in (truth.kinds[number].st_ino, int(info.get("ino", 0))):
            wrong.append("/%s: descriptor %d: inode %d" % (run, number, handle["inode"]))
        if handle["type"] != "Socket" and not hidden:
            wrong += name_of_handle(handle, link, run, number)
        for key, value in info.items():
            if not hidden and key in ("eventfd-count", "sigmask", "clockid", "it_interval", "Pid") and \
                    not re.search(r"^%s: *%s$" % (key, re.escape(value)), handle["details"], re.M):
                wrong.append("/%s: descriptor %d lacks '%s: %s'" % (run, number, key, value))
    return wrong + by_lsof(told, truth, run) + ([] if hidden else by_ss(told, truth, run))


def name_of_handle(handle, link, run, number):
    name = link[:-len(" (deleted)")] if link.endswith(" (deleted)") else link
    if "R" in run and name.startswith("/") and not name.startswith("/memfd:"):
        name = os.path.basename(name)
    if handle["name"] != name and not ("R" in run and link.startswith("/memfd:")):
        return ["/%s: descriptor %d is '%s', /proc says '%s'" % (run, number, handle["name"], name)]
    return []


def by_lsof(told, truth, run):
    wrong = []
    for number, fields in truth.seen_by_lsof.items():
        kinds = LSOF_KINDS.get(fields.get("t"))
        if number not in told or kinds and told[number]["type"] not in kinds:
            wrong.append("/%s: descriptor %d is %s, lsof says %s" % (run, number, told.get(number), fields))
    return wrong


def by_ss(told, truth, run):
    """State and both ends, as ss shows them: `*` is any address."""
    wrong = []
    states = {"ESTAB": "ESTABLISHED", "UNCONN": "UNCONNECTED", "LISTEN": "LISTEN"}
    sockets = {n for n, handle in told.items() if handle["type"] == "Socket"}
    if sockets != set(truth.seen_by_ss):
        wrong.append("/%s: sockets %s, ss has %s" % (run, sorted(sockets), sorted(truth.seen_by_ss)))
    for number, words in truth.seen_by_ss.items():
        name = told[number]["name"]
        protocol, state = words[0], states.get(words[1], words[1])
        family = "unix" if protocol.startswith("u_") else protocol
        if not name.startswith(family):
            wrong.append("/%s: socket %d is '%s', ss says %s" % (run, number, name, words[:6]))
        if state not in name and not (family == "unix" and "CONNECTED" in name):
            wrong.append("/%s: socket %d is '%s', ss says %s" % (run, number, name, state))
        if family != "unix":
            for port in (w.rpartition(":")[2] for w in words[4:6]):
                if port.isdigit() and ":" + port not in name:
                    wrong.append("/%s: socket %d is '%s', ss knows port %s" % (run, number, name, port))
        elif words[4].startswith("@") and "R" not in run and words[4] not in name:
            wrong.append("/%s: socket %d is '%s', ss says %s" % (run, number, name, words[4]))
    return wrong


# --- texts and counters -----------------------------------------------------------------------------


def auxv(dump, truth, run):
    ours, hidden = dump.stream(md.AUXV), "r" in table.letters_of(run)
    pairs = zip(struct.iter_unpack("<QQ", ours), struct.iter_unpack("<QQ", truth.auxv))
    if len(ours) != len(truth.auxv) or any(a != b and not (hidden and a[0] == b[0] and not a[1]) for a, b in pairs):
        return ["/%s: auxv differs from /proc's" % run]
    return []


def arguments(dump, truth, run):
    """Of a filtered dump the name alone is there."""
    wrong = []
    whole = truth.bytes_before["cmdline"]
    if "R" in run:
        first, nul, rest = whole.partition(b"\0")
        whole = first.rpartition(b"/")[2] + nul + rest
    if dump.stream(md.CMD_LINE) != whole and "r" not in run:
        wrong.append("/%s: arguments %s" % (run, dump.stream(md.CMD_LINE)))
    if "R" not in run and md.ENVIRON in dump.streams and dump.stream(md.ENVIRON) != truth.bytes_before["environ"]:
        wrong.append("/%s: the environment differs from /proc's" % run)
    return wrong


def maps_of_core(dump, truth, run):
    """Names of files as NT_FILE has them."""
    if not truth.is_core or "R" in run or "r" in run:
        return []
    told = {}
    for line in dump.text(md.MAPS).splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and words[5].startswith("/"):
            told[tuple(int(w, 16) for w in words[0].split("-"))] = (int(words[2], 16), words[5])
    files = {(start, end): (offset, path) for start, end, offset, path in truth.core.files}
    return [] if told == files else ["/%s: maps name %s, the core's notes %s" % (
        run, sorted(set(told.items()) - set(files.items()))[:2], sorted(set(files.items()) - set(told.items()))[:2])]


def texts(dump, truth, run):
    wrong = []
    status_now = truth.status_before
    hidden = "r" in table.letters_of(run)
    status = dict(line.split(":\t", 1) for line in dump.text(md.PROC_STATUS).splitlines() if ":\t" in line)
    for key in ("Name", "Pid", "PPid", "Uid", "Gid", "Threads", "SigBlk", "SigCgt", "CapEff", "Seccomp"):
        if key in status_now and status.get(key) != status_now[key]:
            wrong.append("/%s: status: %s is %s, /proc says %s" % (run, key, status.get(key), status_now[key]))
    mapped = [line.split()[0] for line in dump.text(md.MAPS).splitlines()]
    if mapped != ["%x-%x" % (m.start, m.end) if m.start >= 1 << 32 else "%08x-%08x" % (m.start, m.end)
                  for m in truth.mappings]:
        wrong.append("/%s: maps differ from /proc's" % run)
    if "R" not in run and not hidden and dump.stream(md.MAPS) != truth.bytes_before["maps"]:
        wrong.append("/%s: maps differ from /proc's" % run)
    return wrong


def exception(dump, truth, run):
    """Of a process that wrote to 0x1230: siginfo_t's numbers."""
    tid, code, flags, address, _parameters, own = dump.exception()
    wrong = []
    if (tid, code, flags, address) != truth.fault:
        wrong.append("/%s: exception %s, it was %s" % (run, (tid, code, flags, address), truth.fault))
    if not own or own["rip"] not in [t.registers["rip"] for t in dump.threads() if t.tid == tid]:
        wrong.append("/%s: the exception is not where the thread is" % run)
    return wrong


def process(dump, truth, run):
    wrong = []
    misc, system = dump.misc(), dump.system()
    if truth.is_core:
        return [] if (misc["pid"], system["platform"], system["architecture"]) == (truth.pid, 0x8201, 9) else \
            ["/%s: process %d, platform %#x, processor %d" % (run, misc["pid"], system["platform"],
                                                             system["architecture"])]
    uname = os.uname()
    with open("/proc/stat", encoding="ascii") as f:
        boot = int(re.search(r"^btime (\d+)", f.read(), re.M).group(1))
    stats = truth.stats[truth.pid]
    if misc["pid"] != truth.pid or not misc["flags"] & 1:
        wrong.append("/%s: process %d" % (run, misc["pid"]))
    if abs(misc["created"] - boot - int(stats[22]) // 100) > 2:
        wrong.append("/%s: created %d" % (run, misc["created"]))
    if (system["platform"], system["architecture"]) != (0x8201, 9):
        wrong.append("/%s: platform %#x, processor %d" % (run, system["platform"], system["architecture"]))
    if uname.release not in system["version"] or system["processors"] != os.cpu_count():
        wrong.append("/%s: system '%s' with %d processors" % (run, system["version"], system["processors"]))
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        text = f.read()
    found = {key: re.search(r"^%s\s*: (.*)$" % key, text, re.M).group(1)
             for key in ("vendor_id", "cpu family", "model", "stepping")}
    if (system["vendor"], system["level"], system["revision"]) != (
            found["vendor_id"], int(found["cpu family"]), int(found["model"]) << 8 | int(found["stepping"])):
        wrong.append("/%s: processor %s family %d revision %#x, cpuinfo says %s"
                     % (run, system["vendor"], system["level"], system["revision"], found))
    return wrong


def token(dump, truth, run):
    wrong = []
    pid, lines = dump.token()
    status = truth.status_before
    if pid != truth.pid:
        wrong.append("/%s: token of %d" % (run, pid))
    for key in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
        if "".join(lines.get(key, [])).split() != status[key].split():
            wrong.append("/%s: token: %s is %s, /proc says %s" % (run, key, lines.get(key), status[key]))
    spaces = {}
    for value in lines.get("Namespace", []):
        name, _blank, inode = value.partition(" ")
        spaces[name] = int(inode)
    for name, inode in truth.namespaces.items():
        if spaces.get(name) != inode:
            wrong.append("/%s: token: namespace %s is %s" % (run, name, spaces.get(name)))
    if "r" in table.letters_of(run):
        return wrong
    if lines.get("Cgroup") != truth.bytes_before["cgroup"].decode().splitlines():
        wrong.append("/%s: token: cgroup %s" % (run, lines.get("Cgroup")))
    return wrong


def near(a, b, part=0.1, least=1 << 20):
    return abs(a - b) <= max(least, part * max(a, b))


def counters(dump, truth, run):
    wrong = []
    told, status = dump.vm_counters(), truth.status_before
    kib = lambda key: int(status[key].split()[0]) * 1024
    for name, key in (("size", "VmSize"), ("peak_size", "VmPeak"), ("rss", "VmRSS"), ("peak_rss", "VmHWM"),
                      ("swap", "VmSwap"), ("anonymous", "RssAnon")):
        if not near(told[name], kib(key), 0.02, 256 << 10):
            wrong.append("/%s: counter %s is %d, /proc says %d" % (run, name, told[name], kib(key)))
    machine = dump.system_memory()
    with open("/proc/meminfo", encoding="ascii") as f:
        memory_info = dict((line.split(":")[0], int(line.split()[1]) * 1024) for line in f)
    if machine["total"] != memory_info["MemTotal"] // PAGE or machine["processors"] != os.cpu_count():
        wrong.append("/%s: machine: %s" % (run, machine))
    if not near(machine["available"] * PAGE, memory_info["MemAvailable"], 0.3, 256 << 20):
        wrong.append("/%s: machine: %d pages are available, /proc says %d bytes" % (run, machine["available"],
                                                                                    memory_info["MemAvailable"]))
    if machine["limit"] != memory_info["CommitLimit"] // PAGE:
        wrong.append("/%s: machine: commit limit %d" % (run, machine["limit"]))
    return wrong


def links(dump, truth, run):
    """The loader's list, against the one in memory."""
    told = [(address, dynamic) for address, _name, dynamic in dump.links()]
    real = []
    for place in chain(truth):
        address, _name, dynamic = struct.unpack("<QQQ", truth.read(place, 24))
        real.append((address, dynamic))
    return [] if told == real else ["/%s: the loader's list %s, in memory %s" % (run, told, real)]


def unloaded(dump, truth, run):
    """What plenty loaded and unloaded at its start, as the stub remembers it; nobody else does."""
    told = dump.unloaded()
    if not truth.has_stub:
        return ["/%s: unloaded modules %s of a process without the stub" % (run, told)] if told else []
    if [os.path.basename(name) for _base, _size, name in told] != ["plugin.so"] or not told[0][1]:
        return ["/%s: unloaded modules %s" % (run, told)]
    base = told[0][0]
    return ["/%s: unloaded module at %#x" % (run, base)] if base % PAGE or not 1 << 20 < base < 1 << 47 else []


def kernel_side(dump, truth, run):
    text = dump.text(md.INQUEST_KERNEL)
    return ["/%s: the kernel's side of thread %d lacks %s" % (run, tid, name)
            for tid in truth.tids for name in ("stack", "wchan", "syscall", "sched")
            if "[task/%d/%s]" % (tid, name) not in text]


# check, streams that it needs
CHECKS = (
    (memory, (md.MEMORY_LIST,)), (threads, (md.THREAD_LIST,)), (modules, (md.MODULE_LIST,)),
    (regions, (md.MEMORY_INFO_LIST,)), (handles, (md.HANDLE_DATA,)), (thread_times, (md.THREAD_INFO_LIST,)),
    (auxv, (md.AUXV,)), (arguments, (md.CMD_LINE,)), (texts, (md.PROC_STATUS, md.MAPS)),
    (maps_of_core, (md.MAPS,)), (process, (md.MISC_INFO, md.SYSTEM_INFO)), (token, (md.TOKEN,)),
    (exception, (md.EXCEPTION,)), (unloaded, (md.UNLOADED,)),
    (counters, (md.VM_COUNTERS, md.SYSTEM_MEMORY)), (links, (md.DSO_DEBUG,)), (kernel_side, (md.INQUEST_KERNEL,)),
)


def contents(dump, truth, run):
    wrong = []
    for check, streams in CHECKS:
        if all(kind in dump.streams for kind in streams):
            wrong += check(dump, truth, run)
    return wrong
