/* SPDX-License-Identifier: Apache-2.0 */
#include "source/file.h"

#include "base/limits.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read until the end into a growing buffer of the pool's. */
static mpol_bytes *read_all(apr_pool_t *pool, int fd, const char *path, mpol_error *error) {
    size_t room = 65536;
    size_t len = 0;
    char *buffer = malloc(room);
    ssize_t got = 1;
    while (buffer != NULL && len <= MPOL_LIMIT_IMAGE_BYTES) {
        got = read(fd, buffer + len, room - len);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            break;
        len += got > 0 ? (size_t)got : 0;
        if (len < room)
            continue;
        room *= 2;
        char *larger = realloc(buffer, room);
        if (larger == NULL)
            free(buffer);
        buffer = larger;
    }
    mpol_bytes *bytes = NULL;
    if (buffer == NULL)
        (void)mpol_error_set(error, MPOL_NO_MEMORY, "free memory", "no memory to read %s", path);
    else if (got < 0)
        (void)mpol_error_set(error, MPOL_UNREADABLE, "check the file", "%s cannot be read: %s",
                             path, strerror(errno));
    else if (len > MPOL_LIMIT_IMAGE_BYTES)
        (void)mpol_error_set(error, MPOL_TOO_LARGE, "name a policy", "%s is larger than %u bytes",
                             path, MPOL_LIMIT_IMAGE_BYTES);
    else {
        bytes = apr_palloc(pool, sizeof *bytes);
        *bytes = (mpol_bytes){apr_pmemdup(pool, buffer, len + 1), (uint32_t)len};
    }
    free(buffer);
    return bytes;
}

const mpol_bytes *mpol_file_read(apr_pool_t *pool, const char *path, mpol_error *error) {
    struct stat file;
    if (strcmp(path, "-") == 0)
        return read_all(pool, STDIN_FILENO, "standard input", error);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)mpol_error_set(error, MPOL_UNREADABLE, "check the path and its permissions",
                             "%s cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    const mpol_bytes *bytes = NULL;
    if (fstat(fd, &file) == 0 && S_ISDIR(file.st_mode))
        (void)mpol_error_set(error, MPOL_UNREADABLE, "name a file", "%s is a folder", path);
    else
        bytes = read_all(pool, fd, path, error);
    (void)close(fd);
    return bytes;
}
