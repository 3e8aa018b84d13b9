/* SPDX-License-Identifier: MIT */
#include "serve/state.h"

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>Yodel</title>\n"
    "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 "
    "1rem}pre{background:#8882;padding:.6rem;overflow:auto}</style>\n"
    "<h1>Yodel runs</h1>\n"
    "<p>There is no configuration yet: clients of Socket.IO on this machine may connect to the "
    "namespace <code>/</code>, and nobody else.</p>\n"
    "<h2>What to do next</h2>\n"
    "<ol>\n"
    "<li>Make a configuration with fresh secrets:\n"
    "<pre>yodel config init my-yodel</pre>\n"
    "<li>Look at it, and check it:\n"
    "<pre>yodel config explain listen\nyodel config check -c my-yodel/yodel.yaml</pre>\n"
    "<li>Serve it:\n"
    "<pre>yodel serve -c my-yodel/yodel.yaml</pre>\n"
    "</ol>\n";

static void answer(yodel_request *req, void *user)
{
    const yodel_header headers[] = {
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
        {"Cache-Control", "no-store"}};

    if (!yg_state_serves(user, req, YG_SERVE_CLIENTS)) {
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
        return;
    }
    (void)yodel_request_respond(
        req, YODEL_OPTIONS(yodel_response, .content_type = "text/html; charset=utf-8",
                           .body = {(const uint8_t *)page, sizeof(page) - 1}, .headers = headers,
                           .num_headers = 2));
}

int yg_page_start(struct yg_state *state)
{
    if (state->load->path != NULL || *state->first->clients.page != '\0')
        return 0;
    return yodel_server_route(state->server, "GET /", answer, state);
}
