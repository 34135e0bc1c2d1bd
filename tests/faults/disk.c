/* A watched disk that can be made full or read-only: loaded before libc (LD_PRELOAD) into the processes of a run.

   DISK_ROOT   absolute path of the watched folder; everything outside is left alone
   DISK_SHARED a file with the struct below, shared by all processes: counters, errors to inject, awaited operations
   DISK_LOG    log of every operation below the root with its data, in the order they took place; optional

   A record is a line "number operation inode length path [other path]", followed by length bytes.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct shared {
    atomic_long operations; /* so far */
    atomic_long space;      /* bytes left; negative: unlimited */
    atomic_long failing;    /* errno that every write fails with; 0: none */
    atomic_long clock;      /* seconds added to the time of day */
    atomic_long ready;      /* the lock below is initialised */
    atomic_long wanted;     /* operations in the awaited places until one is held; 0: hold none */
    atomic_long spared;     /* the process whose operations do not count there */
    atomic_long held;       /* the process that is held in such an operation; 0: none */
    char places[PATH_MAX];  /* awaited path prefixes, each followed by a newline */
    pthread_mutex_t lock;
};

static struct shared *shared;
static const char *root;
static size_t root_length;
static int log_file = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void set_up(void) {
    const char *where = getenv("DISK_SHARED"), *log = getenv("DISK_LOG"), *folder = getenv("DISK_ROOT");
    if (!where || !folder) return;
    int file = syscall(SYS_openat, AT_FDCWD, where, O_RDWR | O_CLOEXEC, 0);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (memory == MAP_FAILED) return;
    if (log) log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    root_length = strlen(folder);
    root = folder;
    shared = memory;
    long nobody = 0;
    if (atomic_compare_exchange_strong(&shared->ready, &nobody, 1)) {
        pthread_mutexattr_t kind;
        pthread_mutexattr_init(&kind);
        pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&shared->lock, &kind);
        atomic_store(&shared->ready, 2);
    }
    while (atomic_load(&shared->ready) != 2) usleep(100);
}

/* The absolute path if it is below the root, else NULL. */
static const char *watched(int folder, const char *path, char *buffer) {
    pthread_once(&once, set_up);
    if (!shared || !path) return NULL;
    char name[64];
    if (path[0] == '/') {
        snprintf(buffer, PATH_MAX, "%s", path);
    } else {
        if (folder == AT_FDCWD) {
            if (!getcwd(buffer, PATH_MAX)) return NULL;
        } else {
            snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(name, buffer, PATH_MAX - 1);
            if (length < 0) return NULL;
            buffer[length] = 0;
        }
        size_t length = strlen(buffer);
        snprintf(buffer + length, PATH_MAX - length, "/%s", path);
    }
    return strncmp(buffer, root, root_length) == 0 && (buffer[root_length] == '/' || !buffer[root_length]) ? buffer : NULL;
}

static const char *watched_file(int file, char *buffer) {
    pthread_once(&once, set_up);
    if (!shared) return NULL;
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, buffer, PATH_MAX - 1);
    if (length < 0) return NULL;
    buffer[length] = 0;
    return strncmp(buffer, root, root_length) == 0 && (buffer[root_length] == '/' || !buffer[root_length]) ? buffer : NULL;
}

static void hold(void) {
    if (pthread_mutex_lock(&shared->lock) == EOWNERDEAD) pthread_mutex_consistent(&shared->lock);
}

static void let_go(void) {
    int before = errno;
    pthread_mutex_unlock(&shared->lock);
    errno = before;
}

/* The wanted operation in an awaited place took place: it does not return, and nobody else writes, until told to go on. */
static void wait_there(const char *path) {
    if (atomic_load(&shared->wanted) <= 0 || getpid() == atomic_load(&shared->spared)) return;
    for (const char *place = shared->places; *place; place = strchr(place, '\n') + 1) {
        size_t length = strchr(place, '\n') - place;
        if (strncmp(path, place, length)) continue;
        if (atomic_fetch_sub(&shared->wanted, 1) != 1) return;
        atomic_store(&shared->held, getpid());
        while (atomic_load(&shared->held)) usleep(200);
        return;
    }
}

