"""Ctrl-C at a chosen moment of a call."""

import os
import signal
import threading
import time

import pytest

import deepnet


def work_after_ctrl_c(call, after, threads=None):
    """Run `call`, press Ctrl-C after so many seconds; return the work that followed, in seconds per thread.

    Work is the CPU time of this process: unlike the time on the clock, it does not depend on what else the
    machine does. `threads` is the number that `call` uses, deepnet's default if None.
    """
    sent = []

    def interrupt():
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    def start_and_call(timer):  # both are awaited: on a busy machine the timer may fire before the next line
        timer.start()
        call()

    timer = threading.Timer(after, interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_and_call(timer)
    work = time.process_time() - sent[0]
    timer.join()
    return work / (threads or deepnet.get_num_threads())
