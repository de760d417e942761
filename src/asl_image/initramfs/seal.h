/* What the parts of the sealed /init know of one another. One part, one file, in this order:
 *
 *   words.c    the kernel's command line: what is permitted and what it means   (pure)
 *   sha256.c   SHA-256, and the SHA256SUMS file                                 (pure)
 *   say.c      the one voice: kernel log lines, time stamps, STOP
 *   modules.c  kernel modules
 *   medium.c   finding the medium that carries the image
 *   layers.c   loop devices, dm-verity, squashfs, copies in memory
 *   check.c    "check this medium"
 *   watch.c    uevents, and the watcher that outlives init
 *   init.c     the straight line through all of them
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEX_SIZE 65 /* 64 hexadecimal digits and the closing zero */
#define REASON_SIZE 200
#define LAYERS_WANTED 3 /* base, tools, overlay */

/* Where things lie; /run moves into the new root as it is. */
#define RUN "/run/asl"
#define MEDIUM RUN "/medium"   /* the iso9660 file system */
#define LAYERS RUN "/layers"
#define CARRIER "/carrier"     /* the file system that holds the ISO as a file (asl.iso=), while it is opened */
#define MEMORY "/memory"       /* copies of the layers, when they are kept in memory */
#define NEW_ROOT "/sysroot"

/* What to do, when nobody at the machine can do anything. */
#define FAULT "This is a fault of the image, or of this machine. Ctrl-Alt-Del restarts."

/* ---- words.c ---------------------------------------------------------------------------- */

enum mode { MODE_HOST, MODE_REHEARSAL, MODE_CHECK };
extern const char *const MODE_NAMES[];

struct layer {
	char name[16];
	uint64_t data_blocks; /* of 4096 bytes */
	char root_hash[HEX_SIZE];
	char salt[HEX_SIZE];
	int minor; /* of its device-mapper device; -1 while closed */
};

struct words {
	enum mode mode;
	char image[HEX_SIZE]; /* SHA-256 of /asl/SHA256SUMS on the medium */
	struct layer layer[LAYERS_WANTED]; /* bottom first */
	int layers; /* LAYERS_WANTED once all words are read */
	unsigned long ram_mib; /* 0: never copy the layers into memory */
	unsigned long wait_s;
	char iso[256]; /* "" or the absolute path of the ISO file on some file system */
};

/* Is `word` one of the lines of `permitted` (an exact word, or `prefix*`)? */
bool is_permitted(const char *word, const char *permitted);
/* Fill `words` from the kernel's command line; false and `why` when a word is not permitted or makes no sense. */
bool read_words(const char *cmdline, const char *permitted, struct words *words, char why[REASON_SIZE]);

/* ---- sha256.c --------------------------------------------------------------------------- */

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	unsigned char block[64];
};

void sha256_start(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t size);
void sha256_finish(struct sha256 *hash, char hex[HEX_SIZE]);
/* The next line of a SHA256SUMS text; moves `*text` on. False at the end or, with `*bad`, at a malformed line. */
bool next_sum(const char **text, char hex[HEX_SIZE], char name[64], bool *bad);

/* ---- say.c ------------------------------------------------------------------------------ */

uint64_t now_ms(void); /* since the machine's start */
void open_voice(void);
void restore_loglevel(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The end of the road, with one line of what to do now. There is no way on from here but a restart. */
_Noreturn void stop(const char *what_now, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A whole small file as a string, to be freed; NULL (and errno) when it can't be read or is over a mebibyte. */
char *read_text(const char *path);
bool write_text(const char *path, const char *text);

/* ---- modules.c -------------------------------------------------------------------------- */

/* Insert every module of the list, or stop: nothing works without one of them. */
void load_modules(const char *list_path);
/* Insert what the devices seen so far ask for; cheap when nothing is new. */
void load_modules_for_devices(void);
/* Insert what an alias asks for: a modalias, or `fs-<type>`. */
void load_modules_for(const char *alias);
int modules_loaded(void);

/* ---- watch.c ---------------------------------------------------------------------------- */

enum { DAMAGE_NONE = -1, DAMAGE_DATA = 0, DAMAGE_HASHES = 1 };

struct uevent {
	char action[16];
	char subsystem[16];
	char device[32]; /* as in /dev */
	int damage;      /* dm-verity's word for what did not match, or DAMAGE_NONE */
	unsigned long long block;
};

struct medium {
	char device[32]; /* the block device it was found on: sr0, sdb1 … */
	char disk[32];   /* the whole disk of that device; often the same */
	bool in_memory;  /* the layers were copied; the medium may go */
};

void read_uevent(const char *text, size_t size, struct uevent *event);
int open_uevents(void);
/* Wait for the next message of the kernel's; false when none came in time. */
bool wait_for_uevent(int fd, int timeout_ms, struct uevent *event);
/* Has any open layer met a block that is not what was sealed? Then `reason` names layer and block. */
bool find_damage(int fd, const struct words *words, char reason[REASON_SIZE]);
/* Leave a process behind that halts the machine when a layer is damaged or the medium is gone.
 * `title` is init's argv[0]; needs /dev, /proc and /sys in their first places. */
void start_watcher(const struct words *words, const struct medium *medium, char *title);

/* ---- medium.c --------------------------------------------------------------------------- */

/* Visit every medium that carries the image until `use` accepts one; `use` says in `reason` why it does not.
 * To check media is to accept none: when no other turns up, what was found is told and the machine stays here. */
void find_medium(const struct words *words, int uevents, struct medium *medium,
		 bool (*use)(struct medium *medium, char reason[REASON_SIZE]));
void leave_medium(void);

/* ---- layers.c --------------------------------------------------------------------------- */

/* A read-only loop device over a file; its name goes to `device` (/dev/loopN). A descriptor that keeps it, or -1. */
int attach_loop(const char *file, char device[32]);
bool copy_layers(const struct words *words, char reason[REASON_SIZE]);
bool open_layers(struct words *words, const char *folder, bool read_all, int uevents, char reason[REASON_SIZE]);
void close_layers(struct words *words);
/* Has dm-verity found this layer damaged since it was opened? */
bool is_damaged(const struct layer *layer);
void mount_root(const struct words *words);

/* ---- check.c ---------------------------------------------------------------------------- */

bool hash_file(const char *path, char hex[HEX_SIZE]);
/* Check the mounted medium, which carries the image; `verdict` is what to say of it. */
void check_medium(const char *device, char verdict[REASON_SIZE]);
/* A medium of some image, whose list of files is not the one that was asked for. */
void note_look_alike(const char *device);
/* What all that was checked comes to; ends in a machine that is switched off. */
_Noreturn void finish_check(void);

#endif
