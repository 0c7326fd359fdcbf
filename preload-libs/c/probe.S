/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe sites of schemas/wire/probe.h and their semaphores.
 *
 * In assembly because each byte matters: which nop a kernel traps cheaply
 * differs (a nop10 optimised on 7.x, a one-byte nop elsewhere), and a compiler
 * would be free to inline, clone or merge functions that do nothing. No
 * endbr64: it would be stepped over singly, at ten times the cost. 32-byte
 * alignment keeps a site within one cache line.
 */
#if defined(__x86_64__)
#define SITE_BODY                                                          \
	.byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00; \
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00;                                \
	.byte 0x90;                                                        \
	ret
#elif defined(__aarch64__)
#define SITE_BODY nop; ret
#else
#error "libslt has no probe sites for this architecture yet"
#endif

/* The semaphore must lie in the file, so that its address can be given as an offset in it: not in .bss. */
#define PROBE(name)                      \
	.pushsection .text;              \
	.p2align 5;                      \
	.globl name;                     \
	.type name, %function;           \
name:                                    \
	SITE_BODY;                       \
	.size name, . - name;            \
	.popsection;                     \
	.pushsection .probes, "aw", %progbits; \
	.p2align 1;                      \
	.globl name##_semaphore;         \
	.type name##_semaphore, %object; \
	.size name##_semaphore, 2;       \
name##_semaphore:                        \
	.2byte 0;                        \
	.popsection

	/* The semaphores share a cache line. */
	.pushsection .probes, "aw", %progbits
	.p2align 4
	.popsection

	PROBE(slt_probe_process)
	PROBE(slt_probe_span_start)
	PROBE(slt_probe_span_end)
	PROBE(slt_probe_context_set)
	PROBE(slt_probe_journal)

	.section .note.GNU-stack, "", %progbits
