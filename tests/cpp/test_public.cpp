// The public headers: what they refuse, and that copies, files and settings do what they say.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "deepnet/deepnet.h"
#include "doctest/doctest.h"

namespace {

using deepnet::DenseMatrix;
using deepnet::Element;
using deepnet::Examples;
using deepnet::examples;
using deepnet::index_t;
using deepnet::Matrix;
using deepnet::Network;
using deepnet::row_major;
using deepnet::Training;

/// The message of the std::invalid_argument that `work` must throw.
template <class Error = std::invalid_argument, class Work>
std::string refused(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// A task that a small network learns: whether x_0 > x_1.
struct Task {
  DenseMatrix<float> X{2, 60};
  DenseMatrix<float> Y{1, 60};
  Task() {
    for (index_t j = 0; j < X.cols; ++j) {
      X(0, j) = float(std::sin(double(3 * j + 1)));
      X(1, j) = float(std::cos(double(5 * j)));
      Y(0, j) = X(0, j) > X(1, j) ? 1 : 0;
    }
  }
  deepnet::TrainingData data() const { return {examples(X), examples(Y)}; }
};

/// A file that is removed in the end.
struct File {
  std::string path =
      (std::filesystem::temp_directory_path() / ("deepnet_test_public_" + std::to_string(std::rand()) + ".safetensors"))
          .string();
  ~File() { std::filesystem::remove(path); }
  std::string content() const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string& content) const { std::ofstream(path, std::ios::binary) << content; }
};

template <class T>
bool same(const DenseMatrix<T>& a, const DenseMatrix<T>& b) {
  return a.rows == b.rows && a.cols == b.cols && a.numbers == b.numbers;
}

}  // namespace

TEST_CASE_TEMPLATE("a network learns, and a run in parts gives the same bits", T, float, double) {
  const Task task;
  Network<T> net({2, 8, 1}, {"tanh", "sigmoid"}, {.seed = 1}), again = net;
  const Training training{.epochs = 40, .batch_size = 8, .optimizer = deepnet::Adam{.learning_rate = 0.05}, .seed = 3};
  const deepnet::History history = net.fit(task.data(), training);
  REQUIRE(history.loss.size() == 40);
  CHECK(history.loss.back() < 0.3 * history.loss.front());

  index_t epochs = 0;
  Training in_parts = training;
  in_parts.after_epoch = [&](const deepnet::EpochResult& result) {
    CHECK(result.epoch == epochs);
    return ++epochs < 15;
  };
  deepnet::History parts = again.fit(task.data(), in_parts);
  CHECK(parts.loss.size() == 15);
  in_parts.after_epoch = {};
  in_parts.first_epoch = 15;
  in_parts.epochs = 25;
  const deepnet::History rest = again.fit(task.data(), in_parts);
  parts.loss.insert(parts.loss.end(), rest.loss.begin(), rest.loss.end());
  CHECK(parts.loss == history.loss);
  CHECK(same(net.predict(examples(task.X)), again.predict(examples(task.X))));
}

TEST_CASE("the gradients are those of the loss") {
  const Task task;
  Network<double> net({2, 3, 1}, {"tanh", "sigmoid"}, {.seed = 2});
  net.set_regularization(1, {.l2 = 0.1});
  const auto [loss, dW, db] = net.loss_and_gradients(task.data());
  CHECK(loss == net.evaluate(task.data()));
  const double h = std::cbrt(0x1p-52);
  net.W(1)(1, 0) += h;
  const double above = net.evaluate(task.data());
  net.W(1)(1, 0) -= 2 * h;
  const double below = net.evaluate(task.data());
  CHECK(std::abs((above - below) / (2 * h) - dW[0](1, 0)) < 50 * h * h);  // central differences: an error of O(h^2)
}

TEST_CASE("copies share nothing") {
  Network<float> net({2, 3, 1}, {"relu", "identity"}, {.seed = 1, .input_scale = 2});
  const Task task;
  const DenseMatrix<float> before = net.predict(examples(task.X));
  Network<float> copy = net, assigned({1, 1}, {"identity"});
  assigned = net;
  net.b(2)(0, 0) += 1;
  CHECK(same(copy.predict(examples(task.X)), before));
  CHECK(same(assigned.predict(examples(task.X)), before));
  CHECK_FALSE(same(net.predict(examples(task.X)), before));
  copy.fit(task.data(), {.epochs = 3});
  CHECK(same(assigned.predict(examples(task.X)), before));
  const auto memory = net.memory();
  const deepnet::Matrix<float> b = net.b(2);
  net = copy;  // the memory behind a view lives as long as it is kept
  CHECK(b(0, 0) == 1);
}

