/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds one thread of another process, and no other of its threads, which SIGSTOP cannot: attaches to the thread with
 * the number that is its argument, stops it, prints `held`, and lets it go when its input ends or has a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	int thread = argc == 2 ? atoi(argv[1]) : 0, status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL))
		fail("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL))
		fail("PTRACE_INTERRUPT");
	if (waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status))
		fail("waitpid");
	puts("held");
	fflush(stdout);
	getchar();
	if (ptrace(PTRACE_DETACH, thread, NULL, NULL))
		fail("PTRACE_DETACH");
	return 0;
}
