/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unwind/cfi.h"

#include <string.h>

unsigned cfi_pointer_size(uint8_t encoding, uint8_t address_size)
{
	if (encoding == CFI_PE_OMIT)
		return 0;
	switch (encoding & CFI_PE_FORMAT) {
	case CFI_PE_ABSPTR:
	case CFI_PE_SIGNED:
		return address_size;
	case CFI_PE_UDATA2:
	case CFI_PE_SDATA2:
		return 2;
	case CFI_PE_UDATA4:
	case CFI_PE_SDATA4:
		return 4;
	case CFI_PE_UDATA8:
	case CFI_PE_SDATA8:
		return 8;
	default:
		return 0;
	}
}

static bool read_value(struct inq_cursor *cursor, uint8_t format, uint8_t address_size, uint64_t *ret)
{
	switch (format) {
	case CFI_PE_ABSPTR:
		*ret = inq_cursor_word(cursor, address_size);
		break;
	case CFI_PE_SIGNED:
		*ret = address_size == 4 ? (uint64_t)(int64_t)(int32_t)inq_cursor_u32(cursor)
					 : inq_cursor_u64(cursor);
		break;
	case CFI_PE_ULEB128:
		*ret = inq_cursor_uleb(cursor);
		break;
	case CFI_PE_SLEB128:
		*ret = (uint64_t)inq_cursor_sleb(cursor);
		break;
	case CFI_PE_UDATA2:
		*ret = inq_cursor_u16(cursor);
		break;
	case CFI_PE_SDATA2:
		*ret = (uint64_t)(int64_t)(int16_t)inq_cursor_u16(cursor);
		break;
	case CFI_PE_UDATA4:
		*ret = inq_cursor_u32(cursor);
		break;
	case CFI_PE_SDATA4:
		*ret = (uint64_t)(int64_t)(int32_t)inq_cursor_u32(cursor);
		break;
	case CFI_PE_UDATA8:
	case CFI_PE_SDATA8:
		*ret = inq_cursor_u64(cursor);
		break;
	default:
		return false;
	}
	return !cursor->bad;
}

bool cfi_read_pointer(struct inq_cursor *cursor, uint8_t encoding, const struct cfi_bases *bases, uint64_t *ret)
{
	uint64_t place, value = 0;

	*ret = 0;
	if (encoding == CFI_PE_OMIT)
		return true;
	if ((encoding & CFI_PE_BASE) == CFI_PE_ALIGNED) {
		size_t align = bases->address_size;

		inq_cursor_skip(cursor, -(size_t)(cursor->origin + cursor->at) & (align - 1));
		*ret = inq_cursor_word(cursor, bases->address_size);
		return !cursor->bad;
	}
	place = cursor->origin + cursor->at;
	if (!read_value(cursor, encoding & CFI_PE_FORMAT, bases->address_size, &value))
		return false;
	switch (encoding & CFI_PE_BASE) {
	case CFI_PE_ABSPTR:
		break;
	case CFI_PE_PCREL:
		value += place;
		break;
	case CFI_PE_TEXTREL:
		value += bases->text;
		break;
	case CFI_PE_DATAREL:
		value += bases->data;
		break;
	case CFI_PE_FUNCREL:
		value += bases->function;
		break;
	default:
		return false;
	}
	*ret = bases->address_size == 4 ? (uint32_t)value : value;
	return true;
}

static const char *section_name(const struct cfi_section *section)
{
	return section->debug_frame ? ".debug_frame" : ".eh_frame";
}

enum inq_status cfi_read_entry(const struct cfi_section *section, uint64_t at, struct cfi_entry *ret,
			       struct inq_error *err)
{
	struct inq_cursor cursor = inq_cursor_make(section->data, section->size, section->vaddr,
						   section_name(section));
	struct cfi_entry entry = {.at = at};
	uint64_t length, id, id_at;

	if (at < section->vaddr || at - section->vaddr > section->size)
		return inq_fail(err, INQ_BAD_DATA, "%s: no entry at 0x%llx", section_name(section),
				(unsigned long long)at);
	inq_cursor_seek(&cursor, (size_t)(at - section->vaddr));
	length = inq_cursor_u32(&cursor);
	if (length == UINT32_MAX) {
		entry.dwarf64 = true;
		length = inq_cursor_u64(&cursor);
	}
	if (cursor.bad)
		return inq_cursor_status(&cursor, err);
	if (length == 0) {
		entry.terminator = true;
		entry.next = section->vaddr + cursor.at;
		*ret = entry;
		return INQ_OK;
	}
	if (length > inq_cursor_left(&cursor))
		return inq_fail(err, INQ_BAD_DATA, "%s: entry at 0x%llx runs past the section",
				section_name(section), (unsigned long long)at);
	entry.end = cursor.at + (size_t)length;
	entry.next = section->vaddr + entry.end;
	id_at = section->vaddr + cursor.at;
	/* GNU's .eh_frame keeps the pointer at 4 bytes in the 64-bit form, as libgcc reads it. */
	id = entry.dwarf64 && section->debug_frame ? inq_cursor_u64(&cursor) : inq_cursor_u32(&cursor);
	if (cursor.bad || cursor.at > entry.end)
		return inq_fail(err, INQ_BAD_DATA, "%s: entry at 0x%llx is cut short", section_name(section),
				(unsigned long long)at);
	if (section->debug_frame) {
		entry.is_cie = id == (entry.dwarf64 ? UINT64_MAX : UINT32_MAX);
		entry.cie = id;
	} else {
		entry.is_cie = id == 0;
		entry.cie = id_at - id;
	}
	entry.body = cursor.at;
	*ret = entry;
	return INQ_OK;
}

