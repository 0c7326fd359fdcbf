/* SPDX-License-Identifier: Apache-2.0 */
/* A failed expectation names itself and ends the program, or the forked child, with status 1. */
#ifndef SLT_TEST_EXPECT_H
#define SLT_TEST_EXPECT_H

#include <stdio.h>
#include <unistd.h>

#define EXPECT(condition)                                                                            \
	do {                                                                                         \
		if (!(condition)) {                                                                  \
			dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                                    \
		}                                                                                    \
	} while (0)

#endif
