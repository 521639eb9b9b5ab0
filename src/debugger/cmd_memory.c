/* SPDX-License-Identifier: GPL-3.0-or-later */
/* d and its kin */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <stdlib.h>
#include <string.h>

enum kind { UNITS, TEXT, WIDE_TEXT, SYMBOLS };

/* name, what it shows, bytes of a unit (0: a pointer), units to a line, units by default, ASCII at
 * the end */
static const struct style {
	const char *name;
	enum kind kind;
	unsigned size, columns, count;
	bool ascii;
} styles[] = {
	{"db", UNITS, 1, 16, 128, true},   {"dw", UNITS, 2, 8, 64, false},
	{"dd", UNITS, 4, 4, 32, false},	   {"dq", UNITS, 8, 2, 16, false},
	{"dp", UNITS, 0, 2, 16, false},	   {"dc", UNITS, 4, 4, 32, true},
	{"da", TEXT, 1, 64, 384, false},   {"du", WIDE_TEXT, 2, 32, 192, false},
	{"dds", SYMBOLS, 4, 1, 32, false}, {"dqs", SYMBOLS, 8, 1, 16, false},
	{"dps", SYMBOLS, 0, 1, 16, false},
};

enum { RANGE_MAX = 1 << 28 }; /* bytes that one d shows */

static const struct style *style_named(const char *name)
{
	for (size_t i = 0; name && i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (strcmp(styles[i].name, name) == 0)
			return &styles[i];
	}
	return NULL;
}

static unsigned unit_size(struct debugger *debugger, const struct style *style)
{
	return style->size ? style->size : inq_session_pointer_size(debugger->session);
}

/* One line's bytes, each known or not, and where the known ones came from. */
struct row {
	uint8_t bytes[128];
	bool known[128];
	size_t size;
	bool any;
	bool from_image, unverified;
};

static void read_row(struct debugger *debugger, uint64_t address, size_t size, struct row *row)
{
	memset(row, 0, sizeof(*row));
	row->size = size;
	for (size_t done = 0; done < size;) {
		enum inq_bytes_from from;
		size_t now;

		if (inq_session_read(debugger->session, address + done, row->bytes + done,
				     size - done, &now, &from, NULL) != INQ_OK) {
			done++;
			continue;
		}
		memset(row->known + done, true, now);
		row->any = true;
		row->from_image |= from != INQ_FROM_DUMP;
		row->unverified |= from == INQ_FROM_UNVERIFIED;
		done += now;
	}
}

/* What the reader must know of the bytes: they are the file's, not the dump's. Said once for each
 * run. */
static void show_origin(struct debugger *debugger, const struct row *row, bool *was_image)
{
	if (row->any && row->from_image && !*was_image)
		out_print(&debugger->out, "(not in the dump; from the image file%s)\n",
			  row->unverified ? ", which is unverified" : "");
	if (row->any)
		*was_image = row->from_image;
}

static void show_unit(struct out *out, const struct row *row, size_t at, unsigned size)
{
	for (unsigned i = size; i-- > 0;) {
		if (row->known[at + i])
			out_print(out, "%02x", row->bytes[at + i]);
		else
			out_print(out, "%s", "??");
		if (size == 8 && i == 4)
			out_print(out, "`");
	}
}

static void show_ascii(struct out *out, const struct row *row)
{
	for (size_t i = 0; i < row->size; i++)
		out_print(out, "%c",
			  !row->known[i]				  ? '?'
			  : row->bytes[i] >= 0x20 && row->bytes[i] < 0x7f ? row->bytes[i]
									  : '.');
}

static void show_symbol(struct debugger *debugger, const struct row *row, unsigned size)
{
	struct inq_place place;
	uint64_t value = 0;

	for (unsigned i = size; i-- > 0;) {
		if (!row->known[i])
			return;
		value = value << 8 | row->bytes[i];
	}
	inq_session_place(debugger->session, value, &place);
	if (!place.module)
		return;
	out_print(&debugger->out, " ");
	show_place(&debugger->out, &place, value);
}