TEST_CASE("initializers have the deviation of their formula") {
  for (const std::string_view name : deepnet::initializer_names()) {
    CAPTURE(name);
    const Network<double> net({200, 300}, {"identity"}, {.initializer = name, .seed = 5}),
        equal({200, 300}, {"identity"}, {.initializer = name, .seed = 5}),
        other({200, 300}, {"identity"}, {.initializer = name, .seed = 6});
    const deepnet::Matrix<double> W = net.W(1);
    double squares = 0;
    bool are_equal = true, differ = name == "zeros";
    for (index_t i = 0; i < 300; ++i)
      for (index_t j = 0; j < 200; ++j) {
        squares += W(i, j) * W(i, j);
        are_equal &= W(i, j) == equal.W(1)(i, j);
        differ |= W(i, j) != other.W(1)(i, j);
      }
    CHECK(are_equal);
    CHECK(differ);
    const double variance = name == "zeros"                  ? 0
                            : name.starts_with("he")         ? 2.0 / 200
                            : name.starts_with("glorot")     ? 2.0 / 500
                            : name.starts_with("lecun")      ? 1.0 / 200
                            : name.starts_with("orthogonal") ? 1.0 / 300
                                                             : 1e-4;
    // The mean of n squares of normal numbers has the standard deviation sqrt(2 / n) of their variance; 6 of these.
    CHECK(std::abs(squares / 60000 - variance) <= 6 * std::sqrt(2.0 / 60000) * variance);
    if (name != "orthogonal") continue;
    for (index_t a = 0; a < 200; a += 7)
      for (index_t b = 0; b < 200; b += 11) {
        double product = 0;
        for (index_t i = 0; i < 300; ++i) product += W(i, a) * W(i, b);
        CHECK(std::abs(product - (a == b)) < 300 * 0x1p-52);
      }
  }
}

TEST_CASE_TEMPLATE("a saved network is read with the same bits and settings", T, float, double) {
  Network<T> net({3, 40, 2}, {"gelu", "softmax"}, {.seed = 4, .input_scale = 1.0 / 3});
  net.set_regularization(1, {.dropout = 0.25, .l2 = 1e-3, .l1 = 0});
  net.set_input_dropout(0.1);
  net.set_class_names({"yes \"\\\n", "n\xc3\xb6"});
  const File file;
  net.save(file.path);
  net.save(file.path);  // replaces it
  const auto read = Network<T>::load(file.path);
  DenseMatrix<T> X(3, 5);
  for (size_t i = 0; i < X.numbers.size(); ++i) X.numbers[i] = T(i) - T(7);
  CHECK(same(net.predict(examples(X)), read.predict(examples(X))));
  CHECK(read.input_scale() == net.input_scale());
  CHECK(read.input_dropout() == 0.1);
  CHECK(read.regularization(1) == net.regularization(1));
  CHECK(read.class_names() == net.class_names());
  using Other = std::conditional_t<sizeof(T) == 4, double, float>;
  CHECK(refused<std::runtime_error>([&] { Network<Other>::load(file.path); })
            .ends_with(sizeof(T) == 4 ? "holds a network of float: load it with Network<float>::load"
                                      : "holds a network of double: load it with Network<double>::load"));
}

TEST_CASE("damaged files are refused, whatever is wrong with them") {
  Network<float> net({2, 2}, {"identity"}, {.seed = 1});
  const File file;
  net.save(file.path);
  const std::string good = file.content();
  for (size_t i = 0; i < good.size(); ++i) {  // every byte, and every length
    CAPTURE(i);
    file.write(good.substr(0, i));
    CHECK(refused<std::runtime_error>([&] { Network<float>::load(file.path); }).starts_with(file.path + ": "));
    std::string changed = good;
    changed[i] = char(changed[i] ^ 4);
    file.write(changed);
    try {
      const auto read = Network<float>::load(file.path);
      const bool is_space = good[i] == ' ';  // nothing but a space between entries of the header may change
      CHECK(is_space);
    } catch (const std::runtime_error&) {
    }
  }
  file.write(good + "x");
  CHECK(refused<std::runtime_error>([&] { Network<float>::load(file.path); }).find("is too long") != std::string::npos);
  CHECK(refused<std::system_error>([&] { Network<float>::load(file.path + "/none"); }) != "nothing was thrown");
  CHECK(refused<std::system_error>([&] { net.save(file.path + ".d/none"); }) != "nothing was thrown");
  CHECK(refused<std::runtime_error>([&] { Network<float>::load("/dev/zero"); }) == "/dev/zero: is not a regular file");
}

