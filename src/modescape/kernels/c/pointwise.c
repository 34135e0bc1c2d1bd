/* Dropout, pooling, and the preparation of images. Each does the arithmetic of the torch operations it stands for,
 * operation by operation, so its results have the same bits: no product is followed by a sum, which a compiler might
 * contract. */

#include "common.h"

#define WORDS 1024 /* random words at a time: 8 KiB stay in the first cache */

/* y = x * mask: element i takes 16 of the 64 bits of word i / 4. */
void dropout(const float *restrict x, float *restrict y, int64_t count, uint64_t key, int64_t call, int64_t drop,
             float scale) {
    uint64_t buffer[WORDS];
    const mask_t mask = {word(key, (uint64_t)call), drop, scale, buffer};
    const int16_t threshold = (int16_t)(drop - 32768);
    for (int64_t start = 0; start < count; start += 4 * WORDS) {
        const int64_t size = least(count - start, 4 * WORDS);
        const level_t *level = levels(&mask, start, size);
        for (int64_t i = 0; i < size; i++) y[start + i] = x[start + i] * (level[i] >= threshold ? scale : 0.0f);
    }
}

/* Dropout (drop > 0), maximum over windows of size x size side by side, ReLU (relu != 0).
 *
 * x [examples, height, width, channels] -> y [examples, out_height, out_width, channels]; where: the place, row by row
 * in its window, of the element that the gradient goes to. Returns 0, or 1 when there was no memory.
 */
int64_t pool_forward(const float *restrict x, float *restrict y, uint8_t *restrict where, int64_t examples,
                     int64_t height, int64_t width, int64_t channels, int64_t out_height, int64_t out_width,
                     int64_t size, int64_t relu, uint64_t key, int64_t call, int64_t drop, float scale) {
    const int64_t row = width * channels, out_row = out_width * channels;
    const mask_t mask = {word(key, (uint64_t)call), drop, scale, drop ? malloc((size_t)(size * row / 4 + 2) * 8) : NULL};
    if (drop && !mask.buffer) return 1;
    for (int64_t line = 0; line < examples * out_height; line++) {
        const int64_t example = line / out_height, top = line % out_height * size;
        float *to = y + line * out_row;
        uint8_t *place = where + line * out_row;
        const int64_t rows = least(size, height - top), first = (example * height + top) * row;
        pool_rows(x + first, row, channels, levels(&mask, first, rows * row), &mask, rows, size, width, channels,
                  out_width, to, place);
        if (relu) relu_row(to, place, out_row);
    }
    free(mask.buffer);
    return 0;
}

/* The gradient of pool_forward: gradient [.., out_height, out_width, ..] -> out [.., height, width, ..]. */
void pool_backward(const float *restrict gradient, const uint8_t *restrict where, float *restrict out,
                   int64_t examples, int64_t height, int64_t width, int64_t channels, int64_t out_height,
                   int64_t out_width, int64_t size, float scale) {
    for (int64_t line = 0; line < examples * height; line++) {
        const int64_t example = line / height, h = line % height;
        for (int64_t w = 0; w < width; w++) {
            float *restrict to = out + (line * width + w) * channels;
            if (h / size >= out_height || w / size >= out_width) { /* in no window */
                for (int64_t c = 0; c < channels; c++) to[c] = 0.0f;
                continue;
            }
            const int64_t from = ((example * out_height + h / size) * out_width + w / size) * channels;
            const float *restrict g = gradient + from;
            const uint8_t *restrict place = where + from;
            const int number = (int)(h % size * size + w % size);
            CHANNELS
            for (int64_t c = 0; c < channels; c++) to[c] = place[c] == number ? g[c] * scale : 0.0f;
        }
    }
}

/* Images of a batch as the network sees them: picked, cut out (row, column: offsets), mirrored, brightened, scaled.
 *
 * source: uint8 [.., height, width, channels]; index: which images; out: float [examples, height, width, channels].
 * row, column (int64), flip (uint8), shift (float) hold one entry an example or are NULL; mean [height, width,
 * channels] and deviation [channels] may be NULL. Pixels beyond the border are 0 or, with nearest != 0, the nearest.
 */
void prepare(const uint8_t *restrict source, const int64_t *restrict index, float *restrict out, int64_t examples,
             int64_t height, int64_t width, int64_t channels, const int64_t *restrict row,
             const int64_t *restrict column, const uint8_t *restrict flip, int64_t nearest,
             const float *restrict shift, float divisor, const float *restrict mean,
             const float *restrict deviation) {
    const int64_t pixels = height * width, size = pixels * channels;
    for (int64_t example = 0; example < examples; example++) {
        const uint8_t *restrict image = source + index[example] * size;
        float *restrict to = out + example * size;
        if (!row && !flip) {
            for (int64_t i = 0; i < size; i++) to[i] = (float)image[i];
        } else {
            for (int64_t h = 0; h < height; h++) {
                const int64_t y = h + (row ? row[example] : 0);
                const int64_t near_y = y < 0 ? 0 : least(y, height - 1);
                for (int64_t w = 0; w < width; w++) {
                    const int64_t x = (flip && flip[example] ? width - 1 - w : w) + (row ? column[example] : 0);
                    const int64_t near_x = x < 0 ? 0 : least(x, width - 1);
                    const int seen = nearest || (x == near_x && y == near_y);
                    const uint8_t *restrict pixel = image + (near_y * width + near_x) * channels;
                    for (int64_t c = 0; c < channels; c++)
                        to[(h * width + w) * channels + c] = seen ? (float)pixel[c] : 0.0f;
                }
            }
        }
        if (shift) {
            for (int64_t i = 0; i < size; i++) {
                const float value = to[i] + shift[example];
                to[i] = value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value;
            }
        }
        if (divisor != 1.0f)
            for (int64_t i = 0; i < size; i++) to[i] /= divisor;
        if (mean)
            for (int64_t i = 0; i < size; i++) to[i] -= mean[i];
        if (deviation)
            for (int64_t p = 0; p < pixels; p++)
                for (int64_t c = 0; c < channels; c++) to[p * channels + c] /= deviation[c];
    }
}
