// The course's cost. A scalar loop with the C library's logarithms: it runs once in a hundred steps.
#include <cassert>
#include <cmath>

#include "nn/session.h"

namespace deepnet {

namespace {
/// weight * log_value, where 0 * -inf is 0: an example that is right with certainty costs nothing.
double term(double weight, double log_value) {
  return weight == 0 && !std::isnan(log_value) ? 0.0 : weight * log_value;
}

/// -mean of what `cost(a, y)` adds up to over the columns; a perfect prediction costs 0, not -0.
template <class T, class Cost>
double mean_cost(Matrix<const T> AL, Matrix<const T> Y, Interrupt* interrupt, Cost cost) {
  assert(AL.rows == Y.rows && AL.cols == Y.cols);
  Session<T> session(interrupt);
  double sum = 0;
  for_blocks(session, AL.rows, AL.cols, [&](const Block& block) {
    const Matrix<const T> a_block = part(AL, block), y_block = part(Y, block);
    for (index_t i = 0; i < block.rows; ++i)
      for (index_t j = 0; j < block.cols; ++j) {
        const double a = a_block.data[i * a_block.row + j * a_block.col];
        const double y = y_block.data[i * y_block.row + j * y_block.col];
        sum += cost(a, y);
      }
  });
  return (0.0 - sum) / double(AL.cols);
}
}  // namespace

template <class T>
double cross_entropy(Matrix<const T> AL, Matrix<const T> Y, Interrupt* interrupt) {
  return mean_cost<T>(AL, Y, interrupt,
                      [](double a, double y) { return term(y, std::log(a)) + term(1 - y, std::log1p(-a)); });
}

template <class T>
double categorical_cross_entropy(Matrix<const T> AL, Matrix<const T> Y, Interrupt* interrupt) {
  return mean_cost<T>(AL, Y, interrupt, [](double a, double y) { return term(y, std::log(a)); });
}

template double cross_entropy(Matrix<const float>, Matrix<const float>, Interrupt*);
template double cross_entropy(Matrix<const double>, Matrix<const double>, Interrupt*);
template double categorical_cross_entropy(Matrix<const float>, Matrix<const float>, Interrupt*);
template double categorical_cross_entropy(Matrix<const double>, Matrix<const double>, Interrupt*);

}  // namespace deepnet
