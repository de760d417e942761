/* The kernel's side of the ioctls that init makes, copied by shape from its uapi headers.
 *
 * musl brings no kernel headers, and taking them from the build host would let the host decide what is compiled.
 * These layouts are the kernel's promise to user space and never change.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

/* linux/module.h */
#define MODULE_INIT_COMPRESSED_FILE 4

/* linux/loop.h */
#define LOOP_CONFIGURE 0x4C0A
#define LOOP_CTL_GET_FREE 0x4C82
#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
#define LO_FLAGS_DIRECT_IO 16

struct loop_info64 {
	uint64_t device, inode, rdevice, offset, size_limit;
	uint32_t number, encrypt_type, encrypt_key_size, flags;
	uint8_t file_name[64], crypt_name[64], encrypt_key[32];
	uint64_t init[2];
};

struct loop_config {
	uint32_t fd, block_size;
	struct loop_info64 info;
	uint64_t reserved[8];
};

/* linux/dm-ioctl.h */
struct dm_ioctl {
	uint32_t version[3], data_size, data_start, target_count;
	int32_t open_count;
	uint32_t flags, event_nr, padding;
	uint64_t dev;
	char name[128], uuid[129], data[7];
};

struct dm_target_spec {
	uint64_t sector_start, length;
	int32_t status;
	uint32_t next;
	char target_type[16];
};

#define DM_DEV_CREATE 0xC138FD03ul
#define DM_DEV_REMOVE 0xC138FD04ul
#define DM_DEV_SUSPEND 0xC138FD06ul /* without DM_SUSPEND_FLAG: resume */
#define DM_TABLE_LOAD 0xC138FD09ul
#define DM_TABLE_STATUS 0xC138FD0Cul
#define DM_READONLY_FLAG 1

/* linux/cdrom.h */
#define CDROM_DRIVE_STATUS 0x5326
#define CDSL_CURRENT 0x7fffffff
#define CDS_NO_DISC 1
#define CDS_TRAY_OPEN 2

_Static_assert(sizeof(struct loop_config) == 304, "loop_config");
_Static_assert(sizeof(struct dm_ioctl) == 0x138, "dm_ioctl");
_Static_assert(sizeof(struct dm_target_spec) == 40, "dm_target_spec");

#endif