TEST_CASE("a network is made of layers that exist") {
  const auto made = [](std::initializer_list<index_t> units, std::initializer_list<std::string_view> names,
                       deepnet::NetworkOptions options = {}) {
    return refused([&] { Network<double>(units, names, options); });
  };
  CHECK(made({2}, {}) == "units has 1 numbers, but must have those of the inputs and of each layer");
  CHECK(made({2, 1}, {}) == "activations has 0 entries, but must have 1, one for each layer");
  CHECK(made({2, 0, 1}, {"relu", "sigmoid"}) == "units has 0, but must have whole numbers from 1");
  CHECK(made({2, 1}, {"rleu"}).starts_with("unknown activation 'rleu': choose from "));
  CHECK(made({2, 2, 2}, {"softmax", "softmax"}) ==
        "layer 1 has an activation that depends on all of its units, but only the last layer can");
  CHECK(made({2, 1}, {"relu"}, {.initializer = "xavier"})
            .starts_with("unknown initializer 'xavier': choose from zeros,"));
  CHECK(made({2, 1}, {"relu"}, {.input_scale = 0}) == "input_scale is 0, but must be a finite number other than 0");
  CHECK(made({2, 1}, {"relu"}, {.compute = deepnet::Compute::kBfloat16}) == "bfloat16 is for networks of float");
  const std::vector<index_t> units{2, 1};
  for (const int id : {-1, 1000})
    CHECK(refused([&] {
            Network<float>(units, std::vector<deepnet::ActivationId>{id});
          }).starts_with("unknown activation id " + std::to_string(id)));
  Network<float> net({2, 1}, {"sigmoid"});
  for (const index_t layer : {0, 2}) {
    const std::string message = "layer is " + std::to_string(layer) + ", but must be from 1 to 1";
    CHECK(refused([&] { net.W(layer); }) == message);
    CHECK(refused([&] { net.b(layer); }) == message);
    CHECK(refused([&] { net.activation(layer); }) == message);
    CHECK(refused([&] { net.regularization(layer); }) == message);
    CHECK(refused([&] { net.set_regularization(layer, {}); }) == message);
  }
  CHECK(refused([&] { net.units(2); }) == "layer is 2, but must be from 0 to 1");
  CHECK(refused([&] { net.set_regularization(1, {.dropout = 0.5}); }) ==
        "dropout is 0.5, but must be 0 in the last layer");
  CHECK(refused([&] { net.set_regularization(1, {.l2 = -1}); }) == "l2 is -1, but must be a finite number from 0");
  CHECK(refused([&] { net.set_input_dropout(1); }) == "input_dropout is 1, but must be from 0 to less than 1");
  CHECK(refused([&] { net.set_class_names({"a", "a"}); }) ==
        "class_names has 2 names, 1 of them different, but must have 2 different ones, or none");
  CHECK(refused([&] { net.set_class_names({"a", "\xff"}); }) == "class_names has text that is not UTF-8");
  CHECK(refused([] { deepnet::takes_whole_columns(-1); }).starts_with("unknown activation id -1"));
  CHECK(refused([] { deepnet::loss_activation(99); }).starts_with("unknown loss id 99"));
  CHECK(refused([] { deepnet::loss_takes_classes(-1); }).starts_with("unknown loss id -1"));
  CHECK(deepnet::find_loss("huber") >= 0);
  CHECK(deepnet::find_loss("huper") == -1);
  CHECK(deepnet::loss_names()[size_t(deepnet::find_loss("huber"))] == "huber");
  CHECK(deepnet::optimizer_names()[size_t(deepnet::find_optimizer("adam"))] == "adam");
}

