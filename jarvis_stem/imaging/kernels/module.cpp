// What Python sees of it: arrays of the right type and in C order alone, their shapes checked here;
// other threads run meanwhile.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels.h"

namespace py = pybind11;

namespace {

using stem::Basis;
using stem::Index;

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

constexpr Index ANY = -1;
constexpr Index MOST_PIXELS = 30000;  // a side

// Raises where an array has another shape than this.
void expect(const py::array& array, const char* name, std::initializer_list<Index> shape) {
    bool same = array.ndim() == static_cast<Index>(shape.size());
    Index axis = 0;
    std::string expected, got;
    for (const Index size : shape) {
        same = same && (size == ANY || array.shape(axis) == size);
        expected += (axis ? ", " : "") + (size == ANY ? "any" : std::to_string(size));
        ++axis;
    }
    if (same) return;
    for (axis = 0; axis < array.ndim(); ++axis)
        got += (axis ? ", " : "") + std::to_string(array.shape(axis));
    throw std::invalid_argument(std::string(name) + ": expected shape [" + expected + "], got [" +
                                got + "]");
}

void expect(bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument(what);
}

void expect_finite(const Array<double>& array, const char* name) {
    const double* numbers = array.data();
    expect(
        std::all_of(numbers, numbers + array.size(), [](double one) { return std::isfinite(one); }),
        std::string(name) + ": expected finite numbers");
}

Basis basis_at(const double* numbers, Index n) {
    return {numbers[4 * n], numbers[4 * n + 1], numbers[4 * n + 2], numbers[4 * n + 3]};
}

void put(const Basis& basis, double* numbers, Index n) {
    std::copy(basis.begin(), basis.end(), numbers + 4 * n);
}

bool is_basis(const Basis& basis) { return basis != Basis{}; }

stem::Orders orders_of(const Array<Index>& orders) {
    expect(orders, "orders", {ANY, 2});
    return {orders.data(), orders.shape(0)};
}

Array<float> draw(const Array<double>& cell, const Array<double>& sites,
                  const Array<Index>& numbers, const Array<double>& end, bool bounded,
                  const Array<float>& probe, Index size, double pixel_size, double edge) {
    expect(cell, "cell", {2, 2});
    expect(sites, "sites", {ANY, 2});
    expect(numbers, "numbers", {sites.shape(0)});
    expect(end, "end", {2});
    expect(probe, "probe", {ANY, ANY});
    expect(probe.shape(0) > 1 && probe.shape(1) > 1 && (probe.shape(1) - 1) % stem::BLOCK == 0,
           "probe: expected what padded() returns");
    expect(probe.shape(0) <= probe.shape(1), "probe: expected what padded() returns");
    expect(size > 0 && size <= MOST_PIXELS && pixel_size > 0 && edge >= 0 &&
               edge <= pixel_size * static_cast<double>(MOST_PIXELS),
           "expected a size and an edge of up to 30000 pixels, and a pixel size above 0");
    expect_finite(cell, "cell");
    expect_finite(sites, "sites");
    expect_finite(end, "end");
    expect(cell.at(0, 0) * cell.at(1, 1) != cell.at(0, 1) * cell.at(1, 0),
           "cell: expected two directions");
    for (Index n = 0; n < numbers.shape(0); ++n)
        expect(numbers.at(n) > 0, "numbers: expected atomic numbers");
    const stem::Crystal crystal{basis_at(cell.data(), 0), sites.data(),           numbers.data(),
                                sites.shape(0),           {end.at(0), end.at(1)}, bounded};
    const stem::Probe drawn{probe.data(), probe.shape(0), probe.shape(1)};
    Array<float> image({size, size});
    float* to = image.mutable_data();
    const py::gil_scoped_release released;
    stem::draw(crystal, drawn, size, pixel_size, edge, to);
    return image;
}

void expect_share(double left_out) {
    expect(left_out >= 0 && left_out < 0.5, "left_out: expected a share from 0 to 0.5");
}

Array<float> evened(const Array<float>& values, Index near, Index wide) {
    expect(values, "values", {ANY, ANY});
    expect(values.size() > 0 && near >= 0 && wide >= 0, "expected pixels, and radii from 0");
    const Index rows = values.shape(0), columns = values.shape(1);
    Array<float> even({rows, columns});
    const float* from = values.data();
    float* to = even.mutable_data();
    const py::gil_scoped_release released;
    stem::even(from, rows, columns, near, wide, to);
    return even;
}

Array<std::uint8_t> stretched(const Array<float>& values, double left_out) {
    expect(values, "values", {ANY, ANY});
    expect(values.size() > 0, "values: expected pixels");
    expect_share(left_out);
    const Index rows = values.shape(0), columns = values.shape(1);
    Array<std::uint8_t> grey({rows, columns});
    const float* from = values.data();
    std::uint8_t* to = grey.mutable_data();
    const py::gil_scoped_release released;
    stem::stretch(from, rows, columns, left_out, to);
    return grey;
}

Array<std::uint8_t> evened_and_stretched(const Array<float>& parts, Index near, Index wide,
                                         double left_out) {
    expect(parts, "parts", {ANY, ANY, ANY});
    expect(near >= 0 && wide >= 0, "expected radii from 0");
    expect_share(left_out);
    const Index n = parts.shape(0), rows = parts.shape(1), columns = parts.shape(2);
    Array<std::uint8_t> images({n, rows, columns});
    const float* from = parts.data();
    std::uint8_t* to = images.mutable_data();
    const py::gil_scoped_release released;
    if (rows * columns == 0) return images;
    std::vector<float> even(rows * columns);
    for (Index i = 0; i < n; ++i) {
        stem::even(from + i * rows * columns, rows, columns, near, wide, even.data());
        stem::stretch(even.data(), rows, columns, left_out, to + i * rows * columns);
    }
    return images;
}

Array<double> apply_window(Array<float>& images, const Array<float>& window) {
    expect(images, "images", {ANY, ANY, ANY});
    const Index n = images.shape(0), height = images.shape(1), width = images.shape(2);
    expect(window, "window", {height, width});
    Array<double> wholes(n);
    float* pixels = images.mutable_data();
    const float* under = window.data();
    double* to = wholes.mutable_data();
    const py::gil_scoped_release released;
    for (Index i = 0; i < n; ++i)
        to[i] = stem::apply_window(pixels + i * height * width, under, height, width);
    return wholes;
}

py::tuple fold(const Array<float>& windowed) {
    expect(windowed, "windowed", {ANY, ANY, ANY});
    const Index n = windowed.shape(0), height = windowed.shape(1), width = windowed.shape(2);
    const Index size = stem::folded_rows(height) * width;
    Array<float> sums({n, stem::folded_rows(height), width});
    Array<float> differences({n, stem::folded_rows(height), width});
    const float* from = windowed.data();
    float* to_sums = sums.mutable_data();
    float* to_differences = differences.mutable_data();
    {
        const py::gil_scoped_release released;
        for (Index i = 0; i < n; ++i)
            stem::fold(from + i * height * width, height, width, to_sums + i * size,
                       to_differences + i * size);
    }
    return py::make_tuple(sums, differences);
}

// Several images' halves.
struct Folded {
    Folded(const Array<float>& sums, const Array<float>& differences, Index height)
        : sums(sums.data()), differences(differences.data()), height(height) {
        expect(height > 0 && sums.size() > 0, "sums: expected pixels");
        expect(sums, "sums", {ANY, stem::folded_rows(height), ANY});
        expect(differences, "differences", {sums.shape(0), sums.shape(1), sums.shape(2)});
        count = sums.shape(0);
        width = sums.shape(2);
    }
    stem::Halves operator[](Index n) const {
        const Index start = n * stem::folded_rows(height) * width;
        return {sums + start, differences + start, height, width};
    }
    const float* sums;
    const float* differences;
    Index height, width, count;
};

// Of a table of harmonics those that a mask names.
std::vector<Index> chosen(const stem::Orders& orders, const bool* mask) {
    std::vector<Index> some;
    for (Index m = 0; m < orders.count; ++m)
        if (mask[m]) some.insert(some.end(), {orders(m, 0), orders(m, 1)});
    return some;
}

stem::Orders table_of(const std::vector<Index>& orders) {
    return {orders.data(), static_cast<Index>(orders.size()) / 2};
}

Array<std::complex<float>> amplitudes(const Array<double>& bases, const Array<Index>& orders,
                                      const Array<bool>& used, const Array<float>& sums,
                                      const Array<float>& differences, Index height) {
    const Folded images(sums, differences, height);
    const stem::Orders table = orders_of(orders);
    expect(bases, "bases", {images.count, 2, 2});
    expect(used, "used", {images.count, table.count});
    Array<std::complex<float>> found({images.count, table.count});
    const double* numbers = bases.data();
    const bool* mask = used.data();
    std::complex<float>* to = found.mutable_data();
    const py::gil_scoped_release released;
    std::fill_n(to, images.count * table.count, 0.0f);
    for (Index n = 0; n < images.count; ++n, mask += table.count, to += table.count) {
        const std::vector<Index> some = chosen(table, mask);
        std::vector<std::complex<double>> values(some.size() / 2);
        stem::moments(basis_at(numbers, n), table_of(some), images[n], 1, values.data());
        for (Index m = 0, next = 0; m < table.count; ++m)
            if (mask[m]) to[m] = static_cast<std::complex<float>>(values[next++]);
    }
    return found;
}

py::tuple harmonic_powers(const Array<double>& bases, const Array<Index>& which,
                          const Array<Index>& orders, const Array<bool>& used,
                          const Array<float>& sums, const Array<float>& differences, Index height) {
    const Folded images(sums, differences, height);
    const stem::Orders table = orders_of(orders);
    expect(which, "which", {ANY});
    const Index n = which.shape(0);
    expect(bases, "bases", {n, 2, 2});
    expect(used, "used", {n, table.count});
    for (Index i = 0; i < n; ++i)
        expect(which.at(i) >= 0 && which.at(i) < images.count, "which: expected images' numbers");
    Array<double> values(n), gradients({n, Index{4}}), curvatures({n, Index{4}, Index{4}});
    const double* numbers = bases.data();
    const bool* mask = used.data();
    const Index* image = which.data();
    double* to_values = values.mutable_data();
    double* to_gradients = gradients.mutable_data();
    double* to_curvatures = curvatures.mutable_data();
    {
        const py::gil_scoped_release released;
        for (Index i = 0; i < n; ++i) {
            const std::vector<Index> some = chosen(table, mask + i * table.count);
            stem::Power power{0, to_gradients + 4 * i, to_curvatures + 16 * i};
            stem::harmonic_power(basis_at(numbers, i), table_of(some), images[image[i]], power);
            to_values[i] = power.value;
        }
    }
    return py::make_tuple(values, gradients, curvatures);
}

Array<std::complex<double>> moments(const Array<double>& basis, const Array<Index>& orders,
                                    const Array<float>& sums, const Array<float>& differences,
                                    Index height, Index count) {
    const Folded images(sums, differences, height);
    const stem::Orders table = orders_of(orders);
    expect(basis, "basis", {2, 2});
    expect(images.count == 1 && count > 0, "expected one image and a count above 0");
    Array<std::complex<double>> found({table.count, count, count});
    const Basis numbers = basis_at(basis.data(), 0);
    std::complex<double>* to = found.mutable_data();
    const py::gil_scoped_release released;
    stem::moments(numbers, table, images[0], count, to);
    return found;
}

py::tuple sums_over_rows(const Array<double>& steps, const Array<Index>& orders,
                         const Array<float>& sums, const Array<float>& differences, Index height,
                         Index count) {
    const Folded images(sums, differences, height);
    const stem::Orders table = orders_of(orders);
    expect(steps, "steps", {2});
    expect(images.count == 1 && count > 0, "expected one image and a count above 0");
    const Index lines = stem::padded(count * table.count);
    Array<float> of_sums({lines, images.width}), of_differences({lines, images.width});
    float* to_sums = of_sums.mutable_data();
    float* to_differences = of_differences.mutable_data();
    {
        const py::gil_scoped_release released;
        stem::sum_over_rows({steps.at(0), steps.at(1)}, table, images[0], count, to_sums,
                            to_differences);
    }
    return py::make_tuple(of_sums, of_differences);
}

py::tuple waves(const Array<double>& steps, const Array<Index>& orders, Index size) {
    const stem::Orders table = orders_of(orders);
    expect(steps, "steps", {2});
    expect(size > 0, "size: expected pixels");
    Array<float> cosines({table.count, size}), sines({table.count, size});
    stem::waves({steps.at(0), steps.at(1)}, table, size, 0, cosines.mutable_data(),
                sines.mutable_data());
    return py::make_tuple(cosines, sines);
}

py::tuple strongest(const Array<std::complex<float>>& spectra, Index reach,
                    const Array<bool>& usable, float rounding) {
    constexpr Index MOST = stem::MOST_PEAKS, EDGE = stem::PEAK_REACH;
    expect(spectra, "spectra", {ANY, ANY, ANY});
    const Index n = spectra.shape(0), rows = spectra.shape(1), columns = spectra.shape(2);
    expect(reach > EDGE && 2 * reach < rows && columns > EDGE,
           "reach: expected less than there is");
    expect(usable, "usable", {2 * reach + 1 - 2 * EDGE, columns - EDGE});
    Array<double> places({n, MOST, Index{2}}), heights({n, MOST}), weights({n, MOST});
    Array<Index> counts(n);
    stem::Spectrum spectrum{spectra.data(), rows, columns, reach, usable.data()};
    stem::PeakTable found{places.mutable_data(), heights.mutable_data(), weights.mutable_data()};
    Index* count = counts.mutable_data();
    {
        const py::gil_scoped_release released;
        std::fill_n(found.places, 2 * MOST * n, 0.0);
        std::fill_n(found.heights, MOST * n, 0.0);
        std::fill_n(found.weights, MOST * n, 0.0);
        for (Index i = 0; i < n; ++i) {
            count[i] = stem::find_strongest(spectrum, rounding, found);
            spectrum.values += rows * columns;
            found = {found.places + 2 * MOST, found.heights + MOST, found.weights + MOST};
        }
    }
    return py::make_tuple(places, heights, weights, counts);
}

// Several images' peaks.
struct PeakLists {
    PeakLists(const Array<double>& places, const Array<double>& heights,
              const Array<double>& weights, const Array<Index>& counts, const Array<double>& size)
        : places(places.data()),
          heights(heights.data()),
          weights(weights.data()),
          counts(counts.data()),
          size{size.at(0), size.at(1)},
          count(places.shape(0)) {
        constexpr Index MOST = stem::MOST_PEAKS;
        expect(places, "places", {ANY, MOST, 2});
        expect(heights, "heights", {count, MOST});
        expect(weights, "weights", {count, MOST});
        expect(counts, "counts", {count});
        expect(size, "size", {2});
        for (Index n = 0; n < count; ++n)
            expect(counts.at(n) >= 0 && counts.at(n) <= MOST, "counts: expected 64 at most");
    }
    stem::Peaks operator[](Index n) const {
        constexpr Index MOST = stem::MOST_PEAKS;
        return {places + 2 * MOST * n, heights + MOST * n, weights + MOST * n, counts[n], size};
    }
    const double* places;
    const double* heights;
    const double* weights;
    const Index* counts;
    std::array<double, 2> size;
    Index count;
};

Array<double> explaining(const Array<double>& places, const Array<double>& heights,
                         const Array<double>& weights, const Array<Index>& counts,
                         const Array<double>& size, double closest) {
    const PeakLists peaks(places, heights, weights, counts, size);
    Array<double> bases({peaks.count, Index{2}, Index{2}});
    double* to = bases.mutable_data();
    const py::gil_scoped_release released;
    for (Index n = 0; n < peaks.count; ++n) put(stem::explaining(peaks[n], closest), to, n);
    return bases;
}

py::tuple lattices(const Array<double>& bases, const Array<double>& places,
                   const Array<double>& heights, const Array<double>& weights,
                   const Array<Index>& counts, const Array<double>& size, double pixel_size) {
    const PeakLists peaks(places, heights, weights, counts, size);
    expect(bases, "bases", {peaks.count, 2, 2});
    Array<double> vectors({peaks.count, Index{2}, Index{2}}), qualities(peaks.count);
    const double* numbers = bases.data();
    double* to = vectors.mutable_data();
    double* of = qualities.mutable_data();
    {
        const py::gil_scoped_release released;
        std::fill_n(to, 4 * peaks.count, std::numeric_limits<double>::quiet_NaN());
        std::fill_n(of, peaks.count, 0.0);
        for (Index n = 0; n < peaks.count; ++n) {
            const Basis basis = basis_at(numbers, n);
            if (!is_basis(basis)) continue;
            put(stem::vectors_of(basis, peaks.size, pixel_size), to, n);
            of[n] = stem::quality(basis, peaks[n]);
        }
    }
    return py::make_tuple(vectors, qualities);
}

Array<double> reduced(const Array<double>& bases) {
    expect(bases, "bases", {ANY, 2, 2});
    const Index n = bases.shape(0);
    Array<double> shortest({n, Index{2}, Index{2}});
    const double* numbers = bases.data();
    double* to = shortest.mutable_data();
    const py::gil_scoped_release released;
    for (Index i = 0; i < n; ++i) put(stem::reduced(basis_at(numbers, i)), to, i);
    return shortest;
}

py::tuple nearest_harmonics(const Array<double>& basis, const Array<double>& places) {
    expect(basis, "basis", {2, 2});
    expect(places, "places", {ANY, 2});
    const Index n = places.shape(0);
    Array<double> misses(n), orders({n, Index{2}});
    const double* from = places.data();
    double* to_misses = misses.mutable_data();
    double* to_orders = orders.mutable_data();
    const Basis numbers = basis_at(basis.data(), 0);
    {
        const py::gil_scoped_release released;
        stem::nearest_harmonics(numbers, from, n, to_misses, to_orders);
    }
    return py::make_tuple(misses, orders);
}

}  // namespace

