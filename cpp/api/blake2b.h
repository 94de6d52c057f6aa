// BLAKE2b, the hash of RFC 7693 without a key: the digest in model files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace deepnet {

class Blake2b {
 public:
  /// For a digest of 1 to 64 bytes.
  explicit Blake2b(size_t digest_bytes);
  void update(const void* data, size_t bytes);
  /// The digest in hexadecimal digits. Ends the computation.
  std::string hex();

 private:
  void compress(bool last);

  std::array<uint64_t, 8> state_;
  std::array<unsigned char, 128> block_{};
  size_t filled_ = 0, digest_bytes_;
  uint64_t count_ = 0;  // of bytes; 2^64 are enough
};

}  // namespace deepnet
