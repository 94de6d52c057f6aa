"""Training on several processes, on one machine or many: ``net.fit(..., comm=deepnet.distributed.mpi())``.

See docs/scaling.md. Needs mpi4py: ``pip install 'deepnet-cpu[mpi]'``.
"""

from ._communicator import Communicator, OneProcess
from ._mpi import MPICommunicator, mpi
from ._planning import Scaling, plan

__all__ = ["Communicator", "MPICommunicator", "OneProcess", "Scaling", "mpi", "plan"]
