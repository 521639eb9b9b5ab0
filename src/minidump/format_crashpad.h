/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * Crashpad's own streams.
 *
 * A part of minidump/format.h, which says where it is from; whoever needs it includes that.
 */
#ifndef INQ_MINIDUMP_FORMAT_CRASHPAD_H
#define INQ_MINIDUMP_FORMAT_CRASHPAD_H

#include "minidump/format.h"

/* MinidumpCrashpadInfo; address_mask came later and may be missing. */
struct MD_PACKED md_crashpad_info {
	uint32_t version; /* 1 */
	struct md_guid report_id;
	struct md_guid client_id;
	struct md_location simple_annotations; /* md_list, struct md_crashpad_pair[] */
	struct md_location module_list;        /* md_list, struct md_crashpad_module_link[] */
	uint32_t reserved;
	uint64_t address_mask; /* bits of a pointer that are address */
};
enum { MD_CRASHPAD_INFO_SIZE_1 = 52, MD_CRASHPAD_INFO_SIZE_2 = 64 };
MD_ASSERT_SIZE(md_crashpad_info, MD_CRASHPAD_INFO_SIZE_2);
MD_ASSERT_AT(md_crashpad_info, reserved, MD_CRASHPAD_INFO_SIZE_1);

/* MinidumpSimpleStringDictionaryEntry. */
struct MD_PACKED md_crashpad_pair {
	uint32_t key_rva;   /* struct md_string, UTF-8 */
	uint32_t value_rva; /* struct md_string, UTF-8 */
};
MD_ASSERT_SIZE(md_crashpad_pair, 8);

/* MinidumpModuleCrashpadInfoLink. */
struct MD_PACKED md_crashpad_module_link {
	uint32_t module_index; /* into the module list */
	struct md_location location; /* struct md_crashpad_module */
};
MD_ASSERT_SIZE(md_crashpad_module_link, 12);

/* MinidumpModuleCrashpadInfo; annotation_objects came later and may be missing. */
struct MD_PACKED md_crashpad_module {
	uint32_t version; /* 1 */
	struct md_location list_annotations;   /* md_list, uint32_t rva[] of UTF-8 strings */
	struct md_location simple_annotations; /* md_list, struct md_crashpad_pair[] */
	struct md_location annotation_objects; /* md_list, struct md_crashpad_annotation[] */
};
enum { MD_CRASHPAD_MODULE_SIZE_1 = 20, MD_CRASHPAD_MODULE_SIZE_2 = 28 };
MD_ASSERT_SIZE(md_crashpad_module, MD_CRASHPAD_MODULE_SIZE_2);

/* MinidumpAnnotation. */
struct MD_PACKED md_crashpad_annotation {
	uint32_t name_rva; /* struct md_string, UTF-8 */
	uint16_t type;     /* 0 invalid, 1 string, 0x8000 and above the program's own */
	uint16_t reserved;
	uint32_t value_rva; /* length and bytes, as struct md_string */
};
MD_ASSERT_SIZE(md_crashpad_annotation, 12);

#endif
