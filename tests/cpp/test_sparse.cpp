// Sparse examples: every result has the bits of the dense data.
#include "doctest/doctest.h"
#include "engine.h"

using namespace oracle;

namespace {

/// The columns of a matrix, row by row in memory, as sparse examples.
template <class S>
struct Sparse {
  std::vector<int64_t> begins{0};
  std::vector<int32_t> indices;
  std::vector<S> numbers;

  Sparse(const std::vector<S>& X, index_t units, index_t m) {
    for (index_t e = 0; e < m; ++e) {
      for (index_t i = 0; i < units; ++i)
        if (const S x = X[size_t(i * m + e)]; x != S(0)) {
          indices.push_back(int32_t(i));
          numbers.push_back(x);
        }
      begins.push_back(int64_t(indices.size()));
    }
  }
  deepnet::Examples examples(deepnet::Element element, index_t units) const {
    deepnet::Examples X{.data = numbers.data(), .element = element, .units = units};
    X.count = index_t(begins.size()) - 1;
    X.begins = begins.data();
    X.indices = indices.data();
    return X;
  }
};

template <class T>
constexpr deepnet::Element kElement = sizeof(T) == 4 ? deepnet::Element::kF32 : deepnet::Element::kF64;

/// A task whose examples are mostly zeros, dense and sparse.
template <class T>
struct Pair {
  Task<T> dense, sparse;
  Sparse<T> X;

