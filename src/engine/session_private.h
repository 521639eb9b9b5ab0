/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the engine share. */
#ifndef INQ_ENGINE_SESSION_PRIVATE_H
#define INQ_ENGINE_SESSION_PRIVATE_H

#include "engine/session.h"
#include "symbols/image.h"

/* What belongs to modules[i]; files are looked for once, when first needed. */
struct module_slot {
	char *name; /* "libc.so.6"; NULL until asked for */
	bool image_tried, symbols_tried;
	struct inq_image *image;
	uint64_t bias;	  /* process address - image vaddr */
	char *image_path; /* NULL: none, or an image in the dump's memory */
	enum inq_match match;
	struct inq_error why; /* why there is no image */
	struct inq_symbols *symbols;
};

struct inq_session {
	struct inq_target *target;
	struct inq_search *search;
	struct inq_opener opener;

	enum inq_machine machine;
	const struct inq_machine_info *info; /* NULL: unknown machine */
	const struct inq_thread *threads;
	size_t thread_count;
	const struct inq_module *modules;
	size_t module_count;
	struct module_slot *slots; /* one for each module */

	struct inq_unwinder *unwinder;	       /* NULL until needed */
	struct inq_disassembler *disassembler; /* the same */

	long thread;
	enum inq_scope scope;
	struct inq_context record; /* of INQ_SCOPE_RECORD */
	size_t frame;		   /* line of the stack */
	bool has_stack;
	struct inq_stack stack; /* of the current scope, kept for .frame */

	uint64_t user[INQ_USER_REGISTERS];
};

/* The slot of the module that holds the address, or NULL. */
struct module_slot *session_slot_at(struct inq_session *session, uint64_t address,
				    const struct inq_module **ret_module);
struct module_slot *session_slot(struct inq_session *session, const struct inq_module *module);

/* Make image and symbols if that was not tried yet; their fields say what came of it. */
void session_need_image(struct inq_session *session, const struct inq_module *module);
void session_need_symbols(struct inq_session *session, const struct inq_module *module);
void session_slot_done(struct module_slot *slot);

/* Drop what was derived from the current scope, or from images. */
void session_forget_stack(struct inq_session *session);
void session_forget_unwinder(struct inq_session *session);

#endif
