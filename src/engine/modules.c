/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

/* Modules: their names, and their images and symbols, found when first needed. */
#include "engine/session_private.h"

#include "support/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The kernel's page of code in every process: no file has it, the dump's memory does. */
enum { MEMORY_IMAGE_MAX = 1 << 20 }; /* bytes of an image that is taken out of memory whole */

struct module_slot *session_slot(struct inq_session *session, const struct inq_module *module)
{
	size_t index = (size_t)(module - session->modules);

	return module && index < session->module_count ? &session->slots[index] : NULL;
}

struct module_slot *session_slot_at(struct inq_session *session, uint64_t address,
				    const struct inq_module **ret_module)
{
	const struct inq_module *module =
		inq_module_at(session->modules, session->module_count, address);

	*ret_module = module;
	return session_slot(session, module);
}

void session_slot_done(struct module_slot *slot)
{
	inq_symbols_free(slot->symbols);
	inq_image_free(slot->image);
	free(slot->image_path);
	free(slot->name);
}

/* --- names ------------------------------------------------------------------------ */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/'), *backslash = strrchr(path, '\\');

	/* A backslash parts Windows' names; on Linux it can be part of one, so only where no slash
	 * is. */
	if (slash)
		return slash + 1;
	return backslash ? backslash + 1 : path;
}

const char *inq_session_module_name(struct inq_session *session, const struct inq_module *module)
{
	struct module_slot *slot = session_slot(session, module);
	const char *name;

	if (!slot)
		return "";
	if (slot->name)
		return slot->name;
	name = last_part(module->path ? module->path : "");
	if (*name)
		slot->name = strdup(name);
	else if (asprintf(&slot->name, "module_%llx", (unsigned long long)module->base) < 0)
		slot->name = NULL;
	return slot->name ? slot->name : "";
}

/* WinDbg's way: the extension goes, what cannot stand in an expression becomes '_'. */
static bool is_alias(const char *name, const char *wanted)
{
	const char *dot = strrchr(name, '.');
	size_t length = dot && dot != name ? (size_t)(dot - name) : strlen(name);

	if (strlen(wanted) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = isalnum((unsigned char)name[i]) ? name[i] : '_';

		if (tolower((unsigned char)c) != tolower((unsigned char)wanted[i]))
			return false;
	}
	return true;
}

const struct inq_module *inq_session_module_find(struct inq_session *session, const char *name)
{
	for (size_t i = 0; i < session->module_count; i++) {
		if (strcmp(inq_session_module_name(session, &session->modules[i]), name) == 0)
			return &session->modules[i];
	}
	for (size_t i = 0; i < session->module_count; i++) {
		if (is_alias(inq_session_module_name(session, &session->modules[i]), name))
			return &session->modules[i];
	}
	return NULL;
}

/* --- images ----------------------------------------------------------------------- */

static struct inq_wanted wanted_of(struct inq_session *session, const struct inq_module *module)
{
	struct inq_wanted wanted = {.path = module->path};
	const struct inq_system *system;

	wanted.windows = inq_target_system(session->target, &system, NULL) == INQ_OK &&
			 system->os == INQ_OS_WINDOWS;
	if (wanted.windows) {
		wanted.timestamp = module->timestamp;
		wanted.image_size = (uint32_t)module->size;
	}
	if (module->debug_kind == INQ_DEBUG_PDB70) {
		wanted.pdb_id = module->id;
		wanted.pdb_id_size = module->id_size;
	}

	if (module->debug_kind == INQ_DEBUG_BUILD_ID) {
		wanted.build_id = module->id;
		wanted.build_id_size = module->id_size;
	}
	return wanted;
}

static enum inq_status read_target(void *user, uint64_t at, void *to, size_t size, size_t *ret_done,
				   struct inq_error *err)
{
	return inq_target_read(user, at, to, size, ret_done, err);
}

static bool open_image_file(struct inq_session *session, struct module_slot *slot,
			    const struct inq_wanted *wanted)
{
	struct inq_error err = {0};
	struct inq_file *file;
	enum inq_status status;
	int fd;

	if (inq_search_image(session->search, wanted, &slot->image_path, &slot->match,
			     &slot->why) != INQ_OK)
		return false;
	fd = inq_open(&session->opener, slot->image_path, &status, &err);
	if (fd >= 0)
		status = inq_file_open_fd(fd, slot->image_path, &file, &err);
	if (status == INQ_OK)
		status = inq_image_open_file(file, &slot->image, &err);
	if (status == INQ_OK)
		return true;
	slot->why = err;
	slot->match = INQ_MATCH_NONE;
	free(slot->image_path);
	slot->image_path = NULL;
	return false;
}

void session_need_image(struct inq_session *session, const struct inq_module *module)
{
	struct inq_image_reader reader = {.read = read_target, .user = session->target};
	struct module_slot *slot = session_slot(session, module);
	struct inq_wanted wanted;

	if (!slot || slot->image_tried)
		return;
	slot->image_tried = true;
	wanted = wanted_of(session, module);
	if (!open_image_file(session, slot, &wanted) &&
	    inq_image_open_memory(reader, module->base, &slot->image, NULL) != INQ_OK) {
		slot->image = NULL;
		return;
	}
	slot->bias = module->base - inq_image_start(slot->image);
}

