/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "debugger/cabinet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- names ---------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character that begins here, 0 if none does; only what is shortest and no surrogate. */
static size_t character(const unsigned char *at)
{
	static const struct {
		unsigned char mask, lead;
		size_t size;
		uint32_t least;
	} forms[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint32_t value = at[0] & (unsigned char)~forms[i].mask;

		if ((at[0] & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t n = 1; n < forms[i].size; n++) {
			if ((at[n] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (at[n] & 0x3f);
		}
		return value >= forms[i].least && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff)
			       ? forms[i].size
			       : 0;
	}
	return 0;
}

/* What no file system of any receiver minds. */
static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("\\/:*?\"<>|", c);
}

void cabinet_safe_name(const char *path, char to[CABINET_NAME])
{
	const char *slash = strrchr(path, '/');
	const unsigned char *from = (const unsigned char *)(slash ? slash + 1 : path);
	size_t at = 0;

	while (*from && at + 5 < CABINET_NAME) {
		size_t size = *from < 0x80 ? 0 : character(from);

		if (size) {
			memcpy(to + at, from, size);
			at += size;
			from += size;
			continue;
		}
		to[at] = is_plain(*from) ? (char)*from : '_';
		if (at == 0 && (*from == '.' || *from == '-'))
			to[at] = '_';
		at++;
		from++;
	}
	if (!at)
		to[at++] = '_';
	to[at] = '\0';
}

/* --- writing --------------------------------------------------------------------------------------------------- */

#ifdef HAVE_LIBGCAB

#include <gio/gio.h>
#include <libgcab.h>

enum inq_status cabinet_writable(struct inq_error *err)
{
	(void)err;
	return INQ_OK;
}

/* By the kernel's link to what is open already. The local file system's own way: nothing is asked of a desktop. */
static GFile *file_of(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return g_vfs_get_file_for_path(g_vfs_get_local(), path);
}

/* GIO's codes where a person can do something about it; its words for all else. */
static enum inq_status fail(const GError *error, const char *what, struct inq_error *err)
{
	static const struct {
		int code, os_errno;
	} known[] = {
		{G_IO_ERROR_NO_SPACE, ENOSPC},
		{G_IO_ERROR_PERMISSION_DENIED, EACCES},
		{G_IO_ERROR_READ_ONLY, EROFS},
	};

	for (size_t i = 0; error && error->domain == G_IO_ERROR && i < sizeof(known) / sizeof(known[0]); i++) {
		if (error->code == known[i].code) {
			errno = known[i].os_errno;
			return inq_fail_os(err, "CAB: %s", what);
		}
	}
	return inq_fail(err, INQ_OS, "CAB: %s: %s", what, error ? error->message : "failed");
}

static enum inq_status add(GCabFolder *folder, const struct cabinet_entry *entry, struct inq_error *err)
{
	g_autoptr(GFile) from = entry->fd >= 0 ? file_of(entry->fd) : NULL;
	g_autoptr(GBytes) bytes = from ? NULL : g_bytes_new_static(entry->bytes, entry->size);
	g_autoptr(GCabFile) file = from ? gcab_file_new_with_file(entry->name, from)
					: gcab_file_new_with_bytes(entry->name, bytes);
	g_autoptr(GError) error = NULL;

	if (!gcab_folder_add_file(folder, file, FALSE, NULL, &error))
		return fail(error, entry->name, err);
	return INQ_OK;
}

enum inq_status cabinet_write(const struct cabinet_entry *entries, size_t count, int to, struct inq_error *err)
{
	g_autoptr(GCabCabinet) cabinet = gcab_cabinet_new();
	g_autoptr(GCabFolder) folder = gcab_folder_new(GCAB_COMPRESSION_MSZIP);
	g_autoptr(GFile) place = file_of(to);
	g_autoptr(GError) error = NULL;
	g_autoptr(GFileIOStream) stream = NULL;
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++) {
		enum inq_status status;

		total += entries[i].size;
		if (total > CABINET_MOST)
			return inq_fail(err, INQ_LIMIT,
					"CAB: %llu bytes, and a CAB holds at most %llu; --compress has no such limit",
					(unsigned long long)total, (unsigned long long)CABINET_MOST);
		status = add(folder, &entries[i], err);
		if (status != INQ_OK)
			return status;
	}
	stream = g_file_open_readwrite(place, NULL, &error);
	if (!stream)
		return fail(error, "opening", err);
	if (!gcab_cabinet_add_folder(cabinet, folder, &error) ||
	    !gcab_cabinet_write(cabinet, g_io_stream_get_output_stream(G_IO_STREAM(stream)), NULL, NULL, NULL, NULL,
				&error) ||
	    !g_io_stream_close(G_IO_STREAM(stream), NULL, &error))
		return fail(error, "writing", err);
	return INQ_OK;
}

#else

enum inq_status cabinet_writable(struct inq_error *err)
{
	return inq_fail(err, INQ_UNSUPPORTED,
			"/b: built without libgcab, so that no CAB can be written (configure --with-cab; Debian: "
			"libgcab-dev); --compress makes a dump smaller");
}

enum inq_status cabinet_write(const struct cabinet_entry *entries, size_t count, int to, struct inq_error *err)
{
	(void)entries;
	(void)count;
	(void)to;
	return cabinet_writable(err);
}

#endif
