/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/edit.h"
#include "cli/output.h"
#include "cli/token_io.h"

#define MAX_LINE ((size_t)16 << 20)

struct yg_input {
    yodel_watch watch;
    yodel_timer timer; /* of a file, which cannot be watched */
    yg_input_fn *fn;
    void *user;
    int fd;
    struct yg_edit *edit; /* of a terminal; then there is nothing else */
    bool is_file, is_paused, is_at_end, has_ended;
    struct yg_text text; /* a line that has not come whole */
};

static void end(struct yg_input *input, int status)
{
    input->has_ended = true;
    (void)yodel_watch_stop(&input->watch);
    (void)yodel_timer_stop(&input->timer);
    input->fn(NULL, 0, status, input->user);
}

/* ---- pipes and files ---- */

/* Gives the lines that are whole. */
static void give_lines(struct yg_input *input)
{
    struct yg_text *text = &input->text;
    size_t at = 0;

    while (!input->is_paused && !input->has_ended) {
        const char *begin = text->ptr + at, *line_end = memchr(begin, '\n', text->len - at);

        if (line_end == NULL)
            break;
        at += (size_t)(line_end - begin) + 1;
        input->fn(begin, (size_t)(line_end - begin), 0, input->user);
    }
    if (at == 0)
        return;
    memmove(text->ptr, text->ptr + at, text->len - at);
    text->len -= at;
}

/* Gives what can be given, and the end behind it. */
static void settle(struct yg_input *input)
{
    if (input->text.len > 0)
        give_lines(input);
    if (input->has_ended || input->is_paused)
        return;
    if (input->is_at_end)
        end(input, 0);
    else if (input->text.len > MAX_LINE)
        end(input, yg_token_say(YG_EXIT_DATA, YG_CONNECT_COMMAND, "a line of more than %zu bytes",
                                MAX_LINE));
}

static void on_bytes(struct yg_input *input, const char *ptr, ssize_t num)
{
    input->is_at_end = num == 0;
    if (num > 0)
        yg_text_add(&input->text, ptr, (size_t)num);
    else if (input->text.len > 0)
        yg_text_putc(&input->text, '\n');
    if (yg_text_failed(&input->text))
        end(input, yg_token_say(YG_EXIT_FAILED, YG_CONNECT_COMMAND, "out of memory"));
    else
        settle(input);
}

static void read_some(struct yg_input *input)
{
    char piece[65536];
    const ssize_t num = read(input->fd, piece, sizeof(piece));

    if (num >= 0)
        on_bytes(input, piece, num);
    else if (errno != EAGAIN && errno != EINTR)
        end(input, yg_token_say(YG_EXIT_FAILED, YG_CONNECT_COMMAND, "the standard input: %s",
                                strerror(errno)));
}

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_input *input = user;

    if (!input->is_paused && !input->has_ended)
        read_some(input);
    if (input->is_file && !input->is_paused && !input->has_ended)
        (void)yodel_timer_start(timer, 0);
}

/* ---- both ---- */

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    (void)watch;
    (void)events;
    read_some(user);
}

/* The standard input, opened anew where that can be: it becomes non-blocking, and others may have
 * the same open file.  A file would be at its beginning again, and what was not open for reading
 * would be. */
static int open_again(void)
{
    const int flags = fcntl(STDIN_FILENO, F_GETFL);
    struct stat info;
    int fd = -1;

    if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (fstat(STDIN_FILENO, &info) == 0 && !S_ISREG(info.st_mode))
        fd = open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    fd = fd >= 0 ? fd : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : -errno;
}

static int watch_input(struct yg_input *input)
{
    int rc;

    input->fd = open_again();
    if (input->fd < 0)
        return input->fd;
    rc = yodel_watch_start(&input->watch, input->fd, YODEL_WATCH_READABLE);
    if (rc != -EPERM)
        return rc;
    input->is_file = true;
    return yodel_timer_start(&input->timer, 0);
}

static void on_edited(const char *line, void *user)
{
    struct yg_input *input = user;

    if (input->has_ended)
        return;
    if (line != NULL)
        input->fn(line, strlen(line), 0, input->user);
    else
        end(input, 0);
}

int yg_input_open(yodel_loop *loop, bool is_terminal, yg_input_fn *fn, void *user,
                  struct yg_input **ret_input)
{
    struct yg_input *input = calloc(1, sizeof(*input));
    int rc = -EOPNOTSUPP;

    if (input == NULL)
        return -ENOMEM;
    *input = (struct yg_input){.fn = fn, .user = user, .fd = -1};
    yodel_watch_init(&input->watch, loop, on_ready, input);
    yodel_timer_init(&input->timer, loop, on_time, input);
    if (is_terminal)
        rc = yg_edit_open(loop, on_edited, input, &input->edit);
    if (rc == -EOPNOTSUPP)
        rc = watch_input(input);
    if (rc < 0)
        yg_input_close(input);
    else
        *ret_input = input;
    return rc;
}

void yg_input_pause(struct yg_input *input, bool is_paused)
{
    if (input == NULL || input->edit != NULL || input->has_ended || input->is_paused == is_paused)
        return;
    input->is_paused = is_paused;
    if (!input->is_file)
        (void)yodel_watch_set_events(&input->watch, is_paused ? 0 : YODEL_WATCH_READABLE);
    if (is_paused)
        return;
    settle(input);
    if (input->is_file && !input->is_paused && !input->has_ended)
        (void)yodel_timer_start(&input->timer, 0);
}

void yg_input_hide(struct yg_input *input)
{
    if (input != NULL)
        yg_edit_hide(input->edit);
}

void yg_input_show(struct yg_input *input)
{
    if (input != NULL)
        yg_edit_show(input->edit);
}

void yg_input_close(struct yg_input *input)
{
    if (input == NULL)
        return;
    (void)yodel_watch_stop(&input->watch);
    (void)yodel_timer_stop(&input->timer);
    yg_edit_close(input->edit);
    if (input->fd >= 0)
        close(input->fd);
    yg_text_done(&input->text);
    free(input);
}
