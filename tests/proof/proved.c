/* SPDX-License-Identifier: Apache-2.0 */
/* What is proved, as one file, so that each function of a header is proved once. Never compiled. */
#include "base/bytes.c"
#include "image/check.c"
#include "image/check_clients.c"
#include "image/check_fields.c"
#include "image/check_routes.c"
#include "image/check_rules.c"
#include "image/view.c"