TEST_CASE("data that do not fit are refused, and nothing changes") {
  const Task task;
  Network<float> net({2, 3, 1}, {"relu", "sigmoid"}, {.seed = 1});
  const Network<float> before = net;
  const auto fit = [&](const deepnet::TrainingData& data, const Training& training = {}) {
    const std::string of_fit = refused([&] { net.fit(data, training); });
    CHECK(refused([&] { net.train_on_batch(data, training); }) == of_fit);
    CHECK(refused([&] { net.evaluate(data, training.loss); }) == of_fit);
    CHECK(refused([&] { net.loss_and_gradients(data, training.loss); }) == of_fit);
    return of_fit;
  };
  const Examples X = examples(task.X), Y = examples(task.Y);
  const DenseMatrix<float> three(3, 60);
  CHECK(refused([&] { net.predict(examples(three)); }) ==
        "X has 3 rows, but the network has 2 inputs: examples are columns");
  CHECK(refused([&] { net.predict(examples(row_major(task.X.numbers.data(), 2, 0))); }) ==
        "X has 0 examples, but must have 1 to 4294967295");
  CHECK(refused([&] { net.predict(examples(row_major<float>(nullptr, 2, 1))); }) == "X has no data");
  CHECK(refused([&] { net.predict(X, {.threads = -1}); }) ==
        "threads is -1, but must be a number from 1, or 0 for any");
  DenseMatrix<float> out(2, 60), right(1, 60), both(3, 60);
  CHECK(refused([&] { net.predict(X, out.view()); }) == "out is 2 x 60, but must be 1 x 60");
  CHECK(refused([&] { net.predict(X, row_major<float>(nullptr, 1, 60)); }) == "out has no data");
  CHECK(refused([&] { net.predict(X, {right.numbers.data(), 1, 60, 60, 0}); }) ==
        "out has the strides 60 and 0, with which its elements share memory");
  CHECK(refused([&] { net.predict(examples(both.view().block(0, 2, 0, 60)), both.view().block(1, 1, 0, 60)); }) ==
        "out overlaps X");
  net.predict(examples(both.view().block(0, 2, 0, 60)), both.view().block(2, 1, 0, 60));
  CHECK(refused([&] { net.predict(examples(row_major(task.X.numbers.data(), 2, 1)), net.b(2)); }) ==
        "out overlaps the parameters");
  net.predict(X, {right.numbers.data() + 59, 1, 60, 60, -1});
  for (index_t j = 0; j < 60; ++j) CHECK(right(0, 59 - j) == net.predict(X)(0, j));

  CHECK(fit({X, examples(three)}) == "Y is 3 x 60, but must be 1 x 60");
  CHECK(fit({X, {}}) == "Y is 0 x 0, but must be 1 x 60");
  DenseMatrix<float> wrong = task.Y;
  wrong(0, 7) = 1.5;
  CHECK(fit({X, examples(wrong)}) ==
        "Y has labels that binary_cross_entropy can't take: they must be numbers from 0 to 1");
  CHECK(fit({X, Y, examples(three)}) == "weights is 3 x 60, but must be 1 x 60");
  wrong(0, 7) = -1;
  CHECK(fit({X, Y, examples(wrong)}) == "weights must be finite and not negative");
  wrong(0, 7) = std::nanf("");
  CHECK(fit({X, Y, examples(wrong)}) == "weights must be finite and not negative");
  CHECK(fit({X, examples(task.Y, 0.5)}) ==
        "Y has the scale 0.5, but labels of binary_cross_entropy are taken as they are");
  CHECK(fit({X, examples(task.Y), Examples{task.Y.numbers.data(), Element(7), 1, 60, 4, 4}}) ==
        "weights has an unknown type of numbers");
  CHECK(fit({X, Examples{task.Y.numbers.data(), Element(-1), 1, 60, 4, 4}}) == "Y has an unknown type of numbers");
  Examples of_parameters = X;  // what training changes, though it may be judged by it
  of_parameters.data = net.W(1).data;
  of_parameters.unit_stride = of_parameters.example_stride = 0;
  for (const auto& [name, data] : {std::pair("X", deepnet::TrainingData{of_parameters, Y}),
                                   {"Y", {X, examples(Matrix<const float>{net.b(1).data, 1, 60, 0, 0})}},
                                   {"weights", {X, Y, examples(Matrix<const float>{net.b(1).data, 1, 60, 0, 0})}}}) {
    CHECK(refused([&] { net.fit(data); }) == std::string(name) + " overlaps the parameters, which training changes");
    CHECK(refused([&] { net.train_on_batch(data); }).starts_with(name));
    CHECK(std::isfinite(net.evaluate(data)));
  }
  for (const double scale : {1e200, -1e38}) {  // as a product beyond double, and beyond float
    Network<float> scaled({2, 1}, {"sigmoid"}, {.input_scale = scale});
    for (const double own : {scale, 1e-250}) {
      const auto message = refused([&] { scaled.predict(examples(task.X, own)); });
      CHECK(message.starts_with("X has the scale "));
      CHECK(message.find(std::abs(own) > 1 ? "too large for the input_scale" : "too small for the input_scale") !=
            std::string::npos);
      CHECK(refused([&] { scaled.evaluate({examples(task.X, own), Y}); }) == message);
    }
    CHECK(scaled.predict(examples(task.X, 0)).cols == 60);
    CHECK(scaled.predict(examples(task.X, 1 / scale)).cols == 60);
  }
  Examples nan_scale = X;
  nan_scale.scale = std::nan("");
  CHECK(fit({nan_scale, Y}).starts_with("X has the scale nan"));

  CHECK(fit({X, Y}, {.loss = "mse"}).starts_with("unknown loss 'mse': choose from binary_cross_entropy, "));
  CHECK(fit({X, Y}, {.loss = "categorical_cross_entropy"}) ==
        "the loss categorical_cross_entropy needs the output activation softmax, but this network has sigmoid");
  CHECK(fit({X, Y}, {.loss = deepnet::huber(0)}) == "delta is 0, but must be a finite number above 0");
  CHECK(fit({X, Y}, {.loss = deepnet::quantile(1)}) == "q is 1, but must be between 0 and 1");
  deepnet::LossChoice smoothed("mean_squared_error");
  smoothed.label_smoothing = 0.1;
  CHECK(fit({X, Y}, {.loss = smoothed}) ==
        "label_smoothing is for losses of classes, but mean_squared_error takes numbers");

  const auto with = [&](const Training& training) { return refused([&] { net.fit(task.data(), training); }); };
  CHECK(with({.epochs = -1}) == "epochs is -1, but must be a number from 0");
  CHECK(with({.batch_size = 0}) == "batch_size is 0, but must be a number from 1");
  CHECK(with({.first_epoch = -1}) == "first_epoch is -1, but must be a number from 0");
  CHECK(with({.optimizer = deepnet::Sgd{.learning_rate = -1}}) ==
        "learning_rate is -1, but must be a finite number from 0");
  CHECK(with({.optimizer = deepnet::Momentum{.momentum = 1}}) == "momentum is 1, but must be from 0 to less than 1");
  CHECK(with({.optimizer = deepnet::RmsProp{.rho = -0.1}}) == "rho is -0.1, but must be from 0 to less than 1");
  CHECK(with({.optimizer = deepnet::Adagrad{.epsilon = 0}}) == "epsilon is 0, but must be a finite number above 0");
  CHECK(with({.optimizer = deepnet::Adam{.beta2 = 1}}) == "beta2 is 1, but must be from 0 to less than 1");
  CHECK(with({.clip_norm = -1}) == "clip_norm is -1, but must be a finite number from 0");
  CHECK(with({.epochs = 2, .batch_size = 30, .learning_rates = {0.1, 0.1, 0.1}}) ==
        "learning_rates has 3 numbers, but must have one for each of the 2 x 2 steps");

  for (index_t l = 1; l <= 2; ++l)
    for (index_t i = 0; i < net.units(l); ++i) {
      CHECK(net.b(l)(i, 0) == before.b(l)(i, 0));
      for (index_t j = 0; j < net.units(l - 1); ++j) CHECK(net.W(l)(i, j) == before.W(l)(i, j));
    }
}

