/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The module that writes CABs. libgcab brings GLib and GIO along: 1.3 ms of every start, and a lot of code in a
 * program that reads hostile files. So nothing else is linked with them, and this is loaded when a CAB is written.
 */
#include "debugger/cabinet_module.h"

#include <gio/gio.h>
#include <libgcab.h>

#include <errno.h>
#include <stdio.h>

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

enum inq_status inquest_cabinet_write(const struct cabinet_entry *entries, size_t count, int to, struct inq_error *err)
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
