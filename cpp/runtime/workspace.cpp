#include "runtime/workspace.h"

#include <initializer_list>
#include <new>

namespace deepnet {

namespace {
constexpr std::align_val_t kCacheLine{64};
constexpr size_t kKept = size_t{32} << 20;
}  // namespace

void AlignedBuffer::release() {
  ::operator delete(data_, kCacheLine);
  data_ = nullptr;
  size_ = 0;
}

void* AlignedBuffer::reserve_bytes(size_t bytes) {
  if (bytes > size_) {
    release();
    data_ = ::operator new(bytes, kCacheLine);
    size_ = bytes;
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
                                &activations[0], &activations[1], &turned})
    if (buffer->size() > kKept) buffer->release();
}

}  // namespace deepnet
