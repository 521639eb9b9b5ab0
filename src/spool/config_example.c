/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the inquest.conf that is installed; runs while building, so that the file cannot differ from the table. */
#include "spool/config.h"

#include <stdio.h>

int main(void)
{
	struct inq_buffer text = {0};
	int failed;

	inq_config_example(&text);
	failed = !inq_buffer_ok(&text) || fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout);
	inq_buffer_done(&text);
	return failed;
}
