/* Finding the medium that carries the image: any block device, of any bus, that turns up in time.
 *
 * A medium is ours when the SHA-256 of its /asl/SHA256SUMS is the one on the kernel's command line. Devices appear
 * late (a USB stick takes seconds), so all are tried again and again until one is accepted or the time is over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal.h"

#define QUIET_AND_SAFE (MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_SILENT)
#define MAX_REJECTED 16 /* after so many no other is looked at */
#define SETTLE_MS 5000 /* how long another medium may still turn up after one that is done with */

/* File systems that an ISO file may lie on, and how to know one. None may write, not even replay a journal. */
static const struct {
	const char *type, *options;
	int offset;
	const char *mark;
} CARRIERS[] = {
	{"vfat", NULL, 0x52, "FAT32"},	  {"vfat", NULL, 0x36, "FAT1"},
	{"exfat", NULL, 3, "EXFAT"},	  {"ext4", "noload", 0x438, "\x53\xef"},
	{"ntfs3", NULL, 3, "NTFS"},	  {"btrfs", "rescue=nologreplay", 0x10040, "_BHRfS_M"},
	{"xfs", "norecovery", 0, "XFSB"},
};

static char rejected[MAX_REJECTED][32];
static int rejected_count;
static bool looks_alike; /* what was visited last has an /asl/SHA256SUMS, but not the one that we look for */

static bool has_mark(const char *device, int offset, const char *mark)
{
	char found[16] = "";
	size_t size = strlen(mark);
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool has = pread(fd, found, size, offset) == (ssize_t)size && memcmp(found, mark, size) == 0;
	close(fd);
	return has;
}

static bool mount_iso9660(const char *device)
{
	return has_mark(device, 32769, "CD001") && mount(device, MEDIUM, "iso9660", QUIET_AND_SAFE, NULL) == 0;
}

static bool mount_carrier(const char *device)
{
	char alias[16];

	for (size_t i = 0; i < sizeof CARRIERS / sizeof *CARRIERS; i++) {
		if (!has_mark(device, CARRIERS[i].offset, CARRIERS[i].mark))
			continue;
		snprintf(alias, sizeof alias, "fs-%s", CARRIERS[i].type);
		load_modules_for(alias);
		if (mount(device, CARRIER, CARRIERS[i].type, QUIET_AND_SAFE, CARRIERS[i].options) == 0)
			return true;
	}
	return false;
}

static bool mount_iso_file(const char *iso)
{
	char file[300], device[32];
	struct stat found;

	snprintf(file, sizeof file, CARRIER "%s", iso);
	if (lstat(file, &found) != 0 || !S_ISREG(found.st_mode))
		return false;
	int fd = attach_loop(file, device);
	if (fd < 0)
		return false;
	bool done = mount_iso9660(device);
	close(fd);
	return done;
}

static bool mount_medium(const char *path, const char *iso)
{
	if (iso[0] == '\0')
		return mount_iso9660(path);
	bool done = mount_carrier(path) && mount_iso_file(iso);
	/* The loop device keeps the file; to what else lies there, which may be anything, nobody gets a way. */
	umount2(CARRIER, MNT_DETACH);
	return done;
}

void leave_medium(void)
{
	umount2(MEDIUM, MNT_DETACH);
}

static bool carries_image(const char *image)
{
	char hex[HEX_SIZE];
	bool carries = hash_file(MEDIUM "/asl/SHA256SUMS", hex) && strcmp(hex, image) == 0;

	looks_alike = !carries && access(MEDIUM "/asl/SHA256SUMS", F_OK) == 0;
	return carries;
}

/* A partition's folder in /sys/class/block lies in its disk's. */
static void name_disk(const char *device, char disk[32])
{
	char path[100], real[PATH_MAX];

	snprintf(disk, 32, "%s", device);
	snprintf(path, sizeof path, "/sys/class/block/%s/partition", device);
	if (access(path, F_OK) != 0)
		return;
	snprintf(path, sizeof path, "/sys/class/block/%s/..", device);
	if (realpath(path, real))
		snprintf(disk, 32, "%.31s", strrchr(real, '/') + 1);
}

