/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "symbols/symbols.h"

#include "support/opener.h"
#include "symbols/dwarf.h"
#include "symbols/minidebug.h"
#include "symbols/names.h"
#include "symbols/object.h"
#include "symbols/plt.h"
#include "symbols/symtab.h"

#include <elf.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each thing is made when first asked for, and asked for once: `tried` says so. */
struct inq_symbols {
	char *path;
	struct inq_search *search; /* borrowed; NULL: no other file is looked for */
	uint8_t build_id[INQ_BUILD_ID_MAX];
	size_t build_id_size;
	struct inq_names names;
	struct inq_object *image;
	struct inq_object *debug; /* separate debug file */
	struct inq_object *mini;  /* .gnu_debugdata */
	struct inq_symtab *table; /* the best */
	struct inq_symtab *exports; /* .dynsym beside `mini`, which has only the rest */
	struct inq_plt *plt;
	struct inq_dwarf *dwarf;
	bool debug_tried, table_tried, plt_tried, dwarf_tried;
	enum inq_status dwarf_status;
	struct inq_error dwarf_error;
};

/* --- life ----------------------------------------------------------------------------------------- */

static enum inq_status finish_open(struct inq_symbols *symbols, enum inq_status status,
				   struct inq_symbols **ret)
{
	if (status != INQ_OK) {
		inq_symbols_free(symbols);
		return status;
	}
	if (!symbols->build_id_size)
		(void)inq_object_build_id(symbols->image, symbols->build_id, &symbols->build_id_size, NULL);
	*ret = symbols;
	return INQ_OK;
}

enum inq_status inq_symbols_open(const char *image_path, struct inq_search *search,
				 const struct inq_wanted *wanted, struct inq_symbols **ret, struct inq_error *err)
{
	struct inq_symbols *symbols = calloc(1, sizeof(*symbols));
	enum inq_status status;
	int fd;

	if (symbols)
		symbols->path = strdup(image_path);
	if (!symbols || !symbols->path) {
		free(symbols);
		return inq_fail(err, INQ_NO_MEMORY, "'%s'", image_path);
	}
	symbols->search = search;
	if (wanted && wanted->build_id_size <= INQ_BUILD_ID_MAX && wanted->build_id_size) {
		memcpy(symbols->build_id, wanted->build_id, wanted->build_id_size);
		symbols->build_id_size = wanted->build_id_size;
	}
	fd = inq_open(search ? inq_search_opener(search) : NULL, image_path, &status, err);
	if (fd >= 0)
		status = inq_object_open_fd(fd, image_path, &symbols->image, err);
	return finish_open(symbols, status, ret);
}

enum inq_status inq_symbols_open_bytes(const void *bytes, size_t size, const char *name,
				       struct inq_symbols **ret, struct inq_error *err)
{
	struct inq_symbols *symbols = calloc(1, sizeof(*symbols));

	if (symbols)
		symbols->path = strdup("");
	if (!symbols || !symbols->path) {
		free(symbols);
		return inq_fail(err, INQ_NO_MEMORY, "'%s'", name);
	}
	return finish_open(symbols, inq_object_open_bytes(bytes, size, name, &symbols->image, err), ret);
}

void inq_symbols_free(struct inq_symbols *symbols)
{
	if (!symbols)
		return;
	inq_dwarf_free(symbols->dwarf);
	inq_plt_free(symbols->plt);
	inq_symtab_free(symbols->table);
	inq_symtab_free(symbols->exports);
	inq_object_free(symbols->mini);
	inq_object_free(symbols->debug);
	inq_object_free(symbols->image);
	inq_names_done(&symbols->names);
	free(symbols->path);
	free(symbols);
}

/* --- where things are ----------------------------------------------------------------------------- */

static bool has_table(struct inq_object *object)
{
	for (size_t i = 1; i < inq_object_section_count(object); i++) {
		if (inq_object_section_at(object, i)->type == SHT_SYMTAB)
			return true;
	}
	return false;
}

static bool has_dwarf(struct inq_object *object)
{
	return inq_object_section(object, ".debug_info") != NULL;
}

/* The separate debug file, or NULL. */
static struct inq_object *debug_of(struct inq_symbols *symbols)
{
	struct inq_wanted wanted = {.path = symbols->path, .build_id = symbols->build_id,
				    .build_id_size = symbols->build_id_size};
	char link[INQ_LINK_NAME_MAX], *path = NULL;
	uint32_t crc = 0;
	enum inq_match match;
	enum inq_status status;
	bool has_link;
	int fd;

