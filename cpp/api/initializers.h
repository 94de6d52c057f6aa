// Initial weights by name, from the random numbers of runtime/random.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "deepnet/matrix.h"

namespace deepnet {

/// Draws W, n x n_prev, of one layer. Throws std::invalid_argument for an unknown name.
void draw_weights(std::string_view initializer, uint64_t seed, index_t layer, DenseMatrix<double>& W);

/// Throws std::invalid_argument for an unknown name.
void check_initializer(std::string_view initializer);

}  // namespace deepnet