TEST_CASE("classes, bytes and sparse examples") {
  const unsigned char pixels[] = {0, 255, 51, 0, 0, 102};
  const int32_t classes[] = {2, 0};
  Network<float> net({3, 3}, {"softmax"}, {.seed = 1});
  const deepnet::TrainingData data{examples(deepnet::column_major(pixels, 3, 2), 1.0 / 255),
                                   examples(row_major(classes, 1, 2))};
  const deepnet::LossChoice loss = "sparse_categorical_cross_entropy";
  CHECK(net.evaluate(data, loss) > 0);
  const int32_t beyond[] = {3, 0};
  CHECK(refused([&] { net.evaluate({data.X, examples(row_major(beyond, 1, 2))}, loss); }) ==
        "Y has labels that sparse_categorical_cross_entropy can't take: they must be whole numbers from 0 to less than "
        "the number of outputs");

  const std::vector<int64_t> begins{0, 2, 3};
  const std::vector<int32_t> indices{1, 2, 2};
  const std::vector<unsigned char> values{255, 51, 102};
  const auto sparse = [&](const std::vector<int32_t>& at, const std::vector<int64_t>& from) {
    Examples X = deepnet::sparse_examples<unsigned char>(3, from, at, values);
    X.scale = 1.0 / 255;
    return X;
  };
  const DenseMatrix<float> dense = net.predict(data.X);
  CHECK(same(net.predict(sparse(indices, begins)), dense));
  CHECK(refused([&] { net.predict(sparse({2, 1, 2}, begins)); }) ==
        "indices of the sparse X must increase within each example and be from 0 to 2");
  CHECK(refused([&] { net.predict(sparse({1, 3, 2}, begins)); }).starts_with("indices of the sparse X must increase"));
  CHECK(refused([&] { net.predict(sparse(indices, {1, 2, 3})); }) ==
        "begins of the sparse X must start with 0 and not decrease");
  CHECK(refused([&] { sparse({1, 2}, begins); }) == "indices, values and the last of begins must be equally many");
  CHECK(refused([&] { sparse(indices, {}); }) == "begins is empty, but must start with 0");
  CHECK(refused([&] { net.evaluate({data.X, sparse(indices, begins)}, loss); }) == "Y is sparse, but only X may be");

  std::vector<float> values_and_more(9, 0.5f);
  const Examples of_floats = deepnet::sparse_examples<float>(3, begins, indices, std::span(values_and_more).first(3));
  net.predict(of_floats, row_major(values_and_more.data() + 3, 3, 2));
  CHECK(refused([&] { net.predict(of_floats, row_major(values_and_more.data() + 2, 3, 2)); }) == "out overlaps X");
}

