// Predictions of a few examples with the kept copy of the weights: the bits of those that read W in place, whatever
// changed the weights before.
#include "doctest/doctest.h"
#include "engine.h"

using namespace oracle;

namespace {

constexpr int kCalls = 8;  // the first ones read W in place

/// How many of some predictions differ from that with W in place.
template <class T>
int different_predictions(const Task<T>& task, int threads = 1) {
  const std::vector<T> expected = task.predictions_in_place();
  int different = 0;
  for (int i = 0; i < kCalls; ++i) different += !same_bits(task.predictions(threads), expected);
  return different;
}

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("the copy of the weights gives the bits of the weights", T, float, double) {
  for (const std::vector<index_t>& units :
       {std::vector<index_t>{5, 17, 1}, {1, 33, 16, 40}, {100, 64, 65, 3}, {300, 200, 130, 10}, {31, 1, 97}})
    for (index_t m = 1; m <= deepnet::kFewColumns; ++m)
      for (const int threads : {1, 2}) {
        CAPTURE(units.size());
        CAPTURE(m);
        CAPTURE(threads);
        std::vector<std::string> names(units.size() - 1, "tanh");
        const Task<T> task(units, names, m);
        CHECK(different_predictions(task, threads) == 0);
      }
}

TEST_CASE_TEMPLATE("repeated predictions read the copy", T, float, double) {
  for (const index_t m : {1, 4}) {
    const Task<T> task({40, 70, 33, 1}, {"relu", "tanh", "sigmoid"}, m);
    const std::vector<T> expected = task.predictions_in_place();
    REQUIRE(different_predictions(task) == 0);
    deepnet::Matrix<T> W = task.layer(2).weights();
    for (index_t j = 0; j < W.cols; ++j) W(0, j) = T(3);  // without a view: nothing tells the network
    CHECK(same_bits(task.predictions(), expected));
    CHECK(!same_bits(task.predictions_in_place(), expected));
  }
}

TEST_CASE_TEMPLATE("a change of the weights changes the next prediction", T, float, double) {
  const Task<T> task({40, 70, 33, 1}, {"relu", "tanh", "sigmoid"}, 2),
      other({40, 70, 33, 1}, {"relu", "tanh", "sigmoid"}, 2, 0, 7);
  REQUIRE(different_predictions(task) == 0);
  std::vector<T> last = task.predictions();
  const auto changed = [&] {
    const std::vector<T> now = task.predictions();
    const bool differs = !same_bits(now, last);
    last = now;
    return differs && different_predictions(task) == 0;
  };
  deepnet::train_on_batch<T>(task.net, task.data(), task.plan(), 0.1);
  CHECK(changed());
  deepnet::blend_parameters<T>(task.net, other.net, 0.5, nullptr);
  CHECK(changed());
  task.net.state().views.fetch_add(1);  // a view, as Python's arrays have
  task.layer(1).weights()(3, 4) += T(2);
  task.layer(1).biases()(0, 0) += T(2);
  CHECK(changed());
  task.layer(2).weights()(1, 1) += T(2);
  CHECK(changed());
  task.net.state().ended_views.fetch_add(1);
  task.net.state().views.fetch_sub(1);
  CHECK(same_bits(task.predictions(), last));
  CHECK(different_predictions(task) == 0);
  task.set_parameters(other.parameters());  // through net.W
  CHECK(changed());
  task.set_parameters(task.parameters());
  task.net.W(1)(0, 0) += T(2);
  CHECK(changed());
}

TEST_SUITE_END();
