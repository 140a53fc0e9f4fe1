/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into httpd, together with AddressSanitizer's runtime: what a restart takes away can not
 * be used again by chance.
 *
 * A pool that is cleared gives its memory back; APR would keep it for the next configuration, which
 * often puts the same there. Where memory was, and the module of FORGETFUL, nothing else will ever
 * be: whoever looks there crashes. So it is in the process that was started; its children live as
 * ever.
 */
#include <apr_allocator.h>
#include <apr_pools.h>
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    uintptr_t base; /* as it was loaded */
    uintptr_t from, to;
} extent;

static pid_t started;

__attribute__((constructor)) static void note_process(void) {
    started = getpid();
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

void apr_pool_clear(apr_pool_t *pool) {
    void (*real)(apr_pool_t *) = next("apr_pool_clear");
    if (getpid() == started)
        apr_allocator_max_free_set(apr_pool_allocator_get(pool), 1);
    real(pool);
}

static int bury(void *start, size_t len, int flags) {
    const int common = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    return mmap(start, len, PROT_NONE, common | flags, -1, 0) == start ? 0 : -1;
}

/* APR takes its memory from mmap where it is built so; else AddressSanitizer sees to it. */
int munmap(void *start, size_t len) {
    int (*real)(void *, size_t) = next("munmap");
    return getpid() == started ? bury(start, len, MAP_FIXED) : real(start, len);
}

static int note_extent(struct dl_phdr_info *info, size_t size, void *data) {
    extent *found = data;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    if (info->dlpi_addr != found->base)
        return 0;
    found->from = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
        found->from = start < found->from ? start & ~(page - 1) : found->from;
        found->to = end > found->to ? (end + page - 1) & ~(page - 1) : found->to;
    }
    return 1;
}

static int is_loaded(extent *where) {
    return dl_iterate_phdr(note_extent, where);
}

int dlclose(void *handle) {
    int (*real)(void *) = next("dlclose");
    struct link_map *map = NULL;
    const char *module = getenv("FORGETFUL");
    if (module == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 ||
        strcmp(map->l_name, module) != 0)
        return real(handle);
    extent where = {.base = map->l_addr};
    (void)is_loaded(&where);
    int result = real(handle);
    if (is_loaded(&(extent){.base = where.base}))
        return result;
    if (bury((void *)where.from, where.to - where.from, MAP_FIXED_NOREPLACE) != 0)
        abort();
    (void)fprintf(stderr, "forgetful: %s is gone\n", module);
    return result;
}
