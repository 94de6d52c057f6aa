// Each activation, forward and backward, on rows that fit L1: nanoseconds per element.
#include "curves.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;

constexpr index_t kRows = 4, kCols = 512;  // three arrays of up to 16 KB

template <class T>
struct Data {
  std::vector<T> z = random_values<T>(kRows * kCols, 1, -5, 5), d_a = random_values<T>(kRows * kCols, 2);
  std::vector<T> a = std::vector<T>(z.size()), d_z = std::vector<T>(z.size());
  std::vector<T> lane_sums = std::vector<T>(size_t(kRows * deepnet::kPanel<T>));

  static deepnet::Rows<const T> read(const std::vector<T>& x) { return {x.data(), kCols}; }
  void forward(const deepnet::Activation<T>& g) { g.forward({kRows, kCols, read(z), {a.data(), kCols}}); }
  void backward(const deepnet::Activation<T>& g) {
    std::fill(lane_sums.begin(), lane_sums.end(), T(0));  // otherwise they grow without bound
    g.backward({kRows, kCols, read(d_a), read(z), {d_z.data(), kCols}, lane_sums.data()});
  }

  bool right_answer(const deepnet::Activation<T>& g) {
    const Curve<T>& c = curve<T>(g.name);
    forward(g);
    backward(g);
    double worst = 0;
    for (size_t i = 0; i < z.size(); ++i) {
      const Wide<T> value = c.value(z[i]), slope = c.slope(z[i]);
      worst = std::max(worst, excess<Wide<T>>(a[i], value, c.ulps * ulp<T>(value)));
      worst = std::max(worst, excess<Wide<T>>(d_z[i], d_a[i] * slope,
                                              std::abs(d_a[i]) * c.slope_error(z[i]) * u<T> * Wide<T>(1.001)));
    }
    return worst <= 1;
  }
};

template <class T>
void add(index_t id, bool forward) {
  for (const Table<T>& table : supported_tables<T>()) {
    const deepnet::Activation<T>& g = table.kernels.activations[id];
    const std::string what = std::string(g.name) + (forward ? "/forward" : "/backward");
    benchmark::RegisterBenchmark(
        benchmark_name<T>("activation", what, table.isa).c_str(), [&g, forward](benchmark::State& state) {
          Data<T> data;
          if (!data.right_answer(g)) return state.SkipWithError("wrong answer");
          const double seconds = time_alone(state, [&] { forward ? data.forward(g) : data.backward(g); });
          state.counters["ns_per_element"] = 1e9 * seconds / double(kRows * kCols);
        });
  }
}

}  // namespace

void add_activation_benchmarks() {
  for (index_t id = 0; id < index_t(deepnet::activation_names().size()); ++id)
    for (const bool forward : {true, false}) {
      if (deepnet::takes_whole_columns(int(id))) continue;
      add<float>(id, forward);
      add<double>(id, forward);
    }
}
