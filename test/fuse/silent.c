/*
 * Makes a directory hang, in a private mount namespace:
 *
 *   silent DIRECTORY      (prints "ready" in the namespace)
 *
 * SIGUSR1 mounts a FUSE file system over it whose server reads every request and answers none; prints "mounted". A process
 * that waits for it cannot be killed. SIGUSR2 removes the mount and fails the pending requests; prints "removed". It ends
 * with its parent.
 * https://docs.kernel.org/filesystems/fuse/fuse.html
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t wanted;

static void on_signal(int signal) { wanted = signal; }

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static int mount_at(const char *directory)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/fuse");
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("silent", directory, "fuse.silent", MS_NOSUID | MS_NODEV, options))
		fail(directory);
	return fd;
}

/* Answers only the first request, FUSE_INIT, which opens the connection. */
static void take(int fd)
{
	static char buffer[1 << 17];
	const struct fuse_in_header *in = (const void *)buffer;

	if (read(fd, buffer, sizeof buffer) < (ssize_t)sizeof *in)
		fail("read");
	if (in->opcode != FUSE_INIT)
		return;
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} answer = { { sizeof answer, 0, in->unique }, { .major = 7, .minor = 31, .max_write = 4096 } };

	if (write(fd, &answer, sizeof answer) < 0)
		fail("reply");
}

int main(int argc, char **argv)
{
	struct pollfd polled = { .fd = -1, .events = POLLIN };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t signals, none;

	if (argc != 2)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		fail("unshare");
	say("ready");
	for (;;) {
		int count = ppoll(&polled, 1, NULL, &none);

		if (wanted == SIGUSR1) {
			polled.fd = mount_at(argv[1]);
			say("mounted");
		} else if (wanted == SIGUSR2) {
			umount2(argv[1], MNT_DETACH);
			close(polled.fd);
			polled.fd = -1;
			say("removed");
		}
		wanted = 0;
		if (count > 0 && (polled.revents & POLLIN))
			take(polled.fd);
	}
}
