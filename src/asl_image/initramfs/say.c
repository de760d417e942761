/* The one voice of init: lines in the kernel's log, which all consoles show and the journal keeps. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "seal.h"

#define CONSOLE_LEVEL 8 /* klogctl: set from which urgency on the consoles show a line */

static int kmsg = -1;
static int level_before = 7;

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

char *read_text(const char *path)
{
	const size_t most = 1 << 20;
	size_t size = 0;
	ssize_t got;
	char *text = malloc(most);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !text)
		goto failed;
	while ((got = read(fd, text + size, most - size)) > 0 && (size += (size_t)got) < most)
		;
	if (got < 0 || size == most) {
		errno = got < 0 ? errno : EFBIG;
		goto failed;
	}
	close(fd);
	text[size] = '\0';
	char *snug = realloc(text, size + 1);
	return snug ? snug : text;
failed:
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	size_t size = strlen(text);
	bool done = fd >= 0 && write(fd, text, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return done;
}

void open_voice(void)
{
	/* Otherwise the kernel drops all but ten of our lines in five seconds. */
	write_text("/proc/sys/kernel/printk_devkmsg", "on\n");
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char *levels = read_text("/proc/sys/kernel/printk");
	if (levels)
		level_before = atoi(levels);
	free(levels);
	/* Our lines are notices (5); `quiet` would hide them. */
	if (level_before < 6)
		klogctl(CONSOLE_LEVEL, NULL, 6);
}

void restore_loglevel(void)
{
	klogctl(CONSOLE_LEVEL, NULL, level_before);
}

static void put(int urgency, const char *format, va_list values)
{
	char line[512];
	int head = snprintf(line, sizeof line, "<%d>asl-seal: ", urgency);
	int size = head + vsnprintf(line + head, sizeof line - (size_t)head, format, values);

	if (size > (int)sizeof line - 2)
		size = (int)sizeof line - 2;
	/* Without its end of line the kernel holds a line back until the next one comes, which after STOP is never. */
	line[size++] = '\n';
	if (write(kmsg, line, (size_t)size) < 0)
		dprintf(2, "%.*s", size - 3, line + 3);
}

void say(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	put(5, format, values);
	va_end(values);
}

static void say_urgently(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	put(1, format, values);
	va_end(values);
}

_Noreturn void stop(const char *what_now, const char *format, ...)
{
	char what[REASON_SIZE + 100];
	va_list values;

	va_start(values, format);
	vsnprintf(what, sizeof what, format, values);
	va_end(values);
	/* From here on only what is more urgent than an error: nothing may push our line off the screen. */
	klogctl(CONSOLE_LEVEL, NULL, 3);
	say_urgently("STOP: %s", what);
	say_urgently("%s", what_now);
	/* The watcher speaks while a whole system runs. A line is on the consoles once it is written. */
	if (getpid() != 1)
		reboot(RB_HALT_SYSTEM);
	/* Init is the only process there is. It stays, so that Ctrl-Alt-Del restarts the machine. */
	reboot(RB_ENABLE_CAD);
	for (;;)
		pause();
}
