/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, mpol_bytes bytes) {
    for (uint32_t done = 0; done < bytes.len;) {
        ssize_t wrote = write(fd, bytes.data + done, bytes.len - done);
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (uint32_t)wrote : 0;
    }
    return true;
}

/* The folder that holds `path`, synchronised so that the rename outlives a power cut. Some file
 * systems cannot; the file is there all the same. */
static void sync_folder(apr_pool_t *pool, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *folder =
        slash == NULL ? "." : apr_pstrmemdup(pool, path, (apr_size_t)(slash - path + 1));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

static bool fail(tool_call *call, const char *path, int reason, const char *fix) {
    mpol_error error;
    (void)mpol_error_set(&error, MPOL_UNREADABLE, fix, "%s cannot be written: %s", path,
                         strerror(reason));
    (void)tool_trouble(call, &error);
    return false;
}

/* Where the path leads: a symbolic link stays one, and the file behind it is replaced. */
static const char *target_of(apr_pool_t *pool, const char *path) {
    char *real = realpath(path, NULL);
    const char *target = real != NULL ? apr_pstrdup(pool, real) : path;
    free(real);
    return target;
}

/* A rename would put a file in the place of a device. */
static bool is_replaceable(tool_call *call, const char *path) {
    struct stat file;
    mpol_error error;
    if (stat(path, &file) != 0 || S_ISREG(file.st_mode))
        return true;
    (void)mpol_error_set(&error, MPOL_UNREADABLE, "name a file", "%s cannot be written: it is %s",
                         path, S_ISDIR(file.st_mode) ? "a folder" : "no regular file");
    (void)tool_trouble(call, &error);
    return false;
}

bool tool_replace_file(tool_call *call, const char *name, mpol_bytes bytes, mode_t mode) {
    const char *path = target_of(call->pool, name);
    if (!is_replaceable(call, path))
        return false;
    char *temporary = apr_pstrcat(call->pool, path, ".XXXXXX", NULL);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail(call, path, errno, "check the folder and its permissions");
    bool done = fchmod(fd, mode) == 0 && write_all(fd, bytes) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && done) {
        reason = errno;
        done = false;
    }
    if (done && rename(temporary, path) != 0) {
        reason = errno;
        done = false;
    }
    if (done) {
        sync_folder(call->pool, path);
        return true;
    }
    (void)unlink(temporary);
    return fail(call, path, reason,
                "free space or choose another place; the old file is untouched");
}
