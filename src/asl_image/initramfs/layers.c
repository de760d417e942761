/* The layers of the image: loop devices, dm-verity over them, squashfs in them, one read-only root over all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "seal.h"

#define CHUNK (1 << 20)

static int dm_control = -1; /* the watcher, which no longer sees /dev, inherits it */

int attach_loop(const char *file, char device[32])
{
	struct loop_config config = {.info.flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int backing = open(file, O_RDONLY | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	int loop = -1;

	if (backing >= 0 && number >= 0) {
		snprintf(device, 32, "/dev/loop%d", number);
		config.fd = (uint32_t)backing;
		loop = open(device, O_RDONLY | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) != 0) {
			close(loop);
			loop = -1;
		}
	}
	int error = errno;
	if (control >= 0)
		close(control);
	if (backing >= 0)
		close(backing);
	errno = error;
	return loop;
}

/* ---- device mapper ---------------------------------------------------------------------- */

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[512];
};

static bool ask_dm(unsigned long number, const struct layer *layer, struct dm_request *request)
{
	if (dm_control < 0)
		dm_control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	request->head.version[0] = 4;
	request->head.data_size = sizeof *request;
	request->head.data_start = sizeof request->head;
	snprintf(request->head.name, sizeof request->head.name, "asl-%s", layer->name);
	return ioctl(dm_control, number, request) == 0;
}

bool is_damaged(const struct layer *layer)
{
	struct dm_request request = {0};

	return ask_dm(DM_TABLE_STATUS, layer, &request) && request.parameters[0] == 'C'; /* corrupted; V: valid */
}

static bool make_verity(struct layer *layer, const char *data, const char *hashes)
{
	struct dm_request create = {.head.flags = DM_READONLY_FLAG}, load = {0}, resume = {0};
	char target[32], link[64];

	if (!ask_dm(DM_DEV_CREATE, layer, &create))
		return false;
	layer->minor = (int)((create.head.dev & 0xff) | (create.head.dev >> 12 & 0xfff00));
	load.head.flags = DM_READONLY_FLAG;
	load.head.target_count = 1;
	load.target.length = layer->data_blocks * 8;
	strcpy(load.target.target_type, "verity");
	snprintf(load.parameters, sizeof load.parameters, "1 %s %s 4096 4096 %llu 0 sha256 %s %s", data, hashes,
		 (unsigned long long)layer->data_blocks, layer->root_hash, layer->salt);
	if (!ask_dm(DM_TABLE_LOAD, layer, &load) || !ask_dm(DM_DEV_SUSPEND, layer, &resume))
		return false;
	/* What dmsetup mknodes would do; udev finds its own link made already. */
	snprintf(target, sizeof target, "../dm-%d", layer->minor);
	snprintf(link, sizeof link, "/dev/mapper/asl-%s", layer->name);
	unlink(link);
	return symlink(target, link) == 0;
}

/* ---- one layer -------------------------------------------------------------------------- */

/* Reads past the page cache: the point is that every block was verified, not to keep it. */
static bool read_whole(const char *device)
{
	void *chunk;
	ssize_t got = -1;
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd >= 0 && posix_memalign(&chunk, 4096, CHUNK) == 0) {
		while ((got = read(fd, chunk, CHUNK)) > 0)
			;
		free(chunk);
	}
	if (fd >= 0)
		close(fd);
	return got == 0;
}

static bool attach_files(struct layer *layer, const char *folder, char reason[REASON_SIZE])
{
	static const char *const endings[] = {"squashfs", "verity"};
	char file[300], device[2][32];
	int loop[2] = {-1, -1};
	bool done = false;

	for (int i = 0; i < 2; i++) {
		snprintf(file, sizeof file, "%s/%s.%s", folder, layer->name, endings[i]);
		loop[i] = attach_loop(file, device[i]);
		if (loop[i] < 0) {
			snprintf(reason, REASON_SIZE, "layer %s: can't open asl/%s.%s: %s", layer->name, layer->name, endings[i],
				 strerror(errno));
			goto out;
		}
	}
	done = make_verity(layer, device[0], device[1]);
	if (!done)
		snprintf(reason, REASON_SIZE, "layer %s: dm-verity does not take it: %s (is a file cut short?)", layer->name,
			 strerror(errno));
out:
	/* dm-verity holds them now; without it they vanish as we let go. */
	for (int i = 0; i < 2; i++)
		if (loop[i] >= 0)
			close(loop[i]);
	return done;
}

