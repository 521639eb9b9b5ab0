/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/vectors.h"

#include "debugger/show.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Components of the XSAVE area, by number (Intel SDM volume 1, 13.5), and where the XMM registers
 * lie in its image. */
enum { SSE = 1, AVX = 2, MASKS = 5, ZMM_HIGH = 6, ZMM_MORE = 7, XMM = 160, WIDEST = 64 };

/*
 * A register is put together of pieces, lowest first: its number counts from `first`, and piece
 * `component` has `size` bytes of it. What the legacy image has is component 1, at a place of its
 * own.
 *
 * letter    group, 0 none
 * name      without its number
 * first, last
 * pieces    component (0 ends the list), bytes
 */
static const struct bank {
	char letter;
	const char *name;
	unsigned first, last;
	struct {
		unsigned component, size;
	} pieces[4];
} banks[] = {
	{'Y', "ymm", 0, 15, {{SSE, 16}, {AVX, 16}}},
	{0, "ymm", 16, 31, {{ZMM_MORE, 32}}},
	{'Z', "zmm", 0, 15, {{SSE, 16}, {AVX, 16}, {ZMM_HIGH, 32}}},
	{'Z', "zmm", 16, 31, {{ZMM_MORE, 64}}},
	{'Z', "k", 0, 7, {{MASKS, 8}}},
};

enum { BANKS = sizeof(banks) / sizeof(banks[0]) };

/* Bytes of a whole register of the component, which are as far apart as they are long. */
static unsigned stride_of(unsigned component)
{
	static const unsigned strides[] = {
		[SSE] = 16, [AVX] = 16, [MASKS] = 8, [ZMM_HIGH] = 32, [ZMM_MORE] = 64};

	return strides[component];
}

/* Its value, lowest byte first; 0 if the area does not have it. A component in its initial state is
 * zero, whatever the area holds there. */
static size_t read_register(const struct inq_xstate *xstate, const struct bank *bank,
			    unsigned number, uint8_t to[WIDEST])
{
	size_t size = 0;

	for (size_t i = 0; i < 4 && bank->pieces[i].component; i++) {
		unsigned component = bank->pieces[i].component, stride = stride_of(component);
		size_t at = (component == SSE ? XMM : xstate->features[component].offset) +
			    (size_t)(number - bank->first) * stride;

		if (component != SSE && !xstate->features[component].size)
			return 0;
		if (at + bank->pieces[i].size > xstate->size)
			return 0;
		if (xstate->present >> component & 1)
			memcpy(to + size, xstate->bytes + at, bank->pieces[i].size);
		else
			memset(to + size, 0, bank->pieces[i].size);
		size += bank->pieces[i].size;
	}
	return size;
}

static bool show_register(struct debugger *debugger, const struct inq_xstate *xstate,
			  const struct bank *bank, unsigned number)
{
	uint8_t value[WIDEST];
	char name[8], text[2 * WIDEST + 1];
	size_t size = read_register(xstate, bank, number, value);
	json_t *json = debugger->out.json;

	if (!size)
		return false;
	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", value[size - 1 - i]);
	snprintf(name, sizeof(name), "%s%u", bank->name, number);
	if (json && !json_object_get(json, "registers"))
		json_object_set_new(json, "registers", json_object());
	if (json)
		json_object_set_new(json_object_get(json, "registers"), name, json_text(text));
	else
		out_print(&debugger->out, "%-5s=%s\n", name, text);
	return true;
}

/* "ymm5": its bank and number; NULL if it is none. */
static const struct bank *find(const char *name, unsigned *ret_number)
{
	for (size_t i = 0; i < BANKS; i++) {
		size_t size = strlen(banks[i].name);
		char *end;
		unsigned long number;

		if (strncmp(name, banks[i].name, size) != 0 || !isdigit((unsigned char)name[size]))
			continue;
		number = strtoul(name + size, &end, 10);
		if (!*end && number >= banks[i].first && number <= banks[i].last) {
			*ret_number = (unsigned)number;
			return &banks[i];
		}
	}
	return NULL;
}

static bool is_group(char letter)
{
	for (size_t i = 0; i < BANKS; i++) {
		if (letter && banks[i].letter == letter)
			return true;
	}
	return false;
}

static bool show_group(struct debugger *debugger, const struct inq_xstate *xstate, char letter)
{
	bool shown = false;

	for (size_t i = 0; i < BANKS; i++) {
		for (unsigned n = banks[i].first; banks[i].letter == letter && n <= banks[i].last;
		     n++)
			shown |= show_register(debugger, xstate, &banks[i], n);
	}
	return shown;
}

bool vectors_show(struct debugger *debugger, const char *name, enum inq_status *ret,
		  struct inq_error *err)
{
	long thread = inq_session_thread(debugger->session);
	bool group = !name[1] && is_group(name[0]);
	unsigned number = 0;
	const struct bank *bank = group ? NULL : find(name, &number);
	struct inq_xstate xstate;

	if (!group && !bank)
		return false;
	*ret = thread < 0 ? INQ_ABSENT
			  : inq_target_xstate(inq_session_target(debugger->session), (size_t)thread,
					      &xstate, err);
	if (*ret == INQ_ABSENT)
		inq_fail(err, INQ_ABSENT,
			 "no extended registers of this thread are known (the letter y brings them "
			 "into a dump)");
	else if (*ret == INQ_OK && !(group ? show_group(debugger, &xstate, name[0])
					   : show_register(debugger, &xstate, bank, number)))
		*ret = inq_fail(err, INQ_ABSENT,
				"'%s': the processor of the dump has none, or does not save it",
				name);
	return true;
}
