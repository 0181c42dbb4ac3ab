"""`python -m connector` is `pmom`."""

from connector.cli import main

if __name__ == "__main__":
    main()