static void show_units(struct debugger *debugger, const struct style *style, uint64_t address,
		       const struct row *row)
{
	struct out *out = &debugger->out;
	unsigned size = unit_size(debugger, style);

	out_print(out, "%s ", ADDRESS(debugger, address));
	for (unsigned at = 0; at < style->columns * size; at += size) {
		out_print(out, "%s", size == 1 && at == 8 && at < row->size ? "-" : " ");
		if (at < row->size)
			show_unit(out, row, at, size);
		else
			out_print(out, "%*s", (int)size * 2 + (size == 8), "");
	}
	if (style->ascii) {
		out_print(out, "  ");
		show_ascii(out, row);
	}
	if (style->kind == SYMBOLS)
		show_symbol(debugger, row, size);
	out_print(out, "\n");
}

static enum inq_status show_range(struct debugger *debugger, const struct style *style,
				  uint64_t address, uint64_t units)
{
	unsigned size = unit_size(debugger, style);
	size_t line = (size_t)style->columns * size;
	bool was_image = false;

	for (uint64_t left = units * size; left && !out_stop(&debugger->out);) {
		size_t now = left < line ? (size_t)left : line;
		struct row row;

		read_row(debugger, address, now, &row);
		show_origin(debugger, &row, &was_image);
		show_units(debugger, style, address, &row);
		address += now;
		left -= now;
	}
	debugger->next_dump = address;
	return INQ_OK;
}

/* Up to the NUL, or as many units as were asked for; lines of one quoted run each. */
static enum inq_status show_text(struct debugger *debugger, const struct style *style,
				 uint64_t address, uint64_t units)
{
	struct out *out = &debugger->out;
	bool ended = false, was_image = false;

	while (units && !ended && !out_stop(out)) {
		unsigned count = units < style->columns ? (unsigned)units : style->columns;
		struct row row;

		read_row(debugger, address, (size_t)count * style->size, &row);
		show_origin(debugger, &row, &was_image);
		out_print(out, "%s  \"", ADDRESS(debugger, address));
		for (unsigned i = 0; i < count && !ended; i++) {
			const uint8_t *unit = row.bytes + i * style->size;
			unsigned value = style->size == 2 ? unit[0] | unit[1] << 8 : unit[0];

			if (!row.known[i * style->size])
				out_print(out, "?");
			else if (!value)
				ended = true;
			else
				out_print(out, "%c",
					  value >= 0x20 && value < 0x7f ? (int)value : '.');
			ended |= !row.known[i * style->size];
		}
		out_print(out, "\"\n");
		address += (uint64_t)count * style->size;
		units -= count;
	}
	debugger->next_dump = address;
	return INQ_OK;
}

/* "[ADDR] [LN | END]"; END is the last byte that is wanted. */
static enum inq_status take_range(struct debugger *debugger, const struct style *style,
				  const char *at, uint64_t *address, uint64_t *units,
				  struct inq_error *err)
{
	unsigned size = unit_size(debugger, style);
	enum inq_status status = INQ_OK;
	uint64_t end;

	*units = style->count;
	if (*at && *at != 'L' && *at != 'l')
		status = take_value(debugger, &at, address, err);
	if (status != INQ_OK || !*at)
		return status;
	if (*at == 'L' || *at == 'l') {
		at += at[1] == '?' ? 2 : 1;
		status = take_value(debugger, &at, units, err);
	} else {
		status = take_value(debugger, &at, &end, err);
		if (status == INQ_OK && end < *address)
			return inq_fail(err, INQ_USAGE, "the end lies before the start");
		*units = (end - *address) / size + 1;
	}
	if (status == INQ_OK && (!*units || *units > RANGE_MAX / size))
		return inq_fail(err, INQ_USAGE, "1 to 0x%x units", RANGE_MAX / size);
	return status == INQ_OK ? no_more(at, err) : status;
}

enum inq_status command_d(struct debugger *debugger, const struct invocation *call,
			  struct inq_error *err)
{
	const struct style *style = style_named(call->name[1] ? call->name : debugger->dump_style);
	uint64_t address = debugger->next_dump, units;
	enum inq_status status;

	if (!style)
		style = &styles[0];
	if (!*call->args && !address) {
		status = inq_session_evaluate(debugger->session, "$csp", NULL, &address, err);
		if (status != INQ_OK)
			return status;
	}
	status = take_range(debugger, style, call->args, &address, &units, err);
	if (status != INQ_OK)
		return status;
	debugger->dump_style = style->name;
	if (style->kind == TEXT || style->kind == WIDE_TEXT)
		return show_text(debugger, style, address, units);
	return show_range(debugger, style, address, units);
}