static void reject(const char *device)
{
	if (rejected_count < MAX_REJECTED)
		snprintf(rejected[rejected_count++], sizeof *rejected, "%s", device);
}

/* A disk takes its partitions along: an ISO on a stick can be found on both. */
static bool is_rejected(const char *device)
{
	char disk[32];

	name_disk(device, disk);
	for (int i = 0; i < rejected_count; i++)
		if (strcmp(device, rejected[i]) == 0 || strcmp(disk, rejected[i]) == 0)
			return true;
	return rejected_count == MAX_REJECTED;
}

static int is_candidate(const struct dirent *entry)
{
	/* What is made of other devices is no medium, and a floppy drive takes seconds to say that it is empty. */
	static const char *const never[] = {".", "loop", "ram", "zram", "dm-", "md", "nbd", "fd", "mtdblock"};

	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strncmp(entry->d_name, never[i], strlen(never[i])) == 0)
			return 0;
	return 1;
}

static bool visit(const char *device, const struct words *words, struct medium *medium,
		  bool (*use)(struct medium *, char *), char reason[REASON_SIZE])
{
	char path[100];

	snprintf(path, sizeof path, "/dev/%s", device);
	if (is_rejected(device) || !mount_medium(path, words->iso))
		return false;
	if (carries_image(words->image)) {
		memset(medium, 0, sizeof *medium);
		snprintf(medium->device, sizeof medium->device, "%s", device);
		name_disk(device, medium->disk);
		if (use(medium, reason))
			return true;
		say("medium %s: %s", device, reason);
		reject(device);
	} else if (looks_alike && words->mode == MODE_CHECK) {
		note_look_alike(device);
		reject(device);
	}
	leave_medium();
	return false;
}

/* One round over all devices; `seen` gets their names, for people. */
static bool visit_all(const struct words *words, struct medium *medium, bool (*use)(struct medium *, char *),
		      char reason[REASON_SIZE], char seen[REASON_SIZE])
{
	struct dirent **entries;
	int count = scandir("/sys/class/block", &entries, is_candidate, alphasort);
	size_t size = 0;
	bool found = false;

	seen[0] = '\0';
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		looks_alike = false;
		found = found || visit(name, words, medium, use, reason);
		if (size < REASON_SIZE)
			size += (size_t)snprintf(seen + size, REASON_SIZE - size, "%s%s%s", size ? ", " : "", name,
						 looks_alike ? " (another image, or damaged)" : "");
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (size == 0)
		snprintf(seen, REASON_SIZE, "nothing");
	return found;
}

static _Noreturn void give_up(const struct words *words, const char *reason, const char *seen)
{
	if (rejected_count > 0 && words->mode == MODE_CHECK)
		finish_check();
	if (rejected_count > 0)
		stop("Use another copy of this medium, or check this one (menu entry m). Ctrl-Alt-Del restarts.", "%s",
		     reason);
	stop("Plug in the medium that this machine was started from. Ctrl-Alt-Del restarts.",
	     "no medium carries this image; seen: %s", seen);
}

void find_medium(const struct words *words, int uevents, struct medium *medium,
		 bool (*use)(struct medium *medium, char reason[REASON_SIZE]))
{
	char reason[REASON_SIZE] = "", seen[REASON_SIZE];
	uint64_t begin = now_ms(), next_word = begin + 5000, end = begin + words->wait_s * 1000;
	struct uevent event;
	int done_with = 0;

	for (;;) {
		load_modules_for_devices();
		if (visit_all(words, medium, use, reason, seen))
			return;
		if (rejected_count > done_with) {
			done_with = rejected_count;
			end = now_ms() + SETTLE_MS;
			say("looking for another medium");
		}
		if (now_ms() >= end)
			give_up(words, reason, seen);
		if (done_with == 0 && now_ms() >= next_word) {
			say("waiting for the medium that carries this image (%d s); seen: %s",
			    (int)((now_ms() - begin) / 1000), seen);
			next_word += 5000;
		}
		/* A new device ends the wait at once; what comes in one burst is taken in one round. */
		if (wait_for_uevent(uevents, 500, &event))
			while (wait_for_uevent(uevents, 0, &event))
				;
	}
}
