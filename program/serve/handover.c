/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yodel/restart.h>

#include "base/clock.h"
#include "serve/state.h"

/*
 * USR2: the program that is now at this one's path is started with the same words and --takeover.
 * It asks for the listening sockets, and when all its loops run this process stops by itself, in
 * its drain; until then, and if the other one fails, nothing changes.
 */

#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
#define HAS_CLOSEFROM
#endif
#endif

extern char **environ;

/* What says to this process alone that it was started by systemd. */
static const char *const own_names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                        "LISTEN_PIDFDID", "WATCHDOG_PID"};

static bool is_own(const char *entry)
{
    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++) {
        const size_t len = strlen(own_names[i]);

        if (strncmp(entry, own_names[i], len) == 0 && entry[len] == '=')
            return true;
    }
    return false;
}

/* The environment without them, to free(). */
static char **environment(void)
{
    size_t num = 0, at = 0;
    char **entries;

    while (environ[num] != NULL)
        num++;
    entries = calloc(num + 1, sizeof(*entries));
    for (size_t i = 0; entries != NULL && i < num; i++) {
        if (!is_own(environ[i]))
            entries[at++] = environ[i];
    }
    return entries;
}

/* PROGRAM serve --takeover and the words of this process, to free(). */
static char **words_of(struct yg_state *state)
{
    static char serve[] = "serve", takeover[] = "--takeover";
    const struct yg_handover *handover = &state->handover;
    size_t num = 0, at = 0;
    char **words;

    while (handover->words[num] != NULL)
        num++;
    words = calloc(num + 4, sizeof(*words));
    if (words == NULL)
        return NULL;
    words[at++] = state->handover.program;
    words[at++] = serve;
    if (!handover->takes_over)
        words[at++] = takeover;
    for (size_t i = 0; i < num; i++)
        words[at++] = handover->words[i];
    return words;
}

/* Standard descriptors alone: those of libcurl's are not closed by exec(), and would add up. */
static int keep_standard(posix_spawn_file_actions_t *actions)
{
#ifdef HAS_CLOSEFROM
    return posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
    (void)actions;
    return 0;
#endif
}

/* Signals are blocked here, and SIGPIPE ignored; there they are not. */
static int spawn_with(const posix_spawn_file_actions_t *actions, const char *program, char **words,
                      char **entries, pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int rc = posix_spawnattr_init(&attributes);

    if (rc != 0)
        return -rc;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    rc = posix_spawn(ret_pid, program, actions, &attributes, words, entries);
    posix_spawnattr_destroy(&attributes);
    return -rc;
}

static int spawn(const char *program, char **words, char **entries, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return -rc;
    rc = -keep_standard(&actions);
    if (rc == 0)
        rc = spawn_with(&actions, program, words, entries, ret_pid);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int start_successor(struct yg_state *state)
{
    char **words = words_of(state), **entries = environment();
    int rc = -ENOMEM;

    if (words != NULL && entries != NULL)
        rc = spawn(state->handover.program, words, entries, &state->handover.successor);
    free(words);
    free(entries);
    return rc;
}

void yg_handover_begin(struct yg_state *state)
{
    int rc;

    if (*state->handover.path == '\0') {
        yg_log_event(state, YG_LOG_WARN, "handover.refused",
                     "USR2: there is no server.handover, and no RUNTIME_DIRECTORY");
    } else if (atomic_load(&state->is_draining) || state->handover.successor > 0) {
        yg_log_event(state, YG_LOG_WARN, "handover.refused", "USR2: %s",
                     state->handover.successor > 0 ? "a successor is starting already"
                                                   : "draining");
    } else if ((rc = start_successor(state)) < 0) {
        yg_log_event(state, YG_LOG_ERROR, "handover.failed", "USR2: %s: %s",
                     state->handover.program, strerror(-rc));
    } else {
        state->handover.is_late = false;
        state->handover.until_ms = yg_clock_ms() + state->first->server.handover_ms;
        yg_log_event(state, YG_LOG_INFO, "handover.started",
                     "USR2: process %d was started, and will take over",
                     (int)state->handover.successor);
    }
}

static void tell_end(struct yg_state *state, pid_t pid, int status)
{
    if (state->handover.is_late)
        yg_log_event(state, YG_LOG_ERROR, "handover.failed",
                     "USR2: process %d has not taken over within server.handover_timeout, and was "
                     "ended; this one stays",
                     (int)pid);
    else
        yg_log_event(state, YG_LOG_ERROR, "handover.failed",
                     "USR2: process %d has ended, %s %d; this one stays", (int)pid,
                     WIFEXITED(status) ? "with" : "by signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void end_late(struct yg_state *state)
{
    struct yg_handover *handover = &state->handover;

    if (handover->is_late || yg_clock_ms() < handover->until_ms)
        return;
    handover->is_late = true;
    (void)kill(handover->successor, SIGKILL);
}

void yg_handover_turn(struct yg_state *state)
{
    const pid_t pid = state->handover.successor;
    int status;

    if (pid <= 0)
        return;
    if (waitpid(pid, &status, WNOHANG) != pid) {
        end_late(state);
        return;
    }
    state->handover.successor = 0;
    tell_end(state, pid, status);
}

void yg_handover_give_up(struct yg_state *state)
{
    if (state->handover.successor > 0)
        (void)kill(state->handover.successor, SIGTERM);
}

/* What stops without a word of the program has been taken over. */
void yg_handover_stopping(struct yg_state *state)
{
    if (!atomic_exchange(&state->is_draining, true))
        state->handover.successor = 0;
}

/* That of the configuration, else one in the first folder that systemd has made for us. */
static void find_path(struct yg_state *state)
{
    const char *folder = getenv("RUNTIME_DIRECTORY"), *path = state->first->server.handover;
    struct yg_handover *handover = &state->handover;
    int len = 0;

    if (*path != '\0')
        len = snprintf(handover->path, sizeof(handover->path), "%s", path);
    else if (folder != NULL && *folder == '/')
        len = snprintf(handover->path, sizeof(handover->path), "%.*s/handover",
                       (int)strcspn(folder, ":"), folder);
    if (len >= (int)sizeof(handover->path))
        *handover->path = '\0';
}

static int find_program(struct yg_handover *handover)
{
    const ssize_t len =
        readlink("/proc/self/exe", handover->program, sizeof(handover->program) - 1);

    if (len < 0)
        return -errno;
    handover->program[len] = '\0';
    return 0;
}

/* The file is made when it serves, which is late for what can be said now. */
static int check_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[sizeof(((struct yg_handover *)NULL)->path)];

    if (slash == NULL || slash == path)
        return 0;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    return access(folder, W_OK | X_OK) == 0 ? 0 : -errno;
}

int yg_handover_start(struct yg_state *state)
{
    struct yg_handover *handover = &state->handover;
    int rc = find_program(handover);

    find_path(state);
    if (rc < 0 || *handover->path == '\0')
        return handover->takes_over ? -EINVAL : 0;
    rc = check_folder(handover->path);
    if (rc < 0)
        return rc;
    if (handover->takes_over) {
        rc = yodel_server_takeover(state->server, handover->path);
        if (rc == 0)
            yg_log(state, YG_LOG_WARN, "--takeover: nobody offers sockets at %s", handover->path);
        if (rc < 0)
            return rc;
    }
    return yodel_server_handover(state->server, handover->path);
}