/* The vdso and its like: small, whole in memory, laid out there as in a file. */
static void symbols_from_memory(struct inq_session *session, const struct inq_module *module,
				struct module_slot *slot)
{
	uint8_t *bytes;

	if (module->size > MEMORY_IMAGE_MAX)
		return;
	bytes = malloc(module->size ? module->size : 1);
	if (bytes &&
	    inq_target_read_all(session->target, module->base, bytes, module->size, NULL) ==
		    INQ_OK &&
	    inq_symbols_open_bytes(bytes, module->size, inq_session_module_name(session, module),
				   &slot->symbols, NULL) != INQ_OK)
		slot->symbols = NULL;
	free(bytes);
}

void session_need_symbols(struct inq_session *session, const struct inq_module *module)
{
	struct module_slot *slot = session_slot(session, module);
	struct inq_wanted wanted;

	if (!slot || slot->symbols_tried)
		return;
	slot->symbols_tried = true;
	session_need_image(session, module);
	if (!slot->image)
		return;
	wanted = wanted_of(session, module);
	if (!slot->image_path)
		symbols_from_memory(session, module, slot);
	else if (inq_symbols_open(slot->image_path, session->search, &wanted, &slot->symbols,
				  &slot->why) != INQ_OK)
		slot->symbols = NULL;
}

void inq_session_module_files(struct inq_session *session, const struct inq_module *module,
			      bool force, struct inq_module_files *ret)
{
	struct module_slot *slot = session_slot(session, module);

	*ret = (struct inq_module_files){.image_path = "", .why = "", .debug_path = ""};
	if (!slot)
		return;
	if (force)
		session_need_symbols(session, module);
	ret->tried = slot->image_tried;
	if (slot->image_path)
		ret->image_path = slot->image_path;
	ret->match = slot->match;
	ret->why = slot->why.text;
	if (slot->symbols) {
		ret->level = inq_symbols_level(slot->symbols);
		ret->debug_path = inq_symbols_debug_path(slot->symbols);
	}
}

static enum inq_status no_files(struct inq_session *session, const struct inq_module *module,
				const struct module_slot *slot, const char *what,
				struct inq_error *err)
{
	return inq_fail(err, INQ_ABSENT, "'%s': no %s%s%s",
			inq_session_module_name(session, module), what,
			slot && slot->why.text[0] ? ": " : "", slot ? slot->why.text : "");
}

enum inq_status inq_session_image(struct inq_session *session, const struct inq_module *module,
				  struct inq_image **ret, uint64_t *ret_bias, struct inq_error *err)
{
	struct module_slot *slot = session_slot(session, module);

	session_need_image(session, module);
	if (!slot || !slot->image)
		return no_files(session, module, slot, "image", err);
	*ret = slot->image;
	*ret_bias = slot->bias;
	return INQ_OK;
}

enum inq_status inq_session_symbols(struct inq_session *session, const struct inq_module *module,
				    struct inq_symbols **ret, uint64_t *ret_bias,
				    struct inq_error *err)
{
	struct module_slot *slot = session_slot(session, module);

	session_need_symbols(session, module);
	if (!slot || !slot->symbols)
		return no_files(session, module, slot, "symbols", err);
	*ret = slot->symbols;
	*ret_bias = slot->bias;
	return INQ_OK;
}

/* --- what lies at an address ------------------------------------------------------ */

void inq_session_nearest(struct inq_session *session, uint64_t address, struct inq_place *ret)
{
	const struct inq_module *module;
	struct module_slot *slot = session_slot_at(session, address, &module);
	struct inq_symbol symbol;

	*ret = (struct inq_place){.module = module, .module_name = ""};
	if (!slot)
		return;
	ret->module_name = inq_session_module_name(session, module);
	ret->module_offset = address - module->base;
	session_need_symbols(session, module);
	if (!slot->symbols ||
	    inq_symbols_at(slot->symbols, address - slot->bias, &symbol, NULL) != INQ_OK)
		return;
	ret->symbol = symbol.name;
	ret->linkage = symbol.linkage;
	ret->symbol_address = symbol.vaddr + slot->bias;
	ret->offset = address - ret->symbol_address;
	ret->symbol_size = symbol.size;
}

void inq_session_place(struct inq_session *session, uint64_t address, struct inq_place *ret)
{
	inq_session_nearest(session, address, ret);
	/* What begins where the table's nearest function has ended is some function without a name.
	 */
	if (ret->symbol_size && ret->offset >= ret->symbol_size) {
		ret->symbol = ret->linkage = NULL;
		ret->symbol_address = ret->offset = ret->symbol_size = 0;
	}
}

enum inq_status inq_session_source(struct inq_session *session, uint64_t address,
				   struct inq_source ret[INQ_SOURCE_MAX], size_t *ret_count,
				   struct inq_error *err)
{
	const struct inq_module *module;
	struct module_slot *slot = session_slot_at(session, address, &module);
	enum inq_status status;

	if (slot)
		session_need_symbols(session, module);
	if (!slot || !slot->symbols)
		return inq_fail(err, INQ_ABSENT, "0x%llx: no line information",
				(unsigned long long)address);
	status = inq_symbols_source(slot->symbols, address - slot->bias, ret, ret_count, err);
	for (size_t i = 0; status == INQ_OK && i < *ret_count; i++) {
		if (ret[i].low_pc)
			ret[i].low_pc += slot->bias;
	}
	return status;
}
