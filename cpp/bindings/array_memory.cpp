#include "bindings/array_memory.h"

#include "bindings/arguments.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "runtime/system.h"

namespace py = pybind11;

namespace deepnet::bindings {

namespace {

constexpr size_t kKept = size_t{64} << 20;  // idle memory held at most: a step of 100-100-100-1 on 10,000 examples

/// What is allocated for an array of `size` bytes: an eighth of a power of two more at the most, so that sizes repeat.
size_t capacity_of(size_t size) {
  if (size < kLargeArray) return size;
  const size_t step = std::bit_floor(size) / 8;
  return (size + step - 1) / step * step;
}

struct Block {
  void* data;
  size_t capacity;
};

class Idle {
 public:
  void* take(size_t capacity) {
    const std::lock_guard lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;)
      if (blocks_[i].capacity == capacity) {
        void* data = blocks_[i].data;
        bytes_ -= capacity;
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
        return data;
      }
    return nullptr;
  }

  void keep(Block block) {
    const std::lock_guard lock(mutex_);
    try {
      blocks_.push_back(block);
    } catch (const std::bad_alloc&) {
      return std::free(block.data);
    }
    bytes_ += block.capacity;
    size_t oldest = 0;
    for (; bytes_ > kKept; ++oldest) {
      bytes_ -= blocks_[oldest].capacity;
      std::free(blocks_[oldest].data);
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(oldest));
  }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
  size_t bytes_ = 0;
};

/// Never destroyed, since arrays may outlive the module; not on the heap, since NumPy's C code cannot pass on a
/// bad_alloc.
Idle& idle() {
  alignas(Idle) static std::byte memory[sizeof(Idle)];
  static Idle* const blocks = new (memory) Idle;
  return *blocks;
}

void* allocate(void*, size_t size) {
  const size_t capacity = capacity_of(size);
  if (size < kLargeArray) return std::malloc(capacity);
  void* data = idle().take(capacity);
  return data ? data : allocate_pages(capacity);
}

void* allocate_zeros(void* context, size_t count, size_t element) {
  void* data = allocate(context, count * element);
  return data ? std::memset(data, 0, count * element) : nullptr;
}

void* reallocate(void*, void* data, size_t size) { return std::realloc(data, capacity_of(size)); }

void release(void*, void* data, size_t size) {
  if (data && size >= kLargeArray)
    idle().keep({data, capacity_of(size)});
  else
    std::free(data);
}

/// PyDataMem_Handler of NumPy's C API, version 1.
struct Handler {
  char name[127];
  unsigned char version;
  struct {
    void* context;
    void* (*malloc)(void*, size_t);
    void* (*calloc)(void*, size_t, size_t);
    void* (*realloc)(void*, void*, size_t);
    void (*free)(void*, void*, size_t);
  } allocator;
};

Handler handler = {"deepnet large arrays", 1, {nullptr, &allocate, &allocate_zeros, &reallocate, &release}};

PyObject* handler_capsule;
/// PyDataMem_SetHandler. Returns null, with Python's error set, when memory runs out.
PyObject* (*set_handler)(PyObject* capsule);

}  // namespace

void find_handler_function() {
  handler_capsule = checked(PyCapsule_New(&handler, "mem_handler", nullptr));
  const auto core = py::module_::import(py::module_::import("numpy").attr("__version__").cast<std::string>()[0] == '1'
                                            ? "numpy.core.multiarray"
                                            : "numpy._core.multiarray");
  const py::object table = core.attr("_ARRAY_API");
  constexpr int number = 304;  // in NumPy's table of functions, since 1.22
  void* functions = PyCapsule_GetPointer(table.ptr(), nullptr);
  if (!functions) throw py::error_already_set();
  set_handler = reinterpret_cast<decltype(set_handler)>(static_cast<void**>(functions)[number]);
}

LargeArrayMemory::LargeArrayMemory() : previous_(checked(set_handler(handler_capsule))) {}

LargeArrayMemory::~LargeArrayMemory() {
  PyObject* ours = set_handler(previous_);
  if (!ours) PyErr_Clear();  // no memory to go back: this handler serves all arrays then
  Py_XDECREF(ours);
  Py_DECREF(previous_);
}

}  // namespace deepnet::bindings
