/* Counts the bytes that a program asks malloc for. Preload it:
 *
 *     cc -O2 -shared -fPIC -o counter.so allocation_counter.c && LD_PRELOAD=./counter.so program
 *
 * The program reads the count through microstructure_allocated_bytes(). glibc only.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_uint_fast64_t allocated;

uint64_t microstructure_allocated_bytes(void) { return atomic_load(&allocated); }

void *malloc(size_t size) {
    atomic_fetch_add(&allocated, size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocated, count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    atomic_fetch_add(&allocated, size);
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    atomic_fetch_add(&allocated, size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    atomic_fetch_add(&allocated, size);
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
