#include "runtime/workspace.h"

#include <initializer_list>
#include <new>

#include "runtime/system.h"

namespace deepnet {

namespace {
constexpr std::align_val_t kCacheLine{64};
/// Buffers from a megabyte on are whole huge pages, where the system has them: walking down the columns of a large W
/// touches a page a row, and a core remembers some 64 small ones.
constexpr size_t kHugePage = size_t{2} << 20, kLarge = size_t{1} << 20;

std::align_val_t alignment(size_t bytes) { return bytes >= kLarge ? std::align_val_t{kHugePage} : kCacheLine; }
constexpr size_t kKept = size_t{32} << 20;
}  // namespace

void AlignedBuffer::release() {
  ::operator delete(data_, alignment(size_));
  data_ = nullptr;
  size_ = 0;
}

void* AlignedBuffer::reserve_bytes(size_t bytes) {
  if (bytes > size_) {
    release();
    if (bytes >= kLarge) bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    data_ = ::operator new(bytes, alignment(bytes));
    size_ = bytes;
    if (bytes >= kLarge) prefer_huge_pages(data_, bytes);
  }
  return data_;
}

Workspace& Workspace::of_this_thread() {
  static thread_local Workspace workspace;
  return workspace;
}

BorrowedWorkspace::BorrowedWorkspace() : workspace_(&Workspace::of_this_thread()), made_(workspace_->in_use) {
  if (made_) workspace_ = new Workspace;
  workspace_->in_use = true;
}

BorrowedWorkspace::~BorrowedWorkspace() {
  if (made_) {
    delete workspace_;
  } else {
    workspace_->trim();
    workspace_->in_use = false;
  }
}

void Workspace::trim() {
  for (AlignedBuffer* buffer : {&panels, &bias, &d_z[0], &d_z[1], &lane_sums, &gathered[0], &gathered[1], &gathered[2],
                                &activations[0], &activations[1], &transposed, &operands[0], &operands[1]})
    if (buffer->size() > kKept) buffer->release();
}

}  // namespace deepnet
