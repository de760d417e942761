/* A library that is loaded into every program of a build: another time of day, another order of directories.

   It needs no header and no C library to be compiled, so that any compiler makes one that any program can load.
   What it does is fixed when it is compiled: CLOCK_OFFSET is in seconds, ORDER_SEED is any number, and 0 leaves
   things as they are. x86-64 Linux only, as the images are.

   Files keep the times that the kernel gives them. What the C library reads for itself (glob, nftw, fts) keeps its
   order. A program that is linked statically, or asks the kernel itself, is not reached. */

#ifndef CLOCK_OFFSET
#define CLOCK_OFFSET 0
#endif
#ifndef ORDER_SEED
#define ORDER_SEED 0
#endif

#define PUBLIC __attribute__((visibility("default")))

typedef unsigned long size;
typedef struct handle DIR; /* the C library's own; never looked into */

extern void *dlsym(void *where, const char *name);
extern void *malloc(size bytes);
extern void *realloc(void *old, size bytes);
extern void free(void *old);
extern void qsort(void *items, size count, size width, int (*order)(const void *, const void *));
extern int *__errno_location(void);

/* ---- time ---------------------------------------------------------------------------------------------------- */

struct timespec { long sec, nsec; };
struct timeval { long sec, usec; };

enum { SYS_GETPID = 39, SYS_GETTIMEOFDAY = 96, SYS_CLOCK_GETTIME = 228 };
enum { REALTIME = 0, REALTIME_COARSE = 5, TAI = 11 };

static long ask_kernel(long number, long first, long second)
{
    long answer;
    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    if (answer < 0) {
        *__errno_location() = (int)-answer;
        return -1;
    }
    return answer;
}

PUBLIC int clock_gettime(int clock, struct timespec *now)
{
    int failed = (int)ask_kernel(SYS_CLOCK_GETTIME, clock, (long)now);
    if (!failed && (clock == REALTIME || clock == REALTIME_COARSE || clock == TAI))
        now->sec += CLOCK_OFFSET;
    return failed;
}

PUBLIC int gettimeofday(struct timeval *now, void *zone)
{
    int failed = (int)ask_kernel(SYS_GETTIMEOFDAY, (long)now, (long)zone);
    if (!failed && now)
        now->sec += CLOCK_OFFSET;
    return failed;
}

PUBLIC long time(long *where)
{
    struct timespec now;
    if (clock_gettime(REALTIME, &now))
        return -1;
    if (where)
        *where = now.sec;
    return now.sec;
}

PUBLIC int timespec_get(struct timespec *now, int base)
{
    return base == 1 && !clock_gettime(REALTIME, now) ? base : 0;
}

/* ---- directories --------------------------------------------------------------------------------------------- */

#if ORDER_SEED

struct dirent {
    unsigned long inode;
    long offset;
    unsigned short length;
    unsigned char kind;
    char name[256];
};

struct listing {
    DIR *of;
    struct listing *following;
    struct dirent **entries;
    long count, at;
    int error; /* what reading ended with */
};

static void *next_one(const char *name)
{
    return dlsym((void *)-1L, name); /* RTLD_NEXT */
}

static struct listing *listings;
static int holder; /* the process whose thread is at work on them */

