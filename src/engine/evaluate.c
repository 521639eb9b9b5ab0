/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the words of an expression mean in a session. */
#include "engine/expression.h"
#include "engine/session_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum inq_status register_value(struct inq_session *session, const char *name, uint64_t *ret,
				      struct inq_error *err)
{
	unsigned shift, size;
	const struct inq_register *reg = inq_register_find(session->machine, name, &shift, &size);
	struct inq_context context = {0};
	enum inq_status status;
	uint64_t value;

	if (!reg)
		return INQ_ABSENT;
	if (reg->size > 8)
		return inq_fail(err, INQ_USAGE,
				"'%s' has %u bytes; only registers of up to 8 are numbers", name,
				reg->size);
	status = inq_session_frame_context(session, &context, err);
	if (status != INQ_OK)
		return inq_prepend(err, status == INQ_ABSENT ? INQ_FAULT : status, "'%s'", name);
	if (!inq_context_get(&context, reg, &value))
		return inq_fail(err, INQ_FAULT, "'%s' is not known here", name);
	value >>= shift;
	*ret = size < 8 ? value & ((1ull << size * 8) - 1) : value;
	return INQ_OK;
}

static enum inq_status return_address(struct inq_session *session, uint64_t *ret,
				      struct inq_error *err)
{
	const struct inq_stack *stack;
	enum inq_status status = inq_session_current_stack(session, &stack, err);
	size_t next;

	if (status != INQ_OK)
		return status;
	next = stack->calls[session->frame].physical + 1;
	if (next >= stack->frames.count)
		return inq_fail(err, INQ_FAULT, "'$ra': this is the outermost frame");
	*ret = stack->frames.frames[next].pc;
	return INQ_OK;
}

static enum inq_status entry_point(struct inq_session *session, uint64_t *ret,
				   struct inq_error *err)
{
	struct inq_image *image;
	uint64_t bias;

	for (size_t i = 0; i < session->module_count; i++) {
		enum inq_status status;

		if (!session->modules[i].main)
			continue;
		status = inq_session_image(session, &session->modules[i], &image, &bias, err);
		if (status != INQ_OK)
			return inq_prepend(err, INQ_FAULT, "'$exentry'");
		*ret = inq_image_entry(image) + bias;
		return INQ_OK;
	}
	return inq_fail(err, INQ_FAULT,
			"'$exentry': the dump does not say which module is the program");
}

static enum inq_status thread_id(struct inq_session *session, uint64_t *ret, struct inq_error *err)
{
	if (session->thread < 0)
		return inq_fail(err, INQ_FAULT, "'$tid': the dump has no threads");
	*ret = session->threads[session->thread].tid;
	return INQ_OK;
}

static enum inq_status process_id(struct inq_session *session, uint64_t *ret, struct inq_error *err)
{
	const struct inq_process *process;
	enum inq_status status = inq_target_process(session->target, &process, err);

	if (status != INQ_OK)
		return inq_prepend(err, INQ_FAULT, "'$tpid'");
	*ret = process->pid;
	return INQ_OK;
}

static enum inq_status thread_block(struct inq_session *session, uint64_t *ret,
				    struct inq_error *err)
{
	if (session->thread < 0 || !session->threads[session->thread].tls)
		return inq_fail(err, INQ_FAULT, "'$teb': the thread pointer is not known");
	*ret = session->threads[session->thread].tls;
	return INQ_OK;
}

static enum inq_status pointer_size(struct inq_session *session, uint64_t *ret,
				    struct inq_error *err)
{
	(void)err;
	*ret = inq_session_pointer_size(session);
	return INQ_OK;
}

static enum inq_status page_size(struct inq_session *session, uint64_t *ret, struct inq_error *err)
{
	const struct inq_system *system;

	(void)err;
	*ret = inq_target_system(session->target, &system, NULL) == INQ_OK && system->page_size
		       ? system->page_size
		       : 4096;
	return INQ_OK;
}

