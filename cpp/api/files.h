// Files that are replaced whole or not at all, and files that are not trusted. As python/deepnet/_files.py does it.
// One of files_posix.cpp and files_windows.cpp is compiled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deepnet {

/// Writes a file beside the old one, synchronises it to the disk and renames it. Links are followed. Calls for one file
/// wait for each other; on Windows those of two processes do not, and one of them may be refused. Throws
/// std::system_error, and std::runtime_error if there is something else than a regular file.
void replace_file(const std::string& path, const std::vector<std::string_view>& content);

/// A regular file, open for reading.
class FileToRead {
 public:
  /// Throws as replace_file.
  explicit FileToRead(const std::string& path);
  ~FileToRead();
  FileToRead(const FileToRead&) = delete;
  FileToRead& operator=(const FileToRead&) = delete;

  uint64_t size() const { return size_; }
  /// Fills `to` with the bytes from `place` on. For one thread at a time.
  void read(uint64_t place, void* to, size_t bytes) const;

 private:
  std::string path_;
  int handle_;
  uint64_t size_ = 0;
};

}  // namespace deepnet
