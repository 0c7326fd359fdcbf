/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits that not every kernel has. Argument: the name of its service. Prints `ready`; for each line `WHAT MS` on
 * its input does that in a span of that name and prints the span's id, or `none: ` and why it cannot be had here.
 *
 *   fault MS   a page that another thread brings so late (userfaultfd), touched outside every system call
 *   ring MS    a read that a worker of io_uring's does, and waits for, while the thread sleeps in io_uring_enter
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "one_span.h"

enum { PAGE = 4096, ENTRIES = 4 };

static unsigned int late_ms;

static void tell_none(void)
{
	printf("none: %s\n", strerror(errno));
}

/* ---- userfaultfd ---- */

static int faults;

static void *bring_page(void *argument)
{
	struct uffdio_zeropage zero = { .range = { .len = PAGE } };
	struct uffd_msg message;

	if (read(faults, &message, sizeof(message)) != sizeof(message))
		fail("read of userfaultfd");
	pause_ms(late_ms);
	zero.range.start = (uintptr_t)argument;
	if (ioctl(faults, UFFDIO_ZEROPAGE, &zero))
		fail("UFFDIO_ZEROPAGE");
	return NULL;
}

static void fault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range = { .len = PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	volatile char *page;
	pthread_t other;

	faults = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	if (faults < 0)
		return tell_none();
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		fail("mmap");
	range.range.start = (uintptr_t)page;
	if (ioctl(faults, UFFDIO_API, &api) || ioctl(faults, UFFDIO_REGISTER, &range))
		fail("UFFDIO_REGISTER");
	other = start_thread(bring_page, (void *)page);
	begin_span("fault");
	slt_context_set(&one_span);
	(void)page[0];
	end_span();
	pthread_join(other, NULL);
	munmap((void *)page, PAGE);
	close(faults);
	tell_span();
}

/* ---- io_uring ---- */

static int ends[2];

static void *write_later(void *argument)
{
	pause_once_asleep(late_ms);
	if (write(ends[1], "", 1) != 1)
		fail("write");
	return argument;
}

static void *map_ring(int ring, off_t what, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, what);

	if (memory == MAP_FAILED)
		fail("mmap of io_uring");
	return memory;
}

static void ring(void)
{
	struct io_uring_params setup = { 0 };
	struct io_uring_sqe *entries;
	char byte, *submissions;
	pthread_t other;
	size_t size;
	int ring;

	ring = syscall(SYS_io_uring_setup, ENTRIES, &setup);
	if (ring < 0)
		return tell_none();
	if (pipe(ends))
		fail("pipe");
	size = setup.sq_off.array + setup.sq_entries * sizeof(unsigned int);
	submissions = map_ring(ring, IORING_OFF_SQ_RING, size);
	entries = map_ring(ring, IORING_OFF_SQES, setup.sq_entries * sizeof(*entries));
	entries[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = ends[0],
		.addr = (uintptr_t)&byte,
		.len = 1,
	};
	((unsigned int *)(submissions + setup.sq_off.array))[0] = 0;
	*(volatile unsigned int *)(submissions + setup.sq_off.tail) = 1;
	other = start_thread(write_later, NULL);
	begin_span("ring");
	slt_context_set(&one_span);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		fail("io_uring_enter");
	end_span();
	pthread_join(other, NULL);
	munmap(entries, setup.sq_entries * sizeof(*entries));
	munmap(submissions, size);
	close(ring);
	close(ends[0]);
	close(ends[1]);
	tell_span();
}

int main(int argc, char **argv)
{
	char what[16];

	if (argc < 2)
		abort();
	set_service(argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %u", what, &late_ms) == 2) {
		if (!strcmp(what, "fault"))
			fault();
		else if (!strcmp(what, "ring"))
			ring();
		else
			abort();
	}
	return 0;
}
