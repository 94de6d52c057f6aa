"""`python -m deepnet_command` is `deepnet`."""

from deepnet_command import main

main()
