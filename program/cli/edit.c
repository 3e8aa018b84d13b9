/* SPDX-License-Identifier: MIT */
#include "cli/edit.h"

#include <errno.h>

#ifdef YG_EDIT

#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define MAX_HISTORY 1000

struct yg_edit {
    yodel_loop *loop;
    yg_edit_fn *fn;
    void *user;
    EditLine *editor;
    History *history;
    char path[PATH_MAX]; /* of the history; "": none */
    int wake;            /* an eventfd: the thread is to end */
    pthread_t thread;
    pthread_mutex_t lock; /* of the editor and the terminal; free while a key is awaited */
};

/* ---- keys ---- */

/* One byte; 0: the end, or it is to end. */
static int read_byte(struct yg_edit *edit, char *ret_byte)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = edit->wake, .events = POLLIN}};
    ssize_t num;

    do {
        num = -1;
        if (poll(fds, 2, -1) < 0 && errno == EINTR)
            continue;
        if (fds[1].revents != 0)
            return 0;
        num = read(STDIN_FILENO, ret_byte, 1);
    } while (num < 0 && (errno == EINTR || errno == EAGAIN));
    return num == 1;
}

/* One character.  libedit asks for it: others may use the editor meanwhile. */
static int read_key(EditLine *editor, wchar_t *ret_key)
{
    struct yg_edit *edit;
    mbstate_t state = {0};
    size_t num = (size_t)-2;
    int rc = 1;

    el_get(editor, EL_CLIENTDATA, &edit);
    pthread_mutex_unlock(&edit->lock);
    while (rc == 1 && num == (size_t)-2) {
        char byte;

        rc = read_byte(edit, &byte);
        if (rc == 1)
            num = mbrtowc(ret_key, &byte, 1, &state);
    }
    pthread_mutex_lock(&edit->lock);
    if (rc == 1 && num == (size_t)-1)
        *ret_key = L'?';
    return rc;
}

static char *prompt(EditLine *editor)
{
    static char text[] = "> ";

    (void)editor;
    return text;
}

/* ---- lines ---- */

struct mail {
    struct yg_edit *edit;
    char *line; /* NULL: the end */
};

static void on_mail(yodel_loop *loop, void *arg)
{
    const struct mail *mail = arg;

    (void)loop;
    mail->edit->fn(mail->line, mail->edit->user);
}

static void free_mail(void *arg)
{
    struct mail *mail = arg;

    free(mail->line);
    free(mail);
}

static void post(struct yg_edit *edit, char *line)
{
    struct mail *mail = malloc(sizeof(*mail));

    if (mail == NULL) {
        free(line);
        return;
    }
    *mail = (struct mail){.edit = edit, .line = line};
    (void)yodel_loop_post(edit->loop, on_mail, mail, free_mail);
}

static void *read_lines(void *arg)
{
    struct yg_edit *edit = arg;
    HistEvent event;
    const char *line;
    int num;

    pthread_mutex_lock(&edit->lock);
    while ((line = el_gets(edit->editor, &num)) != NULL && num > 0) {
        const size_t len = strcspn(line, "\r\n");

        if (len == 0)
            continue;
        (void)history(edit->history, &event, H_ENTER, line);
        post(edit, strndup(line, len));
    }
    pthread_mutex_unlock(&edit->lock);
    post(edit, NULL);
    return NULL;
}

/* ---- the history ---- */

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

static void load_history(struct yg_edit *edit)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    HistEvent event;

    (void)history(edit->history, &event, H_SETSIZE, MAX_HISTORY);
    (void)history(edit->history, &event, H_SETUNIQUE, 1);
    if (state != NULL && *state == '/')
        snprintf(edit->path, sizeof(edit->path), "%s/yodel/connect_history", state);
    else if (home != NULL && *home == '/')
        snprintf(edit->path, sizeof(edit->path), "%s/.local/state/yodel/connect_history", home);
    if (*edit->path == '\0')
        return;
    make_folders(edit->path);
    (void)history(edit->history, &event, H_LOAD, edit->path);
}

static void save_history(struct yg_edit *edit)
{
    const mode_t mask = umask(077);
    HistEvent event;

    if (*edit->path != '\0')
        (void)history(edit->history, &event, H_SAVE, edit->path);
    umask(mask);
}

/* ---- the whole ---- */

static int set_up(struct yg_edit *edit)
{
    edit->wake = eventfd(0, EFD_CLOEXEC);
    if (edit->wake < 0)
        return -errno;
    edit->editor = el_init("yodel", stdin, stdout, stderr);
    edit->history = history_init();
    if (edit->editor == NULL || edit->history == NULL)
        return -ENOMEM;
    el_set(edit->editor, EL_CLIENTDATA, edit);
    el_set(edit->editor, EL_PROMPT, prompt);
    el_set(edit->editor, EL_EDITOR, "emacs");
    el_set(edit->editor, EL_HIST, history, edit->history);
    el_set(edit->editor, EL_GETCFN, read_key);
    load_history(edit);
    return -pthread_create(&edit->thread, NULL, read_lines, edit);
}

static void release(struct yg_edit *edit)
{
    if (edit->editor != NULL)
        el_end(edit->editor);
    if (edit->history != NULL)
        history_end(edit->history);
    if (edit->wake >= 0)
        close(edit->wake);
    pthread_mutex_destroy(&edit->lock);
    free(edit);
}

int yg_edit_open(yodel_loop *loop, yg_edit_fn *fn, void *user, struct yg_edit **ret_edit)
{
    struct yg_edit *edit = calloc(1, sizeof(*edit));
    int rc;

    if (edit == NULL)
        return -ENOMEM;
    *edit = (struct yg_edit){.loop = loop, .fn = fn, .user = user, .wake = -1};
    pthread_mutex_init(&edit->lock, NULL);
    setlocale(LC_CTYPE, "");
    rc = set_up(edit);
    if (rc < 0)
        release(edit);
    else
        *ret_edit = edit;
    return rc;
}

void yg_edit_hide(struct yg_edit *edit)
{
    if (edit == NULL)
        return;
    pthread_mutex_lock(&edit->lock);
    fputs("\r\033[K", stdout);
    fflush(stdout);
}

void yg_edit_show(struct yg_edit *edit)
{
    if (edit == NULL)
        return;
    el_set(edit->editor, EL_REFRESH);
    pthread_mutex_unlock(&edit->lock);
}

void yg_edit_close(struct yg_edit *edit)
{
    const uint64_t one = 1;

    if (edit == NULL)
        return;
    (void)!write(edit->wake, &one, sizeof(one));
    pthread_join(edit->thread, NULL);
    fputs("\r\033[K", stdout);
    fflush(stdout);
    save_history(edit);
    release(edit);
}

#else

int yg_edit_open(yodel_loop *loop, yg_edit_fn *fn, void *user, struct yg_edit **ret_edit)
{
    (void)loop;
    (void)fn;
    (void)user;
    (void)ret_edit;
    return -EOPNOTSUPP;
}

void yg_edit_hide(struct yg_edit *edit)
{
    (void)edit;
}

void yg_edit_show(struct yg_edit *edit)
{
    (void)edit;
}

void yg_edit_close(struct yg_edit *edit)
{
    (void)edit;
}

#endif