	if (symbols->debug_tried || !symbols->search)
		return symbols->debug;
	symbols->debug_tried = true;
	has_link = inq_object_debuglink(symbols->image, link, &crc, NULL) == INQ_OK;
	if (inq_search_debug(symbols->search, &wanted, symbols->path, has_link ? link : NULL, crc, &path, &match,
			     NULL) != INQ_OK)
		return NULL;
	fd = inq_open(inq_search_opener(symbols->search), path, &status, NULL);
	if (fd >= 0)
		(void)inq_object_open_fd(fd, path, &symbols->debug, NULL);
	free(path);
	return symbols->debug;
}

/* .symtab wherever it is, else .gnu_debugdata's with .dynsym beside it, else .dynsym. */
static struct inq_symtab *table_of(struct inq_symbols *symbols)
{
	if (symbols->table_tried)
		return symbols->table;
	symbols->table_tried = true;
	if (has_table(symbols->image) && inq_symtab_new(symbols->image, &symbols->table, NULL) == INQ_OK)
		return symbols->table;
	if (debug_of(symbols) && has_table(symbols->debug) &&
	    inq_symtab_new(symbols->debug, &symbols->table, NULL) == INQ_OK)
		return symbols->table;
	if (inq_minidebug_open(symbols->image, &symbols->mini, NULL) == INQ_OK &&
	    inq_symtab_new(symbols->mini, &symbols->table, NULL) == INQ_OK) {
		(void)inq_symtab_new(symbols->image, &symbols->exports, NULL);
		return symbols->table;
	}
	(void)inq_symtab_new(symbols->image, &symbols->table, NULL);
	return symbols->table;
}

/* What went wrong with the DWARF is said each time that it is asked for. */
static enum inq_status dwarf_of(struct inq_symbols *symbols, struct inq_dwarf **ret, struct inq_error *err)
{
	struct inq_object *object = NULL;

	if (!symbols->dwarf_tried) {
		symbols->dwarf_tried = true;
		if (has_dwarf(symbols->image))
			object = symbols->image;
		else if (debug_of(symbols) && has_dwarf(symbols->debug))
			object = symbols->debug;
		symbols->dwarf_status =
			object ? inq_dwarf_new(object, symbols->search, symbols->path, &symbols->names,
					       &symbols->dwarf, &symbols->dwarf_error) :
				 inq_fail(&symbols->dwarf_error, INQ_ABSENT, "'%s': no debug information",
					  inq_object_name(symbols->image));
	}
	if (symbols->dwarf_status != INQ_OK && err)
		*err = symbols->dwarf_error;
	*ret = symbols->dwarf;
	return symbols->dwarf_status;
}

enum inq_symbol_level inq_symbols_level(struct inq_symbols *symbols)
{
	if (has_dwarf(symbols->image) || (debug_of(symbols) && has_dwarf(symbols->debug)))
		return INQ_SYMBOLS_DWARF;
	if (!table_of(symbols))
		return INQ_SYMBOLS_NONE;
	return inq_symtab_is_full(symbols->table) ? INQ_SYMBOLS_TABLE : INQ_SYMBOLS_EXPORTS;
}

const char *inq_symbols_debug_path(struct inq_symbols *symbols)
{
	if (has_dwarf(symbols->image))
		return symbols->path;
	return debug_of(symbols) && has_dwarf(symbols->debug) ? inq_object_name(symbols->debug) : "";
}

/* --- names ---------------------------------------------------------------------------------------- */

static enum inq_status fill(struct inq_symbols *symbols, struct inq_symtab *table,
			    const struct inq_symtab_entry *entry, struct inq_symbol *ret, struct inq_error *err)
{
	unsigned type = ELF64_ST_TYPE(entry->info);
	struct inq_symbol symbol = {.vaddr = entry->value, .size = entry->size, .exported = entry->exported,
				    .function = type == STT_FUNC || type == STT_GNU_IFUNC};
	size_t size;
	const char *name = inq_symtab_name(table, entry, &size);

	symbol.linkage = inq_names_keep(&symbols->names, name, size);
	if (symbol.linkage)
		symbol.name = inq_names_demangled(&symbols->names, symbol.linkage);
	if (!symbol.name)
		return inq_fail(err, INQ_NO_MEMORY, "symbol");
	*ret = symbol;
	return INQ_OK;
}

