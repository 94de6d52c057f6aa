// One step of every optimizer in its textbook form, of one parameter, with a bound of the error that T may make.
//
// Each step is judged by itself, from the library's own parameters and memory before it, so bounds do not grow with the
// number of steps. Every setting is rounded to T on its way in, which costs one rounding more where it is used.
#pragma once

#include "engine.h"

namespace oracle {

struct StepSettings {
  std::string_view optimizer;
  double hyper[2] = {0, 0}, epsilon = 1e-8;
  double t = 1, rate = 0.01;
  double scale = 1, l2 = 0, l1 = 0, clip = std::numeric_limits<double>::infinity();
  double decay = 0;       // p -= decay p
  double norm_scale = 1;  // of the gradient, after all that; known up to norm_error in units of u
  double norm_error = 0;
};

template <class T>
struct Step {
  using W = Wide<T>;
  Bounded<T> gradient, p, slots[2];

  Step(const StepSettings& s, T p_before, T g, const T (&before)[2]) : s_(s) {
    gradient = whole(s, p_before, g);
    const W start = p_before, kept = start - W(s.decay) * start;
    Bounded<T> change;
    if (s.optimizer == "sgd") {
      change = gradient;
    } else if (s.optimizer == "momentum") {
      change = slots[0] = sum(before[0], s.hyper[0], gradient, 1);
    } else if (s.optimizer == "nesterov") {
      slots[0] = sum(before[0], s.hyper[0], gradient, 1);
      change = sum(0, 0, gradient, 1);
      change.value += W(s.hyper[0]) * slots[0].value;
      change.error += W(s.hyper[0]) * (slots[0].error + kRoundings * std::abs(slots[0].value));
    } else if (s.optimizer == "rmsprop") {
      slots[0] = root_of_squares(before[0], s.hyper[0], gradient, 1 - W(s.hyper[0]));
      change = quotient(gradient, divisor(slots[0], 1));
    } else if (s.optimizer == "adagrad") {
      slots[0] = root_of_squares(before[0], 1, gradient, 1);
      change = quotient(gradient, divisor(slots[0], 1));
    } else if (s.optimizer == "adam") {
      const W first = 1 / (1 - std::pow(W(s.hyper[0]), W(s.t))), second = 1 / (1 - std::pow(W(s.hyper[1]), W(s.t)));
      slots[0] = sum(before[0], s.hyper[0], gradient, 1 - W(s.hyper[0]));
      slots[1] = root_of_squares(before[1], s.hyper[1], gradient, 1 - W(s.hyper[1]));
      // beta^t is rounded in double before it is taken from 1.
      const W lost = kRoundings + 2 * W(u<double>) * first, lost_second = 2 * W(u<double>) * second;
      const Bounded<T> corrected{slots[0].value * first,
                                 slots[0].error * first + lost * std::abs(slots[0].value) * first};
      Bounded<T> below = divisor(slots[1], second);
      below.error += lost_second * below.value;
      change = quotient(corrected, below);
    } else {
      throw std::runtime_error("tests/cpp/step.h has no optimizer " + std::string(s.optimizer));
    }
    const W rate = s.rate;
    p.value = kept - rate * change.value;
    p.error = rate * change.error + kRoundings * (std::abs(start) + std::abs(rate * change.value)) + kSmallest;
  }

  /// scale g + l2 p + l1 sign(p), cut.
  static Bounded<T> whole(const StepSettings& s, T p, T g) {
    const W of_loss = W(s.scale) * W(g), of_l2 = W(s.l2) * W(p), of_l1 = W(s.l1) * W((p > 0) - (p < 0));
    const W value = std::clamp<W>(of_loss + of_l2 + of_l1, -W(s.clip), W(s.clip)), norm_scale = s.norm_scale;
    const W error = kRoundings * (std::abs(of_loss) + std::abs(of_l2) + std::abs(of_l1)) + kSmallest;
    return {value * norm_scale, (error + W(s.norm_error) * u<T> * std::abs(value)) * norm_scale};
  }

 private:
  /// Of one expression below: at most six, each of no more than the sum of its terms' sizes.
  static constexpr W kRoundings = W(6.01) * u<T>;
  static constexpr W kSmallest = kFlushBelow<T>;  // below it, numbers become 0
  static constexpr W kUnit = 1024;                // of the roots that are remembered

  static Bounded<T> sum(T before, W factor, const Bounded<T>& x, W share) {
    const W old = factor * W(before), added = share * x.value;
    return {old + added, share * x.error + kRoundings * (std::abs(old) + std::abs(added)) + kSmallest};
  }
  /// sqrt(factor s + share x^2), from the root of s, in units of kUnit.
  static Bounded<T> root_of_squares(T before, W factor, const Bounded<T>& x, W share) {
    const W old = std::sqrt(factor) * W(before), added = std::sqrt(share) / kUnit * x.value;
    const W value = std::sqrt(old * old + added * added);
    return {value, std::sqrt(share) / kUnit * x.error + kRoundings * value + kSmallest};
  }
  /// sqrt(factor s) + epsilon, from the root of s.
  Bounded<T> divisor(const Bounded<T>& s_root, W factor) const {
    const W by = std::sqrt(factor) * kUnit, value = s_root.value * by + W(s_.epsilon);
    return {value, s_root.error * by + kRoundings * value};
  }
  static Bounded<T> quotient(const Bounded<T>& x, const Bounded<T>& below) {
    if (below.error >= below.value) return {0, std::numeric_limits<W>::infinity()};
    const W value = x.value / below.value;
    return {value,
            (x.error + std::abs(value) * below.error) / (below.value - below.error) + kRoundings * std::abs(value)};
  }

  const StepSettings& s_;
};

}  // namespace oracle
