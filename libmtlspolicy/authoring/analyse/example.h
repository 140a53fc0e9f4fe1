/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_ANALYSE_EXAMPLE_H
#define MPOL_ANALYSE_EXAMPLE_H
/* A certificate for a row of the access matrix: what it would have to say so that its holder is
 * exactly these identities. */

#include "match/client.h"
#include "model/model.h"

#include <stdbool.h>

typedef struct mpol_example {
    apr_array_header_t *names;      /* mpol_name, of the issuer's kinds; empty for pins only */
    apr_array_header_t *attributes; /* mpol_attribute, that further conditions ask for */
    bool has_certificate_pin;       /* its own digest is this pin */
    bool has_key_pin;               /* the digest of its key is this pin */
    uint8_t certificate_pin[MPOL_SPKI_BYTES];
    uint8_t key_pin[MPOL_SPKI_BYTES];
} mpol_example;

/* Find an example for a class of the image that was compiled from the model. What is found was
 * tried out on the image: the server's own matcher gives it that class. False when none was found.
 * From the pool. */
bool mpol_example_find(apr_pool_t *pool, const mpol_model *model, const mpol_image *image,
                       uint32_t class, mpol_example *example);

/* The names, attributes and pins in one line for people, from the pool. */
const char *mpol_example_text(apr_pool_t *pool, const mpol_example *example);

/* The row's name: that of the identity whose row it is, without what that implies; of a combination
 * all identities with + between; issuer:NAME for a client that is none. From the pool. */
const char *mpol_row_name(apr_pool_t *pool, const mpol_image *image, uint32_t class);

/* Is it the row of a single identity, with what that implies, or of none? Else a combination. */
bool mpol_row_is_single(const mpol_image *image, uint32_t class);

#endif
