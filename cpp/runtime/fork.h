// Whether this process is the child of one that has used deepnet.
#pragma once

namespace deepnet {

/// How many forks lie between the process that first asked and this one. What another thread held at the moment of the
/// fork is held for ever in the child, where that thread does not exist: it must be taken anew when this number
/// changes.
int forks();

}  // namespace deepnet
