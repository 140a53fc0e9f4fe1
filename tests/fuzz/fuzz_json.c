/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a document: read it, compile it when it is good; then the image loads, and the
 * document that the model writes is read to the same image and written to the same bytes. */
#include "fuzz.h"

#include "image/load.h"
#include "model/write.h"

#include <string.h>

const char fuzz_target[] = "json";

static void check_diagnostics(const mpol_diagnostics *found) {
    for (int i = 0; i < found->list->nelts; i++) {
        const mpol_diagnostic *d = MPOL_AT(found->list, i, mpol_diagnostic);
        FUZZ_REQUIRE(d->offset <= found->text.len);
        FUZZ_REQUIRE(d->line > 0 && d->column > 0);
        mpol_bytes texts[] = {{(const uint8_t *)d->text, (uint32_t)strlen(d->text)},
                              {(const uint8_t *)d->fix, (uint32_t)strlen(d->fix)},
                              {(const uint8_t *)d->pointer, (uint32_t)strlen(d->pointer)}};
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
            FUZZ_REQUIRE(mpol_utf8_valid(texts[k]) && !mpol_has_control(texts[k]));
        FUZZ_REQUIRE(strstr(d->fix, "Please report this") == NULL);
    }
}

static void check_loads(const mpol_bytes *image) {
    mpol_loaded loaded;
    mpol_error error;
    FUZZ_REQUIRE(mpol_load_bytes(image->data, image->len, "fuzz", &loaded, &error) == MPOL_OK);
    mpol_unload(&loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mpol_diagnostics *found;
    mpol_model *model;
    apr_pool_t *pool = fuzz_pool();
    if (size > 65536 || memmem(data, size, "file", 4) != NULL)
        return 0; /* no files of this machine */
    mpol_bytes text = fuzz_expand(pool, data, size);
    const mpol_bytes *image = fuzz_compile(pool, text, &found, &model);
    check_diagnostics(found);
    FUZZ_REQUIRE((image != NULL) == (found->errors == 0));
    if (image == NULL)
        return 0;
    fuzz_used++;
    check_loads(image);
    mpol_bytes written = mpol_model_write(model);
    const mpol_bytes *again = fuzz_compile(pool, written, &found, &model);
    FUZZ_REQUIRE(again != NULL);
    FUZZ_REQUIRE(mpol_bytes_equal(*image, *again));
    FUZZ_REQUIRE(mpol_bytes_equal(written, mpol_model_write(model)));
    return 0;
}
