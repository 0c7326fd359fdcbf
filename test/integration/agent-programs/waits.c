/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits, each in a system call that it makes itself. Arguments: the name of its service, a folder for its files. Prints
 * `ready`; for each line `WHAT COUNT` on its input does that for the span that is open, or for one of its own of that name,
 * and prints the id of the span.
 *
 *   begin 0, end 0     a span of the name `open`
 *   nanosleep MS       by the 64-bit table
 *   compat MS          nanosleep by the 32-bit table: its number there is sync's in the other; prints `none` where the kernel has no such table
 *   futex MS           until another thread wakes it
 *   pipe MS, poll MS   until another thread writes
 *   fsync MS           again and again, after a write each
 *   vfork MS           until its child, which sleeps, exits
 *   getppid MS         beside a process that never sleeps, on the same CPU; yield MS: likewise, by sched_yield
 *   count SPANS        so many, one after the other: in each CALLS getppid and some milliseconds of computing, no wait
 *   exit MS            the span's only thread sleeps, and exits in the midst of it
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "one_span.h"

enum { BLOCK = 64 * 1024, CALLS = 50, COMPUTE_MS = 4 };

static int ends[2];
static int file;
static atomic_int word;
static sigjmp_buf without_table;

static void *write_later(void *argument)
{
	pause_once_asleep(*(unsigned int *)argument);
	if (write(ends[1], "", 1) != 1)
		fail("write");
	return NULL;
}

static void *wake_later(void *argument)
{
	pause_once_asleep(*(unsigned int *)argument);
	atomic_store(&word, 1);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL);
	return NULL;
}

static void wait_on_futex(void)
{
	while (!atomic_load(&word))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static void read_byte(void)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		fail("read");
}

static void poll_byte(void)
{
	struct pollfd only = { .fd = ends[0], .events = POLLIN };

	if (syscall(SYS_poll, &only, 1, -1) != 1)
		fail("poll");
}

static void sync_blocks(unsigned int count)
{
	static char block[BLOCK];
	unsigned long long end = now_ms() + count;

	for (unsigned int i = 0; now_ms() < end; i++) {
		if (pwrite(file, block, sizeof(block), (off_t)i * BLOCK) != sizeof(block))
			fail("pwrite");
		if (fsync(file))
			fail("fsync");
	}
}

#ifdef __x86_64__
static long int_0x80(long number, const void *first, const void *second)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(second)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void leave(int signal)
{
	(void)signal;
	siglongjmp(without_table, 1);
}

/* A kernel without the 32-bit table answers the trap with a signal. */
static bool has_compat(void)
{
	enum { COMPAT_GETPID = 20 };
	bool has = false;

	signal(SIGSEGV, leave);
	if (!sigsetjmp(without_table, 1))
		has = int_0x80(COMPAT_GETPID, NULL, NULL) == getpid();
	signal(SIGSEGV, SIG_DFL);
	return has;
}

static void compat_pause(unsigned int count)
{
	enum { COMPAT_NANOSLEEP = 162 };
	int *time = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (time == MAP_FAILED)
		fail("mmap");
	time[0] = count / 1000;
	time[1] = count % 1000 * 1000000;
	if (int_0x80(COMPAT_NANOSLEEP, time, NULL))
		abort();
	munmap(time, 4096);
}
#else
static bool has_compat(void)
{
	return false;
}

static void compat_pause(unsigned int count)
{
	(void)count;
	abort();
}
#endif

static void pin(void)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		fail("sched_setaffinity");
}

/* Ends with this program, however that ends. */
static pid_t start_hog(void)
{
	pid_t parent = getpid(), hog = fork();

	if (hog < 0)
		fail("fork");
	if (hog)
		return hog;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void call_until(long number, unsigned int count)
{
	unsigned long long end = now_ms() + count;

	while (now_ms() < end)
		syscall(number);
}

static void count_calls(unsigned int spans)
{
	for (unsigned int i = 0; i < spans; i++) {
		unsigned long long end = now_ms() + COMPUTE_MS;

		begin_span("count");
		slt_context_set(&one_span);
		for (unsigned int call = 0; call < CALLS; call++)
			syscall(SYS_getppid);
		while (now_ms() < end)
			;
		end_span();
	}
}

/* Of others: what has to be there before a span begins, or is left after it. */
static pthread_t other;
static pid_t hog;

/* The parent sleeps until its child exits, which shares its memory. */
static void wait_for_vfork(unsigned int count)
{
	const pid_t child = vfork();

	if (child == 0) {
		pause_ms(count);
		_exit(0);
	}
	if (child < 0)
		fail("vfork");
	hog = child;
}

static void *sleep_and_exit(void *argument)
{
	slt_context_set(&one_span);
	pause_ms(*(unsigned int *)argument);
	return NULL;
}

static void work(const char *what, unsigned int count)
{
	if (!strcmp(what, "nanosleep"))
		pause_ms(count);
	else if (!strcmp(what, "compat"))
		compat_pause(count);
	else if (!strcmp(what, "futex"))
		wait_on_futex();
	else if (!strcmp(what, "pipe"))
		read_byte();
	else if (!strcmp(what, "poll"))
		poll_byte();
	else if (!strcmp(what, "fsync"))
		sync_blocks(count);
	else if (!strcmp(what, "vfork"))
		wait_for_vfork(count);
	else if (!strcmp(what, "getppid"))
		call_until(SYS_getppid, count);
	else if (!strcmp(what, "yield"))
		call_until(SYS_sched_yield, count);
	else
		pthread_join(start_thread(sleep_and_exit, &count), NULL);
}

static void prepare(const char *what, unsigned int *count)
{
	other = 0;
	hog = 0;
	atomic_store(&word, 0);
	if (!strcmp(what, "futex"))
		other = start_thread(wake_later, count);
	else if (!strcmp(what, "pipe") || !strcmp(what, "poll"))
		other = start_thread(write_later, count);
	else if (!strcmp(what, "getppid") || !strcmp(what, "yield"))
		hog = start_hog();
	else if (!strcmp(what, "fsync"))
		file = open("blocks", O_RDWR | O_CREAT, 0600);
}

static void clean_up(const char *what)
{
	if (other)
		pthread_join(other, NULL);
	if (!strcmp(what, "poll"))
		read_byte();
	if (hog) {
		kill(hog, SIGKILL);
		waitpid(hog, NULL, 0);
	}
}

static void do_in_span(const char *what, unsigned int count, bool is_open)
{
	bool by_itself = strcmp(what, "exit");

	prepare(what, &count);
	if (!is_open)
		begin_span(what);
	if (by_itself)
		slt_context_set(&one_span);
	work(what, count);
	if (!is_open)
		end_span();
	clean_up(what);
}

int main(int argc, char **argv)
{
	unsigned int count;
	bool is_open = false;
	char what[16];

	if (argc != 3 || chdir(argv[2]) || pipe(ends))
		abort();
	set_service(argv[1]);
	pin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %u", what, &count) == 2) {
		if (!strcmp(what, "compat") && !has_compat()) {
			puts("none");
			continue;
		}
		if (!strcmp(what, "begin")) {
			begin_span("open");
			slt_context_set(&one_span);
			is_open = true;
		} else if (!strcmp(what, "end")) {
			end_span();
			is_open = false;
		} else if (!strcmp(what, "count")) {
			count_calls(count);
		} else {
			do_in_span(what, count, is_open);
		}
		tell_span();
	}
	return 0;
}
