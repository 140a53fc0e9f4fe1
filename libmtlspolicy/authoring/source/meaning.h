/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MPOL_SOURCE_MEANING_H
#define MPOL_SOURCE_MEANING_H
/* What a well-formed policy may still get wrong as a whole. */

#include "source/reader.h"

/* Two routes that claim the same requests; denies that speak of what everyone may do. */
void mpol_check_meaning(mpol_reader *reader);

#endif