namespace {

/// The mean squared error as a loss of the caller's.
double squared_error(std::span<const double> a, std::span<const double> y, std::span<double> slope) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += (a[i] - y[i]) * (a[i] - y[i]) / double(a.size());
    slope[i] = 2 * (a[i] - y[i]) / double(a.size());
  }
  return sum;
}

}  // namespace

TEST_CASE("a loss of the caller's trains as one of deepnet's that computes the same") {
  const Task task;
  const DenseMatrix<double> shares(2, 60);
  for (const std::string_view activation : {"identity", "tanh", "gelu"}) {
    Network<double> net({2, 6, 2}, {"tanh", activation}, {.seed = 1});
    net.set_regularization(1, {.l2 = 1e-2});
    DenseMatrix<double> weights(1, 60), targets(2, 60);
    for (index_t j = 0; j < 60; ++j) {
      weights(0, j) = double(j % 3);
      for (index_t i = 0; i < 2; ++i) targets(i, j) = double(task.X(i, j)) * double(task.X(1, j));
    }
    const deepnet::TrainingData data{examples(task.X), examples(targets), examples(weights)};
    const deepnet::LossChoice theirs = "mean_squared_error", own = deepnet::own_loss(squared_error);
    const double expected = net.evaluate(data, theirs);
    CHECK(net.evaluate(data, own) == doctest::Approx(expected).epsilon(1e-14));
    const auto [loss, dW, db] = net.loss_and_gradients(data, theirs);
    const auto [own_loss, own_dW, own_db] = net.loss_and_gradients(data, own);
    CHECK(own_loss == doctest::Approx(loss).epsilon(1e-14));
    for (size_t l = 0; l < dW.size(); ++l)
      for (size_t i = 0; i < dW[l].numbers.size(); ++i)
        CHECK(std::abs(own_dW[l].numbers[i] - dW[l].numbers[i]) < 1e-14);  // sums of 60 products below 1, of 16 digits

    Network<double> other = net, in_threads = net;
    Training training{.epochs = 5, .batch_size = 16, .optimizer = deepnet::Adam{}, .loss = theirs, .clip_norm = 1};
    net.set_regularization(1, {.dropout = 0.3});
    const deepnet::History history = net.fit(data, training, {.threads = 1});
    training.loss = own;
    other.set_regularization(1, {.dropout = 0.3});
    in_threads.set_regularization(1, {.dropout = 0.3});
    const deepnet::History of_own = other.fit(data, training, {.threads = 1});
    for (size_t epoch = 0; epoch < 5; ++epoch)
      CHECK(of_own.loss[epoch] == doctest::Approx(history.loss[epoch]).epsilon(1e-10));
    CHECK(in_threads.fit(data, training, {.threads = 3}).loss == of_own.loss);
    CHECK(same(in_threads.predict(examples(task.X)), other.predict(examples(task.X))));
  }
}

