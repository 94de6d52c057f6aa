#include "api/blake2b.h"

#include <algorithm>
#include <bit>

namespace deepnet {

namespace {

constexpr std::array<uint64_t, 8> kStart = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                            0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                            0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

constexpr unsigned char kOrder[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

uint64_t little_endian(const unsigned char* at) {
  uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word |= uint64_t(at[i]) << (8 * i);
  return word;
}

}  // namespace

Blake2b::Blake2b(size_t digest_bytes) : state_(kStart), digest_bytes_(digest_bytes) {
  state_[0] ^= 0x01010000 ^ digest_bytes;
}

void Blake2b::update(const void* data, size_t bytes) {
  const auto* next = static_cast<const unsigned char*>(data);
  while (bytes > 0) {
    if (filled_ == block_.size()) {  // not before there is more: the last block is compressed as such
      count_ += filled_;
      compress(false);
      filled_ = 0;
    }
    const size_t part = std::min(bytes, block_.size() - filled_);
    std::copy_n(next, part, block_.begin() + ptrdiff_t(filled_));
    filled_ += part;
    next += part;
    bytes -= part;
  }
}

std::string Blake2b::hex() {
  count_ += filled_;
  std::fill(block_.begin() + ptrdiff_t(filled_), block_.end(), static_cast<unsigned char>(0));
  compress(true);
  std::string digits;
  for (size_t i = 0; i < digest_bytes_; ++i) {
    const auto byte = static_cast<unsigned char>(state_[i / 8] >> (8 * (i % 8)));
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

void Blake2b::compress(bool last) {
  uint64_t v[16], m[16];
  for (size_t i = 0; i < 8; ++i) {
    v[i] = state_[i];
    v[i + 8] = kStart[i];
  }
  v[12] ^= count_;
  if (last) v[14] = ~v[14];
  for (size_t i = 0; i < 16; ++i) m[i] = little_endian(block_.data() + 8 * i);
  const auto mix = [&](int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = std::rotr(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = std::rotr(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = std::rotr(v[b] ^ v[c], 63);
  };
  for (int round = 0; round < 12; ++round) {
    const unsigned char* s = kOrder[round % 10];
    for (int i = 0; i < 4; ++i) mix(i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]]);
    for (int i = 0; i < 4; ++i)
      mix(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12, m[s[2 * i + 8]], m[s[2 * i + 9]]);
  }
  for (size_t i = 0; i < 8; ++i) state_[i] ^= v[i] ^ v[i + 8];
}

}  // namespace deepnet
