/* Kernel modules: those that are always needed, and those that the devices of this machine ask for.
 *
 * /asl/modules.load      one file a line, in the order to insert
 * /asl/modules.coldplug  `pattern<TAB>file file …`: what has an alias that matches wants these, in this order; that is
 *                        a device by its modalias, or a file system as `fs-<type>`
 * /asl/modules/<file>    the modules, whole
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "seal.h"

#define FOLDER "/asl/modules/"
#define MAX_MODULES 512
#define MAX_ALIASES 4096

static char *inserted[MAX_MODULES];
static int inserted_count;
static uint64_t aliases_seen[MAX_ALIASES];
static int aliases_count;

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* 0, or the errno that says why not. Each file is tried once. */
static int insert(const char *file)
{
	char path[256];

	for (int i = 0; i < inserted_count; i++)
		if (strcmp(inserted[i], file) == 0)
			return 0;
	if (inserted_count == MAX_MODULES || !(inserted[inserted_count] = strdup(file)))
		return ENOMEM;
	inserted_count++;
	snprintf(path, sizeof path, FOLDER "%s", file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags = ends_with(file, ".xz") || ends_with(file, ".zst") ? MODULE_INIT_COMPRESSED_FILE : 0;
	int error = fd >= 0 && syscall(SYS_finit_module, fd, "", flags) == 0 ? 0 : errno;

	if (fd >= 0)
		close(fd);
	return error == EEXIST ? 0 : error;
}

int modules_loaded(void)
{
	return inserted_count;
}

void load_modules(const char *list_path)
{
	char *list = read_text(list_path), *rest = list;
	int error;

	if (!list)
		stop(FAULT, "no list of modules %s: %s", list_path, strerror(errno));
	for (char *file; (file = strsep(&rest, "\n"));)
		if (*file && (error = insert(file)) != 0)
			stop(FAULT, "module %s can't be inserted: %s", file, strerror(error));
	free(list);
}

static bool is_new_alias(const char *alias)
{
	uint64_t mark = 0xcbf29ce484222325;

	for (; *alias; alias++)
		mark = (mark ^ (unsigned char)*alias) * 0x100000001b3;
	for (int i = 0; i < aliases_count; i++)
		if (aliases_seen[i] == mark)
			return false;
	if (aliases_count < MAX_ALIASES)
		aliases_seen[aliases_count++] = mark;
	return true;
}

void load_modules_for(const char *alias)
{
	static char *table;
	char *rest, *line, *lines;

	if (!table && !(table = read_text("/asl/modules.coldplug")))
		return;
	for (rest = lines = strdup(table); (line = strsep(&rest, "\n"));) {
		char *pattern = strsep(&line, "\t");

		if (line && fnmatch(pattern, alias, 0) == 0)
			for (char *file; (file = strsep(&line, " "));) {
				int error = insert(file);

				/* ENODEV is a driver's way to say that its device is not there after all. */
				if (error != 0 && error != ENODEV)
					say("module %s: %s", file, strerror(error));
			}
	}
	free(lines);
}

/* Not the file `modalias`: SD cards and some others have the name only in what they announce. */
static bool read_alias(const char *folder, const char *device, char *text, size_t room)
{
	snprintf(text, room, "%s/%s/uevent", folder, device);
	int fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t size = read(fd, text, room - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	char *alias = strstr(text, "MODALIAS=");
	if (!alias)
		return false;
	alias += strlen("MODALIAS=");
	alias[strcspn(alias, "\n")] = '\0';
	memmove(text, alias, strlen(alias) + 1);
	return true;
}

static void visit_devices(const char *folder)
{
	char alias[4096]; /* a processor names all its features */
	struct dirent *entry;
	DIR *devices = opendir(folder);

	while (devices && (entry = readdir(devices)))
		if (entry->d_name[0] != '.' && read_alias(folder, entry->d_name, alias, sizeof alias) && is_new_alias(alias))
			load_modules_for(alias);
	if (devices)
		closedir(devices);
}

void load_modules_for_devices(void)
{
	char path[300];
	struct dirent *entry;
	DIR *buses = opendir("/sys/bus");

	while (buses && (entry = readdir(buses))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/sys/bus/%s/devices", entry->d_name);
		visit_devices(path);
	}
	if (buses)
		closedir(buses);
}
