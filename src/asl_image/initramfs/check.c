/* "Check this medium": SHA-256 of every file that the image's SHA256SUMS names, read from the medium. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal.h"

#define MAX_CONSOLES 8

static int media, look_alikes; /* those that carry the image, and those that carry another list of files */
static int files, damaged;     /* of the medium that was checked last */
static char good_media[REASON_SIZE], damaged_media[REASON_SIZE];

bool hash_file(const char *path, char hex[HEX_SIZE])
{
	static char chunk[1 << 18];
	struct sha256 hash;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	sha256_start(&hash);
	while ((got = read(fd, chunk, sizeof chunk)) > 0)
		sha256_add(&hash, chunk, (size_t)got);
	close(fd);
	sha256_finish(&hash, hex);
	return got == 0;
}

/* A serial console and the screen are equal: a person sits at one of them. */
static void wait_for_enter(void)
{
	struct pollfd console[MAX_CONSOLES];
	nfds_t count = 0;
	char path[64], keys[64];
	char *names = read_text("/sys/class/tty/console/active"), *rest = names;

	for (char *name; (name = strsep(&rest, " \n")) && count < MAX_CONSOLES;) {
		if (!*name)
			continue;
		snprintf(path, sizeof path, "/dev/%s", name);
		console[count].events = POLLIN;
		console[count].fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		if (console[count].fd < 0)
			continue;
		/* What was typed while files were read is not an answer. */
		while (read(console[count].fd, keys, sizeof keys) > 0)
			;
		count++;
	}
	free(names);
	say("press Enter to switch the machine off");
	for (;;) {
		/* A keyboard that is plugged in now may need its module. */
		load_modules_for_devices();
		poll(console, count, 1000);
		for (nfds_t i = 0; i < count; i++)
			if (console[i].revents & POLLIN && read(console[i].fd, keys, sizeof keys) > 0)
				return; /* the line discipline hands over whole lines only */
	}
}

static void add_name(char list[REASON_SIZE], const char *device)
{
	size_t size = strlen(list);

	snprintf(list + size, REASON_SIZE - size, " %s", device);
}

static bool is_good(const char *name, const char *expected)
{
	char path[128], hex[HEX_SIZE];
	struct stat file;

	snprintf(path, sizeof path, MEDIUM "/asl/%s", name);
	if (stat(path, &file) != 0) {
		say("%s: MISSING", name);
		return false;
	}
	if (file.st_size >= 8 << 20)
		say("reading %s (%lld MiB)", name, (long long)file.st_size >> 20);
	bool good = hash_file(path, hex) && strcmp(hex, expected) == 0;
	say("%s: %s", name, good ? "good" : "DAMAGED");
	return good;
}

void check_medium(const char *device, char verdict[REASON_SIZE])
{
	char *sums = read_text(MEDIUM "/asl/SHA256SUMS");
	const char *rest = sums;
	char hex[HEX_SIZE], name[64];
	bool malformed = sums == NULL;

	say("checking medium %s", device);
	files = damaged = 0;
	while (sums && next_sum(&rest, hex, name, &malformed)) {
		files++;
		damaged += !is_good(name, hex);
	}
	if (malformed || files == 0)
		say("SHA256SUMS: malformed; this is a fault of the image");
	free(sums);
	bool good = damaged == 0 && !malformed && files > 0;
	if (good)
		snprintf(verdict, REASON_SIZE, "good, %d files", files);
	else
		snprintf(verdict, REASON_SIZE, "DAMAGED, %d of %d files", damaged, files);
	media++;
	add_name(good ? good_media : damaged_media, device);
}

void note_look_alike(const char *device)
{
	say("%s: another image or a damaged SHA256SUMS", device);
	look_alikes++;
}

_Noreturn void finish_check(void)
{
	if (media == 0)
		say("THIS MEDIUM IS DAMAGED: its list of files is not the one of this image");
	else if (media + look_alikes > 1 && damaged_media[0])
		say("A MEDIUM IS DAMAGED:%s", damaged_media);
	else if (media + look_alikes > 1)
		say("every medium that carries this image is good:%s", good_media);
	else if (damaged_media[0])
		say("THIS MEDIUM IS DAMAGED: %d of %d files", damaged, files);
	else
		say("this medium is good: %d files", files);
	wait_for_enter();
	reboot(RB_POWER_OFF);
	stop("Switch the machine off.", "the machine does not switch itself off");
}
