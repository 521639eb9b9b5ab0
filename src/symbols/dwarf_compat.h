/* SPDX-License-Identifier: GPL-3.0-or-later */
/**
 * The two APIs of libdwarf, as far as we use it: that of 2021 and before (Debian 12) and that of 0.4 and
 * later. All differences are in this file; dwarf_file.c alone needs the part about object access.
 *
 * Later versions count sections in Dwarf_Unsigned where earlier ones have Dwarf_Half; the method's own
 * type tells which (INQ_DWARF_PICK).
 */
#ifndef INQ_SYMBOLS_DWARF_COMPAT_H
#define INQ_SYMBOLS_DWARF_COMPAT_H

#include "config.h"

#include <stddef.h>

#include <dwarf.h>
#include <libdwarf.h>

#ifdef HAVE_LIBDWARF_0

typedef Dwarf_Obj_Access_Interface_a inq_dwarf_access;
typedef Dwarf_Obj_Access_Methods_a inq_dwarf_methods;
typedef Dwarf_Obj_Access_Section_a inq_dwarf_section;
typedef Dwarf_Small inq_dwarf_byte_order;

#define INQ_DWARF_LITTLE DW_END_little
#define INQ_DWARF_BIG DW_END_big
#define INQ_DWARF_FIELD(name) as_##name
#define INQ_DWARF_METHOD(name) om_##name
#define INQ_DWARF_ACCESS(user, table) {.ai_object = (user), .ai_methods = (table)}

static inline void inq_dwarf_close(Dwarf_Debug dbg)
{
	(void)dwarf_object_finish(dbg);
}

#else

typedef Dwarf_Obj_Access_Interface inq_dwarf_access;
typedef Dwarf_Obj_Access_Methods inq_dwarf_methods;
typedef Dwarf_Obj_Access_Section inq_dwarf_section;
typedef Dwarf_Endianness inq_dwarf_byte_order;

#define INQ_DWARF_LITTLE DW_OBJECT_LSB
#define INQ_DWARF_BIG DW_OBJECT_MSB
#define INQ_DWARF_FIELD(name) name
#define INQ_DWARF_METHOD(name) name
#define INQ_DWARF_ACCESS(user, table) {.object = (user), .methods = (table)}

static inline void inq_dwarf_close(Dwarf_Debug dbg)
{
	Dwarf_Error error = NULL;

	(void)dwarf_object_finish(dbg, &error);
}

#endif

/* The one of two functions that has the type of the method. */
#define INQ_DWARF_PICK(method, half, whole) \
	_Generic(((inq_dwarf_methods *)0)->INQ_DWARF_METHOD(method), __typeof__(&(half)): (half), \
		 default: (whole))

/* Forms and attributes that <dwarf.h> may not have under one name. */
#ifndef DW_AT_GNU_dwo_name
#define DW_AT_GNU_dwo_name 0x2130
#define DW_AT_GNU_dwo_id 0x2131
#define DW_AT_GNU_ranges_base 0x2132
#define DW_AT_GNU_addr_base 0x2133
#endif

#endif