  Pair(std::vector<index_t> units, std::vector<std::string> names, index_t m)
      : dense(units, names, m), sparse(units, names, m), X(fill(dense), units[0], m) {}
  static const std::vector<T>& fill(Task<T>& task) {
    const std::vector<T> by_example = mostly_zeros<T>(task.m, task.units[0], 7);
    for (index_t i = 0; i < task.units[0]; ++i)
      for (index_t e = 0; e < task.m; ++e) task.X[size_t(i * task.m + e)] = by_example[size_t(e * task.units[0] + i)];
    return task.X;
  }
  deepnet::Examples x() const { return X.examples(kElement<T>, dense.units[0]); }
  deepnet::Data sparse_data() const { return {x(), sparse.y()}; }
};

template <class T>
std::vector<T> predictions(const Task<T>& task, const deepnet::Examples& X, int threads) {
  std::vector<T> out(size_t(task.units.back() * X.count));
  deepnet::predict<T>(task.net, X, deepnet::row_major(out.data(), task.units.back(), X.count), threads);
  return out;
}

template <class T>
std::vector<double> fit(const Task<T>& task, const deepnet::Data& data, const deepnet::Plan& plan, index_t batch,
                        int threads) {
  std::vector<double> losses(3), seconds(3);
  deepnet::fit<T>(task.net, data, plan,
                  {.epochs = 3, .batch_size = batch, .learning_rate = 0.02, .seed = 4, .threads = threads}, losses,
                  seconds);
  return losses;
}

deepnet::OptimizerId optimizer_named(std::string_view name) {
  const std::vector<std::string_view> names = deepnet::optimizer_names();
  return deepnet::OptimizerId(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("sparse examples give the bits of dense ones", T, float, double) {
  const deepnet::OptimizerId adam = optimizer_named("adam"), momentum = optimizer_named("momentum");
  const std::vector<deepnet::Plan> plans = {
      {},
      {.optimizer = momentum, .hyper = {0.9}, .input_dropout = 0.3, .layers = {{.l2 = 0.01}, {}}},
      {.optimizer = adam, .hyper = {0.9, 0.999}, .normalized = true, .layers = {{0.2, 0.1, 0.01}, {}}},
      {.optimizer = adam, .hyper = {0.9, 0.999}, .weight_decay = 0.1, .clip_norm = 0.3},
      {.optimizer = adam, .hyper = {0.9, 0.999}, .feature_rate = 2},
  };
  for (const std::string activation : {"relu", "gelu"})
    for (deepnet::Plan plan : plans)
      for (const index_t batch : {40, 600}) {  // one chunk, and two
        CAPTURE(activation);
        CAPTURE(&plan - plans.data());
        CAPTURE(batch);
        const index_t inputs = batch == 40 ? 1100 : 60;  // two columns of blocks, and one
        const Pair<T> pair({inputs, 100, 3}, {activation, "sigmoid"}, batch == 40 ? 90 : 1000);
        const std::vector<double> losses = fit(pair.dense, pair.dense.data(), plan, batch, 1);
        CHECK(fit(pair.sparse, pair.sparse_data(), plan, batch, batch == 40 ? 1 : 2) == losses);
        CHECK(same_bits(pair.sparse.parameters(), pair.dense.parameters()));
        CHECK(deepnet::evaluate<T>(pair.sparse.net, pair.sparse_data(), plan, 2) ==
              deepnet::evaluate<T>(pair.dense.net, pair.dense.data(), plan, 1));
        CHECK(pair.sparse.gradients(pair.sparse_data(), plan, 2) == pair.dense.gradients(pair.dense.data(), plan));
      }
}

TEST_CASE_TEMPLATE("a network of one layer takes sparse examples, too", T, float, double) {
  const Pair<T> pair({30, 2}, {"sigmoid"}, 70);
  CHECK(fit(pair.sparse, pair.sparse_data(), {}, 20, 1) == fit(pair.dense, pair.dense.data(), {}, 20, 1));
  CHECK(same_bits(pair.sparse.parameters(), pair.dense.parameters()));
}

TEST_CASE_TEMPLATE("predictions of sparse examples have the bits of dense ones", T, float, double) {
  for (const std::string output : {"sigmoid", "softmax"})
    for (const index_t m : {1, 3, 40, 1100}) {
      CAPTURE(m);
      const Pair<T> pair({130, 40, 30, 5}, {"tanh", "relu", output}, m);
      const std::vector<T> expected = pair.dense.predictions();
      for (const int threads : {1, 2}) CHECK(same_bits(predictions(pair.dense, pair.x(), threads), expected));
    }
}

TEST_CASE("examples without a number are all 0") {
  const Task<float> task({40, 20, 2}, {"relu", "sigmoid"}, 50);
  const std::vector<float> zeros(40 * 50);
  const Sparse<float> sparse(zeros, 40, 50);
  const deepnet::Examples x = sparse.examples(deepnet::Element::kF32, 40),
                          dense = deepnet::examples<float>(deepnet::row_major(zeros.data(), 40, 50));
  CHECK(same_bits(predictions(task, x, 1), predictions(task, dense, 1)));
  CHECK(task.gradients({x, task.y()}, {}) == task.gradients({dense, task.y()}, {}));
}

TEST_CASE("sparse examples of other types are converted and scaled") {
  constexpr index_t units = 40, m = 50;
  const Task<float> task({units, 20, 2}, {"relu", "sigmoid"}, m);
  std::vector<uint8_t> bytes(size_t(units * m));
  for (size_t i = 0; i < bytes.size(); i += 7) bytes[i] = uint8_t(i * 31);
  const Sparse<uint8_t> sparse(bytes, units, m);
  deepnet::Examples dense{bytes.data(), deepnet::Element::kU8, units, m, m, 1, 1.0 / 255},
      x = sparse.examples(deepnet::Element::kU8, units);
  x.scale = 1.0 / 255;
  CHECK(same_bits(predictions(task, x, 1), predictions(task, dense, 1)));
}

TEST_CASE("chosen and repeated sparse examples are those of the dense data") {
  const Pair<float> pair({50, 30, 2}, {"relu", "sigmoid"}, 80);
  const std::vector<uint32_t> chosen{3, 79, 3, 1, 40, 41};
  deepnet::Data dense = pair.dense.data(), sparse = pair.sparse_data();
  for (deepnet::Data* data : {&dense, &sparse}) {
    data->chosen = chosen.data();
    data->X.count = data->Y.count = index_t(chosen.size());
  }
  CHECK(fit(pair.sparse, sparse, {}, 4, 1) == fit(pair.dense, dense, {}, 4, 1));
  CHECK(same_bits(pair.sparse.parameters(), pair.dense.parameters()));
}

TEST_CASE("indices that became too large since they were checked are not followed") {
  Pair<float> pair({50, 30, 2}, {"relu", "sigmoid"}, 80);
  for (size_t p = 0; p < pair.X.indices.size(); p += 3) pair.X.indices[p] = p % 2 ? -1 - int32_t(p) : 1 << 30;
  for (const double loss : fit(pair.sparse, pair.sparse_data(), {}, 20, 1)) CHECK(std::isfinite(loss));
  for (const float a : predictions(pair.sparse, pair.x(), 1)) CHECK((a >= 0 && a <= 1));
}

TEST_SUITE_END();
