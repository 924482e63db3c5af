#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels.h"

namespace stem {
namespace {

constexpr double NOISE_FROM = 0.42;  // cycles a pixel; beyond it there is noise alone
constexpr Index NOISE_STEP = 3;      // bins: a part of the noise says how strong it is
constexpr double ABOVE_NOISE = 4.5;  // times its root mean square; no image's noise reaches that
constexpr double FAINTEST = 0.007;   // of the strongest peak's amplitude
constexpr double LEAST = 1e-30;      // power; less is none

struct Picture {
    std::vector<float> values;
    Index rows, columns;
    const float* row(Index n) const { return &values[n * columns]; }
};

// Power of the noise: the median of what is beyond the probe's reach.
float noise_of(const Spectrum& spectrum) {
    const double rows = static_cast<double>(spectrum.rows);
    const Index first = static_cast<Index>(NOISE_FROM * rows);
    const Index last = static_cast<Index>((1 - NOISE_FROM) * rows);
    std::vector<float> power;
    for (Index row = first; row < last; row += NOISE_STEP) {
        for (Index column = 0; column < spectrum.columns; column += NOISE_STEP) {
            const float one = std::norm(spectrum.values[row * spectrum.columns + column]);
            if (std::isfinite(one)) power.push_back(one);
        }
    }
    if (power.empty()) return 0;
    const auto middle = power.begin() + (static_cast<Index>(power.size()) - 1) / 2;
    std::nth_element(power.begin(), middle, power.end());
    return *middle / static_cast<float>(std::log(2.0));
}

FOR_EACH_PROCESSOR
void square(const std::complex<float>* values, Index n, float* __restrict power) {
    const float* parts = reinterpret_cast<const float*>(values);
    for (Index i = 0; i < n; ++i)
        power[i] = parts[2 * i] * parts[2 * i] + parts[2 * i + 1] * parts[2 * i + 1];
}

// Power at low frequencies; before the first column are those that a real image's symmetry gives.
Picture low_power(const Spectrum& spectrum) {
    const Index rows = 2 * spectrum.reach + 1, columns = PEAK_REACH + spectrum.columns;
    Picture power{std::vector<float>(rows * columns), rows, columns};
    for (Index row = 0; row < rows; ++row) {
        const Index from = (row - spectrum.reach + spectrum.rows) % spectrum.rows;
        float* line = &power.values[row * columns + PEAK_REACH];
        square(spectrum.values + from * spectrum.columns, spectrum.columns, line);
        for (Index column = 1; column <= PEAK_REACH; ++column)
            power.values[(rows - 1 - row) * columns + PEAK_REACH - column] = line[column];
    }
    return power;
}

// The highest of each number and of those that follow it in steps, five in all.
FOR_EACH_PROCESSOR
void take_highest(const float* values, Index n, Index step, float* __restrict highest) {
    static_assert(PEAK_REACH == 2);
    const float* second = values + step;
    const float* third = second + step;
    const float* fourth = third + step;
    const float* fifth = fourth + step;
    for (Index i = 0; i < n; ++i) {
        const float left = values[i] > second[i] ? values[i] : second[i];
        const float right = third[i] > fourth[i] ? third[i] : fourth[i];
        const float most = left > right ? left : right;
        highest[i] = most > fifth[i] ? most : fifth[i];
    }
}

using Top = std::pair<float, Index>;  // its power and its place in the flattened picture

// Where usable power above a floor is the highest of five by five.
std::vector<Top> tops_of(const Picture& power, const Spectrum& spectrum, float floor) {
    const Index width = power.columns, across = static_cast<Index>(power.values.size()) - 4;
    const Index around = across - 4 * width;  // what follows of a square at a row's end is not used
    std::vector<float> lines(across), squares(around);
    take_highest(power.values.data(), across, 1, lines.data());
    take_highest(lines.data(), around, width, squares.data());
    const Index columns = spectrum.columns - PEAK_REACH, rows = power.rows - 2 * PEAK_REACH;
    std::vector<Top> found;
    for (Index row = 0; row < rows; ++row) {
        const float* line = power.row(row + PEAK_REACH) + PEAK_REACH;
        for (Index column = 0; column < columns; ++column)
            if (line[column] > floor && line[column] == squares[row * width + column] &&
                spectrum.usable[row * columns + column])
                found.emplace_back(line[column], (row + PEAK_REACH) * width + column + PEAK_REACH);
    }
    return found;
}

double logarithm(const Picture& power, Index place) {
    return std::log(std::max(static_cast<double>(power.values[place]), LEAST));
}

// Where the parabola through a peak of the log power and its neighbours, a step each way, has its
// top.
double vertex(const Picture& power, Index place, Index step) {
    const double below = logarithm(power, place - step), above = logarithm(power, place + step);
    const double bend = below - 2 * logarithm(power, place) + above;
    return std::clamp((below - above) / (2 * std::min(bend, -1e-9)), -1.0, 1.0);
}

}  // namespace

Index find_strongest(const Spectrum& spectrum, float rounding, const PeakTable& found) {
    const Picture power = low_power(spectrum);
    float floor =
        static_cast<float>(ABOVE_NOISE * ABOVE_NOISE) * std::max(noise_of(spectrum), rounding);
    std::vector<Top> tops = tops_of(power, spectrum, floor);
    const Index most = std::min<Index>(MOST_PEAKS, static_cast<Index>(tops.size()));
    std::partial_sort(tops.begin(), tops.begin() + most, tops.end(),
                      [](const Top& one, const Top& other) {  // of equals the first
                          return one.first != other.first ? one.first > other.first
                                                          : one.second < other.second;
                      });
    if (most == 0) return 0;
    const double strongest = static_cast<double>(tops[0].first);
    floor = std::max(floor, static_cast<float>(FAINTEST * FAINTEST * strongest));
    Index count = 0;
    for (; count < most && tops[count].first > floor; ++count) {
        const auto [height, place] = tops[count];
        const Index row = place / power.columns, column = place % power.columns;
        found.places[2 * count] =
            static_cast<double>(row - spectrum.reach) + vertex(power, place, power.columns);
        found.places[2 * count + 1] =
            static_cast<double>(column - PEAK_REACH) + vertex(power, place, 1);
        found.heights[count] = std::sqrt(static_cast<double>(height) / strongest);
        found.weights[count] =
            std::log(static_cast<double>(height) / static_cast<double>(floor)) / 2;
    }
    return count;
}

}  // namespace stem
