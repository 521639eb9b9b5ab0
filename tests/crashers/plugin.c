// SPDX-License-Identifier: GPL-3.0-or-later
/* A library that crashme loads by hand and crashes in. */
static volatile int after_plugin;
static int *volatile no_target;

static __attribute__((noinline)) void plugin_inner(void)
{
	*no_target = 1;
	after_plugin++;
}

void plugin_entry(void);
void plugin_entry(void)
{
	plugin_inner();
	after_plugin++;
}
