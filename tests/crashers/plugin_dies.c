// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A library that crashes while it is loaded: in its constructor, or while it is relocated.
 */
static int *volatile no_target;

#ifdef IFUNC
typedef void function(void);

static function *choose(void)
{
	*no_target = 1;
	return 0;
}

void chosen(void) __attribute__((ifunc("choose")));

void plugin_entry(void);
void plugin_entry(void)
{
	chosen();
}
#else
__attribute__((constructor)) static void die(void)
{
	*no_target = 1;
}
#endif
