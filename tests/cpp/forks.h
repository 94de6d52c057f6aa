// Tests that fork: DEEPNET_TEST_FORKS is defined where a process with threads can, and its child can go on.
#pragma once

// The thread sanitizer does not support new threads in such a child, and qemu-user fails in it.
#if !defined(_WIN32) && !defined(__SANITIZE_THREAD__) && !defined(DEEPNET_TEST_EMULATED)
#define DEEPNET_TEST_FORKS
#include <sys/wait.h>
#include <unistd.h>
#endif
