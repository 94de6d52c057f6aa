// gemm in the shapes of the three products of a layer, as the course's functions compute them. gemm_panels.cpp has the
// shapes of training, in panels.
//
// m x n x k as in kernels/kernels.h. forward and input (W^T) read a packed b; weights packs A_prev^T each time, as a
// training step must. A k beyond kDepth is cut into parts, as in nn/multiply.h.
#include "oracle.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;
using deepnet::kDepth;
using deepnet::kPanel;

enum class Kind { kForward, kInput, kWeights };

struct Product {
  const char* name;
  Kind kind;
  index_t m, n, k;
};

constexpr Product kProducts[] = {
    {"forward", Kind::kForward, 512, 256, 512}, {"input", Kind::kInput, 512, 256, 512},
    {"weights", Kind::kWeights, 512, 512, 256}, {"small", Kind::kForward, 32, 32, 8},
    {"small", Kind::kForward, 64, 64, 64},      {"tall", Kind::kInput, 12288, 209, 20},
    {"deep", Kind::kForward, 20, 209, 12288},
};

/// The data of one product. b is row-major k x n, or for the gradient of W its transpose, n x k.
template <class T>
struct Operands {
  const Product& p;
  const deepnet::Kernels<T>& kernels;
  index_t parts = (p.k + kDepth<T> - 1) / kDepth<T>, depth = (p.k + parts - 1) / parts;
  std::vector<T> a = random_values<T>(p.m * p.k, 1), b = random_values<T>(p.k * p.n, 2),
                 bias = random_values<T>(p.m, 3);
  std::vector<T> c = std::vector<T>(size_t(p.m * p.n));
  std::vector<T> panels = std::vector<T>(size_t(p.k * ((p.n + kPanel<T> - 1) / kPanel<T>)*kPanel<T>));

  Matrix<const T> left() const {
    return p.kind == Kind::kInput ? deepnet::row_major(a.data(), p.k, p.m).transposed()
                                  : deepnet::row_major(a.data(), p.m, p.k);
  }
  Matrix<const T> right() const {
    return p.kind == Kind::kWeights ? deepnet::row_major(b.data(), p.n, p.k).transposed()
                                    : deepnet::row_major(b.data(), p.k, p.n);
  }

  T* part(index_t first) { return panels.data() + first * ((p.n + kPanel<T> - 1) / kPanel<T>)*kPanel<T>; }

  void pack() {
    for (index_t first = 0; first < p.k; first += depth) {
      const Matrix<const T> from = right().block(first, std::min(depth, p.k - first), 0, p.n);
      kernels.pack(from.rows, p.n, {from.data, from.row, from.col}, part(first));
    }
  }

  void multiply() {
    const Matrix<const T> W = left();
    for (index_t first = 0; first < p.k; first += depth) {
      const index_t steps = std::min(depth, p.k - first);
      kernels.gemm({.m = p.m,
                    .n = p.n,
                    .k = steps,
                    .a = {.data = W.data + first * W.col, .row = W.row, .col = W.col},
                    .b = {.data = part(first), .row = kPanel<T>, .panel = steps * kPanel<T>},
                    .c = {.data = c.data(), .row = p.n},
                    .start = {.bias = bias.data(), .accumulate = first > 0},
                    .prefetch = {.c = first == 0 && p.m * p.n * index_t(sizeof(T)) > 1 << 20}});
    }
  }

  void run() {
    if (p.kind == Kind::kWeights) pack();
    multiply();
  }

  bool right_answer() {
    pack();
    run();
    double worst = 0;
    for_elements<T>(p.m, p.n, p.k, [&](index_t i, index_t j) {
      Sum<T> sum = dot<T>(left(), right(), i, j);
      sum.add(bias[size_t(i)]);
      worst = std::max(worst, excess<Wide<T>>(c[size_t(i * p.n + j)], sum.value, gamma<T>(p.k + 2) * sum.size));
    });
    return worst <= 1;
  }
};

template <class T>
void add_products(const Product& p) {
  const std::string shape = std::to_string(p.m) + "x" + std::to_string(p.n) + "x" + std::to_string(p.k);
  for (const Table<T>& table : supported_tables<T>())
    benchmark::RegisterBenchmark(benchmark_name<T>("gemm", std::string(p.name) + "/" + shape, table.isa).c_str(),
                                 [&p, &kernels = table.kernels](benchmark::State& state) {
                                   Operands<T> operands{p, kernels};
                                   if (!operands.right_answer()) return state.SkipWithError("wrong answer");
                                   time_against_peak<T>(state, kernels, 2.0 * double(p.m) * double(p.n) * double(p.k),
                                                        [&] { operands.run(); });
                                 });
}

}  // namespace

void add_gemm_benchmarks() {
  for (const Product& p : kProducts) {
    add_products<float>(p);
    add_products<double>(p);
  }
}