static enum inq_status fill_stub(struct inq_symbols *symbols, const struct inq_plt_entry *stub, uint64_t end,
				 struct inq_symbol *ret, struct inq_error *err)
{
	static const char suffix[] = "@plt";
	const char *plain = inq_plt_name(symbols->plt, stub);
	size_t length = strlen(plain);
	char *name = malloc(length + sizeof(suffix));
	struct inq_symbol symbol = {.vaddr = stub->value, .function = true};

	if (name) {
		memcpy(name, plain, length);
		memcpy(name + length, suffix, sizeof(suffix));
		symbol.linkage = inq_names_keep(&symbols->names, name, length + sizeof(suffix));
		symbol.name = symbol.linkage;
		free(name);
	}
	if (!symbol.name)
		return inq_fail(err, INQ_NO_MEMORY, "symbol");
	symbol.size = end - stub->value < 16 ? end - stub->value : 16;
	*ret = symbol;
	return INQ_OK;
}

/* Stubs have no symbols of their own; the nearest one would be something else's. */
static bool stub_at(struct inq_symbols *symbols, uint64_t vaddr, struct inq_symbol *ret, enum inq_status *status,
		    struct inq_error *err)
{
	const struct inq_plt_entry *stub;
	uint64_t end;

	if (!inq_plt_holds(symbols->image, vaddr, &end))
		return false;
	if (!symbols->plt_tried) {
		symbols->plt_tried = true;
		(void)inq_plt_new(symbols->image, &symbols->plt, NULL);
	}
	stub = symbols->plt ? inq_plt_at(symbols->plt, vaddr) : NULL;
	if (!stub)
		return false;
	*status = fill_stub(symbols, stub, end, ret, err);
	return true;
}

static bool covers(const struct inq_symtab_entry *entry, uint64_t vaddr)
{
	return vaddr - entry->value < entry->size;
}

enum inq_status inq_symbols_at(struct inq_symbols *symbols, uint64_t vaddr, struct inq_symbol *ret,
			       struct inq_error *err)
{
	struct inq_symtab *table = table_of(symbols);
	const struct inq_symtab_entry *entry, *export;
	enum inq_status status;

	if (stub_at(symbols, vaddr, ret, &status, err))
		return status;
	entry = table ? inq_symtab_at(table, vaddr) : NULL;
	export = symbols->exports ? inq_symtab_at(symbols->exports, vaddr) : NULL;
	if (export && (!entry || (covers(export, vaddr) && !covers(entry, vaddr)) ||
		       (covers(export, vaddr) == covers(entry, vaddr) && export->value >= entry->value)))
		return fill(symbols, symbols->exports, export, ret, err);
	if (!entry)
		return inq_fail(err, INQ_ABSENT, "'%s': no symbol at 0x%llx", inq_object_name(symbols->image),
				(unsigned long long)vaddr);
	return fill(symbols, table, entry, ret, err);
}

/* A mangled name can only be `name` if the last part of that stands in it as it is. */
static const char *last_part(const char *name)
{
	size_t length = strcspn(name, "<(");

	while (length > 0 && name[length - 1] != ':' && name[length - 1] != ' ' && name[length - 1] != '~')
		length--;
	return name + length;
}

static bool is_demangled_to(const char *linkage, const char *name, const char *part, size_t part_length)
{
	char *plain;
	bool same;

	if (linkage[0] != '_' || (linkage[1] != 'Z' && linkage[1] != 'R') ||
	    !memmem(linkage, strlen(linkage), part, part_length))
		return false;
	plain = inq_demangle(linkage, false);
	same = plain && strcmp(plain, name) == 0;
	free(plain);
	return same;
}

/* In one table: the best of those that have the name; exact linkage names before demangled ones. */
static const struct inq_symtab_entry *find_in(struct inq_symtab *table, const char *name, bool demangle)
{
	const struct inq_symtab_entry *entries, *best = NULL;
	const char *part = last_part(name);
	size_t count, size, length = strlen(name), part_length = strspn(part, "abcdefghijklmnopqrstuvwxyz"
									      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
									      "0123456789_");

	if (inq_symtab_load_names(table, NULL) != INQ_OK)
		return NULL;
	entries = inq_symtab_entries(table, &count);
	for (size_t i = 0; i < count; i++) {
		const char *linkage = inq_symtab_name(table, &entries[i], &size);
		bool same = demangle ? is_demangled_to(linkage, name, part, part_length) :
				       size == length && memcmp(linkage, name, size) == 0;

		if (same && (!best || entries[i].rank > best->rank))
			best = &entries[i];
	}
	return best;
}

