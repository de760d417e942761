/* What the kernel reports while the image runs, and the watcher that acts on it after init has become systemd.
 *
 * dm-verity answers a read of a damaged block with EIO, so nothing false is ever executed; but a program that gets
 * EIO says nothing useful. The kernel also sends a uevent that names the block, before the reader sees its error.
 * The watcher waits for that one, and for the removal of the medium, and halts the machine with one clear line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "seal.h"

#define MEDIUM_NODE "/medium" /* in the initramfs' own file system, which only the watcher still sees */
#define POLL_MS 2000 /* how often to ask whether the medium is still there */
#define WHAT_NOW "Switch the machine off. Use another copy of this medium, or check this one (menu entry m)."

static void keep(char *to, size_t size, const char *value)
{
	snprintf(to, size, "%.*s", (int)size - 1, value);
}

void read_uevent(const char *text, size_t size, struct uevent *event)
{
	memset(event, 0, sizeof *event);
	event->damage = DAMAGE_NONE;
	for (const char *end = text + size; text < end; text += strnlen(text, (size_t)(end - text)) + 1) {
		if (strncmp(text, "ACTION=", 7) == 0)
			keep(event->action, sizeof event->action, text + 7);
		else if (strncmp(text, "SUBSYSTEM=", 10) == 0)
			keep(event->subsystem, sizeof event->subsystem, text + 10);
		else if (strncmp(text, "DEVNAME=", 8) == 0)
			keep(event->device, sizeof event->device, text + 8);
		else if (strncmp(text, "DM_VERITY_ERR_BLOCK_NR=", 23) == 0)
			sscanf(text + 23, "%d,%llu", &event->damage, &event->block);
	}
}

int open_uevents(void)
{
	struct {
		unsigned short family, padding;
		unsigned pid, groups;
	} kernel_events = {AF_NETLINK, 0, 0, 1};
	int room = 1 << 20; /* udev's coldplug makes thousands at once */
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, 15 /* NETLINK_KOBJECT_UEVENT */);

	if (fd < 0 || bind(fd, (struct sockaddr *)&kernel_events, sizeof kernel_events) != 0)
		stop("This is a fault of the image.", "no uevents from the kernel: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return fd;
}

