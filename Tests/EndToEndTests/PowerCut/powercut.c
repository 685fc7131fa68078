// Preloaded into a program, this remembers what its SQLite files would lose if the power failed now, in files that outlive
// a kill of the program. PowerCut.swift then takes it away. Built and used by PowerCutTests.
//
//   POWERCUT_FOLDER   files beneath it whose names contain ".sqlite" are watched, but not "-shm" (memory) and ".lock"
//   POWERCUT_LIES     set: the disk says that it has synced, and has not
//
// FILE.undo             the length that FILE had at its last sync, then each page changed since: its number, its bytes
// POWERCUT_FOLDER.names "+FILE" created, "-FILE" deleted (kept as FILE.gone), since the folder's last sync
// POWERCUT_FOLDER.syncs a line for each sync of a watched file: its name
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { page_size = 4096, page_limit = 1 << 18, file_limit = 64, descriptor_limit = 65536 };

struct watched {
    char path[PATH_MAX];
    int undo;                        // -1 until the first change since a sync
    int64_t synced_length;
    uint8_t saved[page_limit / 8];   // pages whose synced bytes are in the undo file
};

static struct watched *files[file_limit];
static struct watched *open_files[descriptor_limit];
static char open_folder[descriptor_limit];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

static const char *folder(void) {
    const char *path = getenv("POWERCUT_FOLDER");
    return path ? path : "/nonexistent";
}

static int is_watched(const char *path) {
    size_t length = strlen(folder());
    return strncmp(path, folder(), length) == 0 && path[length] == '/' && strstr(path, ".sqlite") && !strstr(path, "-shm")
        && !strstr(path, ".lock") && !strstr(path, ".undo") && !strstr(path, ".gone");
}

static void append(const char *suffix, const char *mark, const char *path) {
    char name[PATH_MAX];
    char line[PATH_MAX + 2];
    snprintf(name, sizeof name, "%s%s", folder(), suffix);
    int length = snprintf(line, sizeof line, "%s%s\n", mark, path);
    int file = REAL(open)(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || REAL(write)(file, line, length) != length) abort();
    REAL(close)(file);
}

static struct watched *find(const char *path) {
    for (int i = 0; i < file_limit; i++) {
        if (!files[i]) {
            files[i] = calloc(1, sizeof *files[i]);
            snprintf(files[i]->path, PATH_MAX, "%s", path);
            files[i]->undo = -1;
        }
        if (strcmp(files[i]->path, path) == 0) return files[i];
    }
    abort();
}

static int opened(const char *path, int flags, mode_t mode) {
    int watches = is_watched(path);
    int is_new = watches && (flags & O_CREAT) && access(path, F_OK) != 0;
    if (watches) pthread_mutex_lock(&lock);
    int file = REAL(open)(path, flags, mode);
    if (file >= 0 && file < descriptor_limit) {
        open_files[file] = watches ? find(path) : NULL;
        open_folder[file] = strcmp(path, folder()) == 0;
        if (is_new) append(".names", "+", path);
    }
    if (watches) pthread_mutex_unlock(&lock);
    return file;
}

// The watched file behind a descriptor, locked; NULL and unlocked if there is none.
static struct watched *begin(int file) {
    if (file < 0 || file >= descriptor_limit || !open_files[file]) return NULL;
    pthread_mutex_lock(&lock);
    return open_files[file];
}

static int64_t length_of(int file) {
    struct stat status;
    if (fstat(file, &status) != 0) abort();
    return status.st_size;
}

// Keeps the synced bytes of every page that [offset, offset + count) touches. Pages beyond the synced length have none.
static void save(struct watched *watched, int file, int64_t offset, int64_t count) {
    if (watched->undo < 0) {
        char name[PATH_MAX + 8];
        snprintf(name, sizeof name, "%s.undo", watched->path);
        watched->undo = REAL(open)(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        watched->synced_length = length_of(file);
        if (REAL(write)(watched->undo, &watched->synced_length, sizeof watched->synced_length) < 0) abort();
    }
    for (int64_t page = offset / page_size; page * page_size < offset + count; page++) {
        if (page >= page_limit) abort();
        if (page * page_size >= watched->synced_length || watched->saved[page / 8] & 1 << page % 8) continue;
        uint8_t record[8 + page_size] = {0};
        memcpy(record, &page, sizeof page);
        // Another descriptor than the writer's, which need not be readable.
        int reader = REAL(open)(watched->path, O_RDONLY | O_CLOEXEC);
        if (reader < 0 || pread(reader, record + 8, page_size, page * page_size) < 0) abort();
        REAL(close)(reader);
        if (REAL(write)(watched->undo, record, sizeof record) != sizeof record) abort();
        watched->saved[page / 8] |= 1 << page % 8;
    }
}

static int synced(int file, int (*sync)(int)) {
    if (file >= 0 && file < descriptor_limit && open_folder[file] && !getenv("POWERCUT_LIES")) {
        int result = sync(file);
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s.names", folder());
        if (result == 0) truncate(name, 0);
        return result;
    }
    struct watched *watched = begin(file);
    if (!watched) return sync(file);
    int result = getenv("POWERCUT_LIES") ? 0 : sync(file);
    if (result == 0 && !getenv("POWERCUT_LIES")) {
        if (watched->undo >= 0) {
            char name[PATH_MAX + 8];
            snprintf(name, sizeof name, "%s.undo", watched->path);
            unlink(name);
            REAL(close)(watched->undo);
            watched->undo = -1;
            memset(watched->saved, 0, sizeof watched->saved);
        }
        append(".syncs", "", strrchr(watched->path, '/') + 1);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return opened(path, flags, mode);
}

int close(int file) {
    if (file >= 0 && file < descriptor_limit) {
        open_files[file] = NULL;
        open_folder[file] = 0;
    }
    return REAL(close)(file);
}

static ssize_t written(int file, const void *bytes, size_t count, off_t offset) {
    struct watched *watched = begin(file);
    if (watched) save(watched, file, offset, count);
    ssize_t result = REAL(pwrite)(file, bytes, count, offset);
    if (watched) pthread_mutex_unlock(&lock);
    return result;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) { return written(file, bytes, count, offset); }
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) { return written(file, bytes, count, offset); }

ssize_t write(int file, const void *bytes, size_t count) {
    struct watched *watched = begin(file);
    if (watched) save(watched, file, lseek(file, 0, SEEK_CUR), count);
    ssize_t result = REAL(write)(file, bytes, count);
    if (watched) pthread_mutex_unlock(&lock);
    return result;
}

static int shortened(int file, off_t length) {
    struct watched *watched = begin(file);
    int64_t end = watched ? length_of(file) : 0;
    if (watched) save(watched, file, length, end > length ? end - length : 0);
    int result = REAL(ftruncate)(file, length);
    if (watched) pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int file, off_t length) { return shortened(file, length); }
int ftruncate64(int file, off64_t length) { return shortened(file, length); }

int fsync(int file) { return synced(file, REAL(fsync)); }
int fdatasync(int file) { return synced(file, REAL(fdatasync)); }

int unlink(const char *path) {
    if (!is_watched(path)) return REAL(unlink)(path);
    char gone[PATH_MAX + 8];
    snprintf(gone, sizeof gone, "%s.gone", path);
    pthread_mutex_lock(&lock);
    int result = rename(path, gone);
    if (result == 0) append(".names", "-", path);
    pthread_mutex_unlock(&lock);
    return result;
}
