/* SPDX-License-Identifier: Apache-2.0 */
/* Makes memory, descriptors and disks fail, for one program or library alone:
 *
 *     LD_PRELOAD=failing.so FAILING=FILE FAILING_OF=NAME PROGRAM...
 *
 * Counted are the calls that an object file of that NAME makes, itself or through libcrypto or
 * libssl. What else such a call goes through decides for itself: httpd, for one, ends a process
 * whose pools cannot grow. FILE holds a `control`, shared by all processes of the program, by which
 * a test says when to count and what fails (tests/httpd/failing.py). */
#undef _FORTIFY_SOURCE /* whose inline calls stand in the way of those below */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

typedef enum call_kind { MEMORY = 1, OPENING = 2, FILES = 4, WRITING = 8 } call_kind;
enum { FAIL = 0, KILL = 1, HALF_THEN_KILL = 2 };

typedef struct control {
    _Atomic uint32_t armed;
    uint32_t first; /* of the calls that are counted, these fail */
    uint32_t last;
    uint32_t kinds;
    uint32_t mode;
    int32_t error; /* of calls of the kinds FILES and WRITING */
    _Atomic uint32_t seen;
    _Atomic uint32_t failed;
} control;

static control *shared;
static const char *name_of_it;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAILING");
    name_of_it = getenv("FAILING_OF");
    if (path == NULL || name_of_it == NULL)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    shared = map != MAP_FAILED ? map : NULL;
}

/* --- who calls ---------------------------------------------------------------------------------
 */

typedef enum owner_kind { OTHERS, NOBODY, ITS } owner_kind;

typedef struct range {
    uintptr_t from;
    uintptr_t to;
    owner_kind owner;
} range;

enum { RANGES = 16 };

typedef struct ranges {
    unsigned long long version; /* of what is loaded */
    uintptr_t its_from;         /* its code is in one piece */
    uintptr_t its_to;
    int count;
    range list[RANGES];
} ranges;

static __thread ranges known __attribute__((tls_model("initial-exec")));
static __thread bool inside __attribute__((tls_model("initial-exec")));

static owner_kind owner_of(const struct dl_phdr_info *object) {
    static const char *const passes_on[] = {"libc.so", "libcrypto.so", "libssl.so", "libgcc_s.so",
                                            "failing.so"};
    const char *path = object->dlpi_name[0] != '\0' ? object->dlpi_name : program_invocation_name;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (strcmp(name, name_of_it) == 0)
        return ITS;
    for (size_t i = 0; i < sizeof passes_on / sizeof passes_on[0]; i++)
        if (strncmp(name, passes_on[i], strlen(passes_on[i])) == 0)
            return NOBODY;
    return OTHERS;
}

static int add_ranges(struct dl_phdr_info *object, size_t size, void *unused) {
    unsigned long long version = object->dlpi_adds + object->dlpi_subs;
    owner_kind owner = owner_of(object);
    (void)size;
    (void)unused;
    if (known.version == version)
        return 1;
    for (int i = 0; owner != OTHERS && i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0 || known.count == RANGES)
            continue;
        uintptr_t from = object->dlpi_addr + part->p_vaddr;
        known.list[known.count++] = (range){from, from + part->p_memsz, owner};
        if (owner == ITS)
            known.its_from = from;
        if (owner == ITS)
            known.its_to = from + part->p_memsz;
    }
    return 0;
}

static int note_version(struct dl_phdr_info *object, size_t size, void *version) {
    (void)size;
    *(unsigned long long *)version = object->dlpi_adds + object->dlpi_subs;
    return 1;
}

static void look_around(void) {
    unsigned long long version = 0;
    (void)dl_iterate_phdr(note_version, &version);
    if (version == known.version)
        return;
    known = (ranges){.count = 0};
    (void)dl_iterate_phdr(add_ranges, NULL);
    known.version = version;
}

static owner_kind owner_at(uintptr_t address) {
    for (int i = 0; i < known.count; i++)
        if (address >= known.list[i].from && address < known.list[i].to)
            return known.list[i].owner;
    return OTHERS;
}

static __thread uintptr_t stack_end __attribute__((tls_model("initial-exec")));

