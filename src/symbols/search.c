/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support/buffer.h"
#include "support/file.h"
#include "support/opener.h"
#include "symbols/image.h"
#include "symbols/object.h"
#include "symbols/symbols.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef INQ_SYSTEM_DEBUGDIR
#define INQ_SYSTEM_DEBUGDIR "/usr/lib/debug"
#endif

enum {
	MAX_FOLDERS = 64,
	FOUND_MAX = 8192, /* bytes of paths that are tried for one name */
};

struct folders {
	char *text; /* the list, cut apart; owned */
	const char *folder[MAX_FOLDERS];
	size_t count;
};

struct inq_search {
	char *symbol_path, *image_path;
	struct folders symbols, images;
	char cache[PATH_MAX]; /* of debuginfod's clients, "" none */
	struct inq_opener opener;
};

/* One search on its way: what is wanted, where it was looked for, what was found. */
struct hunt {
	struct inq_search *search;
	const struct inq_wanted *wanted;
	const char *not_this; /* the image, when its debug file is looked for */
	bool check_crc;       /* the wanted has no build-id: the candidate must have this CRC */
	uint32_t crc;
	struct inq_buffer tried;
	char real[PATH_MAX];
	enum inq_match match;
};

static bool split(const char *list, struct folders *ret)
{
	ret->text = strdup(list);
	if (!ret->text)
		return false;
	for (char *at = ret->text; *at && ret->count < MAX_FOLDERS;) {
		size_t length = strcspn(at, ":;");
		bool last = at[length] == '\0';

		at[length] = '\0';
		if (length)
			ret->folder[ret->count++] = at;
		at += length + (last ? 0 : 1);
	}
	return true;
}

