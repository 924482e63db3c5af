#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.h"

namespace stem {
namespace {

constexpr double POWER = 1.7;       // of the atomic number: the intensity
constexpr double TOLERANCE = 1e-6;  // cells; atoms on the border may be either way

struct Steps {
    double first;
    Index count;
};

// Along a (0) or b (1) to the cells with a site that may be in reach.
Steps steps_in_reach(const Crystal& crystal, int axis, double reach) {
    const double* along = &crystal.cell[2 * axis];
    const double* other = &crystal.cell[2 * (1 - axis)];
    const double area = along[0] * other[1] - along[1] * other[0];
    const double x = other[1] / area, y = -other[0] / area;  // the reciprocal vector
    const double steps = reach * (std::abs(x) + std::abs(y)) + TOLERANCE;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (Index n = 0; n < crystal.n_sites; ++n) {
        const double fractional = crystal.sites[2 * n] * x + crystal.sites[2 * n + 1] * y;
        low = std::min(low, fractional);
        high = std::max(high, fractional);
    }
    const double end = crystal.end[axis];
    double first = -steps - high, last = steps - low;
    if (crystal.bounded) {
        first = std::max(first, -end);
        last = std::min(last, end);
    }
    first = std::ceil(first + end) - end;
    return {first, std::max<Index>(0, static_cast<Index>(std::ceil(last + TOLERANCE - first)))};
}

// Add an atom that lies between four pixels, so far down and right of the first one.
FOR_EACH_PROCESSOR
void add_atom(float* canvas, Index stride, const float* probe, Index rows, Index columns,
              double down, double right, double intensity) {
    const float here = static_cast<float>(intensity * (1 - down) * (1 - right));
    const float beside = static_cast<float>(intensity * (1 - down) * right);
    const float below = static_cast<float>(intensity * down * (1 - right));
    const float across = static_cast<float>(intensity * down * right);
    for (Index start = 0; start < columns - 1; start += BLOCK) {
        for (Index i = 0; i < rows - 1; ++i) {
            float* __restrict row = canvas + i * stride + start;
            const float* upper = probe + i * columns + start;
            const float* lower = upper + columns;
            for (Index j = 0; j < BLOCK; ++j)
                row[j] += here * lower[j + 1] + beside * lower[j] + below * upper[j + 1] +
                          across * upper[j];
        }
    }
}

}  // namespace

// Of the atoms of one element that fall in one pixel the last one counts, in the order of the
// sites, then of the steps along a, then along b.
void draw(const Crystal& crystal, const Probe& probe, Index size, double pixel_size, double edge,
          float* image) {
    const double view = pixel_size * static_cast<double>(size - 1);
    const double low = -edge / pixel_size, high = (view + edge) / pixel_size;
    const Index outside = static_cast<Index>(std::ceil(edge / pixel_size)) + 1;
    const Index span = size + 2 * outside, stride = span + probe.columns - 1;
    std::vector<float> canvas((span + probe.rows - 1) * stride);
    std::vector<Index> latest(span * span);  // element drawn last in each pixel
    const Steps a = steps_in_reach(crystal, 0, view / 2 + edge);
    const Steps b = steps_in_reach(crystal, 1, view / 2 + edge);
    const Basis& cell = crystal.cell;
    for (Index n = crystal.n_sites - 1; n >= 0;
         --n) {  // backwards: the last in a pixel comes first
        const double intensity = std::pow(static_cast<double>(crystal.numbers[n]), POWER);
        for (Index i = a.count - 1; i >= 0; --i) {
            for (Index j = b.count - 1; j >= 0; --j) {
                const double along_a = a.first + static_cast<double>(i);
                const double along_b = b.first + static_cast<double>(j);
                const double x =
                    (crystal.sites[2 * n] + (along_a * cell[0] + along_b * cell[2]) + view / 2) /
                    pixel_size;
                const double y = (crystal.sites[2 * n + 1] +
                                  (along_a * cell[1] + along_b * cell[3]) + view / 2) /
                                 pixel_size;
                if (!(low < x && x < high && low < y && y < high)) continue;
                const double row = std::floor(x), column = std::floor(y);
                const Index top = static_cast<Index>(row) + outside;
                const Index left = static_cast<Index>(column) + outside;
                Index& element = latest[top * span + left];
                if (element == crystal.numbers[n]) continue;
                element = crystal.numbers[n];
                add_atom(&canvas[top * stride + left], stride, probe.values, probe.rows,
                         probe.columns, x - row, y - column, intensity);
            }
        }
    }
    const Index start = outside + (probe.rows - 1) / 2 - 1;
    for (Index row = 0; row < size; ++row)
        std::copy_n(&canvas[(start + row) * stride + start], size, image + row * size);
}

}  // namespace stem
