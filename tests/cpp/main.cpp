// The runner of the C++ tests. Some of them start it again under another DEEPNET_ISA, so it keeps its own path.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>
#include <cstring>

#include "doctest/doctest.h"
#include "own_process.h"

std::string& own_path() {
  static std::string path;
  return path;
}

int main(int argc, char** argv) {
  own_path() = argv[0];
  if (argc == 2 && std::strcmp(argv[1], "--digest") == 0) {
    std::printf("%016llx\n", static_cast<unsigned long long>(model_digest()));
    return 0;
  }
  return doctest::Context(argc, argv).run();
}
