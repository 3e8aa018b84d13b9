/* SPDX-License-Identifier: MIT */
#include "base/fork_mark.h"

#include <stddef.h>
#include <sys/mman.h>

struct yd_fork_mark {
    uint8_t is_parent;
};

const struct yd_fork_mark *yd_fork_mark_new(void)
{
    struct yd_fork_mark *mark =
        mmap(NULL, sizeof *mark, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (mark == MAP_FAILED)
        return NULL;
    if (madvise(mark, sizeof *mark, MADV_WIPEONFORK) < 0) {
        yd_fork_mark_free(mark);
        return NULL;
    }
    mark->is_parent = 1;
    return mark;
}

void yd_fork_mark_free(const struct yd_fork_mark *mark)
{
    if (mark != NULL)
        (void)munmap((void *)mark, sizeof *mark);
}

bool yd_fork_mark_is_childs(const struct yd_fork_mark *mark)
{
    return mark != NULL && mark->is_parent == 0;
}