static bool open_layer(struct layer *layer, const char *folder, bool read_all, char reason[REASON_SIZE])
{
	char device[32], place[64];
	uint64_t begin = now_ms();

	if (!attach_files(layer, folder, reason))
		return false;
	snprintf(device, sizeof device, "/dev/dm-%d", layer->minor);
	snprintf(place, sizeof place, LAYERS "/%s", layer->name);
	if (read_all) {
		if (!read_whole(device)) {
			snprintf(reason, REASON_SIZE, "layer %s: can't be read whole: %s", layer->name, strerror(errno));
			return false;
		}
		say("layer %s: every block matches the seal (%llu.%llu s)", layer->name,
		    (unsigned long long)(now_ms() - begin) / 1000, (unsigned long long)(now_ms() - begin) / 100 % 10);
	}
	mkdir(place, 0755);
	if (mount(device, place, "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0) {
		snprintf(reason, REASON_SIZE, "layer %s: can't be mounted: %s", layer->name, strerror(errno));
		return false;
	}
	return true;
}

/* ---- all layers ------------------------------------------------------------------------- */

void close_layers(struct words *words)
{
	char place[64];

	for (int i = words->layers - 1; i >= 0; i--) {
		struct dm_request request = {0};

		snprintf(place, sizeof place, LAYERS "/%s", words->layer[i].name);
		umount(place);
		if (words->layer[i].minor >= 0)
			ask_dm(DM_DEV_REMOVE, &words->layer[i], &request);
		words->layer[i].minor = -1;
	}
	umount2(MEMORY, MNT_DETACH);
}

bool open_layers(struct words *words, const char *folder, bool read_all, int uevents, char reason[REASON_SIZE])
{
	for (int i = 0; i < words->layers; i++)
		if (!open_layer(&words->layer[i], folder, read_all, reason)) {
			/* If dm-verity met damage, that is the reason, whatever the mount made of it. */
			find_damage(uevents, words, reason);
			close_layers(words);
			return false;
		}
	return true;
}

static bool copy_file(const char *from, const char *to)
{
	static char chunk[CHUNK];
	ssize_t got = -1;
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

	if (in >= 0 && out >= 0)
		while ((got = read(in, chunk, sizeof chunk)) > 0)
			if (write(out, chunk, (size_t)got) != got) {
				got = -1;
				break;
			}
	int error = errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	errno = error;
	return got == 0;
}

bool copy_layers(const struct words *words, char reason[REASON_SIZE])
{
	static const char *const endings[] = {"squashfs", "verity"};
	char from[100], to[100], options[64];
	uint64_t room = 1 << 20;
	struct stat file;

	for (int i = 0; i < words->layers * 2; i++) {
		snprintf(from, sizeof from, MEDIUM "/asl/%s.%s", words->layer[i / 2].name, endings[i % 2]);
		if (stat(from, &file) == 0)
			room += (uint64_t)file.st_size + 4096;
	}
	mkdir(MEMORY, 0700);
	snprintf(options, sizeof options, "mode=0700,size=%llu", (unsigned long long)room);
	if (mount("tmpfs", MEMORY, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, options) != 0) {
		snprintf(reason, REASON_SIZE, "no memory for the layers: %s", strerror(errno));
		return false;
	}
	for (int i = 0; i < words->layers * 2; i++) {
		const char *name = words->layer[i / 2].name;
		uint64_t begin = now_ms();

		snprintf(from, sizeof from, MEDIUM "/asl/%s.%s", name, endings[i % 2]);
		snprintf(to, sizeof to, MEMORY "/%s.%s", name, endings[i % 2]);
		if (!copy_file(from, to)) {
			snprintf(reason, REASON_SIZE, "layer %s: can't copy asl/%s.%s: %s", name, name, endings[i % 2],
				 strerror(errno));
			umount2(MEMORY, MNT_DETACH);
			return false;
		}
		if (i % 2 == 0)
			say("layer %s: copied into memory (%llu.%llu s)", name, (unsigned long long)(now_ms() - begin) / 1000,
			    (unsigned long long)(now_ms() - begin) / 100 % 10);
	}
	return true;
}

void mount_root(const struct words *words)
{
	char options[512] = "lowerdir=";

	/* overlayfs wants the topmost first. No upper layer: nothing can be written, not even for a moment. */
	for (int i = words->layers - 1; i >= 0; i--) {
		strcat(options, LAYERS "/");
		strcat(options, words->layer[i].name);
		if (i > 0)
			strcat(options, ":");
	}
	if (mount("overlay", NEW_ROOT, "overlay", MS_RDONLY | MS_NODEV, options) != 0)
		stop("This is a fault of the image.", "the layers can't be stacked: %s", strerror(errno));
}
