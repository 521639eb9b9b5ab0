/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* x, ln */
#include "debugger/commands.h"
#include "debugger/show.h"

#include <fnmatch.h>
#include <string.h>

enum { SHOWN_MAX = 100000 }; /* symbols that one x shows */

struct search {
	struct debugger *debugger;
	const struct inq_module *module;
	uint64_t bias;
	size_t shown;
};

static bool show_symbol(void *user, const struct inq_symbol *symbol)
{
	struct search *search = user;
	struct debugger *debugger = search->debugger;
	const char *module = inq_session_module_name(debugger->session, search->module);
	uint64_t address = symbol->vaddr + search->bias;

	search->shown++;
	if (debugger->out.json) {
		json_t *object = json_object();

		json_object_set_new(object, "address", json_address(address));
		json_object_set_new(object, "module", json_text(module));
		json_object_set_new(object, "symbol", json_text(symbol->name));
		json_object_set_new(object, "size", json_integer((json_int_t)symbol->size));
		json_object_set_new(object, "function", json_boolean(symbol->function));
		out_json_add(&debugger->out, "symbols", object);
	} else {
		out_print(&debugger->out, "%s %s!%s%s\n", ADDRESS(debugger, address), module,
			  symbol->name, symbol->function ? "" : " (data)");
	}
	return search->shown < SHOWN_MAX && !out_stop(&debugger->out);
}

static enum inq_status search_module(struct search *search, const struct inq_module *module,
				     const char *pattern, struct inq_error *err)
{
	struct inq_symbols *symbols;
	enum inq_status status = inq_session_symbols(search->debugger->session, module, &symbols,
						     &search->bias, err);

	if (status != INQ_OK)
		return status;
	search->module = module;
	return inq_symbols_match(symbols, pattern, show_symbol, search, err);
}

/* "module!pattern" with patterns on both sides, or a pattern for all modules. */
static void split(char *text, const char **module, const char **symbol)
{
	char *bang = strchr(text, '!');

	*module = bang ? text : "*";
	*symbol = bang ? bang + 1 : text;
	if (bang)
		*bang = '\0';
}

enum inq_status command_x(struct debugger *debugger, const struct invocation *call,
			  struct inq_error *err)
{
	struct search search = {.debugger = debugger};
	const char *at = call->args, *module, *pattern;
	const struct inq_module *modules, *only;
	enum inq_status status = INQ_OK;
	char text[512];
	size_t count;
	bool found;

	if (!take_word(&at, text, sizeof(text)))
		return inq_fail(err, INQ_USAGE, "which symbols?");
	if (no_more(at, err) != INQ_OK)
		return INQ_USAGE;
	split(text, &module, &pattern);
	modules = inq_session_modules(debugger->session, &count);
	only = inq_session_module_find(debugger->session, module);
	found = only != NULL;
	if (debugger->out.json)
		out_json_list(&debugger->out, "symbols");
	if (only)
		status = search_module(&search, only, pattern, err);
	for (size_t i = 0; !only && i < count && !out_stop(&debugger->out); i++) {
		if (fnmatch(module, inq_session_module_name(debugger->session, &modules[i]),
			    FNM_CASEFOLD) != 0)
			continue;
		found = true;
		search_module(&search, &modules[i], pattern, NULL);
	}
	if (!found)
		return inq_fail(err, INQ_ABSENT, "no module is called '%s'", module);
	if (status == INQ_OK && !search.shown)
		return inq_fail(err, INQ_ABSENT, "no symbol matches '%s'", call->args);
	return search.shown ? INQ_OK : status;
}

static void show_near(struct debugger *debugger, uint64_t address, const struct inq_place *place)
{
	struct inq_place next = {0};
	struct out *out = &debugger->out;
	uint64_t end = place->symbol_address + place->symbol_size;

	out_print(out, "(%s)   ", ADDRESS(debugger, place->symbol_address));
	show_place(out, place, address);
	if (place->symbol_size)
		inq_session_nearest(debugger->session, (end + 15) & ~15ull, &next);
	if (next.symbol && next.symbol_address >= end) {
		out_print(out, "   |  (%s)   ", ADDRESS(debugger, next.symbol_address));
		next.offset = 0;
		show_place(out, &next, next.symbol_address);
	}
	out_print(out, "\n");
	if (place->offset == 0)
		out_print(out, "Exact match:\n    %s!%s\n", place->module_name, place->symbol);
}

enum inq_status command_ln(struct debugger *debugger, const struct invocation *call,
			   struct inq_error *err)
{
	struct inq_source sources[INQ_SOURCE_MAX];
	const char *at = *call->args ? call->args : ".";
	struct inq_place place;
	uint64_t address;
	size_t count = 0;
	enum inq_status status = take_value(debugger, &at, &address, err);

	if (status == INQ_OK)
		status = no_more(at, err);
	if (status != INQ_OK)
		return status;
	inq_session_nearest(debugger->session, address, &place);
	if (inq_session_source(debugger->session, address, sources, &count, NULL) != INQ_OK)
		count = 0;
	if (!place.module)
		return inq_fail(err, INQ_ABSENT, "0x%llx is in no module",
				(unsigned long long)address);
	if (debugger->out.json) {
		json_object_set_new(debugger->out.json, "address", json_address(address));
		json_place(debugger->out.json, &place);
		json_object_set_new(debugger->out.json, "file",
				    json_text(count ? sources[0].file : NULL));
		json_object_set_new(debugger->out.json, "line",
				    json_integer(count ? sources[0].line : 0));
		return INQ_OK;
	}
	if (!place.symbol)
		return inq_fail(err, INQ_ABSENT, "no symbol near %s+0x%llx", place.module_name,
				(unsigned long long)place.module_offset);
	for (size_t i = 0; i < count; i++) {
		if (sources[i].file)
			out_print(&debugger->out, "%s(%u)%s%s\n", sources[i].file, sources[i].line,
				  sources[i].inlined ? ": inlined " : "",
				  sources[i].inlined && sources[i].function ? sources[i].function
									    : "");
	}
	show_near(debugger, address, &place);
	return INQ_OK;
}
