"""`python -m deepnet.cli` is `deepnet`."""

from deepnet.cli import main

main()