/* What was locked when its process forked is nobody's in the child, and taken over there. */
static void lock(void)
{
    int self = (int)ask_kernel(SYS_GETPID, 0, 0);
    int seen = 0;
    while (!__atomic_compare_exchange_n(&holder, &seen, self, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        if (seen == self)
            seen = 0;
}

static void unlock(void)
{
    __atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
}

static unsigned long rank(const char *name)
{
    unsigned long hash = 14695981039346656037UL ^ (unsigned long)ORDER_SEED;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211UL;
    hash ^= hash >> 29;
    hash *= 0xbf58476d1ce4e5b9UL;
    return hash ^ (hash >> 32);
}

static int by_rank(const void *left, const void *right)
{
    unsigned long one = rank((*(struct dirent *const *)left)->name);
    unsigned long other = rank((*(struct dirent *const *)right)->name);
    return one < other ? -1 : one > other;
}

static struct listing *find(DIR *of)
{
    struct listing *each;
    lock();
    for (each = listings; each && each->of != of; each = each->following)
        ;
    unlock();
    return each;
}

static void forget(DIR *of)
{
    struct listing **link, *found;
    long at;
    lock();
    for (link = &listings; *link && (*link)->of != of; link = &(*link)->following)
        ;
    found = *link;
    if (found)
        *link = found->following;
    unlock();
    if (!found)
        return;
    for (at = 0; at < found->count; at++)
        free(found->entries[at]);
    free(found->entries);
    free(found);
}

static int append(struct listing *to, const struct dirent *entry, long *room)
{
    struct dirent *copy;
    int at;
    if (to->count == *room) {
        struct dirent **more = realloc(to->entries, sizeof *more * (size)(*room + 256));
        if (!more)
            return 0;
        to->entries = more;
        *room += 256;
    }
    copy = malloc(sizeof *copy);
    if (!copy)
        return 0;
    for (at = 0; at < entry->length && at < (int)sizeof *copy; at++)
        ((char *)copy)[at] = ((const char *)entry)[at];
    to->entries[to->count++] = copy;
    return 1;
}

/* The whole directory, from where it is read now; 0 when there is no memory. */
static struct listing *read_all(DIR *of)
{
    struct dirent *(*real)(DIR *) = (struct dirent * (*)(DIR *)) next_one("readdir");
    struct listing *made = malloc(sizeof *made);
    struct dirent *entry;
    long room = 0;
    if (!made)
        return 0;
    *made = (struct listing){of, 0, 0, 0, 0, 0};
    *__errno_location() = 0;
    while ((entry = real(of)))
        if (!append(made, entry, &room))
            break;
    made->error = *__errno_location();
    qsort(made->entries, (size)made->count, sizeof *made->entries, by_rank);
    lock();
    made->following = listings;
    listings = made;
    unlock();
    return made;
}

PUBLIC struct dirent *readdir(DIR *of)
{
    int before = *__errno_location();
    struct listing *listing = find(of);
    if (!listing && !(listing = read_all(of)))
        return 0;
    *__errno_location() = before;
    if (listing->at < listing->count)
        return listing->entries[listing->at++];
    if (listing->error)
        *__errno_location() = listing->error;
    return 0;
}

PUBLIC struct dirent *readdir64(DIR *of) /* the same on this machine */
{
    return readdir(of);
}

PUBLIC int closedir(DIR *of)
{
    int (*real)(DIR *) = (int (*)(DIR *))next_one("closedir");
    forget(of);
    return real(of);
}

PUBLIC void rewinddir(DIR *of)
{
    void (*real)(DIR *) = (void (*)(DIR *))next_one("rewinddir");
    forget(of);
    real(of);
}

PUBLIC long telldir(DIR *of)
{
    struct listing *listing = find(of);
    return listing ? listing->at : 0;
}

PUBLIC void seekdir(DIR *of, long to)
{
    struct listing *listing = find(of);
    if (!listing)
        listing = read_all(of);
    if (listing && to >= 0 && to <= listing->count)
        listing->at = to;
}

typedef int chosen(const struct dirent *);
typedef int ordered(const struct dirent **, const struct dirent **);

PUBLIC int scandir(const char *path, struct dirent ***names, chosen *choose, ordered *order)
{
    int (*real)(const char *, struct dirent ***, chosen *, ordered *) =
        (int (*)(const char *, struct dirent ***, chosen *, ordered *))next_one("scandir");
    int count = real(path, names, choose, order);
    if (count > 0 && !order)
        qsort(*names, (size)count, sizeof **names, by_rank);
    return count;
}

PUBLIC int scandir64(const char *path, struct dirent ***names, chosen *choose, ordered *order)
{
    return scandir(path, names, choose, order);
}

#endif
