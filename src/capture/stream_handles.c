/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HandleData: Microsoft's list, and of each descriptor what only Linux has, as an object information of our own. */
#include "config.h"

#include "capture/run.h"
#include "minidump/inquest.h"

#include <fcntl.h>
#include <string.h>

enum { ACCESS_READ = 0x80000000, ACCESS_WRITE = 0x40000000 }; /* GENERIC_READ, GENERIC_WRITE */

static uint32_t access_of(const struct inq_handle *handle)
{
	static const uint32_t by_mode[4] = {
		[O_RDONLY] = (uint32_t)ACCESS_READ,
		[O_WRONLY] = ACCESS_WRITE,
		[O_RDWR] = (uint32_t)ACCESS_READ | ACCESS_WRITE,
	};

	return handle->flags < 0 ? 0 : by_mode[handle->flags & O_ACCMODE];
}

static inq_piece add_info(struct inq_run *run, const struct inq_handle *handle)
{
	struct md_inquest_handle info = {
		.size = sizeof(info),
		.flags = (handle->flags >= 0 ? MD_INQUEST_HANDLE_OPEN_FLAGS : 0u) |
			 (handle->deleted ? MD_INQUEST_HANDLE_DELETED : 0u),
		.position = handle->position,
		.inode = handle->inode,
		.open_flags = handle->flags >= 0 ? (uint64_t)handle->flags : 0,
		.mount = handle->mount,
	};
	size_t details = strlen(handle->details);
	struct md_object_info head = {
		.type = MD_OBJECT_INFO_INQUEST,
		.size = (uint32_t)(sizeof(info) + details),
	};
	struct inq_buffer bytes = {0};

	inq_buffer_append(&bytes, &head, sizeof(head));
	inq_buffer_append(&bytes, &info, sizeof(info));
	inq_buffer_append(&bytes, handle->details, details);
	return inq_writer_add(run->writer, &bytes, 4);
}

INQ_STREAM_WRITER(inq_write_handles)
{
	const struct inq_handle *handles;
	size_t count;
	enum inq_status status = inq_target_handles(run->target, &handles, &count, err);
	struct md_handle_list head = {sizeof(head), sizeof(struct md_handle), 0, 0};
	struct inq_buffer list = {0};
	inq_piece piece;

	(void)argument;
	if (status != INQ_OK)
		return status;
	head.count = (uint32_t)count;
	inq_buffer_append(&list, &head, sizeof(head));
	for (size_t i = 0; i < count; i++) {
		struct md_handle entry = {
			.handle = handles[i].number,
			.attributes = handles[i].flags >= 0 ? (uint32_t)handles[i].flags : 0,
			.granted_access = access_of(&handles[i]),
			.handle_count = 1,
			.pointer_count = 1,
		};

		inq_buffer_append(&list, &entry, sizeof(entry));
	}
	piece = inq_writer_add(run->writer, &list, 8);
	for (size_t i = 0; i < count; i++) {
		size_t at = sizeof(head) + i * sizeof(struct md_handle);

		inq_writer_point(run->writer, piece, at + offsetof(struct md_handle, type_name_rva), INQ_POINT_RVA,
				 inq_writer_add_string(run->writer, handles[i].type));
		inq_writer_point(run->writer, piece, at + offsetof(struct md_handle, object_name_rva), INQ_POINT_RVA,
				 inq_writer_add_string(run->writer, handles[i].name));
		inq_writer_point(run->writer, piece, at + offsetof(struct md_handle, object_info_rva), INQ_POINT_RVA,
				 add_info(run, &handles[i]));
	}
	inq_writer_stream(run->writer, type, piece);
	return INQ_OK;
}
