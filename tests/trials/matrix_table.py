# SPDX-License-Identifier: GPL-3.0-or-later
"""What each letter of .dump promises, written by hand from the table of the manual and of the seeds: the streams of
the directory on each kind of target. Nothing here is derived from the program's own table."""
from minidump import (AUXV, CMD_LINE, COMMENT_A, COMMENT_W, CPU_INFO, CRASHPAD_INFO, DSO_DEBUG, ENVIRON, EXCEPTION,
                      HANDLE_DATA, INQUEST_CLASSES, INQUEST_DETAILS, INQUEST_INFO, INQUEST_KERNEL, LSB_RELEASE, MAPS,
                      MEMORY64_LIST, MEMORY_INFO_LIST, MEMORY_LIST, MISC_INFO, MODULE_LIST, PROC_STATUS, SYSTEM_INFO,
                      SYSTEM_MEMORY, THREAD_INFO_LIST, THREAD_LIST, THREAD_NAMES, TOKEN, UNLOADED, VM_COUNTERS)

LETTERS = "aAcdfFhikprRtuwy"

# Documented ones first (Microsoft's pages, the seeds, the manual), then mixtures that touch each other.
COMBINATIONS = ("mfFhut", "mfiu", "mfh", "mrR", "mhtu", "mwp", "mdc", "mhR", "mfR", "mRtuFhy", "mrRhtu", "mrRFy",
                "mcdip", "miy", "mFhutk", "mAypk", "mapy")
RUNS = ("m",) + tuple("m" + letter for letter in LETTERS) + COMBINATIONS

ALWAYS = {SYSTEM_INFO, MISC_INFO, THREAD_LIST, THREAD_NAMES, MODULE_LIST, MEMORY_LIST, CPU_INFO, PROC_STATUS,
          LSB_RELEASE, CMD_LINE, ENVIRON, AUXV, MAPS, DSO_DEBUG, INQUEST_INFO,
          # of the mappings that the memory is from: readers ask for protections
          MEMORY_INFO_LIST}

# letter: (streams that it brings, streams that it takes away)
BRINGS = {
    "c": (), "d": (), "i": (), "R": (), "y": (),      # more in streams that are there anyway
    "f": (MEMORY64_LIST,),
    "F": (SYSTEM_MEMORY, VM_COUNTERS),
    "h": (HANDLE_DATA, TOKEN),
    "k": (INQUEST_KERNEL,),
    "p": (TOKEN,),
    "r": (INQUEST_CLASSES,),
    "t": (THREAD_INFO_LIST,),
    "u": (UNLOADED,),
    "w": (MEMORY64_LIST,),
}
STANDS_FOR = {"a": "fFhut", "A": "fFhut"}
# The environment holds nothing that an unwinder reads.
TAKES = {"r": (ENVIRON,)}
# There where something is to be said, or was said by the program.
MAY_BE = {COMMENT_W, COMMENT_A, CRASHPAD_INFO, INQUEST_DETAILS}

# What an ELF core of the kernel's has nothing of.
NOT_IN_A_CORE = {CPU_INFO, LSB_RELEASE, PROC_STATUS, HANDLE_DATA, TOKEN, INQUEST_KERNEL, SYSTEM_MEMORY,
                 VM_COUNTERS}


def letters_of(run):
    """The letters with those that they stand for."""
    return set("".join(letter + STANDS_FOR.get(letter, "") for letter in run[1:]))


def promised(run, lacks=(), dead=False):
    """The streams of the directory."""
    streams = set(ALWAYS)
    letters = letters_of(run)
    for letter in letters:
        streams.update(BRINGS.get(letter, ()))
    for letter in letters:
        streams.difference_update(TAKES.get(letter, ()))
    if dead:
        streams.add(EXCEPTION)
    return streams - set(lacks)


def directory(dump, run, lacks=(), dead=False):
    """Differences between the directory and the promise, as words."""
    wanted, there = promised(run, lacks, dead), set(dump.streams) - MAY_BE
    return (["/%s: stream %#x is missing" % (run, kind) for kind in sorted(wanted - there)] +
            ["/%s: stream %#x was not asked for" % (run, kind) for kind in sorted(there - wanted)])
