// Model files with one network, in the format of docs/model_file.md, which python/deepnet/io/model_file.py reads and
// writes, too.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "deepnet/network.h"

namespace deepnet {

/// What a file says of a network.
struct ModelFile {
  std::vector<index_t> units;
  std::vector<std::string> activations;
  size_t bytes = 4;  // of a number
  bool is_bfloat16 = false;
  std::vector<Regularization> regularization = {};
  double input_dropout = 0, input_scale = 1;
  std::vector<std::string> class_names = {};
  std::vector<const void*> parameters = {};  // to write: W1, b1, ..., WL, bL in row order without gaps
};

/// Where the numbers of W1, b1, ..., WL, bL go.
struct MatrixToRead {
  void* data;
  index_t rows, row_bytes, stride_bytes;
};

/// Replaces a file whole, or leaves it as it was. Throws std::system_error.
void write_model(const std::string& path, const ModelFile& model);

/// Reads a file with numbers of so many bytes: `make` is given what the file says, creates a network of it and returns
/// its matrices. Throws std::system_error, or std::runtime_error with what is wrong.
void read_model(const std::string& path, size_t bytes,
                const std::function<std::vector<MatrixToRead>(const ModelFile&)>& make);

}  // namespace deepnet
