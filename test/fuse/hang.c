/*
 * Mounts two FUSE file systems of type fuse.hang in a private mount namespace, and serves both:
 *
 *   hang HANGING GOOD      (directories; prints "mounted" when both are)
 *
 * SIGUSR1 stops the answers to statfs and to reads of HANGING. SIGUSR2 resumes them and answers the pending requests.
 * SIGHUP makes each read of HANGING take 300 ms, until SIGUSR2. Each directory contains a file for each errno, named by its
 * number: reading it fails with this errno; and the file "value", which contains a temperature. When this process ends,
 * the kernel fails every pending request. It ends with its parent.
 * https://docs.kernel.org/filesystems/fuse/fuse.html
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hanging, slow;

static void on_signal(int signal)
{
	hanging = signal == SIGUSR1;
	slow = signal == SIGHUP;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int mount_at(const char *directory)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/fuse");
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("hang", directory, "fuse.hang", MS_NOSUID | MS_NODEV, options))
		fail(directory);
	return fd;
}

static void reply(int fd, uint64_t unique, int error, const void *body, size_t size)
{
	char message[512];
	struct fuse_out_header head = { .len = sizeof head + size, .error = error, .unique = unique };

	memcpy(message, &head, sizeof head);
	if (size)
		memcpy(message + sizeof head, body, size);
	if (write(fd, message, head.len) < 0 && errno != ENOENT)
		fail("reply");
}

static void reply_statfs(int fd, uint64_t unique)
{
	struct fuse_statfs_out out = { .st = { .blocks = 1000, .bfree = 600, .bavail = 500, .files = 20, .ffree = 10,
					       .bsize = 4096, .frsize = 4096, .namelen = 255 } };

	reply(fd, unique, 0, &out, sizeof out);
}

/* A read of the file "value", or another request where size is 0. */
struct range {
	uint64_t offset;
	uint32_t size;
};

static struct range range_of(const struct fuse_in_header *in)
{
	const struct fuse_read_in *read = (const void *)(in + 1);

	return in->opcode == FUSE_READ ? (struct range){ read->offset, read->size } : (struct range){ 0, 0 };
}

static void reply_value(int fd, uint64_t unique, struct range range)
{
	static const char value[] = "42000\n";
	size_t left = range.offset < sizeof value - 1 ? sizeof value - 1 - range.offset : 0;
	struct timespec delay = { .tv_nsec = 300 * 1000 * 1000 };

	if (slow)
		nanosleep(&delay, NULL);
	reply(fd, unique, 0, value + range.offset * (left > 0), left < range.size ? left : range.size);
}

/* The root is node 1. The node of the file of an errno is FIRST_FILE plus the errno; that of "value" is FIRST_FILE. */
enum { ROOT = 1, FIRST_FILE = 1000, LAST_ERRNO = 133 };

/* A request without an answer: a read, or statfs, which has no range. */
struct waiting {
	uint64_t unique;
	struct range range;
};

static struct fuse_attr attributes(uint64_t node)
{
	if (node == ROOT)
		return (struct fuse_attr){ .ino = ROOT, .mode = S_IFDIR | 0755, .nlink = 2 };
	return (struct fuse_attr){ .ino = node, .mode = S_IFREG | 0444, .nlink = 1, .size = 4096, .blocks = 8 };
}

static void reply_lookup(int fd, const struct fuse_in_header *in)
{
	int number = atoi((const char *)(in + 1));
	struct fuse_entry_out out = { .nodeid = FIRST_FILE + number, .attr = attributes(FIRST_FILE + number) };

	if (!strcmp((const char *)(in + 1), "value"))
		reply(fd, in->unique, 0, &out, sizeof out);
	else if (number < 1 || number > LAST_ERRNO)
		reply(fd, in->unique, -ENOENT, NULL, 0);
	else
		reply(fd, in->unique, 0, &out, sizeof out);
}

/* Returns 1 if the request stays pending. */
static int answer(int fd, const struct fuse_in_header *in, int may_hang)
{
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 4096 };
	struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
	struct fuse_open_out opened = { .open_flags = FOPEN_DIRECT_IO };

	switch (in->opcode) {
	case FUSE_INIT:
		reply(fd, in->unique, 0, &init, sizeof init);
		return 0;
	case FUSE_GETATTR:
		reply(fd, in->unique, 0, &attr, sizeof attr);
		return 0;
	case FUSE_LOOKUP:
		reply_lookup(fd, in);
		return 0;
	case FUSE_OPEN:
		reply(fd, in->unique, 0, &opened, sizeof opened);
		return 0;
	case FUSE_READ:
		if (in->nodeid == FIRST_FILE) {
			if (may_hang && hanging)
				return 1;
			reply_value(fd, in->unique, range_of(in));
			return 0;
		}
		reply(fd, in->unique, FIRST_FILE - (int)in->nodeid, NULL, 0);
		return 0;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		reply(fd, in->unique, 0, NULL, 0);
		return 0;
	case FUSE_STATFS:
		if (may_hang && hanging)
			return 1;
		reply_statfs(fd, in->unique);
		return 0;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0;
	default:
		reply(fd, in->unique, -ENOSYS, NULL, 0);
		return 0;
	}
}

int main(int argc, char **argv)
{
	static char buffer[1 << 17];
	struct waiting waiting[64];
	int count = 0;
	struct pollfd polled[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t signals, none;

	if (argc != 3)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail("unshare");
	for (int i = 0; i < 2; i++)
		polled[i].fd = mount_at(argv[i + 1]);
	puts("mounted");
	fflush(stdout);
	for (;;) {
		if (ppoll(polled, 2, NULL, &none) < 0 && errno != EINTR)
			fail("poll");
		while (!hanging && count > 0) {
			const struct waiting *one = &waiting[--count];

			if (one->range.size > 0)
				reply_value(polled[0].fd, one->unique, one->range);
			else
				reply_statfs(polled[0].fd, one->unique);
		}
		for (int i = 0; i < 2; i++) {
			if (!(polled[i].revents & POLLIN))
				continue;
			if (read(polled[i].fd, buffer, sizeof buffer) < (ssize_t)sizeof(struct fuse_in_header))
				fail("read");
			const struct fuse_in_header *in = (const void *)buffer;

			if (answer(polled[i].fd, in, i == 0) && count < 64)
				waiting[count++] = (struct waiting){
					.unique = in->unique,
					.range = range_of(in),
				};
		}
		polled[0].revents = polled[1].revents = 0;
	}
}
