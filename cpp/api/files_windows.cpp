// files.h on Windows, where the name of a file is UTF-8 here.
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <system_error>

#include "api/blake2b.h"
#include "api/files.h"

namespace deepnet {

namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

std::filesystem::path wide(const std::string& path) { return std::u8string(path.begin(), path.end()); }

/// A new file of a name that no other process or thread uses.
int create(const std::filesystem::path& folder, const std::wstring& name, std::filesystem::path& beside,
           const std::string& path) {
  static std::atomic<unsigned> made{0};
  for (;;) {
    Blake2b digest(4);
    const unsigned number[] = {unsigned(::_getpid()), made++};
    digest.update(number, sizeof number);
    const std::string digits = digest.hex();
    beside = folder / (L"." + name.substr(0, 40) + L"." + std::wstring(digits.begin(), digits.end()) + L".part");
    const int flags = _O_WRONLY | _O_BINARY | _O_NOINHERIT | _O_CREAT | _O_EXCL;
    const int handle = ::_wopen(beside.c_str(), flags, _S_IREAD | _S_IWRITE);
    if (handle >= 0) return handle;
    if (errno != EEXIST) fail(path);
  }
}

void write_all(int handle, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const int count = ::_write(handle, content.data(), unsigned(std::min<size_t>(content.size(), size_t{1} << 24)));
    if (count < 0) fail(path);
    content.remove_prefix(size_t(count));
  }
}

}  // namespace

void replace_file(const std::string& path, const std::vector<std::string_view>& content) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(std::filesystem::absolute(wide(path)), error);
  if (error) throw std::system_error(error, path);
  const std::filesystem::file_status old = std::filesystem::status(target, error);
  if (std::filesystem::exists(old) && !std::filesystem::is_regular_file(old))
    throw std::runtime_error(path + ": is not a regular file, and is not replaced");
  const std::wstring name = target.filename().wstring();
  if (name.empty()) throw std::runtime_error("path is '" + path + "', but must be the name of a file");
  std::filesystem::path beside;
  const int handle = create(target.parent_path(), name, beside, path);
  bool is_open = true;
  try {
    for (const std::string_view part : content) write_all(handle, part, path);
    if (::_commit(handle) != 0) fail(path);
    is_open = false;
    if (::_close(handle) != 0) fail(path);
    static std::mutex renaming;
    const std::lock_guard one_at_a_time(renaming);
    std::filesystem::rename(beside, target, error);  // fails while the target is open, or is renamed to elsewhere
    if (error) throw std::system_error(error, path);
  } catch (...) {
    if (is_open) ::_close(handle);
    std::filesystem::remove(beside, error);
    throw;
  }
}

FileToRead::FileToRead(const std::string& path)
    : path_(path), handle_(::_wopen(wide(path).c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT)) {
  if (handle_ < 0) fail(path);
  struct _stat64 status{};
  if (::_fstat64(handle_, &status) == 0 && (status.st_mode & _S_IFMT) == _S_IFREG) {
    size_ = uint64_t(status.st_size);
    return;
  }
  ::_close(handle_);
  throw std::runtime_error("is not a regular file");
}

FileToRead::~FileToRead() { ::_close(handle_); }

void FileToRead::read(uint64_t place, void* to, size_t bytes) const {
  if (::_lseeki64(handle_, int64_t(place), SEEK_SET) < 0) fail(path_);
  for (size_t done = 0; done < bytes;) {
    const auto part = unsigned(std::min(bytes - done, size_t{1} << 24));
    const int count = ::_read(handle_, static_cast<char*>(to) + done, part);
    if (count < 0) fail(path_);
    if (count == 0) throw std::runtime_error("ends " + std::to_string(bytes - done) + " bytes early");
    done += size_t(count);
  }
}

}  // namespace deepnet
