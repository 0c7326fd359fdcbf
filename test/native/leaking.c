// SPDX-License-Identifier: Apache-2.0
/* Loses memory, so that the leak test knows what a leak looks like. */
#include <stdlib.h>

static void *volatile kept;

__attribute__((noinline)) static void lose(void)
{
	kept = malloc(1234);
	kept = NULL;
}

int main(void)
{
	lose();
	return 0;
}
