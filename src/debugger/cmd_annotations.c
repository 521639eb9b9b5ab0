/* SPDX-License-Identifier: GPL-3.0-or-later */
/* !annotations */
#include "debugger/commands.h"
#include "debugger/show.h"

enum inq_status command_annotations(struct debugger *debugger, const struct invocation *call, struct inq_error *err)
{
	const struct inq_annotation *annotations;
	enum inq_status status = no_more(call->args, err);
	json_t *list;
	size_t count;

	if (status == INQ_OK)
		status = inq_target_annotations(inq_session_target(debugger->session), &annotations, &count, err);
	if (status == INQ_ABSENT || (status == INQ_OK && !count))
		return inq_fail(err, INQ_ABSENT, "the program has said nothing (inquest_annotate(), Crashpad's annotations)");
	if (status != INQ_OK)
		return status;
	if (!debugger->out.json) {
		for (size_t i = 0; i < count; i++)
			out_print(&debugger->out, "%-20s %s\n", annotations[i].key, annotations[i].value);
		return INQ_OK;
	}
	list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *entry = json_object();

		json_object_set_new(entry, "key", json_text(annotations[i].key));
		json_object_set_new(entry, "value", json_text(annotations[i].value));
		json_array_append_new(list, entry);
	}
	json_object_set_new(debugger->out.json, "annotations", list);
	return INQ_OK;
}
