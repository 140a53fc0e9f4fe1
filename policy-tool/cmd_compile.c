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

static bool write_all(int fd, const mpol_bytes *image) {
    for (uint32_t done = 0; done < image->len;) {
        ssize_t wrote = write(fd, image->data + done, image->len - done);
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (uint32_t)wrote : 0;
    }
    return true;
}

/* The folder that holds `path`, synchronised so that the rename outlives a power cut. */
static bool sync_folder(apr_pool_t *pool, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *folder =
        slash == NULL ? "." : apr_pstrmemdup(pool, path, (apr_size_t)(slash - path + 1));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

/* Temporary file beside the target, readable by the server whatever the umask, then rename: a
 * reader sees the old file or the new one, whole. */
static bool replace_file(apr_pool_t *pool, const char *path, const mpol_bytes *image,
                         mpol_error *error) {
    char *temporary = apr_pstrcat(pool, path, ".XXXXXX", NULL);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        (void)mpol_error_set(error, MPOL_UNREADABLE, "check the folder and its permissions",
                             "%s cannot be written: %s", path, strerror(errno));
        return false;
    }
    bool done = fchmod(fd, 0644) == 0 && write_all(fd, image) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && done) {
        reason = errno;
        done = false;
    }
    if (done && rename(temporary, path) != 0) {
        reason = errno;
        done = false;
    }
    if (done)
        return sync_folder(pool, path) || true; /* some file systems cannot; the file is there */
    (void)unlink(temporary);
    (void)mpol_error_set(error, MPOL_UNREADABLE,
                         "free space or choose another place; the old file "
                         "is untouched",
                         "%s cannot be written: %s", path, strerror(reason));
    return false;
}

static int compile(apr_pool_t *pool, const char *path, const char *output, bool strict) {
    tool_source source;
    mpol_error error;
    mpol_loaded loaded;
    tool_read_source(pool, path, &source);
    if (source.image == NULL)
        return TOOL_TROUBLE;
    if (strict && source.diagnostics->list->nelts > 0)
        return TOOL_NO;
    if (mpol_load_bytes(source.image->data, source.image->len, output, &loaded, &error) !=
            MPOL_OK ||
        !replace_file(pool, output, source.image, &error))
        return tool_trouble(&error);
    (void)printf("%s: policy %s, serial %llu, %u bytes, SHA-256 %s\n", output,
                 mpol_policy_name(&loaded.image),
                 (unsigned long long)mpol_policy_serial(&loaded.image), source.image->len,
                 loaded.digest_hex);
    mpol_unload(&loaded);
    return TOOL_YES;
}

static int run(apr_pool_t *pool, int argc, char **argv) {
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *output = NULL;
    bool strict = false;
    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        if (option == 'h')
            return tool_help(&tool_compile);
        if (option == 'o')
            output = optarg;
        else if (option == 's')
            strict = true;
        else
            return TOOL_TROUBLE;
    }
    if (argc - optind != 1 || output == NULL)
        return tool_usage(&tool_compile, "name one policy document and, with -o, the output");
    return compile(pool, argv[optind], output, strict);
}

const tool_verb tool_compile = {
    "compile",
    "[--strict] SOURCE -o OUT",
    "Check a policy document and write it for the server",
    "  -o, --output OUT  the compiled policy, replaced in one step\n"
    "  --strict          write nothing when there are warnings or notes\n",
    run,
};
