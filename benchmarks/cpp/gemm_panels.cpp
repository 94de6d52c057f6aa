// gemm in the three shapes of training, on panels of examples: A = relu(W A_prev + b) and dA_prev = (W^T dZ) *
// g'(A_prev) for a group of two panels, with W transposed beforehand, and W -= rate dZ A_prev^T for a block of rows
// over a batch.
//
// m x n x k as in kernels/kernels.h; k is at most what one call accepts. The course's shapes are in gemm.cpp.
#include "aligned.h"
#include "oracle.h"
#include "peak.h"
#include "topics.h"

namespace {

using namespace oracle;
using deepnet::Finish;
using deepnet::kDepth;
using deepnet::kPanel;

enum class Kind { kForward, kBackward, kGradient };

struct Product {
  const char* name;
  Kind kind;
  index_t m, k;  // units and units before; or, for the gradient, rows of dW and examples
  index_t n;     // 0: two panels
};

constexpr Product kProducts[] = {
    {"forward", Kind::kForward, 64, 17, 0},       {"forward", Kind::kForward, 128, 128, 0},
    {"forward", Kind::kForward, 256, 256, 0},     {"forward", Kind::kForward, 512, 512, 0},
    {"backward", Kind::kBackward, 64, 64, 0},     {"backward", Kind::kBackward, 256, 256, 0},
    {"backward", Kind::kBackward, 512, 512, 0},   {"gradient", Kind::kGradient, 64, 64, 64},
    {"gradient", Kind::kGradient, 128, 128, 128}, {"gradient", Kind::kGradient, 48, 256, 512},
    {"gradient", Kind::kGradient, 48, 256, 1024}, {"gradient", Kind::kGradient, 20, 209, 12288},
};

/// a is m x k, b is k x n and c is m x n; the kind decides which of them are in panels.
template <class T>
struct Operands {
  const Product& p;
  const deepnet::Kernels<T>& kernels;
  index_t m = p.m, k = std::min(p.k, kDepth<T>), n = p.n ? p.n : 2 * kPanel<T>;
  bool gradient = p.kind == Kind::kGradient;
  index_t panels_of_k = (k + kPanel<T> - 1) / kPanel<T>, panels_of_n = (n + kPanel<T> - 1) / kPanel<T>;
  Aligned<T> a{random_values<T>(gradient ? panels_of_k * m * kPanel<T> : m * k, 1)};
  Aligned<T> b{random_values<T>(panels_of_n * k * kPanel<T>, 2)}, bias{random_values<T>(m, 3)};
  Aligned<T> c{random_values<T>(panels_of_n * m * kPanel<T>, 4)}, other{random_values<T>(index_t(c.size()), 5)};

  T rate = T(1e-9);  // keeps W bounded over a million updates

  void run() {
    const bool forward = p.kind == Kind::kForward;  // for the gradient, dZ is in panels of examples and W row-major
    kernels.gemm(
        {.m = m,
         .n = n,
         .k = k,
         .a = {.data = a.data(),
               .row = gradient ? kPanel<T> : k,
               .col = 1,
               .run = gradient ? kPanel<T> : PTRDIFF_MAX,
               .jump = gradient ? (m - 1) * kPanel<T> : 0},
         .b = {.data = b.data(), .row = kPanel<T>, .panel = k * kPanel<T>},
         .c = {.data = c.data(), .row = gradient ? n : kPanel<T>, .panel = gradient ? kPanel<T> : m * kPanel<T>},
         .start = {.bias = forward ? bias.data() : nullptr},
         .epilogue = {.finish = gradient  ? Finish::kDescend
                                : forward ? Finish::kRelu
                                          : Finish::kReluBackward,
                      .scale = rate,
                      .other = other.data()}});
  }

  T a_at(index_t i, index_t q) {
    return gradient ? a[size_t((q / kPanel<T> * m + i) * kPanel<T> + q % kPanel<T>)] : a[size_t(i * k + q)];
  }
  bool right_answer() {
    rate = 1;
    const std::vector<T> before(c.data(), c.data() + c.size());
    run();
    double worst = 0;
    for_elements<T>(m, n, k, [&](index_t i, index_t j) {
      Sum<T> sum;
      if (p.kind == Kind::kForward) sum.add(bias[size_t(i)]);
      for (index_t q = 0; q < k; ++q)
        sum.add(Wide<T>(a_at(i, q)) * Wide<T>(b[size_t((j / kPanel<T> * k + q) * kPanel<T> + j % kPanel<T>)]));
      const auto at = size_t(gradient ? i * n + j : (j / kPanel<T> * m + i) * kPanel<T> + j % kPanel<T>);
      if (p.kind == Kind::kForward) sum.value = std::max(sum.value, Wide<T>(0));
      if (p.kind == Kind::kBackward && other[at] <= 0) sum.value = 0;
      if (gradient) {
        sum.value = before[at] - sum.value;
        sum.size += std::abs(before[at]);
      }
      worst = std::max(worst, excess<Wide<T>>(c[at], sum.value, gamma<T>(k + 2) * sum.size));
    });
    rate = T(1e-9);
    return worst <= 1;
  }
};

template <class T>
void add(const Product& p) {
  const index_t n = p.n ? p.n : 2 * kPanel<T>, k = std::min(p.k, kDepth<T>);
  const std::string shape = std::to_string(p.m) + "x" + std::to_string(n) + "x" + std::to_string(k);
  for (const Table<T>& table : supported_tables<T>())
    benchmark::RegisterBenchmark(benchmark_name<T>("gemm_panels", std::string(p.name) + "/" + shape, table.isa).c_str(),
                                 [&p, &kernels = table.kernels](benchmark::State& state) {
                                   Operands<T> operands{p, kernels};
                                   if (!operands.right_answer()) return state.SkipWithError("wrong answer");
                                   const double operations =
                                       2.0 * double(operands.m) * double(operands.n) * double(operands.k);
                                   time_against_peak<T>(state, kernels, operations, [&] { operands.run(); });
                                 });
}

}  // namespace

void add_gemm_panels_benchmarks() {
  for (const Product& p : kProducts) {
    add<float>(p);
    add<double>(p);
  }
}
