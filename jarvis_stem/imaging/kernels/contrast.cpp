#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "kernels.h"

namespace stem {
namespace {

constexpr double OUTLIERS = 0.002;  // share of the pixels that are clipped at either end
constexpr double FLAT = 0.1;        // of the mean deviation: less is not stretched
constexpr Index SAMPLED = 2;        // pixels, each way, of which one tells the range of all

// Put a number among the least ones, of which the greatest is in front, in place of that.
void insert(std::vector<float>& least, float value) {
    std::pop_heap(least.begin(), least.end());
    least.back() = value;
    std::push_heap(least.begin(), least.end());
}

// Lowest and highest of some of the pixels but for a share of them; NaN counts for nothing.
std::pair<float, float> range_of(const float* values, Index rows, Index columns, double left_out) {
    const Index n = ((rows + SAMPLED - 1) / SAMPLED) * ((columns + SAMPLED - 1) / SAMPLED);
    const Index few = static_cast<Index>(left_out * static_cast<double>(n - 1)) + 1;
    std::vector<float> lowest(few, std::numeric_limits<float>::infinity()), highest = lowest;
    for (Index row = 0; row < rows; row += SAMPLED) {
        for (Index column = 0; column < columns; column += SAMPLED) {
            const float value = values[row * columns + column];
            if (value < lowest.front()) insert(lowest, value);
            if (-value < highest.front()) insert(highest, -value);
        }
    }
    return {lowest.front(), -highest.front()};
}

// The place that a picture continued by its mirror images has there.
Index mirrored(Index place, Index count) {
    place %= 2 * count;
    if (place < 0) place += 2 * count;
    return place < count ? place : 2 * count - 1 - place;
}

FOR_EACH_PROCESSOR
void add(const float* values, Index columns, float* __restrict total) {
    for (Index column = 0; column < columns; ++column) total[column] += values[column];
}

FOR_EACH_PROCESSOR
void move_mean(const float* coming, const float* leaving, Index columns, float share,
               float* __restrict total, float* __restrict means) {
    for (Index column = 0; column < columns; ++column) {
        means[column] = total[column] * share;
        total[column] += coming[column] - leaving[column];
    }
}

// Mean of so many rows above and below each.
void moving_mean(const float* values, Index rows, Index columns, Index radius, float* means) {
    std::vector<float> total(columns);
    for (Index row = -radius; row <= radius; ++row)
        add(values + mirrored(row, rows) * columns, columns, total.data());
    const float share = static_cast<float>(1.0 / static_cast<double>(2 * radius + 1));
    for (Index row = 0; row < rows; ++row)
        move_mean(values + mirrored(row + radius + 1, rows) * columns,
                  values + mirrored(row - radius, rows) * columns, columns, share, total.data(),
                  means + row * columns);
}

std::vector<float> transposed(const std::vector<float>& values, Index rows, Index columns) {
    constexpr Index SIDE = 16;  // of the squares that are turned at once
    std::vector<float> turned(values.size());
    for (Index top = 0; top < rows; top += SIDE)
        for (Index left = 0; left < columns; left += SIDE)
            for (Index row = top; row < std::min(top + SIDE, rows); ++row)
                for (Index column = left; column < std::min(left + SIDE, columns); ++column)
                    turned[column * rows + row] = values[row * columns + column];
    return turned;
}

// Mean of the surroundings; the picture is mirrored at its edges.
std::vector<float> surroundings(std::vector<float> values, Index rows, Index columns,
                                Index radius) {
    std::vector<float> means(values.size());
    for (int axis = 0; axis < 2; ++axis) {  // down, and across
        for (int pass = 0; pass < PASSES; ++pass) {
            moving_mean(values.data(), rows, columns, radius, means.data());
            std::swap(values, means);
        }
        values = transposed(values, rows, columns);
        std::swap(rows, columns);
    }
    return values;
}

// From 0 to 1 what lies between two limits, so that squares of it neither overflow nor vanish.
FOR_EACH_PROCESSOR
void clip(const float* values, Index n, float low, float high, float* __restrict clipped) {
    const float scale = high > low ? 1 / (high - low) : 0;
    for (Index i = 0; i < n; ++i) {
        const float value = values[i] > low ? values[i] : low;
        clipped[i] = ((value < high ? value : high) - low) * scale;
    }
}

FOR_EACH_PROCESSOR
void subtract(const float* background, Index n, float* __restrict detail,
              float* __restrict squares) {
    for (Index i = 0; i < n; ++i) {
        detail[i] -= background[i];
        squares[i] = detail[i] * detail[i];
    }
}

// Square roots, and their sum. A sum that moves may end a little below 0.
FOR_EACH_PROCESSOR
float take_roots(Index n, float* values) {
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (Index i = 0; i < n; ++i) {
        values[i] = std::sqrt(values[i] > 0 ? values[i] : 0);
        total += values[i];
    }
    return total;
}

FOR_EACH_PROCESSOR
void divide(const float* detail, const float* deviation, Index n, float floor,
            float* __restrict evened) {
    for (Index i = 0; i < n; ++i) evened[i] = detail[i] / (deviation[i] + floor);
}

FOR_EACH_PROCESSOR
void to_grey(const float* values, Index n, float low, float scale, std::uint8_t* __restrict grey) {
    for (Index i = 0; i < n; ++i) {
        const float value = (values[i] - low) * scale;
        const float bounded = value > 0 ? value : 0;  // NaN is black
        grey[i] = static_cast<std::uint8_t>(bounded < 255 ? bounded : 255);
    }
}

}  // namespace

void even(const float* values, Index rows, Index columns, Index near, Index wide, float* evened) {
    const Index n = rows * columns;
    const auto [low, high] = range_of(values, rows, columns, OUTLIERS);
    std::vector<float> detail(n), squares(n);
    clip(values, n, low, high, detail.data());
    const std::vector<float> background = surroundings(detail, rows, columns, near);
    subtract(background.data(), n, detail.data(), squares.data());
    std::vector<float> deviation = surroundings(std::move(squares), rows, columns, wide);
    const float total = take_roots(n, deviation.data());
    const float floor =
        static_cast<float>(FLAT * static_cast<double>(total) / static_cast<double>(n) + 1e-37);
    divide(detail.data(), deviation.data(), n, floor, evened);
}

void stretch(const float* values, Index rows, Index columns, double left_out, std::uint8_t* grey) {
    const auto [low, high] = range_of(values, rows, columns, left_out);
    to_grey(values, rows * columns, low, 255 / std::max(high - low, 1e-6f), grey);
}

}  // namespace stem