TEST_CASE("a loss of the caller's takes labels with any number of rows, follows softmax, and may throw") {
  const Task task;
  Network<float> net({2, 5, 2}, {"relu", "softmax"}, {.seed = 1});
  DenseMatrix<float> of_class(2, 60);  // the class, and the cost of each example
  for (index_t j = 0; j < 60; ++j) {
    of_class(0, j) = task.Y(0, j);
    of_class(1, j) = 1 + float(j % 2);
  }
  const auto by_cost = deepnet::own_loss(
      [](std::span<const double> a, std::span<const double> y, std::span<double> slope) {
        const auto c = size_t(y[0]);
        slope[c] = -y[1] / a[c];
        return -y[1] * std::log(a[c]);
      },
      2);
  DenseMatrix<float> costs(1, 60);
  for (index_t j = 0; j < 60; ++j) costs(0, j) = of_class(1, j);
  const auto [loss, dW, db] = net.loss_and_gradients({examples(task.X), examples(of_class)}, by_cost);
  const auto [expected, dW_expected, db_expected] =
      net.loss_and_gradients({examples(task.X), examples(task.Y), examples(costs)}, "sparse_categorical_cross_entropy");
  CHECK(loss == doctest::Approx(expected).epsilon(1e-5));
  for (size_t i = 0; i < dW[0].numbers.size(); ++i)
    CHECK(dW[0].numbers[i] == doctest::Approx(dW_expected[0].numbers[i]).epsilon(1e-4));
  // Kept memory is for so many rows of labels: one loss after another, in the same place.
  Training training{.batch_size = 60, .loss = by_cost};
  net.train_on_batch({examples(task.X), examples(of_class)}, training);
  const DenseMatrix<float> many_rows(700, 60);
  training.loss = deepnet::own_loss(
      [](auto, std::span<const double> y, auto) {
        CHECK(y.size() == 700);
        return y[699];
      },
      700);
  CHECK(net.train_on_batch({examples(task.X), examples(many_rows)}, training) == 0);

  const auto with = [&](const deepnet::LossChoice& choice) {
    return refused([&] { net.evaluate({examples(task.X), examples(of_class)}, choice); });
  };
  CHECK(with(deepnet::own_loss(by_cost.own, 3)) == "Y is 2 x 60, but must be 3 x 60");
  CHECK(with(deepnet::own_loss(by_cost.own, -1)).starts_with("label_rows is -1, but must be"));
  deepnet::LossChoice named = by_cost;
  named.name = "huber";
  CHECK(with(named) == "own_loss has the name huber, but must have none");
  named.name.clear();
  named.label_smoothing = 0.1;
  CHECK(with(named) == "label_smoothing is for losses of classes, not for own_loss");

  const auto failing = deepnet::own_loss([&](auto, auto, auto) -> double { throw std::out_of_range("of the loss"); });
  const DenseMatrix<float> before = net.predict(examples(task.X));
  for (const int threads : {1, 3}) {
    const auto fails = [&] {
      net.fit({examples(task.X), examples(of_class)}, {.loss = failing}, {.threads = threads});
    };
    CHECK(refused<std::out_of_range>(fails) == "of the loss");
  }
  CHECK(same(net.predict(examples(task.X)), before));
  const auto nan = deepnet::own_loss([](auto, auto, auto) { return std::nan(""); });
  CHECK_THROWS_AS(net.fit({examples(task.X), examples(of_class)}, {.loss = nan}), deepnet::NonFinite);
}

TEST_CASE("networks that are trained side by side have the bits of each alone") {
  const Task task;
  std::vector<Network<float>> together, alone;
  for (const index_t hidden : {3, 40, 8}) together.emplace_back(Network<float>({2, hidden, 1}, {"tanh", "sigmoid"}));
  alone = together;
  const auto training = [](size_t i) {
    return Training{.epochs = 4 + index_t(i), .batch_size = 16, .optimizer = deepnet::Adam{}, .seed = i};
  };
  std::vector<deepnet::ManyFit<float>> fits;
  for (size_t i = 0; i < 3; ++i) fits.push_back({&together[i], task.data(), training(i)});
  int inside = 0, called = 0;
  fits[1].training.after_epoch = fits[2].training.after_epoch = [&](const deepnet::EpochResult& epoch) {
    CHECK(++inside == 1);
    ++called;
    --inside;
    return epoch.epoch < 2;
  };
  for (const int threads : {1, 3}) {
    for (size_t i = 0; i < 3; ++i) together[i].initialize("he_normal", i);
    called = 0;
    const std::vector<deepnet::ManyResult> results = deepnet::fit_many(fits, {.threads = threads});
    CHECK(called == 6);
    for (size_t i = 0; i < 3; ++i) {
      alone[i].initialize("he_normal", i);
      Training own = training(i);
      if (i > 0) own.after_epoch = [](const deepnet::EpochResult& epoch) { return epoch.epoch < 2; };
      CHECK(results[i].history.loss == alone[i].fit(task.data(), own).loss);
      CHECK_FALSE(results[i].error);
      CHECK(same(together[i].predict(examples(task.X)), alone[i].predict(examples(task.X))));
    }
  }
  CHECK(deepnet::fit_many(std::vector<deepnet::ManyFit<double>>()).empty());
}

