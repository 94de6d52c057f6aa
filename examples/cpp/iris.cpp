// Trains a network to tell the species of an iris from four lengths, saves it, and predicts with what is in the file.
// iris.csv has the 150 flowers of R. A. Fisher, 1936; every fifth one is kept for the test.
#include <deepnet/deepnet.h>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  std::ifstream file(argc > 1 ? argv[1] : "iris.csv");
  std::string line;
  std::getline(file, line);                   // names of the columns
  std::vector<float> lengths[2], species[2];  // of training and of the test: 4 numbers and 1 number per flower
  for (int row = 0; std::getline(file, line); ++row) {
    float x[4], y;
    if (std::sscanf(line.c_str(), "%f,%f,%f,%f,%f", &x[0], &x[1], &x[2], &x[3], &y) != 5) return 2;
    const bool is_test = row % 5 == 0;
    lengths[is_test].insert(lengths[is_test].end(), x, x + 4);
    species[is_test].push_back(y);
  }
  const auto inputs = [&](bool test) {  // examples are columns: 4 x m
    return deepnet::examples(deepnet::column_major(lengths[test].data(), 4, long(species[test].size())));
  };
  const auto labels = deepnet::examples(deepnet::row_major(species[0].data(), 1, long(species[0].size())));

  deepnet::Network<float> net({4, 16, 3}, {"relu", "softmax"}, {.seed = 1});
  net.set_class_names({"setosa", "versicolor", "virginica"});
  const deepnet::History history = net.fit({inputs(false), labels}, {.epochs = 100,
                                                                     .batch_size = 16,
                                                                     .optimizer = deepnet::Adam{.learning_rate = 0.01},
                                                                     .loss = "sparse_categorical_cross_entropy"});
  std::printf("loss: %.3f in the first epoch, %.3f in the last\n", history.loss.front(), history.loss.back());
  net.save("iris.safetensors");

  const auto loaded = deepnet::Network<float>::load("iris.safetensors");
  const deepnet::DenseMatrix<float> shares = loaded.predict(inputs(true));  // 3 x m
  int right = 0;
  for (long j = 0; j < shares.cols; ++j) {
    long best = 0;
    for (long i = 1; i < 3; ++i) best = shares(i, j) > shares(best, j) ? i : best;
    right += best == long(species[1][size_t(j)]);
  }
  std::printf("%d of %ld flowers of the test are right; the first one is %s\n", right, long(shares.cols),
              loaded.class_names()[size_t(species[1][0])].c_str());
  return right >= 27 ? 0 : 1;
}
