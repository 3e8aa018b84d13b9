/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Runs a fuzz target over the files of the folders given, without a fuzzer: an ordinary test. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exactly as much memory as the file has bytes, so that a sanitizer sees a step aside. */
static int replay_bytes(FILE *file, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);
    int result = -1;

    if (data != NULL && fread(data, 1, size, file) == size)
        result = LLVMFuzzerTestOneInput(data, size);
    free(data);
    return result;
}

/* Returns 1, 0 for what is no file, or -1. */
static int replay_file(const char *path)
{
    struct stat info;
    FILE *file;
    int result;

    if (stat(path, &info) != 0)
        return -1;
    if (!S_ISREG(info.st_mode))
        return 0;
    file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    result = replay_bytes(file, (size_t)info.st_size);
    fclose(file);
    return result < 0 ? -1 : 1;
}

/* Returns the number of files, or -1. */
static int replay_entries(DIR *dir, const char *folder)
{
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(dir)) != NULL) {
        char path[4096];
        int result = -1;

        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path))
            result = replay_file(path);
        if (result < 0) {
            fprintf(stderr, "%s/%s: cannot be replayed\n", folder, entry->d_name);
            return -1;
        }
        count += result;
    }
    return count;
}

static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int count;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    count = replay_entries(dir, folder);
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);

        if (count < 0)
            return EXIT_FAILURE;
        total += count;
    }
    printf("%d files replayed\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
