// Loads a network that Python saved, predicts with it, and saves it again, for the test of both directions.
//   exchange float|double FROM INPUTS OUTPUTS TO: INPUTS has the numbers of X in row order, OUTPUTS gets those of A_L
#include <deepnet/deepnet.h>

#include <fstream>
#include <string_view>

namespace {

template <class T>
void exchange(char** paths) {
  const auto net = deepnet::Network<T>::load(paths[0]);
  std::ifstream inputs(paths[1], std::ios::binary | std::ios::ate);
  const auto count = deepnet::index_t(inputs.tellg()) / deepnet::index_t(sizeof(T)) / net.units(0);
  deepnet::DenseMatrix<T> X(net.units(0), count);
  inputs.seekg(0);
  inputs.read(reinterpret_cast<char*>(X.numbers.data()), std::streamsize(X.numbers.size() * sizeof(T)));
  const deepnet::DenseMatrix<T> out = net.predict(deepnet::examples(X));
  std::ofstream(paths[2], std::ios::binary)
      .write(reinterpret_cast<const char*>(out.numbers.data()), std::streamsize(out.numbers.size() * sizeof(T)));
  net.save(paths[3]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  std::string_view(argv[1]) == "float" ? exchange<float>(argv + 2) : exchange<double>(argv + 2);
}