/* As debuginfod_find_debuginfo(3) finds it. */
static void find_cache(char ret[PATH_MAX])
{
	const char *own = getenv("DEBUGINFOD_CACHE_PATH"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int length;

	if (own && *own)
		length = snprintf(ret, PATH_MAX, "%s", own);
	else if (base && *base)
		length = snprintf(ret, PATH_MAX, "%s/debuginfod_client", base);
	else
		length = snprintf(ret, PATH_MAX, "%s/.cache/debuginfod_client", home ? home : "");
	if (length >= PATH_MAX || ret[0] != '/' || (!own && !base && !home))
		ret[0] = '\0';
}

enum inq_status inq_search_new(const char *symbol_path, const char *image_path,
			       const struct inq_opener *opener, struct inq_search **ret,
			       struct inq_error *err)
{
	struct inq_search *search = calloc(1, sizeof(*search));

	if (!search)
		return inq_fail(err, INQ_NO_MEMORY, "search path");
	search->symbol_path = strdup(symbol_path ? symbol_path : "");
	search->image_path = strdup(image_path ? image_path : "");
	search->opener = opener ? *opener : inq_opener_direct();
	find_cache(search->cache);
	if (!search->symbol_path || !search->image_path || !split(search->symbol_path, &search->symbols) ||
	    !split(*search->image_path ? search->image_path : "/", &search->images)) {
		inq_search_free(search);
		return inq_fail(err, INQ_NO_MEMORY, "search path");
	}
	*ret = search;
	return INQ_OK;
}

void inq_search_free(struct inq_search *search)
{
	if (!search)
		return;
	free(search->symbols.text);
	free(search->images.text);
	free(search->symbol_path);
	free(search->image_path);
	free(search);
}

const struct inq_opener *inq_search_opener(const struct inq_search *search)
{
	return &search->opener;
}

const char *inq_search_symbol_path(const struct inq_search *search)
{
	return search->symbol_path;
}

const char *inq_search_image_path(const struct inq_search *search)
{
	return search->image_path;
}

/* --- one candidate -------------------------------------------------------------------------------- */

static enum inq_match compare(struct hunt *hunt, struct inq_object *object)
{
	uint8_t id[INQ_BUILD_ID_MAX];
	size_t size;
	uint32_t crc;

	if (hunt->wanted->build_id_size) {
		if (inq_object_build_id(object, id, &size, NULL) == INQ_OK &&
		    size == hunt->wanted->build_id_size && memcmp(id, hunt->wanted->build_id, size) == 0)
			return INQ_MATCH_BUILD_ID;
		return INQ_MATCH_NONE;
	}
	if (hunt->check_crc && (inq_object_crc(object, &crc, NULL) != INQ_OK || crc != hunt->crc))
		return INQ_MATCH_NONE;
	return INQ_MATCH_UNVERIFIED;
}

/* PE images have no build-id; what their records say stands for it. Only .pdata and identity are read of them. */
static enum inq_match compare_pe(const struct inq_wanted *wanted, const struct inq_image_pe *pe)
{
	bool known = wanted->pdb_id_size == INQ_PDB_ID && pe->has_pdb_id;
	bool stamped = wanted->timestamp && wanted->image_size;

	if (known && memcmp(wanted->pdb_id, pe->pdb_id, INQ_PDB_ID))
		return INQ_MATCH_NONE;
	if (stamped && (wanted->timestamp != pe->timestamp || wanted->image_size != pe->size))
		return INQ_MATCH_NONE;
	return known || stamped ? INQ_MATCH_BUILD_ID : INQ_MATCH_UNVERIFIED;
}

/* The descriptor is taken over. */
static enum inq_match try_pe(const struct hunt *hunt, int fd)
{
	enum inq_match match = INQ_MATCH_NONE;
	const struct inq_image_pe *pe;
	struct inq_image *image = NULL;
	struct inq_file *file;

	if (inq_file_open_fd(fd, hunt->real, &file, NULL) != INQ_OK ||
	    inq_image_open_file(file, &image, NULL) != INQ_OK)
		return INQ_MATCH_NONE;
	if (inq_image_pe(image, &pe, NULL) == INQ_OK)
		match = compare_pe(hunt->wanted, pe);
	inq_image_free(image);
	return match;
}

/* What a dump says about a file is believed only if the file is a regular one, ELF, and the right one. */
static bool try_below(struct hunt *hunt, const char *root, const char *path)
{
	struct inq_object *object = NULL;
	enum inq_status status;
	int fd;

	inq_buffer_printf(&hunt->tried, "%s%s%s", hunt->tried.size ? ", " : "", strcmp(root, "/") == 0 ? "" : root,
			  path);
	fd = inq_open_below(&hunt->search->opener, root, path, hunt->real, &status, NULL);
	if (fd < 0)
		return false;
	if (hunt->not_this && strcmp(hunt->real, hunt->not_this) == 0) {
		close(fd);
		return false;
	}
	if (hunt->wanted->windows)
		return (hunt->match = try_pe(hunt, fd)) != INQ_MATCH_NONE;
	if (inq_object_open_fd(fd, hunt->real, &object, NULL) != INQ_OK)
		return false;
	hunt->match = compare(hunt, object);
	inq_object_free(object);
	return hunt->match != INQ_MATCH_NONE;
}

static bool try_format(struct hunt *hunt, const char *root, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool try_format(struct hunt *hunt, const char *root, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return length > 0 && length < (int)sizeof(path) && try_below(hunt, root, path);
}

static bool build_id_hex(const struct inq_wanted *wanted, char ret[2 * INQ_BUILD_ID_MAX + 1])
{
	if (wanted->build_id_size < 2 || wanted->build_id_size > INQ_BUILD_ID_MAX)
		return false;
	for (size_t i = 0; i < wanted->build_id_size; i++)
		snprintf(ret + 2 * i, 3, "%02x", wanted->build_id[i]);
	return true;
}

/* DIR/.build-id/xx/yyyy and what follows. */
static bool try_build_id(struct hunt *hunt, const char *root, const char *suffix)
{
	char hex[2 * INQ_BUILD_ID_MAX + 1];

	return build_id_hex(hunt->wanted, hex) &&
	       try_format(hunt, root, "/.build-id/%.2s/%s%s", hex, hex + 2, suffix);
}

/* --- the module's path: hostile ------------------------------------------------------------------- */

/* The path that may be joined to a root: absolute, as the kernel writes them, without " (deleted)". */
static bool clean_path(const char *path, char ret[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	size_t length = path ? strlen(path) : 0;

	if (length == 0 || length >= PATH_MAX || path[0] != '/' || path[1] == '/')
		return false;
	memcpy(ret, path, length + 1);
	if (length > sizeof(deleted) && strcmp(ret + length - (sizeof(deleted) - 1), deleted) == 0)
		ret[length - (sizeof(deleted) - 1)] = '\0';
	return true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return strcmp(name, "..") == 0 || strcmp(name, ".") == 0 ? "" : name;
}

/* "C:\\Windows\\System32\\ntdll.dll": only the last part means anything here. */
static const char *windows_name(const char *path)
{
	const char *name = path ? path : "";

	for (const char *at = name; *at; at++)
		if (*at == '\\' || *at == '/')
			name = at + 1;
	return strcmp(name, "..") == 0 || strcmp(name, ".") == 0 ? "" : name;
}

/* Names have no case there, and files are kept in any; symbol servers' stores keep them by name and stamp. */
static bool hunt_windows_image(struct hunt *hunt)
{
	const struct folders *roots = &hunt->search->images;
	const struct inq_wanted *wanted = hunt->wanted;
	const char *name = windows_name(wanted->path);
	char small[NAME_MAX + 1];
	size_t length = strlen(name);

	if (!length || length >= sizeof(small))
		return false;
	for (size_t i = 0; i <= length; i++)
		small[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	for (size_t i = 0; i < roots->count; i++) {
		const char *root = roots->folder[i];

		if (strcmp(root, "/") == 0) /* the system's own: there are none */
			continue;
		if (try_format(hunt, root, "/%s", name) || try_format(hunt, root, "/%s", small) ||
		    try_format(hunt, root, "/%s/%08X%x/%s", name, wanted->timestamp, wanted->image_size, name) ||
		    try_format(hunt, root, "/%s/%08X%x/%s", small, wanted->timestamp, wanted->image_size, small))
			return true;
	}
	return false;
}

static void hunt_begin(struct hunt *hunt, struct inq_search *search, const struct inq_wanted *wanted)
{
	memset(hunt, 0, sizeof(*hunt));
	hunt->search = search;
	hunt->wanted = wanted;
}

static enum inq_status hunt_end(struct hunt *hunt, bool found, const char *what, char **ret_path,
				enum inq_match *ret_match, struct inq_error *err)
{
	enum inq_status status = INQ_OK;

	if (found) {
		char *path = strdup(hunt->real);

		if (path) {
			*ret_path = path;
			*ret_match = hunt->match;
		} else {
			status = inq_fail(err, INQ_NO_MEMORY, "%s", what);
		}
	} else {
		status = inq_fail(err, INQ_ABSENT, "'%s': no %s found; tried %s",
				  hunt->wanted->path ? hunt->wanted->path : "", what,
				  hunt->tried.size ? inq_buffer_text(&hunt->tried) : "nothing");
	}
	inq_buffer_done(&hunt->tried);
	return status;
}

/* A file that this machine has under the name, wherever it lies. Only its build-id can say that it is the one. */
static bool try_found(struct hunt *hunt, const char *name, bool deep)
{
	char paths[FOUND_MAX];
	size_t size = inq_open_find(&hunt->search->opener, name, deep, paths, sizeof(paths));

	for (size_t at = 0; at < size; at += strlen(paths + at) + 1) {
		if (try_below(hunt, "/", paths + at))
			return true;
	}
	return false;
}

/* The kernel's page of code in every process: no file has it. */
static bool is_vdso(const char *name)
{
	return name[0] == '[' || strncmp(name, "linux-vdso", 10) == 0 || strncmp(name, "linux-gate", 10) == 0;
}

/* The module of a filtered dump has its bare name: where it usually lies, then everywhere. One with a folder was
 * looked for there, and is looked for where it usually lies. */
static bool hunt_by_name(struct hunt *hunt, const char *name, bool bare)
{
	if (!hunt->wanted->build_id_size || !*name || is_vdso(name))
		return false;
	return try_found(hunt, name, false) || (bare && try_found(hunt, name, true));
}

/* debuginfod's clients keep what they fetched by build-id (debuginfod-find(1), "CACHE"). */
static bool try_cache(struct hunt *hunt, const char *kind)
{
	char hex[2 * INQ_BUILD_ID_MAX + 1];

	return *hunt->search->cache && build_id_hex(hunt->wanted, hex) &&
	       try_format(hunt, hunt->search->cache, "/%s/%s", hex, kind);
}

static bool hunt_image(struct hunt *hunt)
{
	const struct folders *roots = &hunt->search->images;
	char path[PATH_MAX];
	bool usable = clean_path(hunt->wanted->path, path);
	const char *name = hunt->wanted->path ? base_name(usable ? path : hunt->wanted->path) : "";

	if (hunt->wanted->windows)
		return hunt_windows_image(hunt);
	for (size_t i = 0; i < roots->count; i++) {
		const char *root = roots->folder[i];

		if (usable && try_below(hunt, root, path))
			return true;
		/* "/" alone is the system, not a folder that images were put into. */
		if (*name && strcmp(root, "/") != 0 && try_format(hunt, root, "/%s", name))
			return true;
		if (strcmp(root, "/") != 0 && try_build_id(hunt, root, ""))
			return true;
	}
	for (size_t i = 0; i < hunt->search->symbols.count; i++) {
		if (try_build_id(hunt, hunt->search->symbols.folder[i], ""))
			return true;
	}
	return try_build_id(hunt, INQ_SYSTEM_DEBUGDIR, "") ||
	       hunt_by_name(hunt, name, hunt->wanted->path && !strchr(hunt->wanted->path, '/')) ||
	       try_cache(hunt, "executable");
}

enum inq_status inq_search_image(struct inq_search *search, const struct inq_wanted *wanted, char **ret_path,
				 enum inq_match *ret_match, struct inq_error *err)
{
	struct hunt hunt;

	hunt_begin(&hunt, search, wanted);
	return hunt_end(&hunt, hunt_image(&hunt), "image", ret_path, ret_match, err);
}

/* --- debug files ---------------------------------------------------------------------------------- */

/* The folders in which gdb looks for a link's name: the image's own, .debug in it, and those of the user
 * and of the system with the image's folder below them. */
static bool try_link(struct hunt *hunt, const char *image_path, const char *link)
{
	const struct folders *roots = &hunt->search->symbols;
	const char *slash = strrchr(image_path, '/');
	int length = slash ? (int)(slash - image_path) : 0;

	if (slash && (try_format(hunt, "/", "%.*s/%s", length, image_path, link) ||
		      try_format(hunt, "/", "%.*s/.debug/%s", length, image_path, link)))
		return true;
	for (size_t i = 0; i < roots->count; i++) {
		if (try_format(hunt, roots->folder[i], "/%s", link) ||
		    try_format(hunt, roots->folder[i], "%.*s/%s", length, image_path, link))
			return true;
	}
	return try_format(hunt, INQ_SYSTEM_DEBUGDIR, "%.*s/%s", length, image_path, link);
}

static bool try_names(struct hunt *hunt, const char *image_path)
{
	const struct folders *roots = &hunt->search->symbols;
	char path[PATH_MAX];
	const char *name = base_name(image_path);

	if (!clean_path(image_path, path))
		return false;
	for (size_t i = 0; i < roots->count; i++) {
		if (try_format(hunt, roots->folder[i], "/%s.debug", name) ||
		    try_format(hunt, roots->folder[i], "%s.debug", path))
			return true;
	}
	return try_format(hunt, INQ_SYSTEM_DEBUGDIR, "%s.debug", path);
}

static bool hunt_debug(struct hunt *hunt, const char *image_path, const char *link, uint32_t crc)
{
	const struct folders *roots = &hunt->search->symbols;

	for (size_t i = 0; i < roots->count; i++) {
		if (try_build_id(hunt, roots->folder[i], ".debug"))
			return true;
	}
	if (try_build_id(hunt, INQ_SYSTEM_DEBUGDIR, ".debug") || try_cache(hunt, "debuginfo"))
		return true;
	if (link && *link && !strchr(link, '/')) {
		hunt->check_crc = true;
		hunt->crc = crc;
		if (try_link(hunt, image_path, link))
			return true;
		hunt->check_crc = false;
	}
	return try_names(hunt, image_path);
}

enum inq_status inq_search_debug(struct inq_search *search, const struct inq_wanted *wanted,
				 const char *image_path, const char *debuglink, uint32_t debuglink_crc,
				 char **ret_path, enum inq_match *ret_match, struct inq_error *err)
{
	struct hunt hunt;

	hunt_begin(&hunt, search, wanted);
	hunt.not_this = image_path;
	return hunt_end(&hunt, hunt_debug(&hunt, image_path, debuglink, debuglink_crc), "debug file", ret_path,
			ret_match, err);
}
