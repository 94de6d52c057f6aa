"""`python -m deepnet` is `deepnet`."""

if __name__ == "__main__":
    from deepnet_command import main

    main()
