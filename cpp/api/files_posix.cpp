// files.h on Linux and macOS.
#include "api/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "api/blake2b.h"

namespace deepnet {

namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

/// A file descriptor that is closed in the end.
struct Handle {
  int number = -1;
  explicit Handle(int number_) : number(number_) {}
  Handle(Handle&& other) noexcept : number(other.number) { other.number = -1; }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (number >= 0) ::close(number);
  }
};

/// The file behind all links, which need not exist.
std::string target_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
  if (error) throw std::system_error(error, path);
  return target.string();
}

bool is_named(int handle, const std::string& name) {
  struct stat by_handle{}, by_name{};
  return ::fstat(handle, &by_handle) == 0 && ::lstat(name.c_str(), &by_name) == 0 &&
         by_handle.st_dev == by_name.st_dev && by_handle.st_ino == by_name.st_ino;
}

/// Creates a file and locks it; one left by a killed process is removed first. The lock ends with the process, so it
/// tells a file that is being written from one that was left.
Handle create_locked(const std::string& name, const std::string& path) {
  for (;;) {
    constexpr int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    bool is_new = true;
    Handle handle(::open(name.c_str(), flags | O_CREAT | O_EXCL, 0666));
    if (handle.number < 0 && errno == EEXIST) {
      is_new = false;
      handle.number = ::open(name.c_str(), flags | O_NONBLOCK);
      if (handle.number < 0 && errno == ENOENT) continue;
    }
    if (handle.number < 0) fail(path);
    while (::flock(handle.number, LOCK_EX) != 0)
      if (errno != EINTR) fail(path);
    if (!is_named(handle.number, name)) continue;
    if (is_new) return handle;
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) fail(path);
  }
}

void write_all(int handle, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(handle, content.data(), std::min<size_t>(content.size(), size_t{1} << 24));
    if (count < 0 && errno != EINTR) fail(path);
    if (count > 0) content.remove_prefix(size_t(count));
  }
}

/// Writes the new name to the disk as well, where the system can do that and lets this user.
void sync_folder(const std::string& folder, const std::string& path) {
  const Handle handle(::open(folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (handle.number < 0) {
    if (errno == EACCES || errno == EPERM) return;
    fail(path);
  }
  if (::fsync(handle.number) != 0 && errno != EINVAL && errno != ENOTSUP) fail(path);
}

}  // namespace

void replace_file(const std::string& path, const std::vector<std::string_view>& content) {
  const std::string target = target_of(path);
  struct stat old{};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail(path);
  if (exists && !S_ISREG(old.st_mode)) throw std::runtime_error(path + ": is not a regular file, and is not replaced");
  const std::filesystem::path as_path(target);
  const std::string name = as_path.filename().string(), folder = as_path.parent_path().string();
  if (name.empty()) throw std::runtime_error("path is '" + path + "', but must be the name of a file");
  Blake2b digest(4);
  digest.update(name.data(), name.size());
  const std::string beside = folder + "/." + name.substr(0, 40) + "." + digest.hex() + ".part";
  const Handle handle = create_locked(beside, path);
  try {
    for (const std::string_view part : content) write_all(handle.number, part, path);
    if (exists) {
      if (::fchown(handle.number, old.st_uid, old.st_gid) != 0 && errno != EPERM) fail(path);
      if (::fchmod(handle.number, old.st_mode & 07777) != 0) fail(path);
    }
    if (::fsync(handle.number) != 0 || ::rename(beside.c_str(), target.c_str()) != 0) fail(path);
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  sync_folder(folder, path);
}

FileToRead::FileToRead(const std::string& path)
    : path_(path), handle_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (handle_ < 0) fail(path);
  struct stat status{};
  const bool known = ::fstat(handle_, &status) == 0, is_regular = known && S_ISREG(status.st_mode);
  size_ = is_regular ? uint64_t(status.st_size) : 0;
  if (is_regular) return;
  const int error = errno;
  ::close(handle_);
  errno = error;
  if (!known) fail(path);
  throw std::runtime_error("is not a regular file");
}

FileToRead::~FileToRead() { ::close(handle_); }

void FileToRead::read(uint64_t place, void* to, size_t bytes) const {
  for (size_t done = 0; done < bytes;) {
    const size_t part = std::min(bytes - done, size_t{1} << 24);
    const ssize_t count = ::pread(handle_, static_cast<char*>(to) + done, part, off_t(place + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_);
    if (count == 0) throw std::runtime_error("ends " + std::to_string(bytes - done) + " bytes early");
    done += size_t(count);
  }
}

}  // namespace deepnet