static void note(const char *what, unsigned long inode, const void *data, size_t length, const char *path, const char *other) {
    int before = errno;
    long number = atomic_fetch_add(&shared->operations, 1);
    if (log_file >= 0) {
        char line[2 * PATH_MAX + 100];
        int size = snprintf(line, sizeof line, "%ld\t%s\t%lu\t%zu\t%s\t%s\n", number, what, inode, length, path, other);
        ssize_t done = syscall(SYS_write, log_file, line, size);
        if (length) done = syscall(SYS_write, log_file, data, length);
        (void)done;
    }
    wait_there(path);
    errno = before;
}

static int fails(void) {
    int code = atomic_load(&shared->failing);
    if (code) errno = code;
    return code;
}

static unsigned long inode_of(int file) {
    struct stat about;
    return fstat(file, &about) ? 0 : about.st_ino;
}

static int opened(int (*really)(int, const char *, int, mode_t), int folder, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *where = flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) ? watched(folder, path, buffer) : NULL;
    if (!where) return really(folder, path, flags, mode);
    if (fails()) return -1;
    hold();
    int file = really(folder, path, flags, mode);
    if (file >= 0) note(flags & O_TRUNC ? "create" : "open", inode_of(file), NULL, 0, where, "");
    let_go();
    return file;
}

static int at(int folder, const char *path, int flags, mode_t mode) { return syscall(SYS_openat, folder, path, flags, mode); }

#define MODE(flags, mode) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags, mode) return opened(at, AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return opened(at, AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, folder, path, flags, mode); }

ssize_t write(int file, const void *data, size_t length) {
    REAL(write);
    char buffer[PATH_MAX];
    const char *where = watched_file(file, buffer);
    if (!where) return real(file, data, length);
    if (fails()) return -1;
    long left = atomic_load(&shared->space);
    if (left >= 0) {
        if (left == 0) { errno = ENOSPC; return -1; }
        if ((long)length > left) length = left; /* a part of it, as a real disk does */
        atomic_fetch_sub(&shared->space, length);
    }
    hold();
    ssize_t done = real(file, data, length);
    if (done > 0) note("write", inode_of(file), data, done, where, "");
    let_go();
    return done;
}

static int synced(int (*really)(int), int file) {
    char buffer[PATH_MAX];
    const char *where = watched_file(file, buffer);
    if (!where) return really(file);
    hold();
    int done = really(file);
    if (!done) note("sync", inode_of(file), NULL, 0, where, "");
    let_go();
    return done;
}

int fsync(int file) { REAL(fsync); return synced(real, file); }
int fdatasync(int file) { REAL(fdatasync); return synced(real, file); }

#define TWO(name, call) \
    char buffer[PATH_MAX], second[PATH_MAX]; \
    const char *from = watched(from_folder, old, buffer), *to = watched(to_folder, new, second); \
    if (!from || !to) return call; \
    if (fails()) return -1; \
    hold(); \
    int done = call; \
    if (!done) note(name, 0, NULL, 0, from, to); \
    let_go(); \
    return done;

int renameat(int from_folder, const char *old, int to_folder, const char *new) {
    REAL(renameat);
    TWO("rename", real(from_folder, old, to_folder, new))
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }
int linkat(int from_folder, const char *old, int to_folder, const char *new, int flags) {
    REAL(linkat);
    TWO("link", real(from_folder, old, to_folder, new, flags))
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

#define ONE(name, call) \
    char buffer[PATH_MAX]; \
    const char *where = watched(folder, path, buffer); \
    if (!where) return call; \
    if (fails()) return -1; \
    hold(); \
    int done = call; \
    if (!done) note(name, 0, NULL, 0, where, ""); \
    let_go(); \
    return done;

int unlinkat(int folder, const char *path, int flags) { REAL(unlinkat); ONE("unlink", real(folder, path, flags)) }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int folder, const char *path, mode_t mode) { REAL(mkdirat); ONE("mkdir", real(folder, path, mode)) }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int ftruncate(int file, off_t length) {
    REAL(ftruncate);
    char buffer[PATH_MAX];
    const char *where = watched_file(file, buffer);
    if (!where) return real(file, length);
    hold();
    int done = real(file, length);
    if (!done) note("truncate", inode_of(file), NULL, 0, where, "");
    let_go();
    return done;
}
int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(clock_gettime);
    int done = real(which, now);
    if (!done && which == CLOCK_REALTIME && shared) now->tv_sec += atomic_load(&shared->clock);
    return done;
}
