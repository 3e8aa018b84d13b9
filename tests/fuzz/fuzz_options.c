/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/show.h"

/* The input is yodel.yaml.  What is refused was reported; what is taken is shown in all forms, and
 * is equal to itself read once more. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static const struct yg_config *read_text(const char *text, size_t len, bool lax)
{
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    const struct yg_config *config = NULL;
    struct yg_text told = {0};
    int rc = yg_config_read(text, len, "input", lax, &report, &config);

    require(rc == 0 || rc == -EINVAL);
    require((rc == 0) == (config != NULL) && (rc == 0) == (report.num_errors == 0));
    yg_report_put(&told, &report);
    yg_report_put_json(&told, &report);
    require(yg_text_is_utf8(yg_text_string(&told), told.len));
    yg_text_done(&told);
    yg_arena_clear(&arena);
    return config;
}

static void never(const char *path, const struct yg_option *option, void *user)
{
    (void)path;
    (void)option;
    (void)user;
    abort();
}

static void check_shown(const struct yg_config *config)
{
    for (int form = YG_SHOW_YAML; form <= YG_SHOW_ENV; form++) {
        struct yg_text text = {0};

        require(yg_show(&text, config, (enum yg_show_form)form, form == YG_SHOW_ENV) == 0);
        yg_text_done(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct yg_config *config = read_text((const char *)data, size, false);
    const struct yg_config *again = read_text((const char *)data, size, true);

    require(config == NULL || again != NULL);
    if (config != NULL) {
        yg_config_compare(config, again, never, NULL);
        check_shown(config);
    }
    yg_config_unref(config);
    yg_config_unref(again);
    return 0;
}
