/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_MODEL_WRITE_H
#define MPOL_MODEL_WRITE_H

#include "model/model.h"

/* The policy document that says what the model says, in one way: equal models give equal bytes, and
 * reading them gives the same model. Certificates stand in it as PEM. From the model's pool. */
mpol_bytes mpol_model_write(const mpol_model *model);

/* A time as policies write it, from the pool. */
const char *mpol_time_text(apr_pool_t *pool, uint64_t seconds);

/* A pin as policies write it, from the pool. */
const char *mpol_pin_text(apr_pool_t *pool, uint32_t kind, const uint8_t digest[MPOL_SPKI_BYTES]);

#endif
