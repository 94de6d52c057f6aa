// The order of the examples in an epoch: a permutation, uniform, and the same on every machine.
#include <numeric>

#include "doctest/doctest.h"
#include "engine.h"
#include "runtime/random.h"

using namespace oracle;

namespace {

std::vector<uint32_t> shuffled(size_t count, uint64_t seed, uint64_t epoch) {
  std::vector<uint32_t> order(count);
  deepnet::shuffle(order, seed, epoch);
  return order;
}

/// Pearson's sum for so many cells of equal probability.
double chi_square(const std::vector<int>& cells) {
  const double expected = std::accumulate(cells.begin(), cells.end(), 0.0) / double(cells.size());
  double sum = 0;
  for (const int n : cells) sum += (n - expected) * (n - expected) / expected;
  return sum;
}

/// Mean and spread of chi-square are f and sqrt(2 f); five spreads are passed once in a million.
double limit(size_t freedom) { return double(freedom) + 5 * std::sqrt(2.0 * double(freedom)); }

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("an order is a permutation and equals that of another implementation") {
  for (const size_t count : {0, 1, 2, 3, 31, 32, 1000, 70001})
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{42}, ~uint64_t{0}})
      for (const uint64_t epoch : {0, 1, 7}) {
        const std::vector<uint32_t> order = shuffled(count, seed, epoch);
        std::vector<uint32_t> sorted = order, all(count);
        std::sort(sorted.begin(), sorted.end());
        std::iota(all.begin(), all.end(), 0u);
        CHECK(sorted == all);
        CHECK(order == order_of_epoch(count, seed, epoch));
      }
}

TEST_CASE("a long shuffle polls the interrupt throughout and can be stopped") {
  std::vector<uint32_t> order(5 << 19);
  double operations = 0;
  int questions = 0;
  deepnet::shuffle(order, 1, 2, [&](double did) { operations += did, ++questions; });
  CHECK(questions == 9);  // 5 while it is filled, 4 while it is shuffled
  CHECK(operations >= 1e7 * questions);
  CHECK(order == shuffled(order.size(), 1, 2));
  struct Stop {};
  for (const int at : {1, 6, 9}) {
    questions = 0;
    const auto stop = [&](double) { ++questions == at ? throw Stop{} : void(); };
    CHECK_THROWS_AS(deepnet::shuffle(order, 1, 2, stop), Stop);
    CHECK(questions == at);
  }
}

TEST_CASE("the order depends only on the seed and the epoch") {
  const std::vector<uint32_t> order = shuffled(100, 3, 5);
  CHECK(shuffled(100, 3, 5) == order);
  CHECK(shuffled(100, 4, 5) != order);
  CHECK(shuffled(100, 3, 6) != order);
  CHECK(shuffled(100, 5, 3) != order);
  CHECK(shuffled(100, 8, 0) != order);  // not a sum of the two
}

TEST_CASE("orders are uniform: all 24 of four examples, every position of every example, and neighbours") {
  std::vector<int> orders(256), places(50 * 50), followers(50 * 49);
  for (uint64_t epoch = 0; epoch < 24000; ++epoch) {
    const std::vector<uint32_t> o = shuffled(4, 1, epoch);
    ++orders[o[0] * 64 + o[1] * 16 + o[2] * 4 + o[3]];
  }
  std::erase(orders, 0);
  REQUIRE(orders.size() == 24);
  CHECK(chi_square(orders) <= limit(23));
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    const std::vector<uint32_t> o = shuffled(50, seed, 0);
    for (size_t i = 0; i < 50; ++i) ++places[i * 50 + o[i]];
    for (size_t i = 0; i + 1 < 50; ++i) ++followers[o[i] * 49 + (o[i + 1] > o[i] ? o[i + 1] - 1 : o[i + 1])];
  }
  CHECK(chi_square(places) <= limit(49 * 49));
  CHECK(chi_square(followers) <= limit(50 * 49 - 1));
}

TEST_SUITE_END();