static void find_stack_end(void) {
    pthread_attr_t attributes;
    void *low;
    size_t len;
    stack_end = 1; /* nothing is looked at */
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    if (pthread_attr_getstack(&attributes, &low, &len) == 0)
        stack_end = (uintptr_t)low + len;
    (void)pthread_attr_destroy(&attributes);
}

/* Does anything near on the stack look like a call of its? Unwinding costs a thousand times more,
 * and a handshake allocates thousands of times. */
static bool may_be_its_call(void) {
    enum { NEAR = 4096 };
    const uintptr_t from = known.its_from;
    const uintptr_t len = known.its_to - known.its_from;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (stack_end == 0)
        find_stack_end();
    uintptr_t end = here + NEAR < stack_end ? here + NEAR : stack_end;
    for (uintptr_t at = here; at < end; at += sizeof at)
        if (*(const uintptr_t *)at - from < len)
            return true;
    return false;
}

/* Goes outwards until somebody is met who decides. */
static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *frame, void *found) {
    uintptr_t call = _Unwind_GetIP(frame) - 1; /* not where it returns */
    *(owner_kind *)found = owner_at(call);
    return *(owner_kind *)found == NOBODY ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static bool is_its_call(void) {
    owner_kind found = OTHERS;
    look_around();
    if (!may_be_its_call())
        return false;
    (void)_Unwind_Backtrace(look_at_frame, &found);
    return found == ITS;
}

/* Is this call one that fails? The process ends here where that is asked for. */
static bool fails(call_kind kind) {
    if (shared == NULL || inside || atomic_load(&shared->armed) == 0 ||
        (shared->kinds & (uint32_t)kind) == 0 ||
        (shared->first != UINT32_MAX && atomic_load(&shared->seen) >= shared->last))
        return false;
    int before = errno;
    inside = true;
    bool counts = is_its_call();
    inside = false;
    errno = before;
    if (!counts)
        return false;
    uint32_t number = atomic_fetch_add(&shared->seen, 1) + 1;
    if (number < shared->first || number > shared->last)
        return false;
    atomic_fetch_add(&shared->failed, 1);
    if (shared->mode == KILL || (shared->mode == HALF_THEN_KILL && kind != WRITING))
        (void)raise(SIGKILL);
    errno = kind == MEMORY ? ENOMEM : kind == OPENING ? EMFILE : shared->error;
    return true;
}

/* --- memory ------------------------------------------------------------------------------------
 */

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *memory, size_t len);
void *__libc_memalign(size_t alignment, size_t len);

void *malloc(size_t len) {
    return fails(MEMORY) ? NULL : __libc_malloc(len);
}

void *calloc(size_t count, size_t len) {
    return fails(MEMORY) ? NULL : __libc_calloc(count, len);
}

void *realloc(void *memory, size_t len) {
    return fails(MEMORY) ? NULL : __libc_realloc(memory, len);
}

int posix_memalign(void **memory, size_t alignment, size_t len) {
    *memory = fails(MEMORY) ? NULL : __libc_memalign(alignment, len);
    return *memory != NULL ? 0 : ENOMEM;
}

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset) {
    if (fails(MEMORY))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

int mprotect(void *at, size_t len, int protection) {
    return fails(MEMORY) ? -1 : (int)syscall(SYS_mprotect, at, len, protection);
}

/* --- files -------------------------------------------------------------------------------------
 */

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fails(OPENING) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int mkostemp(char *template, int flags) {
    int (*real)(char *, int) = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp");
    return fails(FILES) ? -1 : real(template, flags);
}

int fchmod(int fd, mode_t mode) {
    return fails(FILES) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

ssize_t write(int fd, const void *bytes, size_t len) {
    if (!fails(WRITING))
        return syscall(SYS_write, fd, bytes, len);
    if (shared->mode == HALF_THEN_KILL) {
        (void)syscall(SYS_write, fd, bytes, len / 2);
        (void)raise(SIGKILL);
    }
    return -1;
}

int fsync(int fd) {
    return fails(FILES) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* As with a disk that is full: the descriptor is closed all the same. */
int close(int fd) {
    bool failing = fails(FILES);
    int error = errno;
    int result = (int)syscall(SYS_close, fd);
    if (!failing)
        return result;
    errno = error;
    return -1;
}

int rename(const char *from, const char *to) {
    return fails(FILES) ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlink(const char *path) {
    return fails(FILES) ? -1 : unlinkat(AT_FDCWD, path, 0);
}
