/* The weighted sum of w64/1 (see __init__.py) over memory, for tensors on the CPU. Loaded with ctypes, so it needs no headers
 * of Python; where it could not be built, torch's own operations give the same numbers. Little-endian machines only. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Compiled for several generations of processors, of which the loader takes the best: a quarter of the time. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

#define ROW 4096
#define LEVELS 4
#define DEPTH 8 /* a row becomes two words of the next level: more than a size_t can count */
#define GOLDEN 0x9E3779B97F4A7C15u

static uint64_t weights[LEVELS][ROW];

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* To be called once before anything else. */
void w64_prepare(void) {
    for (uint64_t level = 0; level < LEVELS; level++)
        for (uint64_t i = 0; i < ROW; i++)
            weights[level][i] = mix((level * ROW + i + 1) * GOLDEN) | 1;
}

FOR_EVERY_PROCESSOR
static uint64_t dot(const uint64_t *w, const unsigned char *words, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t word;
        memcpy(&word, words + 4 * i, 4);
        sum += w[i] * (uint64_t)(int64_t)word;
    }
    return sum;
}

typedef struct {
    uint64_t sum[DEPTH];
    size_t used[DEPTH]; /* words of the row that is being summed */
} State;

static void feed(State *s, int level, const unsigned char *words, size_t count);

/* The row of this level is full, or nothing follows it: its sum becomes two words of the next level. */
static void carry(State *s, int level) {
    uint64_t sum = s->sum[level];
    s->sum[level] = 0;
    s->used[level] = 0;
    feed(s, level + 1, (const unsigned char *)&sum, 2);
}

static void feed(State *s, int level, const unsigned char *words, size_t count) {
    while (count) {
        if (s->used[level] == ROW)
            carry(s, level);
        size_t here = ROW - s->used[level];
        if (here > count)
            here = count;
        s->sum[level] += dot(weights[level < LEVELS ? level : LEVELS - 1] + s->used[level], words, here);
        s->used[level] += here;
        words += 4 * here;
        count -= here;
    }
}

static void feed_bytes(State *s, const unsigned char *data, size_t nbytes) {
    feed(s, 0, data, nbytes / 4);
    if (nbytes % 4) {
        unsigned char last[4] = {0, 0, 0, 0};
        memcpy(last, data + nbytes - nbytes % 4, nbytes % 4);
        feed(s, 0, last, 1);
    }
}

static uint64_t total(State *s) {
    int level = 0;
    while (level + 1 < DEPTH && s->used[level + 1]) {
        carry(s, level);
        level++;
    }
    return s->sum[level];
}

/* The sum over nbytes of memory, padded with zeros to whole words. */
uint64_t w64(const void *data, size_t nbytes) {
    State s = {{0}, {0}};
    feed_bytes(&s, data, nbytes);
    return total(&s);
}

/* The fingerprint of nbytes of memory: the sum, mixed with the length. */
uint64_t w64_fingerprint(const void *data, size_t nbytes) {
    return mix(w64(data, nbytes) + nbytes * GOLDEN);
}

/* The sum over pieces laid end to end, each padded by itself; table holds (address, bytes) of each. */
uint64_t w64_pieces(const uint64_t *table, size_t pieces) {
    State s = {{0}, {0}};
    for (size_t i = 0; i < pieces; i++)
        feed_bytes(&s, (const unsigned char *)(uintptr_t)table[2 * i], (size_t)table[2 * i + 1]);
    return total(&s);
}

/* One fingerprint for several (sum, bytes); their order counts. */
uint64_t w64_combine(const uint64_t *parts, size_t count) {
    if (count == 1)
        return mix(parts[0] + parts[1] * GOLDEN);
    uint64_t all = count;
    for (size_t i = 0; i < count; i++)
        all = mix(all * GOLDEN + mix(parts[2 * i] + parts[2 * i + 1] * GOLDEN));
    return all;
}
