/* The first program of the sealed image, and the only one in its initramfs.
 *
 * It reads the kernel's command line, finds the medium, opens the layers through dm-verity, stacks them and becomes
 * systemd. Read main() from top to bottom: that is all there is. Whatever goes wrong ends in stop(), which halts.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "seal.h"

#define SYSTEMD "/usr/lib/systemd/systemd"
#define RUN_OPTIONS "mode=0755,size=20%,nr_inodes=800k" /* as systemd itself would */

static struct words words;
static int uevents;

static struct {
	uint64_t start, modules, medium, layers, root;
} times;

static void mount_or_stop(const char *type, const char *place, unsigned long flags, const char *options)
{
	mkdir(place, 0755);
	/* The kernel may have mounted devtmpfs already. */
	if (mount(type, place, type, flags, options) != 0 && errno != EBUSY)
		stop(FAULT, "%s can't be mounted on %s: %s", type, place, strerror(errno));
}

static void move_or_stop(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_MOVE, NULL) != 0)
		stop(FAULT, "%s can't be moved to %s: %s", from, to, strerror(errno));
}

static void prepare(void)
{
	umask(022);
	mount_or_stop("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755");
	mount_or_stop("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_stop("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	write_text("/proc/sys/kernel/sysrq", "0\n");
	open_voice();
	mount_or_stop("tmpfs", "/run", MS_NOSUID | MS_NODEV, RUN_OPTIONS);
	static const char *const folders[] = {RUN, MEDIUM, CARRIER, LAYERS, NEW_ROOT};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		mkdir(folders[i], 0755);
}

static void read_command_line(void)
{
	char *cmdline = read_text("/proc/cmdline"), *permitted = read_text("/asl/words"), why[REASON_SIZE];

	if (!cmdline || !permitted)
		stop(FAULT, "no command line, or no list of permitted words");
	if (!read_words(cmdline, permitted, &words, why))
		stop("Start again and leave the menu entry as it is. Ctrl-Alt-Del restarts.", "%s", why);
	free(cmdline);
	free(permitted);
}

/* A machine of 2 GiB reports less than that: firmware and kernel have taken their share. */
static bool has_memory(unsigned long mib)
{
	struct sysinfo info;

	return mib > 0 && sysinfo(&info) == 0 && (uint64_t)info.totalram * info.mem_unit >= (uint64_t)mib * 9 / 10 << 20;
}

/* Called for every medium that carries the image, until one can be used. */
static bool use_medium(struct medium *medium, char reason[REASON_SIZE])
{
	if (words.mode == MODE_CHECK) {
		check_medium(medium->device, reason);
		return false;
	}
	times.medium = now_ms();
	medium->in_memory = has_memory(words.ram_mib);
	say("medium: %s%s%s", medium->device, words.iso[0] ? ", file " : "", words.iso);
	if (!medium->in_memory)
		return open_layers(&words, MEDIUM "/asl", false, uevents, reason);
	if (!copy_layers(&words, reason) || !open_layers(&words, MEMORY, true, uevents, reason))
		return false;
	leave_medium();
	umount2(MEMORY, MNT_DETACH); /* the loop devices keep the copies; nobody else needs a way to them */
	say("the image is in memory; the medium may be removed");
	return true;
}

/* What started, for those who come later; the one record that the running system has of its seal. */
static void write_record(const struct medium *medium)
{
	FILE *file = fopen(RUN "/seal.json", "w");

	if (!file)
		stop(FAULT, "no record of the seal: %s", strerror(errno));
	fprintf(file, "{\"image\":\"%s\",\"mode\":\"%s\",\"medium\":\"%s\",\"layers\":[", words.image,
		MODE_NAMES[words.mode], medium->device);
	for (int i = 0; i < words.layers; i++)
		fprintf(file, "%s{\"name\":\"%s\",\"root_hash\":\"%s\",\"salt\":\"%s\",\"data_blocks\":%llu}", i ? "," : "",
			words.layer[i].name, words.layer[i].root_hash, words.layer[i].salt,
			(unsigned long long)words.layer[i].data_blocks);
	fprintf(file,
		"],\"in_memory\":%s,\"times_ms\":{\"start\":%llu,\"modules\":%llu,\"medium\":%llu,\"layers\":%llu,"
		"\"root\":%llu}}\n",
		medium->in_memory ? "true" : "false", (unsigned long long)times.start,
		(unsigned long long)times.modules, (unsigned long long)times.medium, (unsigned long long)times.layers,
		(unsigned long long)times.root);
	if (fchmod(fileno(file), 0444) != 0 || fclose(file) != 0)
		stop(FAULT, "no record of the seal: %s", strerror(errno));
}

static int delete_one(const char *path, const struct stat *file, int kind, struct FTW *at)
{
	(void)file, (void)kind;
	if (at->level > 0)
		remove(path);
	return 0;
}

static void switch_root(void)
{
	static const char *const moved[] = {"/dev", "/proc", "/sys", "/run"};
	char to[32];

	for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
		snprintf(to, sizeof to, NEW_ROOT "%s", moved[i]);
		move_or_stop(moved[i], to);
	}
	/* Our own file system is memory too; what is mounted in it stays untouched. */
	nftw("/asl", delete_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	unlink("/init");
	if (chdir(NEW_ROOT) != 0)
		stop(FAULT, "no root: %s", strerror(errno));
	move_or_stop(".", "/");
	if (chroot(".") != 0 || chdir("/") != 0)
		stop(FAULT, "no root: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct medium medium;

	(void)argc;
	times.start = now_ms();
	prepare();
	read_command_line();
	say("start: %.8s..., mode %s", words.image, MODE_NAMES[words.mode]);
	uevents = open_uevents();
	load_modules("/asl/modules.load");
	load_modules_for_devices();
	times.modules = now_ms();
	say("modules: %d", modules_loaded());

	find_medium(&words, uevents, &medium, use_medium);
	times.layers = now_ms();
	say("layers: %d open", words.layers);

	mount_root(&words);
	mount_or_stop("tmpfs", NEW_ROOT "/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=25%");
	mount_or_stop("tmpfs", NEW_ROOT "/var", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=25%");
	times.root = now_ms();
	write_record(&medium);
	start_watcher(&words, &medium, argv[0]);
	switch_root();
	say("root: starting systemd");
	restore_loglevel();
	execve(SYSTEMD, (char *[]){SYSTEMD, NULL}, (char *[]){"TERM=linux", NULL});
	int error = errno;
	sleep(1); /* if the medium is the reason, the watcher knows better, and we get no further than this */
	stop(FAULT, "%s can't be started: %s", SYSTEMD, strerror(error));
}
