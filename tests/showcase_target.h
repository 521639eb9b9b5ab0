/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * A target made of constants: one crashed thread of an x86-64 process, a page of memory, two modules without files,
 * and names that try everything that a terminal can be told to do.
 */
#ifndef SHOWCASE_TARGET_H
#define SHOWCASE_TARGET_H

#include "target/target.h"

#define FAKE_MEMORY 0x7ffd00001000ull /* 256 bytes: 00 01 02 ... ff */
#define FAKE_PC 0x401016ull

/* OSC 52 sets the clipboard, OSC 0 the title, 0x9b is CSI in one byte, U+202E turns text around. */
#define HOSTILE_CLIPBOARD "\033]52;c;ZXZpbA==\a"
#define HOSTILE_TITLE "\033]0;owned\a"
#define HOSTILE_CSI "\x9b""2J"
#define HOSTILE_RLO "\xe2\x80\xae"

struct inq_target *showcase_target_new(void);

/* The same without exception, threads and memory. */
struct inq_target *showcase_target_empty(void);

#endif
