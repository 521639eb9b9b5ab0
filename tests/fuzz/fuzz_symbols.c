/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names, lines and inlined functions of any bytes; and any bytes as a mangled name. */
#include "symbols/symbols.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool stop_at_64(void *user, const struct inq_symbol *symbol)
{
	(void)symbol;
	return ++*(unsigned *)user < 64;
}

static void ask(struct inq_symbols *symbols)
{
	struct inq_source source[INQ_SOURCE_MAX];
	struct inq_symbol symbol;
	struct inq_error err;
	unsigned seen = 0;
	size_t count;

	for (uint64_t at = 0x1000; at < 0x1200; at += 16) {
		(void)inq_symbols_at(symbols, at, &symbol, &err);
		(void)inq_symbols_source(symbols, at, source, &count, &err);
	}
	(void)inq_symbols_match(symbols, "*", stop_at_64, &seen, &err);
	(void)inq_symbols_level(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inq_symbols *symbols;
	char *text;

	if (inq_symbols_open_bytes(data, size, "fuzz", &symbols, NULL) == INQ_OK) {
		ask(symbols);
		inq_symbols_free(symbols);
		return 0;
	}
	text = strndup((const char *)data, size);
	if (text)
		free(inq_demangle(text, true));
	free(text);
	return 0;
}
