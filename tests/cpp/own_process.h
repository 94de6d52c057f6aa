// What a test needs to start this executable again: the instruction set is chosen once per process.
#pragma once

#include <cstdint>
#include <string>

/// argv[0]
std::string& own_path();

/// A hash of every bit that forward and backward passes and training runs of some networks give; printed by
/// `deepnet_tests --digest`.
uint64_t model_digest();