/* The contents of an entry as a cursor that knows its addresses. */
static struct inq_cursor entry_cursor(const struct cfi_section *section, const struct cfi_entry *entry)
{
	return inq_cursor_make(section->data + entry->body, entry->end - entry->body,
			       section->vaddr + entry->body, section_name(section));
}

/* The letters of an augmentation after 'z', with their data. */
static enum inq_status parse_augmentation(const struct cfi_section *section, const char *letters,
					  struct inq_cursor *data, struct cfi_cie *cie, struct inq_error *err)
{
	struct cfi_bases bases = {section->text_base, section->data_base, 0, cie->address_size};
	uint64_t personality;

	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->fde_encoding = inq_cursor_u8(data);
			break;
		case 'L':
			cie->lsda_encoding = inq_cursor_u8(data);
			break;
		case 'P':
			if (!cfi_read_pointer(data, inq_cursor_u8(data), &bases, &personality))
				return inq_fail(err, INQ_BAD_DATA, "%s: damaged personality",
						section_name(section));
			break;
		case 'S':
			cie->signal = true;
			break;
		case 'B':
			cie->pauth_b_key = true;
			break;
		default:
			/* 'z' gave the size, so the rest of the entry can be read; its meaning is lost. */
			return INQ_OK;
		}
	}
	return inq_cursor_status(data, err);
}

enum inq_status cfi_parse_cie(const struct cfi_section *section, const struct cfi_entry *entry,
			      struct cfi_cie *ret, struct inq_error *err)
{
	struct inq_cursor cursor = entry_cursor(section, entry), data;
	struct cfi_cie cie = {.address_size = section->address_size, .lsda_encoding = CFI_PE_OMIT};
	const char *letters;
	enum inq_status status;

	if (!entry->is_cie || entry->terminator)
		return inq_fail(err, INQ_BAD_DATA, "%s: no CIE at 0x%llx", section_name(section),
				(unsigned long long)entry->at);
	cie.version = inq_cursor_u8(&cursor);
	if (!cursor.bad && cie.version != 1 && cie.version != 3 && cie.version != 4)
		return inq_fail(err, INQ_UNSUPPORTED, "%s: CIE at 0x%llx has version %u", section_name(section),
				(unsigned long long)entry->at, cie.version);
	letters = inq_cursor_string(&cursor);
	if (cie.version == 4) {
		uint8_t segment_size;

		cie.address_size = inq_cursor_u8(&cursor);
		segment_size = inq_cursor_u8(&cursor);
		if (!cursor.bad && ((cie.address_size != 4 && cie.address_size != 8) || segment_size))
			return inq_fail(err, INQ_UNSUPPORTED, "%s: CIE at 0x%llx has addresses of %u+%u bytes",
					section_name(section), (unsigned long long)entry->at, cie.address_size,
					segment_size);
	}
	/* GCC 2's "eh": a pointer that nobody needs any more. */
	if (letters[0] == 'e' && letters[1] == 'h') {
		inq_cursor_skip(&cursor, cie.address_size);
		letters += 2;
	}
	cie.code_align = inq_cursor_uleb(&cursor);
	cie.data_align = inq_cursor_sleb(&cursor);
	cie.return_column = cie.version == 1 ? inq_cursor_u8(&cursor) : inq_cursor_uleb(&cursor);
	if (letters[0] == 'z') {
		uint64_t size = inq_cursor_uleb(&cursor);
		const void *bytes;

		cie.augmented = true;
		if (size > inq_cursor_left(&cursor))
			inq_cursor_fail(&cursor);
		data = cursor;
		bytes = inq_cursor_bytes(&cursor, (size_t)size);
		if (bytes) {
			data.size = cursor.at;
			status = parse_augmentation(section, letters + 1, &data, &cie, err);
			if (status != INQ_OK)
				return status;
		}
	} else if (letters[0] && strcmp(letters, "S")) {
		return inq_fail(err, INQ_UNSUPPORTED, "%s: CIE at 0x%llx has an unknown augmentation",
				section_name(section), (unsigned long long)entry->at);
	} else {
		cie.signal = letters[0] == 'S';
	}
	if (cursor.bad)
		return inq_cursor_status(&cursor, err);
	cie.program = cursor.data + cursor.at;
	cie.program_size = inq_cursor_left(&cursor);
	*ret = cie;
	return INQ_OK;
}

enum inq_status cfi_parse_fde(const struct cfi_section *section, const struct cfi_entry *entry,
			      const struct cfi_cie *cie, struct cfi_fde *ret, struct inq_error *err)
{
	struct inq_cursor cursor = entry_cursor(section, entry);
	struct cfi_bases bases = {section->text_base, section->data_base, 0, cie->address_size};
	struct cfi_fde fde = {0};

	if (entry->is_cie || entry->terminator)
		return inq_fail(err, INQ_BAD_DATA, "%s: no FDE at 0x%llx", section_name(section),
				(unsigned long long)entry->at);
	if (!cfi_read_pointer(&cursor, cie->fde_encoding & ~CFI_PE_INDIRECT, &bases, &fde.start) ||
	    !cfi_read_pointer(&cursor, cie->fde_encoding & CFI_PE_FORMAT, &bases, &fde.size))
		return inq_fail(err, INQ_BAD_DATA, "%s: FDE at 0x%llx: damaged addresses", section_name(section),
				(unsigned long long)entry->at);
	if (cie->augmented) {
		uint64_t size = inq_cursor_uleb(&cursor);

		if (size > inq_cursor_left(&cursor))
			inq_cursor_fail(&cursor);
		inq_cursor_skip(&cursor, (size_t)size);
	}
	if (cursor.bad)
		return inq_cursor_status(&cursor, err);
	fde.program = cursor.data + cursor.at;
	fde.program_size = inq_cursor_left(&cursor);
	*ret = fde;
	return INQ_OK;
}