TEST_CASE("fit_many checks all arguments first, and one network that fails stops no other") {
  const Task task;
  Network<float> first({2, 1}, {"sigmoid"}, {.seed = 1}), second({2, 1}, {"identity"}, {.seed = 1});
  const DenseMatrix<float> before = first.predict(examples(task.X));
  const auto with = [&](const deepnet::ManyFit<float>& fit) {
    return refused([&] { deepnet::fit_many<float>({{&first, task.data()}, fit}); });
  };
  CHECK(with({&first, task.data()}) == "fits[1] has the network of fits[0]: train a copy");
  CHECK(with({nullptr, task.data()}) == "fits[1] has no network");
  CHECK(with({&second, {examples(task.X), {}}}) == "fits[1]: Y is 0 x 0, but must be 1 x 60");
  CHECK(with({&second, task.data(), {.epochs = -1}}) == "fits[1]: epochs is -1, but must be a number from 0");
  CHECK(same(first.predict(examples(task.X)), before));

  const Training much{.epochs = 9, .optimizer = deepnet::Sgd{.learning_rate = 1e30}}, some{.epochs = 3};
  const auto results = deepnet::fit_many<float>({{&first, task.data(), some}, {&second, task.data(), much}});
  CHECK(results[0].history.loss.size() == 3);
  CHECK_FALSE(results[0].error);
  REQUIRE(results[1].error);
  CHECK(index_t(results[1].history.loss.size()) == results[1].error->epoch);
  for (const int threads : {1, 2}) {
    Network<float> third({2, 1}, {"sigmoid"});
    deepnet::ManyFit<float> fails{&third, task.data()};
    fails.training.after_epoch = [](const auto&) -> bool { throw std::out_of_range("of the function"); };
    CHECK(refused<std::out_of_range>([&] {
            deepnet::fit_many<float>({{&first, task.data()}, fails}, {.threads = threads});
          }) == "of the function");
  }
  first.fit(task.data(), {.after_epoch = [&](const auto&) {
              CHECK_THROWS_AS(deepnet::fit_many<float>({{&first, task.data()}}), deepnet::Busy);
              return true;
            }});
}

TEST_CASE("named settings reach the optimizer") {
  const Task task;
  const auto after = [&](const Training& training) {
    Network<float> net({2, 3, 1}, {"tanh", "sigmoid"}, {.seed = 1});
    for (int i = 0; i < 3; ++i) net.train_on_batch(task.data(), training);
    return net.predict(examples(task.X));
  };
  const std::vector<Training> all = {{.optimizer = deepnet::Sgd{}},
                                     {.optimizer = deepnet::Sgd{.learning_rate = 0.1}},
                                     {.optimizer = deepnet::Sgd{}, .weight_decay = 0.1},
                                     {.optimizer = deepnet::Sgd{}, .clip_value = 1e-3},
                                     {.optimizer = deepnet::Sgd{}, .clip_norm = 1e-3},
                                     {.optimizer = deepnet::Momentum{}},
                                     {.optimizer = deepnet::Momentum{.momentum = 0.5}},
                                     {.optimizer = deepnet::Nesterov{}},
                                     {.optimizer = deepnet::RmsProp{}},
                                     {.optimizer = deepnet::RmsProp{.rho = 0.5}},
                                     {.optimizer = deepnet::RmsProp{.epsilon = 0.1}},
                                     {.optimizer = deepnet::Adagrad{}},
                                     {.optimizer = deepnet::Adagrad{.epsilon = 0.1}},
                                     {.optimizer = deepnet::Adam{}},
                                     {.optimizer = deepnet::Adam{.beta1 = 0.5}},
                                     {.optimizer = deepnet::Adam{.beta2 = 0.5}},
                                     {.optimizer = deepnet::Adam{.epsilon = 0.1}},
                                     {.optimizer = deepnet::Adam{.epsilon = 0.1, .epsilon_hat = true}},
                                     {.loss = "mean_squared_error"},
                                     {.loss = deepnet::huber(0.1)},
                                     {.loss = deepnet::quantile(0.9)},
                                     {.loss = deepnet::quantile()}};
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK_FALSE(same(after(all[i]), after(all[j])));
    }
}
