// Memory between two pages that cannot be accessed.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX 1
#include <windows.h>
#undef near  // macros for the pointers of 16-bit systems
#undef far
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace oracle {

class FencedPages {
 public:
  /// Whole pages, of `bytes` at the least.
  explicit FencedPages(size_t bytes) {
#if defined(_WIN32)
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    place(bytes, system.dwPageSize);
    pages_ = static_cast<char*>(VirtualAlloc(nullptr, all_, MEM_RESERVE, PAGE_NOACCESS));
    if (!pages_ || !VirtualAlloc(begin(), bytes_, MEM_COMMIT, PAGE_READWRITE)) throw std::bad_alloc();
#else
    place(bytes, size_t(sysconf(_SC_PAGESIZE)));
    void* pages = mmap(nullptr, all_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<char*>(pages);
    if (mprotect(begin(), bytes_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
#endif
  }
  FencedPages(FencedPages&& other) noexcept
      : pages_(std::exchange(other.pages_, nullptr)), page_(other.page_), bytes_(other.bytes_), all_(other.all_) {}
  FencedPages& operator=(FencedPages&&) = delete;
  ~FencedPages() {
    if (!pages_) return;
#if defined(_WIN32)
    VirtualFree(pages_, 0, MEM_RELEASE);
#else
    munmap(pages_, all_);
#endif
  }

  char* begin() const { return pages_ + page_; }
  char* end() const { return begin() + bytes_; }

 private:
  void place(size_t bytes, size_t page) {
    page_ = page;
    bytes_ = (bytes + page - 1) / page * page;
    all_ = bytes_ + 2 * page;
  }

  char* pages_ = nullptr;
  size_t page_ = 0, bytes_ = 0, all_ = 0;
};

}  // namespace oracle
