/* SPDX-License-Identifier: Apache-2.0 */
/* Replays the files of a fuzz target: those that are named, else its corpus and its past findings.
 * Without libFuzzer, so that every build can do it. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Nothing is mutated here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room) {
    (void)data;
    return size < room ? size : room;
}

static bool replay(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat about;
    if (file == NULL || fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode)) {
        if (file != NULL)
            (void)fclose(file);
        return false;
    }
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size + 1);
    bool whole = data != NULL && fread(data, 1, size, file) == size;
    (void)fclose(file);
    if (whole)
        (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return whole;
}

/* How many files of a folder were replayed; a finding ends the program, and the last line tells in
 * which file. */
static int replay_folder(const char *folder) {
    struct dirent **entries;
    char path[4096];
    int files = 0;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            (void)printf("# %s\n", path);
            (void)fflush(stdout);
            files += replay(path);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return files;
}

int main(int argc, char **argv) {
    const char *top = getenv("top_srcdir");
    bool used;
    char folder[2048];
    int files = 0;
    for (int i = 1; i < argc; i++)
        files += replay(argv[i]);
    if (argc > 1)
        return files == argc - 1 ? 0 : 1;
    (void)printf("1..3\n");
    top = top != NULL ? top : TOP_SRCDIR;
    (void)snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", top, fuzz_target);
    files = replay_folder(folder);
    used = fuzz_used > 0 && fuzz_used * 4 >= (unsigned long)files;
    (void)printf("%sok 1 - %s: %d files of the corpus\n", files > 0 ? "" : "not ", fuzz_target,
                 files);
    (void)printf("%sok 2 - %s: %lu of them reach its heart\n", used ? "" : "not ", fuzz_target,
                 fuzz_used);
    (void)snprintf(folder, sizeof folder, "%s/tests/fuzz/regress/%s", top, fuzz_target);
    (void)printf("ok 3 - %s: %d past findings\n", fuzz_target, replay_folder(folder));
    return files > 0 && used ? 0 : 1;
}
