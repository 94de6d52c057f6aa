// What surrounds the arithmetic: the choice of instruction set, interrupts, scratch memory, many threads at once.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "deepnet/config.h"
#include "doctest/doctest.h"
#include "engine.h"
#include "net.h"
#include "own_process.h"
#include "runtime/workspace.h"

using namespace oracle;

namespace {

/// Says yes once it was asked often enough.
class Asked : public deepnet::Interrupt {
 public:
  explicit Asked(int yes_at = -1) : yes_at_(yes_at) {}
  bool requested() override { return ++count_ == yes_at_; }
  int count() const { return count_; }

 private:
  int yes_at_, count_ = 0;
};

/// 2 x the multiply-adds of forward; backward does twice as many.
template <class T>
double forward_operations(const Net<T>& net) {
  double sum = 0;
  for (size_t l = 0; l < net.layers(); ++l) sum += 2.0 * double(net.units[l] * net.units[l + 1]) * double(net.m);
  return sum;
}

/// What this executable, run with DEEPNET_ISA=isa, prints; ends with "status <n>".
std::string run_self(std::string_view isa, const std::string& arguments) {
  const std::string start = '"' + own_path() + "\" " + arguments + " 2>&1";
#if defined(_WIN32)  // cmd.exe removes the outer quotes
  const std::string command = "\"set DEEPNET_ISA=" + std::string(isa) + "&&" + start + '"';
#else
  const std::string command = "DEEPNET_ISA=" + std::string(isa) + ' ' + start;
#endif
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  std::string output;
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += char(c);
  return output + "status " + std::to_string(pclose(pipe)) + '\n';
}

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("the best instruction set is chosen, or the one of DEEPNET_ISA") {
  const deepnet::Config config = deepnet::config();
  CHECK(config.isas_built.size() == deepnet::built_isas().size());
  CHECK(config.isas_built.back() == "baseline");
  REQUIRE(!config.isas_supported.empty());
  const char* wanted = std::getenv("DEEPNET_ISA");
  CHECK(config.isa == (wanted && *wanted ? std::string_view(wanted) : config.isas_supported.front()));
  CHECK(config.isa == deepnet::chosen_isa().name);
  CHECK(config.threads >= 1);
  CHECK(!config.version.empty());
  CHECK(!config.compiler.empty());
#if defined(DEEPNET_TEST_WIDE)
  CHECK(config.isas_built == std::vector<std::string_view>{"wide", "avx2", "baseline"});
#elif defined(__x86_64__) && !defined(DEEPNET_TEST_SANITIZED)
  CHECK(config.isas_built == std::vector<std::string_view>{"avx512", "avx2", "baseline"});
#elif !defined(__x86_64__)
  CHECK(config.isas_built == std::vector<std::string_view>{"baseline"});
#endif
}

TEST_CASE("every table has the same activations in the same order") {
  const std::vector<std::string_view> names = deepnet::activation_names();
  for (size_t i = 0; i < names.size(); ++i) CHECK(deepnet::find_activation(names[i]) == int(i));
  CHECK(deepnet::find_activation("") == -1);
  CHECK(deepnet::find_activation("Relu") == -1);
  for (const deepnet::Isa& isa : deepnet::built_isas()) {
    CAPTURE(isa.name);
    REQUIRE(isa.f32->activation_count == index_t(names.size()));
    REQUIRE(isa.f64->activation_count == index_t(names.size()));
    for (size_t i = 0; i < names.size(); ++i) {
      CHECK(isa.f32->activations[i].name == names[i]);
      CHECK(isa.f64->activations[i].name == names[i]);
    }
  }
}

#ifndef DEEPNET_TEST_SANITIZED  // minutes; the tests of kernels run on all
TEST_CASE(
    "the other instruction sets also pass the tests of nn, and those with fused multiply-adds give the same bits") {
  const auto fused = fusing_tables<float>();
  const auto fuses_here = [&](std::string_view isa) {
    return std::any_of(fused.begin(), fused.end(), [&](const Table<float>& table) { return table.isa == isa; });
  };
  char digest[32];
  std::snprintf(digest, sizeof digest, "%016llx", static_cast<unsigned long long>(model_digest()));
  for (const std::string_view isa : deepnet::config().isas_supported) {
    if (isa == deepnet::chosen_isa().name || std::getenv("DEEPNET_ISA")) continue;
    CAPTURE(isa);
    // What happens when a call is interrupted or memory runs out does not depend on the instructions.
    const std::string tests =
        run_self(isa, "--test-suite=nn \"--test-case-exclude=*interrupt*,*memory runs out*\" --no-version");
    CHECK_MESSAGE(tests.ends_with("status 0\n"), tests);
    const std::string other = run_self(isa, "--digest");
    CHECK_MESSAGE(other.ends_with("status 0\n"), other);
    if (fuses_here(isa) && fuses_here(deepnet::chosen_isa().name)) CHECK(other.substr(0, 16) == digest);
  }
}
#endif

TEST_CASE("an instruction set that is missing is rejected by name") {
  if (deepnet::config().isas_supported.size() == 1) return;  // where nothing else runs, a child process may not either
  const std::string output = run_self("mmx", "--digest");
  CHECK_MESSAGE(output.find("DEEPNET_ISA is 'mmx'") != std::string::npos, output);
  CHECK(!output.ends_with("status 0\n"));
}

TEST_CASE_TEMPLATE("an interrupt that returns true stops a call at once; the next call is correct", T, float, double) {
  Net<T> net({256, 512, 512, 1}, 120, {"relu", "tanh", "sigmoid"}), whole = net;
  whole.forward();
  whole.backward();
  for (const int yes_at : {1, 3}) {
    Asked in_forward(yes_at), in_backward(yes_at);
    CHECK_THROWS_AS(net.forward(&in_forward), deepnet::Interrupted);
    CHECK(in_forward.count() == yes_at);  // not one question after the yes
    net.forward();
    CHECK_THROWS_AS(net.backward(&in_backward), deepnet::Interrupted);
    CHECK(in_backward.count() == yes_at);
    net.backward();
    CHECK(same_bits(net.results(), whole.results()));
  }
}

TEST_CASE_TEMPLATE("the interrupt is polled in each part of a large call", T, float, double) {
  // A question every 2e7 operations: 2 ms where the slowest table runs at 10 GFLOP/s. Each net has nearly all of its
  // work in another layer; a product that did not ask would leave out a third of the questions at the least.
  for (const std::vector<index_t>& units :
       {std::vector<index_t>{784, 600, 600, 10}, {2000, 300, 10, 1}, {10, 700, 700, 1}, {4, 30, 900, 700}}) {
    CAPTURE(units[0]);
    Net<T> net(units, 250, {"relu", "tanh", "sigmoid"});
    const double operations = forward_operations(net);
    Asked in_forward, in_backward;
    net.forward(&in_forward);
    CHECK(in_forward.count() >= 0.7 * operations / 2e7);
    CHECK(in_forward.count() <= operations / 5e6);  // asking takes Python's lock
    net.backward(&in_backward);
    CHECK(in_backward.count() >= 0.7 * 2 * operations / 2e7);
  }
}

TEST_CASE_TEMPLATE("the interrupt is polled in elementwise calls on large matrices", T, float, double) {
  constexpr index_t rows = 300, cols = 40000;
  std::vector<T> in(rows * cols, T(0.5)), out(rows * cols);
  const Matrix<T> to = deepnet::row_major(out.data(), rows, cols);
  const Matrix<const T> from = deepnet::row_major<const T>(in.data(), rows, cols);
  const auto asked = [](auto call) {
    Asked interrupt(2);
    CHECK_THROWS_AS(call(&interrupt), deepnet::Interrupted);
  };
  const deepnet::ActivationId tanh = deepnet::find_activation("tanh");
  asked([&](Asked* i) { deepnet::activation_forward<T>(tanh, from, to, i); });
  asked([&](Asked* i) { deepnet::activation_backward<T>(tanh, from, from, to, i); });
  asked([&](Asked* i) { deepnet::cross_entropy<T>(from, from, i); });
  asked([&](Asked* i) { deepnet::gradient_step<T>(from, from, T(0.1), to, i); });
}

TEST_CASE("an aligned buffer grows, keeps its contents and frees its memory") {
  deepnet::AlignedBuffer buffer;
  CHECK(buffer.size() == 0);
  float* first = buffer.reserve<float>(100);
  CHECK(reinterpret_cast<uintptr_t>(first) % 64 == 0);
  CHECK(buffer.size() >= 400);
  CHECK(buffer.reserve<float>(10) == first);
  CHECK(buffer.reserve<double>(50) == reinterpret_cast<double*>(first));
  CHECK(buffer.size() >= 400);
  double* larger = buffer.reserve<double>(10000);
  CHECK(reinterpret_cast<uintptr_t>(larger) % 64 == 0);
  larger[9999] = 1;
  CHECK(buffer.size() >= 80000);
  buffer.release();
  CHECK(buffer.size() == 0);
  buffer.release();
}

TEST_CASE("each thread has its own scratch memory, which is kept if small and freed if large") {
  deepnet::Workspace& mine = deepnet::Workspace::of_this_thread();
  deepnet::Workspace* others = nullptr;
  std::thread([&] { others = &deepnet::Workspace::of_this_thread(); }).join();
  CHECK(others != &mine);

  Net<float> small({20, 30, 1}, 100, {"relu", "sigmoid"});
  small.forward();
  small.backward();
  const size_t kept = mine.d_z[0].size();
  CHECK(kept > 0);
  const std::vector<float> before = small.results();

  Net<float> large({1, 130, 1}, 80000, {"relu", "sigmoid"});  // dZ of layer 1 takes 42 MB
  large.forward();
  large.backward();
  for (const deepnet::AlignedBuffer* buffer : {&mine.panels, &mine.d_z[0], &mine.d_z[1], &mine.gathered[0]})
    CHECK(buffer->size() <= size_t{32} << 20);
  CHECK(mine.d_z[1].size() == 0);

  small.forward();
  small.backward();
  CHECK(same_bits(small.results(), before));
}

TEST_CASE("a nested call on the same thread has its own scratch memory") {
  struct Calls final : deepnet::Interrupt {
    explicit Calls(Net<float>& net) : net(net) {}
    bool requested() override {
      net.forward();
      net.backward();
      ++count;
      return false;
    }
    Net<float>& net;
    int count = 0;
  };
  Net<float> inner({33, 70, 1}, 300, {"relu", "sigmoid"});
  inner.forward();
  inner.backward();
  const std::vector<float> expected_inner = inner.results();

  Net<float> outer({64, 200, 1}, 3001, {"relu", "sigmoid"});
  outer.forward();
  outer.backward();
  const std::vector<float> expected = outer.results();
  Calls calls(inner);
  outer.forward(&calls);
  outer.backward(&calls);
  CHECK(calls.count > 0);
  CHECK(same_bits(outer.results(), expected));
  CHECK(same_bits(inner.results(), expected_inner));
}

TEST_CASE_TEMPLATE("threads that share their inputs get the same bits as one thread", T, float, double) {
  const Net<T> shared({300, 70, 33, 1}, 150, {"relu", "tanh", "sigmoid"});
  Net<T> alone = shared;
  alone.forward();
  alone.backward();
  std::vector<Net<T>> nets(4, shared);
  std::vector<std::thread> threads;
  for (Net<T>& net : nets)
    threads.emplace_back([&net, &shared] {
      auto forward = net.forward_layers();
      auto backward = net.backward_layers();
      for (size_t l = 0; l < net.layers(); ++l) {  // parameters and X are the same memory for all
        forward[l].W = backward[l].W = shared.weights(l);
        forward[l].b = Net<T>::view(shared.b[l], shared.units[l + 1], 1);
      }
      backward[0].A_prev = shared.input(0);
      for (int i = 0; i < 5; ++i) {
        deepnet::model_forward<T>(shared.input(0), forward);
        deepnet::model_backward<T>(net.output(net.A, 2), Net<T>::view(shared.Y, 1, shared.m), backward);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const Net<T>& net : nets) CHECK(same_bits(net.results(), alone.results()));
}

TEST_SUITE_END();
