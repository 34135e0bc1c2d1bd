/* What the kernels share: random words, vectors, and one row of pooling.
 *
 * Everything is float32 on one thread; images lie [example, height, width, channel] ("channels last"). Written in C with
 * GCC's vectors, which Clang knows too, and compiled on the user's machine by native.py.
 */

#ifndef MODESCAPE_COMMON_H
#define MODESCAPE_COMMON_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE 255 /* no element of the window gets the gradient */

/* The inner loops run over channels, 16 or more in most layers; without the hint a compiler vectorises for 64 bytes,
 * which are 64 channels of a byte each, and leaves a layer of 16 channels to the scalar rest (12 times slower). */
#define CHANNELS _Pragma("omp simd simdlen(16)")

#if defined(__AVX512F__)
#define LANES 16 /* floats of a vector */
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float vector __attribute__((vector_size(LANES * 4), aligned(4)));

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t vectors(int64_t floats) { return (floats + LANES - 1) / LANES; }

/* Zeros for `floats`, and a vector more, since whole vectors are read; NULL where there is no memory. Aligned to a cache
 * line: a vector that lies across two costs twice (backward, 32 channels: 1.5 ms against 1.1). */
static inline float *room(int64_t floats) {
    const size_t bytes = ((size_t)(floats + LANES) * sizeof(float) + 63) / 64 * 64;
    float *memory = aligned_alloc(64, bytes);
    return memory ? memset(memory, 0, bytes) : NULL;
}

/* ---- random words: rng.words of the package, SplitMix64 of key and counter ---- */

/* Four of them lie in a random word. */
typedef int16_t __attribute__((may_alias)) level_t;

static inline uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static inline uint64_t word(uint64_t key, uint64_t number) { return mix(key + (number + 1) * 0x9E3779B97F4A7C15ull); }

static inline void words(uint64_t key, int64_t first, int64_t count, uint64_t *restrict out) {
    for (int64_t i = 0; i < count; i++) out[i] = word(key, (uint64_t)(first + i));
}

/* Which elements are dropped: those whose level is below the threshold; the rest is scaled. */
typedef struct {
    uint64_t key; /* of the call */
    int64_t drop; /* dropped levels of 65536; 0: no dropout */
    float scale;
    uint64_t *buffer; /* room for the words */
} mask_t;

/* The levels of `count` elements from number `first` on; valid until the next call. */
static inline const level_t *levels(const mask_t *mask, int64_t first, int64_t count) {
    if (!mask->drop) return NULL;
    words(mask->key, first / 4, (first + count + 3) / 4 - first / 4, mask->buffer);
    return (const level_t *)mask->buffer + first % 4;
}

/* ---- pooling ---- */

/* One element of the window for all channels of an output: y = max(y, x * mask), where = its place in the window. */
static inline void take_masked(const float *restrict x, const level_t *restrict level, int16_t threshold, float scale,
                               int place, float *restrict y, uint8_t *restrict where, int64_t channels) {
    if (place == 0) {
        CHANNELS
        for (int64_t c = 0; c < channels; c++) {
            const float factor = level[c] >= threshold ? scale : 0.0f;
            y[c] = x[c] * factor;
            where[c] = factor != 0.0f ? 0 : NOWHERE;
        }
        return;
    }
    CHANNELS
    for (int64_t c = 0; c < channels; c++) {
        const float factor = level[c] >= threshold ? scale : 0.0f;
        const float value = x[c] * factor, best = y[c];
        const int before = where[c], here = factor != 0.0f ? place : NOWHERE;
        const int larger = (value > best) | (value != value); /* as torch: a NaN is the largest */
        y[c] = larger ? value : best;
        where[c] = (uint8_t)(larger ? here : before);
    }
}

static inline void take(const float *restrict x, int place, float *restrict y, uint8_t *restrict where,
                        int64_t channels) {
    if (place == 0) {
        CHANNELS
        for (int64_t c = 0; c < channels; c++) {
            y[c] = x[c];
            where[c] = 0;
        }
        return;
    }
    CHANNELS
    for (int64_t c = 0; c < channels; c++) {
        const float value = x[c], best = y[c];
        const int before = where[c];
        const int larger = (value > best) | (value != value);
        y[c] = larger ? value : best;
        where[c] = (uint8_t)(larger ? place : before);
    }
}

