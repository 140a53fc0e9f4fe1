/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MATCH_TARGET_H
#define MPOL_MATCH_TARGET_H
/* The path a request is judged by: taken from the raw request target, decoded once, and everything
 * noted that a server behind might read in another way (docs/POLICY.md, "The path that is judged").
 */

#include "base/bytes.h"

typedef enum mpol_path_class {
    MPOL_PATH_ENCODED_SLASH = 1,
    MPOL_PATH_BACKSLASH = 2,
    MPOL_PATH_PARAMETERS = 4,
    MPOL_PATH_EMPTY_SEGMENTS = 8,
    MPOL_PATH_DOT_SEGMENTS = 16,
    MPOL_PATH_PERCENT = 32,
    MPOL_PATH_AMBIGUOUS = 64, /* refused whatever the route */
} mpol_path_class;

/* X(enum suffix, name in the policy): the classes that a route may expect. */
#define MPOL_PATH_CLASSES(X)                                                                       \
    X(ENCODED_SLASH, "encoded-slash")                                                              \
    X(BACKSLASH, "backslash")                                                                      \
    X(PARAMETERS, "parameters")                                                                    \
    X(EMPTY_SEGMENTS, "empty-segments")                                                            \
    X(DOT_SEGMENTS, "dot-segments")                                                                \
    X(PERCENT, "percent")

typedef struct mpol_target {
    mpol_bytes path;  /* in `raw` or the buffer; empty when AMBIGUOUS or an asterisk */
    uint32_t classes; /* mpol_path_class bits */
    bool asterisk;    /* the target is `*`, as in OPTIONS * */
} mpol_target;

/* Parse the target as the client sent it, origin-form or absolute-form (RFC 9112 section 3.2), up
 * to its query. `buffer` takes at least raw.len bytes and must outlive `target`. */
void mpol_target_parse(mpol_bytes raw, uint8_t *buffer, mpol_target *target);

/* The same where the path is its own compared form, as most are, and no buffer is needed: `target`
 * then lies in `raw`. False, and `target` of no use, when it is another. */
bool mpol_target_plain(mpol_bytes raw, mpol_target *target);

/* The same for a path that somebody has decoded already, as httpd's r->uri: nothing is decoded
 * again, every byte stands for itself, and a percent sign has the class of one. */
void mpol_target_decoded(mpol_bytes path, uint8_t *buffer, mpol_target *target);

/* Does another rendering of the same path, decoded or not, name the same segments? `scratch` takes
 * other.len bytes. */
bool mpol_target_same(const mpol_target *target, mpol_bytes other, uint8_t *scratch);

#endif
