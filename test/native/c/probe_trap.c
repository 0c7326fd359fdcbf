/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_trap.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the breakpoint and the registers below are those of x86-64"
#endif

void slt_probe_process(void);
void slt_probe_span_start(const struct slt_span *span, const struct slt_journal *journal);
void slt_probe_span_end(const struct slt_span *span, const struct slt_resource *resource,
			const struct slt_journal *journal);
void slt_probe_context_set(const struct slt_span *span, const struct slt_journal *journal);
void slt_probe_journal(const struct slt_journal *journal);

extern unsigned short slt_probe_process_semaphore, slt_probe_span_start_semaphore, slt_probe_span_end_semaphore,
	slt_probe_context_set_semaphore, slt_probe_journal_semaphore;

static void (*call_on_hit)(const struct probe_hit *hit);

/* Addresses come from the dynamic linker: a volatile keeps the compiler from knowing better. */
static unsigned char *site_address(enum probe_site site)
{
	void *volatile const sites[SITES] = {
		[SITE_PROCESS] = (void *)slt_probe_process,
		[SITE_SPAN_START] = (void *)slt_probe_span_start,
		[SITE_SPAN_END] = (void *)slt_probe_span_end,
		[SITE_CONTEXT_SET] = (void *)slt_probe_context_set,
		[SITE_JOURNAL] = (void *)slt_probe_journal,
	};

	return sites[site];
}

static unsigned short *const semaphores[SITES] = {
	[SITE_PROCESS] = &slt_probe_process_semaphore,
	[SITE_SPAN_START] = &slt_probe_span_start_semaphore,
	[SITE_SPAN_END] = &slt_probe_span_end_semaphore,
	[SITE_CONTEXT_SET] = &slt_probe_context_set_semaphore,
	[SITE_JOURNAL] = &slt_probe_journal_semaphore,
};

static struct probe_hit hit_at(enum probe_site site, const greg_t *registers)
{
	const void *const first = (const void *)registers[REG_RDI], *const second = (const void *)registers[REG_RSI],
			  *const third = (const void *)registers[REG_RDX];

	switch (site) {
	case SITE_SPAN_START:
	case SITE_CONTEXT_SET:
		return (struct probe_hit){ .site = site, .span = first, .journal = second };
	case SITE_SPAN_END:
		return (struct probe_hit){ .site = site, .span = first, .resource = second, .journal = third };
	case SITE_JOURNAL:
		return (struct probe_hit){ .site = site, .journal = first };
	default:
		return (struct probe_hit){ .site = site };
	}
}

static void trapped(int signal_number, siginfo_t *info, void *context)
{
	const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	/* After the one-byte breakpoint in place of the one-byte nop: what follows is the ret. */
	const unsigned char *at = (const unsigned char *)registers[REG_RIP] - 1 - SLT_PROBE_NOP1_OFFSET;
	const int saved_errno = errno;

	(void)signal_number;
	(void)info;
	for (int site = 0; site < SITES; site++) {
		if (at != site_address(site))
			continue;
		const struct probe_hit hit = hit_at(site, registers);
		call_on_hit(&hit);
		errno = saved_errno;
		return;
	}
	static const char complaint[] = "probe_trap: a breakpoint that is none of ours\n";
	if (write(STDERR_FILENO, complaint, sizeof(complaint) - 1) < 0)
		_exit(98);
	_exit(99);
}

static bool patch(unsigned char *site)
{
	static const unsigned char nops_and_ret[] = { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0,    0,   0,
						      0,    0x0f, 0x1f, 0x44, 0x00, 0, 0x90, 0xc3 };
	const uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *page = (void *)((uintptr_t)site & ~(page_size - 1));

	if (memcmp(site, nops_and_ret, sizeof(nops_and_ret)) != 0)
		return false;
	if (mprotect(page, 2 * page_size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0 &&
	    mprotect(page, page_size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		return false;
	site[SLT_PROBE_NOP1_OFFSET] = 0xcc; /* int3 */
	return true;
}

bool probe_trap_arm(void (*on_hit)(const struct probe_hit *hit))
{
	/* SA_NODEFER: on_hit() may itself call libslt, as a signal handler would. */
	struct sigaction action = { .sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART };

	call_on_hit = on_hit;
	if (sigaction(SIGTRAP, &action, NULL) != 0)
		return false;
	for (int site = 0; site < SITES; site++)
		if (!patch(site_address(site)))
			return false;
	return true;
}

void probe_trap_raise(void)
{
	for (int site = 0; site < SITES; site++)
		if (site != SITE_JOURNAL)
			__atomic_add_fetch(semaphores[site], 1, __ATOMIC_SEQ_CST);
}

void probe_trap_lower(void)
{
	for (int site = 0; site < SITES; site++)
		if (site != SITE_JOURNAL)
			__atomic_sub_fetch(semaphores[site], 1, __ATOMIC_SEQ_CST);
}

void probe_trap_raise_journals(void)
{
	__atomic_add_fetch(semaphores[SITE_JOURNAL], 1, __ATOMIC_SEQ_CST);
}

void probe_trap_lower_journals(void)
{
	__atomic_sub_fetch(semaphores[SITE_JOURNAL], 1, __ATOMIC_SEQ_CST);
}