/* A whole window of 2 x 2, in one go: what `take` does four times, without writing in between. */
static inline void take_four(const float *restrict top, const float *restrict bottom, int64_t stride,
                             const level_t *restrict above, const level_t *restrict below, int16_t threshold,
                             float scale, float *restrict y, uint8_t *restrict where, int64_t channels) {
    CHANNELS
    for (int64_t c = 0; c < channels; c++) {
        float factor = above[c] >= threshold ? scale : 0.0f;
        float best = top[c] * factor;
        int place = factor != 0.0f ? 0 : NOWHERE;
        factor = above[c + channels] >= threshold ? scale : 0.0f;
        float value = top[c + stride] * factor;
        int here = factor != 0.0f ? 1 : NOWHERE, larger = (value > best) | (value != value);
        best = larger ? value : best;
        place = larger ? here : place;
        factor = below[c] >= threshold ? scale : 0.0f;
        value = bottom[c] * factor;
        here = factor != 0.0f ? 2 : NOWHERE, larger = (value > best) | (value != value);
        best = larger ? value : best;
        place = larger ? here : place;
        factor = below[c + channels] >= threshold ? scale : 0.0f;
        value = bottom[c + stride] * factor;
        here = factor != 0.0f ? 3 : NOWHERE, larger = (value > best) | (value != value);
        y[c] = larger ? value : best;
        where[c] = (uint8_t)(larger ? here : place);
    }
}

/* One row of outputs [out_width, channels] from the `rows` rows of images under it (the last windows may lack some).
 *
 * x: `stride` floats from pixel to pixel, `x_row` from row to row; level: of the rows' elements, or NULL. */
static inline void pool_rows(const float *restrict x, int64_t x_row, int64_t stride, const level_t *restrict level,
                             const mask_t *restrict mask, int64_t rows, int64_t size, int64_t width, int64_t channels,
                             int64_t out_width, float *restrict y, uint8_t *restrict where) {
    const int16_t threshold = (int16_t)(mask->drop - 32768);
    const int64_t row = width * channels;
    for (int64_t column = 0; column < out_width; column++, y += channels, where += channels) {
        const int64_t first = column * size;
        if (level && size == 2 && rows == 2 && first + 2 <= width) {
            const float *corner = x + first * stride;
            const level_t *above = level + first * channels;
            take_four(corner, corner + x_row, stride, above, above + row, threshold, mask->scale, y, where, channels);
            continue;
        }
        for (int64_t r = 0; r < rows; r++)
            for (int64_t s = 0; s < size && first + s < width; s++) {
                const float *from = x + r * x_row + (first + s) * stride;
                const int place = (int)(r * size + s);
                if (level)
                    take_masked(from, level + r * row + (first + s) * channels, threshold, mask->scale, place, y, where,
                                channels);
                else
                    take(from, place, y, where, channels);
            }
    }
}

/* A row of outputs as `pool_rows` and `relu_row` give it, without the places of a gradient: for evaluation. */
static inline void pool_rows_alone(const float *restrict x, int64_t x_row, int64_t stride, int64_t rows, int64_t size,
                                   int64_t width, int64_t channels, int64_t out_width, int relu, float *restrict y) {
    for (int64_t column = 0; column < out_width; column++, y += channels) {
        const int64_t first = column * size;
        if (size == 2 && rows == 2 && first + 2 <= width) {
            const float *top = x + first * stride, *bottom = top + x_row;
            CHANNELS
            for (int64_t c = 0; c < channels; c++) {
                float best = top[c], value = top[c + stride];
                best = (value > best) | (value != value) ? value : best;
                value = bottom[c];
                best = (value > best) | (value != value) ? value : best;
                value = bottom[c + stride];
                best = (value > best) | (value != value) ? value : best;
                y[c] = relu && best <= 0.0f ? 0.0f : best;
            }
            continue;
        }
        memcpy(y, x + first * stride, (size_t)channels * sizeof(float));
        for (int64_t place = 1; place < rows * size; place++) {
            if (first + place % size >= width) continue;
            const float *from = x + place / size * x_row + (first + place % size) * stride;
            CHANNELS
            for (int64_t c = 0; c < channels; c++) y[c] = (from[c] > y[c]) | (from[c] != from[c]) ? from[c] : y[c];
        }
        CHANNELS
        for (int64_t c = 0; c < channels; c++) y[c] = relu && y[c] <= 0.0f ? 0.0f : y[c];
    }
}

static inline void relu_row(float *restrict y, uint8_t *restrict where, int64_t count) {
    CHANNELS
    for (int64_t i = 0; i < count; i++) {
        const int off = y[i] <= 0.0f;
        where[i] = off ? NOWHERE : where[i];
        y[i] = off ? 0.0f : y[i];
    }
}

#endif
