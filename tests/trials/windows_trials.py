# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows' dumps: their stacks by the images' unwind data, and the same stacks when they are scrubbed.

The dumps are of tests/fixtures/pe-walk.exe while it runs; who called whom is known (tests/windows_dumps.c).
"""
import os
import subprocess
import tempfile

import inquest
import judges
from trial import Skip, collecting, expect, trial

EVERY = 9          # new instructions from one dump to the next
LLDB_EVERY = 14    # dumps from one that lldb judges, too, to the next: it takes a second for each
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fixtures")
IMAGE = os.path.join(FIXTURES, "pe-walk.exe")


def truth_of(folder, place):
    """[(place in the image, stack pointer)], innermost first"""
    with open(os.path.join(folder, place + ".truth"), encoding="ascii") as f:
        return [tuple(int(word, 16) for word in line.split()) for line in f]


def dumps(context):
    """(folder, [places]); made once."""
    program = os.path.join(context.options.build, "tests/trials/windows-dumps")
    if not os.access(program, os.X_OK):
        raise Skip("'%s' is not built" % program)
    folder = tempfile.mkdtemp(prefix="windows.", dir=context.folder)
    done = subprocess.run([program, IMAGE, folder, str(EVERY)], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        raise Skip(done.stderr.strip())
    expect(done.returncode == 0, "windows-dumps: %s", done.stderr[-200:])
    places = sorted(name[:-6] for name in os.listdir(folder) if name.endswith(".truth"))
    expect(len(places) > 20, "only %d dumps", len(places))
    return folder, places


def frames(context, dump, more):
    """[(place in the image, stack pointer, trust)]"""
    told = inquest.answers(context.tree, dump, ["lm", "k 0n100", "q"], more)
    base = int(told["lm"][0]["modules"][0]["start"], 0)
    return [(int(f["pc"], 0) - base, int(f["sp"], 0), f["trust"]) for f in told["k 0n100"][0]["threads"][0]["frames"]]


def scrub(context, dump, more):
    clean = dump + ".clean"
    done = subprocess.run([context.tree.debugger, "scrub", *more, dump, clean], capture_output=True, text=True,
                          timeout=60, check=False)
    expect(done.returncode == 0, "%s: %s", os.path.basename(dump), done.stderr[-200:])
    return clean


@trial("windows.frames-by-unwind-data")
def by_unwind_data(context):
    """The image beside the dump, and in it: all frames, each exact."""
    folder, places = dumps(context)
    with collecting() as wrong:
        for place in places:
            truth = truth_of(folder, place)
            for suffix, more in ((".dmp", ["-i", FIXTURES]), ("-memory.dmp", [])):
                seen = frames(context, os.path.join(folder, place + suffix), more)
                if [f[:2] for f in seen] != truth or any(f[2] not in ("context", "pdata") for f in seen):
                    wrong.append("%s%s: %s, not %s" % (place, suffix, seen, truth))


@trial("windows.scrubbed-frames")
def scrubbed(context):
    """`inquest scrub --strict` keeps every frame, and of the registers and the stack only what they hang on."""
    folder, places = dumps(context)
    with collecting() as wrong:
        for place in places:
            truth = truth_of(folder, place)
            for suffix, more in ((".dmp", ["-i", FIXTURES]), ("-memory.dmp", ["-i", FIXTURES])):
                clean = scrub(context, os.path.join(folder, place + suffix), ["--strict", *more])
                seen = frames(context, clean, more)
                if [f[:2] for f in seen] != truth:
                    wrong.append("%s%s: %s, not %s" % (place, suffix, seen, truth))
                with open(clean, "rb") as f:
                    data = f.read()
                if b"P\0r\0o\0g\0r\0a\0m\0" in data or b"Program Files" in data:
                    wrong.append("%s%s: a folder is named" % (place, suffix))
                for secret in (0x5555, 0x6666, 0x7777, 0x8888, 0x9999, 0xaaaa):
                    if secret.to_bytes(8, "little") in data:
                        wrong.append("%s%s: the register's value 0x%x is there" % (place, suffix, secret))


@trial("windows.scrubbed-without-the-image")
def without_the_image(context):
    """No image, no proof: nothing of the stack is shown, and the dump says what is lost."""
    folder, places = dumps(context)
    with collecting() as wrong:
        for place in places[::4]:
            clean = scrub(context, os.path.join(folder, place + ".dmp"), [])
            told = subprocess.run([context.tree.debugger, "-z", clean, "-c", "vertarget; q"], capture_output=True, text=True,
                                  timeout=60, check=False)
            seen = frames(context, clean, ["-i", FIXTURES])
            if seen[0][:2] != truth_of(folder, place)[0]:
                wrong.append("%s: the innermost frame is lost" % place)
            if "no caller could be shown to be one" not in told.stdout + told.stderr:
                wrong.append("%s: does not say what is lost: %s" % (place, (told.stdout + told.stderr)[-300:]))


@trial("windows.lldb-reads-scrubbed-dumps")
def lldb_agrees(context):
    """lldb, with the image beside the dump, sees the same frames before and after."""
    if not judges.lldb_program():
        raise Skip("no lldb")
    folder, places = dumps(context)
    with collecting() as wrong:
        for place in places[::LLDB_EVERY]:
            whole = os.path.join(folder, place + ".dmp")
            clean = scrub(context, whole, ["-i", FIXTURES])
            before = [f.pc for f in list(judges.lldb(whole).threads.values())[0]]
            after = [f.pc for f in list(judges.lldb(clean).threads.values())[0]]
            if before != after:
                wrong.append("%s: %s, then %s" % (place, [hex(p) for p in before], [hex(p) for p in after]))
