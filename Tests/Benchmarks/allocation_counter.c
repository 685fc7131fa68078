/* Counts what a program asks malloc for. Preload it:
 *
 *     cc -O2 -shared -fPIC -o counter.so allocation_counter.c && LD_PRELOAD=./counter.so program
 *
 * The program reads the bytes of all threads through microstructure_allocated_bytes(). Another process reads the calls of
 * each thread while the program runs, where ALLOCATION_COUNTS names a file: 64 records of three uint64, thread id, calls,
 * bytes, which the kernel keeps up to date; threads beyond 63 share the last one. glibc only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 64

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

struct slot {
    uint64_t thread;
    atomic_uint_fast64_t calls, bytes;
};

static atomic_uint_fast64_t allocated;
static struct slot own[SLOTS];
static struct slot *slots = own;
static atomic_int used;
static __thread int place __attribute__((tls_model("initial-exec"))) = -1;

__attribute__((constructor)) static void share(void) {
    const char *path = getenv("ALLOCATION_COUNTS");
    if (!path) return;
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (ftruncate(file, sizeof own) == 0) {
        void *shared = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shared != MAP_FAILED) {
            /* What was counted before moves along. */
            for (int slot = 0; slot < SLOTS; slot++) ((struct slot *)shared)[slot] = own[slot];
            slots = shared;
        }
    }
    close(file);
}

static void count(size_t size) {
    if (place < 0) {
        int next = atomic_fetch_add(&used, 1);
        place = next < SLOTS ? next : SLOTS - 1;
        slots[place].thread = (uint64_t)syscall(SYS_gettid);
    }
    atomic_fetch_add(&allocated, size);
    atomic_fetch_add_explicit(&slots[place].calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&slots[place].bytes, size, memory_order_relaxed);
}

uint64_t microstructure_allocated_bytes(void) { return atomic_load(&allocated); }

void *malloc(size_t size) {
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    count(size);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    count(size);
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
