/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of the dump, and of image files where the dump left out what nobody could have written. */
#include "engine/session_private.h"

#include <elf.h>

/* How much lies before the next memory that the dump has itself. */
static size_t until_dump(struct inq_session *session, uint64_t address, size_t size)
{
	const struct inq_range *ranges;
	size_t count, low = 0;

	if (inq_target_memory(session->target, &ranges, &count, NULL) != INQ_OK)
		return size;
	for (size_t high = count; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (ranges[middle].base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ranges[low].base - address < size ? ranges[low].base - address : size;
}

static enum inq_status read_image(struct inq_session *session, uint64_t address, void *to,
				  size_t size, size_t *ret_done, enum inq_bytes_from *ret_from)
{
	const struct inq_module *module;
	struct module_slot *slot = session_slot_at(session, address, &module);
	uint32_t protection;

	if (!slot)
		return INQ_FAULT;
	session_need_image(session, module);
	if (!slot->image || !slot->image_path)
		return INQ_FAULT;
	protection = inq_image_protection(slot->image, address - slot->bias);
	if (!protection || (protection & PF_W))
		return INQ_FAULT;
	if (ret_from)
		*ret_from =
			slot->match == INQ_MATCH_BUILD_ID ? INQ_FROM_IMAGE : INQ_FROM_UNVERIFIED;
	return inq_image_read(slot->image, address - slot->bias, to,
			      until_dump(session, address, size), ret_done, NULL);
}

enum inq_status inq_session_read(struct inq_session *session, uint64_t address, void *to,
				 size_t size, size_t *ret_done, enum inq_bytes_from *ret_from,
				 struct inq_error *err)
{
	enum inq_status status = inq_target_read(session->target, address, to, size, ret_done, err);

	if (status == INQ_OK && ret_from)
		*ret_from = INQ_FROM_DUMP;
	if (status != INQ_FAULT)
		return status;
	return read_image(session, address, to, size, ret_done, ret_from) == INQ_OK ? INQ_OK
										    : status;
}

enum inq_status inq_session_read_all(struct inq_session *session, uint64_t address, void *to,
				     size_t size, struct inq_error *err)
{
	uint8_t *bytes = to;

	for (size_t done = 0, now; done < size; done += now) {
		enum inq_status status = inq_session_read(session, address + done, bytes + done,
							  size - done, &now, NULL, err);

		if (status != INQ_OK)
			return status;
	}
	return INQ_OK;
}

const char *inq_bytes_from_name(enum inq_bytes_from from)
{
	static const char *const names[] = {
		[INQ_FROM_DUMP] = "dump",
		[INQ_FROM_IMAGE] = "image",
		[INQ_FROM_UNVERIFIED] = "image (unverified)",
	};

	return names[from];
}
