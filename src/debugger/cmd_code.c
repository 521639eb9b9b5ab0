/* SPDX-License-Identifier: GPL-3.0-or-later */
/* u, ub, uf */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_COUNT = 8, /* instructions, as in WinDbg */
	COUNT_MAX = 100000,
	FUNCTION_MAX = 1 << 20, /* bytes of a function that uf shows */
	BACK_MAX = 15,		/* bytes of the longest instruction */
};

/* Where to begin and how far to go. */
struct extent {
	uint64_t address;
	uint64_t count; /* instructions; 0: until end */
	uint64_t end;	/* last address that is shown */
};

/* "[ADDR] [LN | END]" */
static enum inq_status take_extent(struct debugger *debugger, const char *at, struct extent *extent,
				   struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	extent->count = DEFAULT_COUNT;
	if (!*at)
		return INQ_OK;
	if (*at != 'L' && *at != 'l') {
		status = take_value(debugger, &at, &extent->address, err);
		if (status != INQ_OK || !*at)
			return status;
	}
	if (*at == 'L' || *at == 'l') {
		at++;
		status = take_value(debugger, &at, &extent->count, err);
		if (status == INQ_OK && (!extent->count || extent->count > COUNT_MAX))
			return inq_fail(err, INQ_USAGE, "1 to 0x%x instructions", COUNT_MAX);
	} else {
		extent->count = 0;
		status = take_value(debugger, &at, &extent->end, err);
		if (status == INQ_OK && extent->end < extent->address)
			return inq_fail(err, INQ_USAGE, "the end lies before the start");
	}
	return status == INQ_OK ? no_more(at, err) : status;
}

static void show_heading(struct debugger *debugger, uint64_t address)
{
	struct inq_place place;

	inq_session_place(debugger->session, address, &place);
	show_place(&debugger->out, &place, address);
	out_print(&debugger->out, ":\n");
}

static bool begins_symbol(struct debugger *debugger, uint64_t address)
{
	struct inq_place place;

	inq_session_place(debugger->session, address, &place);
	return place.symbol && place.offset == 0;
}

static enum inq_status show_code(struct debugger *debugger, const struct extent *extent,
				 struct inq_error *err)
{
	uint64_t address = extent->address;

	show_heading(debugger, address);
	for (uint64_t i = 0; extent->count ? i < extent->count : address <= extent->end; i++) {
		struct inq_instruction instruction;
		uint8_t bytes[INQ_INSTRUCTION_MAX];
		enum inq_status status =
			inq_session_instruction(debugger->session, address, &instruction, bytes, err);

		if (status != INQ_OK)
			return i ? INQ_OK : status;
		if (out_stop(&debugger->out) || i >= COUNT_MAX)
			break;
		if (i && begins_symbol(debugger, address))
			show_heading(debugger, address);
		show_instruction_line(debugger, address, &instruction, bytes);
		address += instruction.size;
		debugger->next_code = address;
		if (address < extent->address)
			break;
	}
	return INQ_OK;
}

/* How many instructions decode from `start` exactly to `end`; 0 if they do not meet it. */
static size_t meet(struct debugger *debugger, uint64_t start, uint64_t end)
{
	struct inq_instruction instruction;
	uint8_t bytes[INQ_INSTRUCTION_MAX];
	size_t count = 0;

	while (start < end) {
		if (inq_session_instruction(debugger->session, start, &instruction, bytes, NULL) != INQ_OK ||
		    strcmp(instruction.text, "???") == 0)
			return 0;
		start += instruction.size;
		count++;
	}
	return start == end ? count : 0;
}

/*
 * Code cannot be read backwards for sure. The function's start, where it is known and near, decodes
 * for sure; otherwise the earliest start that meets the address with enough instructions is the
 * best guess.
 */
static bool find_back(struct debugger *debugger, uint64_t end, uint64_t count, uint64_t *ret_start)
{
	struct inq_instruction instruction;
	uint8_t bytes[INQ_INSTRUCTION_MAX];
	struct inq_place place;
	uint64_t start = 0;
	size_t have = 0;

	inq_session_place(debugger->session, end, &place);
	if (place.symbol && place.offset && place.offset < FUNCTION_MAX) {
		start = place.symbol_address;
		have = meet(debugger, start, end);
	}
	for (uint64_t back = count * BACK_MAX; have < count && back > 0; back--) {
		size_t met = back <= end ? meet(debugger, end - back, end) : 0;

		if (met >= count || met > have) {
			have = met;
			start = end - back;
		}
	}
	for (; have > count; have--) {
		if (inq_session_instruction(debugger->session, start, &instruction, bytes, NULL) != INQ_OK)
			return false;
		start += instruction.size;
	}
	*ret_start = start;
	return have > 0;
}

static enum inq_status show_back(struct debugger *debugger, struct extent extent,
				 struct inq_error *err)
{
	uint64_t end = extent.address;

	if (!extent.count || extent.count > 0x1000)
		return inq_fail(err, INQ_USAGE, "ub wants L and 1 to 0x1000 instructions");
	if (!find_back(debugger, end, extent.count, &extent.address))
		return inq_fail(err, INQ_FAULT, "no instructions lead to 0x%llx",
				(unsigned long long)end);
	extent.count = 0;
	extent.end = end - 1;
	return show_code(debugger, &extent, err);
}

static enum inq_status show_function(struct debugger *debugger, struct extent extent,
				     struct inq_error *err)
{
	struct inq_place place;

	inq_session_place(debugger->session, extent.address, &place);
	if (!place.symbol)
		return inq_fail(err, INQ_ABSENT, "0x%llx is in no function that has a name",
				(unsigned long long)extent.address);
	extent.address = place.symbol_address;
	extent.count = 0;
	extent.end =
		place.symbol_address + (place.symbol_size ? place.symbol_size - 1 : place.offset);
	if (extent.end - extent.address > FUNCTION_MAX)
		extent.end = extent.address + FUNCTION_MAX;
	return show_code(debugger, &extent, err);
}

enum inq_status command_u(struct debugger *debugger, const struct invocation *call,
			  struct inq_error *err)
{
	struct extent extent = {.address = debugger->next_code};
	enum inq_status status = INQ_OK;

	if (!extent.address || (call->name[1] && !*call->args))
		status = inq_session_evaluate(debugger->session, ".", NULL, &extent.address, err);
	/* Without registers there is no place to begin, unless the arguments name one. */
	if (status != INQ_OK && !*call->args)
		return status;
	status = take_extent(debugger, call->args, &extent, err);
	if (status != INQ_OK)
		return status;
	if (call->name[1] == 'b')
		return show_back(debugger, extent, err);
	if (call->name[1] == 'f')
		return show_function(debugger, extent, err);
	return show_code(debugger, &extent, err);
}
