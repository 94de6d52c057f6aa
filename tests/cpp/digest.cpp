// A hash of everything that networks compute, to compare instruction sets by.
#include "engine.h"
#include "net.h"
#include "own_process.h"

using namespace oracle;

namespace {

template <class T>
void add_to_hash(uint64_t& hash, const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  for (size_t i = 0; i < values.size() * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;  // FNV-1a
}

template <class T>
void add_nets_to_hash(uint64_t& hash) {
  for (const index_t m : {1, 33, 500}) {
    Net<T> net({600, 70, 33, 3}, m, {"tanh", "relu", "sigmoid"});
    net.forward();
    net.backward();
    add_to_hash(hash, net.results());
  }
  for (const deepnet::LossId loss : {kCrossEntropy, kSquares}) {  // and whole training runs, on several threads
    const Task<T> task({300, 130, 33, 2}, {"relu", "tanh", "sigmoid"}, 700, loss);
    std::vector<double> losses(5), seconds(5);
    deepnet::fit<T>(task.net, task.data(), task.plan(),
                    {.epochs = 5, .batch_size = 100, .learning_rate = 0.1, .threads = 3}, losses, seconds);
    add_to_hash(hash, losses);
    add_to_hash(hash, task.parameters());
    add_to_hash(hash, task.gradients());
    add_to_hash(hash, task.predictions());
  }
}

}  // namespace

uint64_t model_digest() {
  uint64_t hash = 0xcbf29ce484222325u;
  add_nets_to_hash<float>(hash);
  add_nets_to_hash<double>(hash);
  return hash;
}
