/* SPDX-License-Identifier: MIT */
#ifndef YG_API_CONTROL_H
#define YG_API_CONTROL_H

#include <jansson.h>
#include <yodel/decision.h>
#include <yodel/http.h>

#include "base/problem.h"

/*
 * What is asked of the process, and not of its clients:
 *
 *     GET  /process   {"pid", "started", "uptime_ms", "version", "draining", "reload": {"ok",
 *                     "time"}}; started: in clock ticks since the system did, as /proc has it
 *     POST /reload    as SIGHUP, answered when it is over: {"changed": [key], "needs_restart":
 *                     [key]}, or 422 config_refused with "problems": [text]
 *     POST /reopen    as SIGUSR1, answered when the log was opened anew: {"file"}
 *     POST /stop      as SIGTERM, answered when it has begun; ?now as SIGQUIT
 *
 * These are no commands: no batch, no stream and no hook's answer has them.  They need a key with
 * the scope process, or to come by a Unix socket from root or the user that the process runs as,
 * whoever else may use that socket.
 */
enum yg_control {
    YG_CONTROL_PROCESS,
    YG_CONTROL_RELOAD,
    YG_CONTROL_REOPEN,
    YG_CONTROL_STOP,
    YG_CONTROL_STOP_NOW
};

/* Carries it out; it settles decision, which is taken, by yg_control_settle(), now or later. */
typedef void(yg_control_fn)(enum yg_control what, yodel_decision *decision, void *user);

/*
 * Answers, and gives the reference back.  Any thread.
 *
 * detail   NULL: none
 * body     taken; with a problem its members stand beside those of the problem; NULL: {} or none
 */
void yg_control_settle(yodel_decision *decision, enum yg_problem problem, const char *detail,
                       json_t *body);

struct yg_api;

/* Answers a request if its path is one of these.  Returns whether it is. */
bool yg_control_request(struct yg_api *api, yodel_request *req, yodel_str path);

#endif
