/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into httpd: halts the reading of a compiled policy where a test wants to change the
 * file. SLOW_READ names a folder. While it has a file of one of these names, reading halts there:
 *
 *     open    the file is open, nothing of it is known
 *     fstat   its length is known
 *     read    the first half of it is read
 *
 * `held` is there for as long as it waits; it goes on when the test takes the other file away.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { POLL_NS = 2000000 };

static int half_of = -1; /* the descriptor of which half is to be read first, */
static size_t half;      /* which is so much */

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        abort();
    return found;
}

static int is_there(const char *folder, const char *name, char path[PATH_MAX]) {
    (void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void halt(const char *where) {
    char wanted[PATH_MAX];
    char held[PATH_MAX];
    const char *folder = getenv("SLOW_READ");
    if (folder == NULL || !is_there(folder, where, wanted))
        return;
    (void)is_there(folder, "held", held);
    FILE *file = fopen(held, "w");
    if (file == NULL || fclose(file) != 0)
        abort();
    while (access(wanted, F_OK) == 0)
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    (void)unlink(held);
}

static int ends_as_policies(const char *path) {
    size_t len = strlen(path);
    return len > 6 && strcmp(path + len - 6, ".mtlsp") == 0;
}

static int is_policy(int fd) {
    char link[64];
    char path[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    return ends_as_policies(path);
}

int open(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = next("open");
    va_list more;
    va_start(more, flags);
    int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
    va_end(more);
    int fd = real(path, flags, mode);
    if (fd >= 0 && ends_as_policies(path))
        halt("open");
    return fd;
}

int fstat(int fd, struct stat *file) {
    int (*real)(int, struct stat *) = next("fstat");
    int result = real(fd, file);
    if (result != 0 || !is_policy(fd))
        return result;
    half_of = fd;
    half = (size_t)file->st_size / 2;
    halt("fstat");
    return result;
}

ssize_t read(int fd, void *bytes, size_t count) {
    ssize_t (*real)(int, void *, size_t) = next("read");
    if (fd != half_of || half == 0)
        return real(fd, bytes, count);
    half_of = -1;
    ssize_t got = real(fd, bytes, count < half ? count : half);
    halt("read");
    return got;
}