bool wait_for_uevent(int fd, int timeout_ms, struct uevent *event)
{
	char text[4096];
	unsigned sender[3] = {0}; /* family, pid, groups */
	struct iovec part = {text, sizeof text - 1};
	struct msghdr message = {.msg_name = sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
	struct pollfd wanted = {fd, POLLIN, 0};

	memset(event, 0, sizeof *event);
	event->damage = DAMAGE_NONE;
	if (poll(&wanted, 1, timeout_ms) <= 0)
		return false;
	ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
	if (size < 0)
		return errno == ENOBUFS; /* some were lost: the empty event makes the caller look for itself */
	text[size] = '\0';
	if (sender[1] == 0) /* the kernel; anybody else could tell us stories */
		read_uevent(text, (size_t)size, event);
	return true;
}

static bool describe_damage(const struct words *words, const struct uevent *event, char reason[REASON_SIZE])
{
	char device[32];

	for (int i = 0; i < words->layers; i++) {
		const struct layer *layer = &words->layer[i];

		if (layer->minor < 0)
			continue;
		snprintf(device, sizeof device, "dm-%d", layer->minor);
		if (event->damage != DAMAGE_NONE && strcmp(event->device, device) == 0) {
			snprintf(reason, REASON_SIZE, "layer %s: block %llu of its %s does not match the seal", layer->name,
				 event->block, event->damage == DAMAGE_DATA ? "data" : "hash tree");
			return true;
		}
	}
	return false;
}

static bool ask_layers(const struct words *words, char reason[REASON_SIZE])
{
	for (int i = 0; i < words->layers; i++)
		if (words->layer[i].minor >= 0 && is_damaged(&words->layer[i])) {
			snprintf(reason, REASON_SIZE, "layer %s: a block does not match the seal", words->layer[i].name);
			return true;
		}
	return false;
}

bool find_damage(int fd, const struct words *words, char reason[REASON_SIZE])
{
	struct uevent event;
	bool found = false;

	while (wait_for_uevent(fd, 0, &event))
		found = found || describe_damage(words, &event, reason);
	return found || ask_layers(words, reason);
}

/* An ejected disc or card leaves its drive behind, which no uevent tells reliably: the watcher asks every two seconds.
 * A CD drive is asked through a descriptor that stays open, because opening it would pull an open tray in. */
static bool medium_is_gone(void)
{
	static int drive = -1;
	int fd = drive >= 0 ? drive : open(MEDIUM_NODE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return true;
	int status = ioctl(fd, CDROM_DRIVE_STATUS, CDSL_CURRENT);
	if (status >= 0) {
		drive = fd;
		return status == CDS_NO_DISC || status == CDS_TRAY_OPEN;
	}
	close(fd);
	drive = -1;
	fd = open(MEDIUM_NODE, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static bool concerns_medium(const struct uevent *event, const struct medium *medium)
{
	return strcmp(event->action, "remove") == 0 && strcmp(event->subsystem, "block") == 0 &&
	       (strcmp(event->device, medium->device) == 0 || strcmp(event->device, medium->disk) == 0);
}

/* Process 1 can't be stopped by a signal, but by a tracer; and while it is traced, the SIGBUS that it gets for a page
 * which can't be read doesn't end it, which would be a kernel panic on top of our line. */
static void freeze_everybody(void)
{
	if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) != 0)
		say("process 1 can't be held: %s", strerror(errno));
	ptrace(PTRACE_INTERRUPT, 1, NULL, NULL);
	kill(-1, SIGSTOP);
}

static _Noreturn void watch(int fd, const struct words *words, const struct medium *medium)
{
	char reason[REASON_SIZE];
	struct uevent event;
	uint64_t next_poll = now_ms() + POLL_MS, now;

	for (;;) {
		now = now_ms();
		bool any = wait_for_uevent(fd, now < next_poll ? (int)(next_poll - now) : 0, &event);
		bool lost = any && event.action[0] == '\0';
		bool due = lost || now_ms() >= next_poll; /* uevents without end must not put it off */

		if (due)
			next_poll = now_ms() + POLL_MS;
		if (describe_damage(words, &event, reason) || (lost && ask_layers(words, reason))) {
			freeze_everybody();
			stop(WHAT_NOW, "%s", reason);
		}
		if (!medium->in_memory && (concerns_medium(&event, medium) || (due && medium_is_gone()))) {
			freeze_everybody();
			stop("Switch the machine off: nothing can be read any more. Put the medium back and start again.",
			     "the medium was removed");
		}
	}
}

void start_watcher(const struct words *words, const struct medium *medium, char *title)
{
	char path[100];
	int ready[2];
	char byte = 0;
	struct stat node;

	snprintf(path, sizeof path, "/dev/%s", medium->device);
	if (!medium->in_memory && (stat(path, &node) != 0 || mknod(MEDIUM_NODE, S_IFBLK | 0600, node.st_rdev) != 0))
		stop("Start again.", "the medium %s went away", medium->device);
	if (pipe2(ready, O_CLOEXEC) != 0)
		stop("Start again.", "no pipe: %s", strerror(errno));
	if (fork() == 0) {
		struct sched_param urgent = {.sched_priority = 50};

		title[0] = '@'; /* systemd spares a process with this mark when it ends all others */
		prctl(PR_SET_NAME, "asl-seal");
		setsid();
		for (int number = 1; number < 65; number++)
			signal(number, SIG_IGN);
		write_text("/proc/self/oom_score_adj", "-1000");
		/* Before anyone else sees an EIO, this one sees its reason; and it must not need the medium to run. */
		syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &urgent); /* musl's own function only says ENOSYS */
		mlockall(MCL_CURRENT | MCL_FUTURE);
		int fd = open_uevents();
		for (int other = 0; other < 3; other++)
			close(other);
		if (write(ready[1], &byte, 1) == 1)
			close(ready[1]);
		watch(fd, words, medium);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		stop("This is a fault of the image.", "the watcher did not start");
	close(ready[0]);
}
