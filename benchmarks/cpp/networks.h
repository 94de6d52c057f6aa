// The networks that the C++ benchmarks time: those of benchmarks/tasks.py.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

struct NetworkShape {
  const char* name;
  std::vector<deepnet::index_t> units;
  deepnet::index_t m, batches;  // examples in a batch, batches in an epoch
  bool by_course_functions;     // also timed step by step
  bool adam = false;            // profiled with Adam
};

inline const NetworkShape kNetworks[] = {
    {"tiny", {8, 32, 16, 1}, 32, 8, true},
    {"rl", {17, 64, 64, 1}, 64, 8, true},
    {"tabular", {64, 256, 256, 1}, 256, 2, true},
    {"mnist", {784, 256, 128, 1}, 128, 2, false},
    {"mid", {512, 512, 512, 512, 1}, 256, 2, true},
    {"wide", {1024, 1024, 1024, 1024, 1}, 256, 2, false},
    {"deep",
     {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1},
     128,
     4,
     false},
    {"bigbatch", {100, 100, 100, 1}, 10000, 1, true},
    {"cat", {12288, 20, 7, 5, 1}, 209, 1, true},
    {"classes5", {50, 100, 5}, 200, 8, false, true},
    {"digits", {64, 64, 64, 10}, 200, 8, false, true},
    {"house", {13, 100, 1}, 32, 8, false, true},
    {"images", {784, 100, 10}, 200, 2, false, true}};

/// The course's activations.
inline std::vector<std::string> relu_then_sigmoid(size_t layers) {
  std::vector<std::string> names(layers, "relu");
  names.back() = "sigmoid";
  return names;
}