enum inq_status inq_symbols_find(struct inq_symbols *symbols, const char *name, struct inq_symbol *ret,
				 struct inq_error *err)
{
	struct inq_symtab *tables[2] = {table_of(symbols), symbols->exports};

	for (int demangle = 0; demangle < 2; demangle++) {
		for (size_t i = 0; i < 2; i++) {
			const struct inq_symtab_entry *entry =
				tables[i] ? find_in(tables[i], name, demangle) : NULL;

			if (entry)
				return fill(symbols, tables[i], entry, ret, err);
		}
	}
	return inq_fail(err, INQ_ABSENT, "'%s': no symbol '%s'", inq_object_name(symbols->image), name);
}

static bool matches(const char *pattern, const char *linkage)
{
	char *plain;
	bool found;

	if (fnmatch(pattern, linkage, 0) == 0)
		return true;
	plain = inq_demangle(linkage, false);
	found = plain && fnmatch(pattern, plain, 0) == 0;
	free(plain);
	return found;
}

enum inq_status inq_symbols_match(struct inq_symbols *symbols, const char *pattern,
				  bool (*each)(void *user, const struct inq_symbol *symbol), void *user,
				  struct inq_error *err)
{
	struct inq_symtab *tables[2] = {table_of(symbols), symbols->exports};
	size_t at[2] = {0}, count[2] = {0}, size;
	const struct inq_symtab_entry *entries[2] = {NULL, NULL};

	for (size_t i = 0; i < 2; i++) {
		enum inq_status status = tables[i] ? inq_symtab_load_names(tables[i], err) : INQ_OK;

		if (status != INQ_OK)
			return status;
		if (tables[i])
			entries[i] = inq_symtab_entries(tables[i], &count[i]);
	}
	while (at[0] < count[0] || at[1] < count[1]) {
		unsigned i = at[0] == count[0] ||
			     (at[1] < count[1] && entries[1][at[1]].value < entries[0][at[0]].value);
		const struct inq_symtab_entry *entry = &entries[i][at[i]++];
		struct inq_symbol symbol;
		enum inq_status status;

		if (!matches(pattern, inq_symtab_name(tables[i], entry, &size)))
			continue;
		status = fill(symbols, tables[i], entry, &symbol, err);
		if (status != INQ_OK)
			return status;
		if (!each(user, &symbol))
			break;
	}
	return INQ_OK;
}

/* --- source --------------------------------------------------------------------------------------- */

/* The symbol says where we are if the unit's split file is missing, or assembly was given lines only; and it
 * has the namespaces that gcc leaves out of the DWARF of functions local to a file ("fn" for "a::fn"). */
static void name_by_symbol(const struct inq_symbol *symbol, struct inq_source *real)
{
	size_t length = strlen(symbol->name), plain = real->function ? strlen(real->function) : 0;

	if (!real->function) {
		real->function = symbol->name;
		real->low_pc = symbol->vaddr;
	} else if (length > plain + 2 && strcmp(symbol->name + length - plain, real->function) == 0 &&
		   strncmp(symbol->name + length - plain - 2, "::", 2) == 0) {
		real->function = symbol->name;
	}
}

enum inq_status inq_symbols_source(struct inq_symbols *symbols, uint64_t vaddr,
				   struct inq_source ret[INQ_SOURCE_MAX], size_t *ret_count,
				   struct inq_error *err)
{
	struct inq_dwarf *dwarf;
	struct inq_symbol symbol;
	enum inq_status status = dwarf_of(symbols, &dwarf, err);

	if (status == INQ_OK)
		status = inq_dwarf_source(dwarf, vaddr, ret, ret_count, err);
	if (status != INQ_OK)
		return status;
	if (inq_symbols_at(symbols, vaddr, &symbol, NULL) == INQ_OK && vaddr - symbol.vaddr < symbol.size)
		name_by_symbol(&symbol, &ret[*ret_count - 1]);
	return INQ_OK;
}
