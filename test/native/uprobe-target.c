// SPDX-License-Identifier: Apache-2.0
/*
 * A process with two probe sites, each with a semaphore. For each line on its
 * standard input it passes both sites and says what the semaphores are.
 */
#include <stdio.h>

unsigned short first_semaphore __attribute__((section(".probes")));
unsigned short second_semaphore __attribute__((section(".probes")));

__attribute__((noinline, noclone)) void first_site(void)
{
	__asm__ volatile("nop");
}

__attribute__((noinline, noclone)) void second_site(void)
{
	__asm__ volatile("nop");
}

int main(void)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		first_site();
		second_site();
		printf("%d %d\n", *(volatile unsigned short *)&first_semaphore,
		       *(volatile unsigned short *)&second_semaphore);
		fflush(stdout);
	}
	return 0;
}