PYBIND11_MODULE(_kernels, module) {
    module.doc() = "Compiled parts of the renderer and of the measurement.";
    const auto exact = [](const char* name) { return py::arg(name).noconvert(); };
    module.attr("BLOCK") = stem::BLOCK;
    module.attr("PASSES") = stem::PASSES;
    module.attr("MOST_PEAKS") = stem::MOST_PEAKS;
    module.attr("PEAK_REACH") = stem::PEAK_REACH;
    module.def("draw", &draw, exact("cell"), exact("sites"), exact("numbers"), exact("end"),
               py::arg("bounded"), exact("probe"), py::arg("size"), py::arg("pixel_size"),
               py::arg("edge"));
    module.def("evened", &evened, exact("values"), py::arg("near"), py::arg("wide"));
    module.def("stretched", &stretched, exact("values"), py::arg("left_out"));
    module.def("evened_and_stretched", &evened_and_stretched, exact("parts"), py::arg("near"),
               py::arg("wide"), py::arg("left_out"));
    module.def("apply_window", &apply_window, exact("images"), exact("window"));
    module.def("fold", &fold, exact("windowed"));
    module.def("amplitudes", &amplitudes, exact("bases"), exact("orders"), exact("used"),
               exact("sums"), exact("differences"), py::arg("height"));
    module.def("harmonic_powers", &harmonic_powers, exact("bases"), exact("which"), exact("orders"),
               exact("used"), exact("sums"), exact("differences"), py::arg("height"));
    module.def("moments", &moments, exact("basis"), exact("orders"), exact("sums"),
               exact("differences"), py::arg("height"), py::arg("count"));
    module.def("sums_over_rows", &sums_over_rows, exact("steps"), exact("orders"), exact("sums"),
               exact("differences"), py::arg("height"), py::arg("count"));
    module.def("waves", &waves, exact("steps"), exact("orders"), py::arg("size"));
    module.def("strongest", &strongest, exact("spectra"), py::arg("reach"), exact("usable"),
               py::arg("rounding"));
    module.def("explaining", &explaining, exact("places"), exact("heights"), exact("weights"),
               exact("counts"), exact("size"), py::arg("closest"));
    module.def("lattices", &lattices, exact("bases"), exact("places"), exact("heights"),
               exact("weights"), exact("counts"), exact("size"), py::arg("pixel_size"));
    module.def("reduced", &reduced, exact("bases"));
    module.def("nearest_harmonics", &nearest_harmonics, exact("basis"), exact("places"));
}
