/* SPDX-License-Identifier: Apache-2.0 */
/* A failed expectation names itself and ends the program, or the forked child, with status 1. */
#ifndef SLT_TEST_EXPECT_H
#define SLT_TEST_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(condition)                                                                            \
	do {                                                                                         \
		if (!(condition)) {                                                                  \
			dprintf(STDERR_FILENO, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                                    \
		}                                                                                    \
	} while (0)

/* Whether the child of fork or clone exits with status 0. */
static inline bool ends_well(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct test_case {
	const char *name;
	void (*run)(void);
};

/* Runs the one that the command line names. The program's exit status. */
static inline int run_case(const struct test_case *cases, size_t number, int count, char **words)
{
	for (size_t i = 0; count == 2 && i < number; i++)
		if (strcmp(cases[i].name, words[1]) == 0) {
			cases[i].run();
			return 0;
		}
	dprintf(STDERR_FILENO, "no such case\n");
	return 2;
}

#endif
