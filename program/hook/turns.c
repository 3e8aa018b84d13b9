/* SPDX-License-Identifier: MIT */
#include "hook/turns.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Those of one name; the first one has its turn. */
struct yg_turn_line {
    const char *name; /* of its first */
    struct yg_turn *first, *last;
};

struct yg_turns {
    pthread_mutex_t lock; /* of all, but for name, wake and user of a turn */
    void *lines;          /* a tree, for tsearch(3) */
};

static int compare(const void *left, const void *right)
{
    const struct yg_turn_line *a = left, *b = right;

    return strcmp(a->name, b->name);
}

struct yg_turns *yg_turns_new(void)
{
    struct yg_turns *turns = calloc(1, sizeof(*turns));

    if (turns != NULL)
        pthread_mutex_init(&turns->lock, NULL);
    return turns;
}

void yg_turns_free(struct yg_turns *turns)
{
    if (turns == NULL)
        return;
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

static struct yg_turn_line *find_or_add(struct yg_turns *turns, const char *name)
{
    const struct yg_turn_line wanted = {.name = name};
    void *found = tfind(&wanted, &turns->lines, compare);
    struct yg_turn_line *line;

    if (found != NULL)
        return *(struct yg_turn_line **)found;
    line = calloc(1, sizeof(*line));
    if (line == NULL)
        return NULL;
    line->name = name;
    if (tsearch(line, &turns->lines, compare) == NULL) {
        free(line);
        return NULL;
    }
    return line;
}

/* With the lock. */
static enum yg_turn_state state_of(const struct yg_turn *turn)
{
    if (turn->line == NULL)
        return YG_TURN_NONE;
    return turn->line->first == turn ? YG_TURN_HAS : YG_TURN_WAITS;
}

static void enter(struct yg_turn *turn, struct yg_turn_line *line)
{
    turn->line = line;
    turn->next = NULL;
    *(line->last != NULL ? &line->last->next : &line->first) = turn;
    line->last = turn;
}

enum yg_turn_state yg_turn_ask(struct yg_turns *turns, struct yg_turn *turn)
{
    enum yg_turn_state state;

    pthread_mutex_lock(&turns->lock);
    if (turn->line == NULL) {
        struct yg_turn_line *line = find_or_add(turns, turn->name);

        if (line != NULL)
            enter(turn, line);
    }
    state = state_of(turn);
    pthread_mutex_unlock(&turns->lock);
    return state;
}

/* Takes it out; the name of the line is another's then. */
static void leave(struct yg_turns *turns, struct yg_turn *turn)
{
    struct yg_turn_line *line = turn->line;
    struct yg_turn **at = &line->first, *before = NULL;

    while (*at != turn) {
        before = *at;
        at = &before->next;
    }
    *at = turn->next;
    if (line->last == turn)
        line->last = before;
    turn->line = NULL;
    if (line->first != NULL) {
        line->name = line->first->name;
    } else {
        line->name = turn->name;
        (void)tdelete(line, &turns->lines, compare);
        free(line);
    }
}

/* wake is called with the lock: who is woken cannot go meanwhile. */
void yg_turn_end(struct yg_turns *turns, struct yg_turn *turn)
{
    struct yg_turn_line *line;

    pthread_mutex_lock(&turns->lock);
    line = turn->line;
    if (line != NULL) {
        struct yg_turn *const had = line->first;
        struct yg_turn *const next = had->next;

        leave(turns, turn);
        if (had == turn && next != NULL)
            next->wake(next->user);
    }
    pthread_mutex_unlock(&turns->lock);
}
