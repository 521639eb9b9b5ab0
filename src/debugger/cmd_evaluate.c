/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* ?, .formats */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <string.h>

static enum inq_status take_all(struct debugger *debugger, const char *text, uint64_t *ret,
				struct inq_error *err)
{
	const char *at = text;
	enum inq_status status;

	if (!*at)
		return inq_fail(err, INQ_USAGE, "an expression is missing");
	status = take_value(debugger, &at, ret, err);
	return status == INQ_OK ? no_more(at, err) : status;
}

enum inq_status command_evaluate(struct debugger *debugger, const struct invocation *call,
				 struct inq_error *err)
{
	struct inq_place place;
	uint64_t value;
	enum inq_status status = take_all(debugger, call->args, &value, err);

	if (status != INQ_OK)
		return status;
	if (debugger->out.json) {
		inq_session_place(debugger->session, value, &place);
		json_object_set_new(debugger->out.json, "value", json_address(value));
		json_place(debugger->out.json, &place);
		return INQ_OK;
	}
	out_print(&debugger->out, "Evaluate expression: %lld = %s\n", (long long)value,
		  ADDRESS(debugger, value));
	return INQ_OK;
}

static void show_bits(struct out *out, uint64_t value)
{
	out_print(out, "  Binary:  ");
	for (int bit = 63; bit >= 0; bit--)
		out_print(out, "%d%s", (int)(value >> bit & 1), bit % 8 == 0 && bit ? " " : "");
	out_print(out, "\n  Chars:   ");
	for (int shift = 56; shift >= 0; shift -= 8) {
		unsigned char c = (unsigned char)(value >> shift);

		out_print(out, "%c", c >= 0x20 && c < 0x7f ? c : '.');
	}
	out_print(out, "\n");
}

/* Floating point has no conversion in the output layer: it is rare here, and digits are not
 * hostile. */
static void show_reals(struct out *out, uint64_t value)
{
	char text[3][32];
	float low, high;
	double whole;

	memcpy(&low, &value, 4);
	memcpy(&high, (uint8_t *)&value + 4, 4);
	memcpy(&whole, &value, 8);
	snprintf(text[0], sizeof(text[0]), "%g", (double)low);
	snprintf(text[1], sizeof(text[1]), "%g", (double)high);
	snprintf(text[2], sizeof(text[2]), "%g", whole);
	out_print(out, "  Float:   low %s high %s\n  Double:  %s\n", text[0], text[1], text[2]);
}

enum inq_status command_formats(struct debugger *debugger, const struct invocation *call,
				struct inq_error *err)
{
	struct out *out = &debugger->out;
	char when[TIME_TEXT];
	uint64_t value;
	enum inq_status status = take_all(debugger, call->args, &value, err);

	if (status != INQ_OK)
		return status;
	out_print(out, "Evaluate expression:\n");
	out_print(out, "  Hex:     %08x`%08x\n", (unsigned)(value >> 32), (unsigned)value);
	out_print(out, "  Decimal: %lld\n", (long long)value);
	if ((int64_t)value < 0)
		out_print(out, "  Unsigned: %llu\n", (unsigned long long)value);
	out_print(out, "  Octal:   %022llo\n", (unsigned long long)value);
	show_bits(out, value);
	/* Years of four digits only; what is further away is not a time. */
	out_print(out, "  Time:    %s\n",
		  value < 253402300800ull ? time_text(when, value) : "none");
	show_reals(out, value);
	return INQ_OK;
}