static enum inq_status instruction(struct inq_session *session, uint64_t *ret,
				   struct inq_error *err)
{
	struct inq_context context = {0};
	enum inq_status status = inq_session_frame_context(session, &context, err);

	if (status != INQ_OK)
		return inq_prepend(err, INQ_FAULT, "'.'");
	*ret = inq_context_pc(&context);
	return INQ_OK;
}

/* pseudo-register, what it is; registers by role ($ip, $csp, $retreg) stand in the machine's table
 */
static const struct {
	const char *name;
	enum inq_status (*value)(struct inq_session *session, uint64_t *ret, struct inq_error *err);
} pseudo[] = {
	{".", instruction},	   {"$ip", instruction},       {"$ra", return_address},
	{"$exentry", entry_point}, {"$tid", thread_id},	       {"$tpid", process_id},
	{"$teb", thread_block},	   {"$ptrsize", pointer_size}, {"$pagesize", page_size},
};

/* $t0 to $t19 */
static bool user_register(struct inq_session *session, const char *name, uint64_t *ret)
{
	char *end;
	unsigned long index;

	if (strncasecmp(name, "$t", 2) != 0 || name[2] < '0' || name[2] > '9')
		return false;
	index = strtoul(name + 2, &end, 10);
	if (*end || index >= INQ_USER_REGISTERS)
		return false;
	*ret = session->user[index];
	return true;
}

static enum inq_status name_value(void *user, const char *name, uint64_t *ret,
				  struct inq_error *err)
{
	struct inq_session *session = user;

	for (size_t i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++) {
		if (strcasecmp(pseudo[i].name, name) == 0)
			return pseudo[i].value(session, ret, err);
	}
	if (user_register(session, name, ret))
		return INQ_OK;
	return register_value(session, name, ret, err);
}

static enum inq_status find_in(struct inq_session *session, const struct inq_module *module,
			       const char *name, uint64_t *ret, struct inq_error *err)
{
	struct inq_symbols *symbols;
	struct inq_symbol symbol;
	uint64_t bias;
	enum inq_status status = inq_session_symbols(session, module, &symbols, &bias, err);

	if (status == INQ_OK)
		status = inq_symbols_find(symbols, name, &symbol, err);
	if (status == INQ_OK)
		*ret = symbol.vaddr + bias;
	return status;
}

/* The program first, then the others in their order: what a person means by a bare name. */
static enum inq_status find_anywhere(struct inq_session *session, const char *name, uint64_t *ret)
{
	for (int others = 0; others < 2; others++) {
		for (size_t i = 0; i < session->module_count; i++) {
			if (session->modules[i].main != !others || session->modules[i].unloaded)
				continue;
			if (find_in(session, &session->modules[i], name, ret, NULL) == INQ_OK)
				return INQ_OK;
		}
	}
	return INQ_ABSENT;
}

static enum inq_status symbol_value(void *user, const char *module, const char *name, uint64_t *ret,
				    struct inq_error *err)
{
	struct inq_session *session = user;
	const struct inq_module *found;

	if (!module)
		return find_anywhere(session, name, ret);
	found = inq_session_module_find(session, module);
	return found ? find_in(session, found, name, ret, err) : INQ_ABSENT;
}

static bool module_value(void *user, const char *name, uint64_t *ret)
{
	const struct inq_module *module = inq_session_module_find(user, name);

	if (module)
		*ret = module->base;
	return module != NULL;
}

static enum inq_status read_value(void *user, uint64_t address, void *to, size_t size,
				  struct inq_error *err)
{
	return inq_session_read_all(user, address, to, size, err);
}

enum inq_status inq_session_evaluate(struct inq_session *session, const char *text,
				     const char **ret_end, uint64_t *ret, struct inq_error *err)
{
	struct inq_expression_source source = {
		.name = name_value,
		.symbol = symbol_value,
		.module = module_value,
		.read = read_value,
		.user = session,
		.pointer_size = inq_session_pointer_size(session),
	};

	return inq_expression_evaluate(&source, text, ret_end, ret, err);
}
